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
from web.asked import ASKED, NOBODY
from web.brand import sheet_address
from web.log_in import held_token
from web.look import Frame, Look, _
from web.ports import DEGRADED, REFUSALS, Acted
from web.problems import not_found
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
    "blocked": _("Blocked. What they send starts no check and gets no answer, and no text goes to them."),
    "unblocked": _("Let through again."),
    "announced": _("Announced. The code appears here as soon as they have texted #verify."),
    "withdrawn": _("Taken back: you are not calling them."),
    "duty": _("Saved."),
    "contact_added": _("Added. Say that you are calling them, and their #verify finds you."),
    "address_saved": _("Saved."),
    "address_saved_ended": _("Saved. The check that ran on the old number has ended."),
    "address_told": _("Saved. A notice goes to where we reached them before."),
    "address_told_ended": _("Saved. The old number gets a notice, and the check that ran on it has ended."),
    "address_untold": _("Saved, but no notice can go to the old one. Tell them yourself, another way."),
    "address_untold_ended": _(
        "Saved; the check on the old number has ended. No notice can go there: tell them yourself."
    ),
    "client_added": _("Client added."),
    "import_begun": _("The import has begun. You may leave this page."),
    "import_undoing": _("Undoing the import. You may leave this page."),
    "import_discarded": _("Discarded. Nobody was added."),
    "key_revoked": _("Revoked. Whatever used that key is shut out now."),
    "proven": _("Thank you. If you had pressed a button before, press it again now."),
    "log_in_ended": _("That log-in is signed out."),
    "saved": _("Saved."),
    "mail_saved": _("Saved. Now send yourself a test."),
    "mail_removed": _("Removed."),
    "teams_added": _("Added. Now press Test, and look into the channel."),
    "teams_changed": _("Saved."),
    "teams_removed": _("Removed. Nothing is posted there any more."),
    "source_added": _("Added. Now enter the redirect URI below in the app registration."),
    "source_removed": _("Removed, with its secret. The contacts stay."),
    "organisation_connected": _("Connected. Now say whose people they are."),
    "organisation_again": _("It was connected already, and answers."),
    "organisation_mapped": _("Saved. Its people are being read; you may leave this page."),
    "renamed": _("Saved. It is another name, so for seven days their numbers and addresses count as new."),
    "organisation_disconnected": _("Disconnected. The contacts stay."),
    "erased_let_back": _("Everybody there is read anew. Whoever was erased comes as a new contact."),
    "sync_asked": _("It is read now. You may leave this page."),
    "consent_put_away": _("Nothing is connected."),
    "changes_applied": _("They are taken over. The old numbers and addresses get a notice."),
    "changes_refused": _("Left as they are."),
    "webhook_on": _("Switched on. It is told of what happens from now on."),
    "webhook_off": _("Switched off. It is told nothing more."),
    "webhook_removed": _("Removed. It is told nothing more."),
    "webhook_sent": _("Sent. The answer is in the list below."),
    "number_added": _("Number added."),
    "number_primary": _("It is the primary number now."),
    "number_removed": _("Number removed."),
    "carrier_set": _("Account saved. Its token is kept encrypted."),
    "carrier_removed": _("Account forgotten."),
    "password_set": _("The new password is set. Sign in with it."),
    "password_changed": _("The new password is set. You are signed out everywhere else."),
    "person_changed": _("Saved."),
    "person_changed_out": _("Saved. Their rights changed, so they sign in anew."),
    "person_off": _("Switched off. They are signed out everywhere."),
    "person_on": _("Switched on again. Their password and app work as before."),
    "invitation_gone": _("The invitation is taken back. Its link no longer works."),
    "log_ins_gone": _("They are signed out everywhere."),
    "default_role": _("Saved. It is what the next invitation starts with."),
    "log_check": _("The check has begun."),
    "log_check_runs": _("A check is running already. This is how far it is."),
    "euv_resent": _("The same code is on its way again."),
    "euv_cancelled": _("Taken back. What was sent no longer counts."),
    "euv_unlocked": _("It may be used again."),
    "approval_granted": _("You agreed. They see it now."),
    "approval_refused": _("You said no. They see it now."),
    "approval_withdrawn": _("Taken back. Nobody needs to decide any more."),
    "waived": _("Closed without a verification. Your note is in the ticket."),
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
    mark = call.services.brands.at_hand(call.acting.tenant_id) if call.acting else None
    return Frame(
        title=title,
        section=section,
        name=call.acting.name if call.acting else "",
        on_duty=on_duty,
        supervisor=call.acting.supervisor if call.acting else False,
        admin=call.acting.role == "admin" if call.acting else False,
        console=call.acting.ui_access if call.acting else True,
        sheet=sheet_address(call.acting.tenant_id, mark) if call.acting and mark else "",
        logo=mark is not None and mark.has_logo,
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
        asked=call.request.get(ASKED, NOBODY),
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
    return f"{said} " + _("Try again in %s, or choose another way.") % length(wait)


def length(wait: timedelta) -> str:
    """A length of time to wait, never too short."""
    seconds = max(1, math.ceil(wait.total_seconds()))
    return _("%s seconds") % seconds if seconds < 100 else _("%s minutes") % math.ceil(seconds / 60)


def _wait(call: Call, until: datetime | None) -> timedelta | None:
    return None if until is None else until - call.services.clock.now()


def after(call: Call, acted: Acted, said: str, back: str) -> web.StreamResponse:
    """What follows a form: for a script what happened as JSON, for a browser the page it came from.

    JSON: `{"id", "refused", "message", "said"}`: `said` is empty when it was refused, the two before when it happened.
    What was acted on must be there: raises `Problem` 404 else, the same for another tenant's (SEC-36).
    """
    if acted.refused == "not_found":
        raise not_found()
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
    joined = "&" if "?" in path else "?"
    where = f"{path}{joined}{urlencode(query)}" if query else path
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
