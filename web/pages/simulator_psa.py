"""Demo mode only: a ticket system of somebody else's that shows the pod beside a ticket.

It answers under the other name of this computer, so that to browsers it is another site, as a real one is: the pod has
no cookies there but its own, and no storage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlencode

from aiohttp import web
from pydantic import Field

from web.csrf import origin_of
from web.headers import POLICY, written
from web.look import _
from web.pages.context import frame, page
from web.pages.forms import Form
from web.pods import loopback_twin
from web.ports import PsaScreen
from web.problems import not_found
from web.routing import Access, Call, Route, Surface

PATH = "/simulator/psa"
#: Name -> width and height of the frame in pixels.
SIZES: Mapping[str, tuple[int, int]] = {"small": (400, 500), "laptop": (400, 600), "large": (800, 800)}


class ScreenQuery(Form):
    """What is on the screen: one of the tickets or contacts by its place, how large the frame is, and whether the
    ticket system cuts the line between the frame and windows that it opens, as some do."""

    screen: Annotated[int, Field(ge=0, le=999)] = 0
    size: Literal["small", "laptop", "large"] = "laptop"
    cut: Literal["", "yes"] = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the list. `shown`: it is on the screen."""

    address: str
    text: str
    company: str
    shown: bool


async def show_psa(call: Call) -> web.StreamResponse:
    """The list on one side, the frame on the other."""
    demo = call.services.demo
    if demo is None:
        raise not_found()
    ours = origin_of(call.services.public_url)
    twin = loopback_twin(ours)
    if twin and f"//{call.request.host.lower()}" in ours:
        return web.Response(status=303, headers={"Location": twin + call.request.path_qs})
    asked: ScreenQuery = call.query
    screens = demo.psa_screens()
    if asked.screen >= len(screens):
        raise not_found()
    shown = screens[asked.screen]
    width, height = SIZES[asked.size]
    values = {
        "entries": [
            Entry(_address(asked, screen=str(place)), _text(one), one.company, place == asked.screen)
            for place, one in enumerate(screens)
        ],
        "sizes": [(_address(asked, size=name), f"{w} x {h}", name == asked.size) for name, (w, h) in SIZES.items()],
        "cut": asked.cut,
        "cuts": _address(asked, cut="" if asked.cut else "yes"),
        "shown": shown,
        "text": _text(shown),
        "pod": f"{ours}/pod?{urlencode(_hints(shown))}",
        "width": width,
        "height": height,
    }
    answer = page(call, "simulator_psa.html", frame(call, _("A ticket system"), "simulator"), values)
    answer.headers["Content-Security-Policy"] = written({**POLICY, "frame-src": ours})
    if not asked.cut:
        answer.headers["Cross-Origin-Opener-Policy"] = "unsafe-none"
    return answer


def _hints(shown: PsaScreen) -> Mapping[str, str]:
    """What a ticket system can fill into an address: of a ticket its id, of a contact the e-mail address."""
    about = {"ticket": shown.ticket_id} if shown.ticket_id else {"email": shown.email}
    return {"tenant": shown.tenant, **about}


def _text(screen: PsaScreen) -> str:
    return _("Ticket of %s") % screen.name if screen.ticket_id else _("Contact %s") % screen.name


def _address(asked: ScreenQuery, **other: str) -> str:
    said = {"screen": str(asked.screen), "size": asked.size, "cut": asked.cut, **other}
    return f"{PATH}?{urlencode({name: value for name, value in said.items() if value})}"


ROUTES = (
    Route(
        "GET",
        PATH,
        show_psa,
        Access.PUBLIC,
        Surface.PAGE,
        "A ticket system that shows the pod",
        query=ScreenQuery,
        demo_only=True,
    ),
)
