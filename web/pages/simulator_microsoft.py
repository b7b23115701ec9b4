"""Demo mode only: the simulated Microsoft 365, where somebody's number changes or somebody leaves."""

from __future__ import annotations

from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from web.look import _
from web.pages.context import frame, page, see_other
from web.pages.forms import Form
from web.ports import SimulatedMicrosoft
from web.problems import Problem, not_found
from web.routing import Access, Call, Route, Surface

PATH = "/simulator/microsoft"
KINDS = {
    "member": _("Member"),
    "guest": _("Guest"),
    "disabled": _("Switched off"),
    "unreadable": _("Cannot be read"),
}


class DirectoryAct(Form):
    """What an administrator does there. `id`: a person's, or an organisation's for `agree` and `withdraw`."""

    act: Literal["change", "remove", "agree", "withdraw"]
    id: Annotated[str, Field(max_length=64)]
    mobile: Annotated[str, Field(max_length=200)] = ""
    email: Annotated[str, Field(max_length=400)] = ""


async def show_microsoft(call: Call) -> web.StreamResponse:
    """The organisation and its people, and what is to be entered in the settings."""
    microsoft = _microsoft(call)
    values = {"application": microsoft.application(), "organisations": microsoft.organisations(), "kinds": KINDS}
    return page(call, "simulator_microsoft.html", frame(call, _("Microsoft 365"), "simulator"), values)


async def act(call: Call) -> web.StreamResponse:
    """Change somebody, delete somebody, agree or withdraw consent."""
    given: DirectoryAct = call.body
    microsoft = _microsoft(call)
    match given.act:
        case "change":
            done = microsoft.change_person(given.id, mobile=given.mobile, email=given.email)
        case "remove":
            done = microsoft.remove_person(given.id)
        case "agree" | "withdraw":
            done = microsoft.set_consent(given.id, given.act == "agree")
    if not done:
        raise Problem(404, "nobody_there", "Nobody there has this id any more. Load the page again.")
    return see_other(PATH)


def _microsoft(call: Call) -> SimulatedMicrosoft:
    if call.services.demo is None:
        raise not_found()
    return call.services.demo.microsoft


ROUTES = (
    Route("GET", PATH, show_microsoft, Access.PUBLIC, Surface.PAGE, "The simulated Microsoft 365", demo_only=True),
    Route("POST", PATH, act, Access.PUBLIC, Surface.PAGE, "Change it", body=DirectoryAct, demo_only=True),
)
