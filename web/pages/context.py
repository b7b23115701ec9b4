"""What every page handler needs: the frame around a page, the answer to a form, and where to go next."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from web import csrf
from web.log_in import held_token
from web.look import Frame, Look, _
from web.ports import DEGRADED, REFUSALS, Acted
from web.routing import Call

HOME = "/codes"

#: What a form did, by the word that the redirect carries. A table, so that no link can put its own words on a page.
SAID: Mapping[str, str] = {
    "claim": _("You have claimed it. The code is below."),
    "take-over": _("You have it now. They get a text with your name."),
    "release": _("Let go. Anyone may claim it now."),
    "verbal": _("Recorded as a spoken yes."),
    "reject": _("Ended. They get a text that it is over."),
    "ticket": _("Ticket linked."),
    "resend": _("The code is on its way again."),
    "note": _("The result is being written to the ticket."),
    "seen": _("Noted: you have seen it."),
    "ticket_made": _("The ticket is open, and it is yours."),
    "note_written": _("The note is written."),
    "status_set": _("Saved."),
    "ticket_taken": _("The ticket is yours now."),
    "blocked": _("Blocked. Nothing they send starts or is answered, and nothing goes to them."),
    "unblocked": _("Let through again."),
    "announced": _("Announced. When they text #verify, the code appears here."),
    "withdrawn": _("Taken back: you are not calling them."),
    "duty": _("Saved."),
    "key_revoked": _("Revoked. Whatever used that key is shut out now."),
    "proven": _("Thank you. If you had pressed a button before, press it again now."),
    "log_in_ended": _("That log-in is signed out."),
    "saved": _("Saved."),
    "number_added": _("Number added."),
    "number_primary": _("It is the primary number now."),
    "number_removed": _("Number removed."),
    "carrier_set": _("Account saved. Its token is kept encrypted."),
    "carrier_removed": _("Account forgotten."),
    "recovery_used": _("That recovery code is used up now. Make new ones when few are left."),
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
        admin=call.acting.role == "admin" if call.acting else False,
        csrf=csrf.token_for(held_token(call.request)) if call.acting else "",
        demo=call.services.demo is not None,
        now=call.services.clock.now(),
        said=SAID.get(query.get("said", ""), "") if not refused else "",
        refused=sentence(refused, _wait(call, _moment(query.get("until", "")))) if refused in REFUSALS else "",
        troubles=tuple(
            (DEGRADED[found.provider].down, found.since) for found in call.services.degraded(call.acting.tenant_id)
        )
        if call.acting
        else (),
    )


def page(
    call: Call,
    template: str,
    shown: Frame,
    values: Mapping[str, object] | None = None,
    *,
    status: int = 200,
    packed: bool = True,
) -> web.Response:
    """The rendered page, `packed` for the wire unless its length must tell nothing."""
    return look().answer(call.request, template, shown, values, status=status, packed=packed)


def json_answer(call: Call, value: object) -> web.Response:
    """Rows for a page's script, packed for the wire; nothing of the request is in them."""
    body = json.dumps(value, separators=(",", ":")).encode()
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding"}
    return look().pack(call.request, body, headers, "application/json")


def sentence(refused: str, wait: timedelta | None = None) -> str:
    """A refusal in words, with how long to wait where that is known: a length of time is the same in every zone."""
    said = REFUSALS[refused][1]
    if wait is None:
        return said
    return f"{said} " + _("Next send in %s, or reach them another way.") % length(wait)


def length(wait: timedelta) -> str:
    """A length of time to wait, never too short."""
    seconds = max(1, math.ceil(wait.total_seconds()))
    return _("%s seconds") % seconds if seconds < 100 else _("%s minutes") % math.ceil(seconds / 60)


def _wait(call: Call, until: datetime | None) -> timedelta | None:
    return None if until is None else until - call.services.clock.now()


def after(call: Call, acted: Acted, said: str, back: str) -> web.StreamResponse:
    """What follows a form: for a script what happened as JSON, for a browser the page it came from.

    JSON: `{"id", "refused", "message", "said"}`: `said` is empty when it was refused, the two before when it happened.
    """
    if wants_json(call.request):
        message = sentence(acted.refused, _wait(call, acted.not_before)) if acted.refused else ""
        done = "" if acted.refused else SAID[said]
        return web.json_response({"id": acted.id, "refused": acted.refused, "message": message, "said": done})
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
