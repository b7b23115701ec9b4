"""Where verification links lead: `/v/<token>`, on which a person says that it is them, or that it is not.

Looking changes nothing, however often and by whatever program (SEC-43): only a form that a person sends does. The page
needs no script, tells whoever has the link no number and no address, and shows the first result for ever after.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

from aiohttp import web
from pydantic import Field

from dialogs.grammar import tidy
from dialogs.texts import clock_and_zone
from storage.phones import readable
from web.look import _
from web.nonces import make_nonce, nonce_holds
from web.pages.context import page, see_other
from web.pages.forms import Form
from web.pages.visits import visit_frame
from web.ports import LinkShown
from web.routing import Access, Call, Route, Surface
from web.services import Services

PATH = "/v/{token}"
#: 256 bits in base64url. Anything else is no link of ours and is not looked for.
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


class LinkForm(Form):
    """Which button, on which rendering of the page, and the number that was typed where one is asked for, with the
    tries that were `left` there: a second press on a slow line is no second try."""

    nonce: Annotated[str, Field(max_length=200)] = ""
    act: Literal["validate", "not_me"]
    number: Annotated[str, Field(max_length=40)] = ""
    left: Annotated[int, Field(ge=0, le=100)] | None = None


class LinkActs(Protocol):
    """Of `web.ports.VerificationActs`, what these pages use."""

    async def look_at_link(self, token: str) -> LinkShown | None: ...

    async def confirm_link(self, token: str, *, number: str = "", left: int | None = None) -> LinkShown | None: ...

    async def disown_link(self, token: str) -> LinkShown | None: ...


@dataclass(frozen=True, slots=True)
class LinkPages:
    """The handlers. `acts`: what looks at links and answers them.

    Nobody guesses 256 bits, so wrong links are not counted: whoever sat on the same connection could close the page to
    a whole office with them, "This is not me" included.
    """

    acts: Callable[[Services], LinkActs]

    async def show(self, call: Call) -> web.StreamResponse:
        """What it is about and how it stands; nothing is used up."""
        token = call.request.match_info["token"]
        found = await self._find(call, token)
        return found if isinstance(found, web.StreamResponse) else _page(call, token, found)

    async def answer(self, call: Call) -> web.StreamResponse:
        """One of the buttons. A second press shows what the first one did; but "This is not me" counts also where
        somebody was faster, or where a newer link has taken this one's place (SEC-08)."""
        token, given = call.request.match_info["token"], call.body
        found = await self._find(call, token)
        if isinstance(found, web.StreamResponse):
            return found
        is_ours = nonce_holds(given.nonce, token, call.services.clock.now())
        denies = given.act == "not_me" and is_ours
        if found.state == "denied" or (found.state != "live" and not denies):
            return _page(call, token, found, typed=given.number)
        if not is_ours:
            said = _("This page stood open for a while. Nothing has happened yet: press the button again.")
            return _page(call, token, found, typed=given.number, problem=said)
        acts = self.acts(call.services)
        if given.act == "not_me":
            after = await acts.disown_link(token)
        elif found.types_number and not (digits := two_digits(given.number)):
            return _page(call, token, found, typed=given.number, wrong=_("Type the two digits that you hear."))
        else:
            after = await acts.confirm_link(token, number=digits if found.types_number else "", left=given.left)
        if after is None:
            return _unknown(call)
        if after.state == "live":
            return _page(call, token, after, typed=given.number, wrong=_wrong(after.tries_left))
        if after.state in ("verified", "denied"):
            return see_other(call.request.path)
        return _page(call, token, after, typed=given.number)

    async def _find(self, call: Call, token: str) -> LinkShown | web.Response:
        """What the link shows, or the page that says that it shows nothing."""
        # What cannot be a link of ours is not looked for.
        shown = await self.acts(call.services).look_at_link(token) if TOKEN.fullmatch(token) else None
        return _unknown(call) if shown is None else shown


def two_digits(typed: str) -> str:
    """The digits of what was typed when they are two, also full-width ones and ones with a space or a dash between;
    else nothing."""
    plain = re.sub(r"[\s\-\u2010-\u2015]", "", tidy(typed))
    return plain if re.fullmatch(r"[0-9]{2}", plain) else ""


def _wrong(left: int) -> str:
    if left == 1:
        return _("Those are not the two digits. One try is left: ask for them again and listen closely.")
    return _("Those are not the two digits. %s tries are left: ask for them again.") % left


def _page(
    call: Call, token: str, shown: LinkShown, *, typed: str = "", problem: str = "", wrong: str = ""
) -> web.Response:
    """`typed`: what stood in the field, so that nothing a person wrote is lost. `problem`, `wrong`: about the page as a
    whole, and about the field."""
    services = call.services
    now = services.clock.now()
    values = {
        "link": shown,
        "ended": clock_and_zone(shown.at, shown.timezone) if shown.at is not None else "",
        "until": clock_and_zone(shown.until, shown.timezone),
        "phone": readable(shown.phone) if shown.phone else "",
        "dial": re.sub(r"[^0-9+]", "", shown.phone),
        "host": shown.msp,
        "minutes": max(1, -int((now - shown.until).total_seconds()) // 60),
        "nonce": make_nonce(token, services.random.token(), now),
        "typed": typed,
        "problem": problem,
        "wrong": wrong,
    }
    status = {"live": 200, "verified": 200, "denied": 200}.get(shown.state, 410)
    if shown.state == "live" and (problem or wrong):
        status = 422
    title = _TITLES[shown.state]
    frame = visit_frame(call.request, services, title, tenant_id=shown.tenant_id, acting=call.acting)
    return page(call, "verify_link.html", frame, values, status=status)


def _unknown(call: Call) -> web.Response:
    """The same for everything that is no link of ours, mistyped or made up."""
    frame = visit_frame(call.request, call.services, _("This link does not work"))
    return page(call, "visit_lost.html", frame, {"host": ""}, status=404)


_TITLES = {
    "live": _("Is this you?"),
    "verified": _("Confirmed"),
    "denied": _("You have warned us"),
    "over": _("This link is over"),
    "failed": _("This link is over"),
}


def link_routes(acts: Callable[[Services], LinkActs]) -> tuple[Route, ...]:
    """Both, around one set of handlers."""
    pages = LinkPages(acts)
    return (
        Route("GET", PATH, pages.show, Access.PUBLIC, Surface.PAGE, "A verification link"),
        Route("POST", PATH, pages.answer, Access.PUBLIC, Surface.PAGE, "Answer a verification link", body=LinkForm),
    )
