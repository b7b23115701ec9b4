"""What every page handler needs: the frame around a page, the answer to a form, and where to go next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from web import csrf
from web.look import Frame, Look, _
from web.ports import REFUSALS, Acted
from web.routing import Call

HOME = "/codes"

#: What a form did, by the word that the redirect carries. A table, so that no link can put its own words on a page.
SAID: Mapping[str, str] = {
    "claim": _("It is yours. The code is below."),
    "take-over": _("You have it now. They are told your name."),
    "release": _("Let go. Anyone may claim it now."),
    "verbal": _("Recorded as a spoken yes."),
    "reject": _("Ended. They are told that it is over."),
    "ticket": _("Ticket linked."),
    "resend": _("The code is on its way again."),
    "note": _("The result goes into the ticket."),
    "seen": _("Noted."),
    "announced": _("Done. When they text #verify, the code stands under Codes."),
    "withdrawn": _("Taken back."),
    "duty": _("Changed."),
    "log_in_ended": _("That log-in is signed out."),
    "recovery_used": _("You signed in with a recovery code; it is used up. Make new ones when few are left."),
}


@cache
def look() -> Look:
    """Templates and assets, read at the first page."""
    return Look()


def frame(call: Call, title: str, section: str = "", *, on_duty: bool | None = None) -> Frame:
    """The frame of a page for whoever is signed in, with what the last form did or did not do."""
    query = call.request.query
    refused = query.get("refused", "")
    return Frame(
        title=title,
        section=section,
        name=call.acting.name if call.acting else "",
        on_duty=on_duty,
        supervisor=call.acting.supervisor if call.acting else False,
        csrf=csrf.token_for(call.request.cookies.get(csrf.COOKIE, "")) if call.acting else "",
        demo=call.services.demo is not None,
        now=call.services.clock.now(),
        said=SAID.get(query.get("said", ""), "") if not refused else "",
        refused=sentence(refused, _moment(query.get("until", ""))) if refused in REFUSALS else "",
    )


def page(
    call: Call, template: str, shown: Frame, values: Mapping[str, object] | None = None, *, status: int = 200
) -> web.Response:
    """The rendered page."""
    return look().answer(call.request, template, shown, values, status=status)


def sentence(refused: str, until: datetime | None = None) -> str:
    """A refusal in words, with the time when it ends where there is one."""
    said = REFUSALS[refused][1]
    return (
        said if until is None else f"{said} " + _("Next send at %s UTC, or reach them another way.") % f"{until:%H:%M}"
    )


def after(call: Call, acted: Acted, said: str, back: str) -> web.StreamResponse:
    """What follows a form: for a script what happened as JSON, for a browser the page it came from.

    JSON: `{"id", "refused", "message"}`, both empty when it happened.
    """
    if wants_json(call.request):
        message = sentence(acted.refused, acted.not_before) if acted.refused else ""
        return web.json_response({"id": acted.id, "refused": acted.refused, "message": message})
    if not acted.refused:
        return see_other(back, said=said)
    until = {"until": str(int(acted.not_before.timestamp()))} if acted.not_before else {}
    return see_other(back, refused=acted.refused, **until)


def see_other(path: str, **query: str) -> web.Response:
    """POST -> redirect -> GET."""
    where = f"{path}?{urlencode(query)}" if query else path
    return web.Response(status=303, headers={"Location": where})


def wants_json(request: web.Request) -> bool:
    """Whether a script of ours asks; it says so and takes nothing else."""
    return request.headers.get("Accept", "") == "application/json"


def own_path(wanted: str, otherwise: str = HOME) -> str:
    """`wanted` when it is a path of ours, else `otherwise`: a link to our sign-in must not lead anywhere else.

    Browsers take `//host`, `/\\host` and a path with a tab or newline in it for another site.
    """
    plain = wanted.startswith("/") and all(" " < c < "\x7f" and c != "\\" for c in wanted)
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return otherwise
    return wanted if plain and not wanted.startswith("//") and not parts.scheme and not parts.netloc else otherwise


def _moment(seconds: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(seconds), UTC) if seconds else None
    except (ValueError, OverflowError, OSError):
        return None
