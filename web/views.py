"""Checks as one technician may see them: the code for its claimer alone, while it lives, and never on another network
or browser than they signed in on (SEC-02, SEC-34). Pages, API and streams all come here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from web.log_in import require_same_place
from web.routing import Call

if TYPE_CHECKING:
    from storage.checks import CheckRow


async def seen_by(call: Call, check_id: str, *, insist: bool = False) -> CheckRow | None:
    """The check, with its code if whoever asks may see it; that it was shown goes into the log, once per claimer. None
    when this tenant has no such check.

    A log-in that has moved gets the check without the code; with `insist` it is asked for a fresh proof instead.
    """
    who, services = call.who, call.services
    found = await services.checks.get(
        who.tenant_id, check_id, for_technician=who.technician_id, now=services.clock.now()
    )
    if found is None or not found.code:
        return found
    if call.elsewhere:
        if insist:
            require_same_place(call.elsewhere)
        return await services.checks.get(who.tenant_id, check_id)
    await services.acts.code_shown(who, check_id)
    return found


async def reveal(call: Call, check_id: str, *, insist: bool = False) -> str:
    """The digits whoever asks may see now, empty for none."""
    found = await seen_by(call, check_id, insist=insist)
    return found.code if found is not None else ""


def is_theirs(row: CheckRow, call: Call) -> bool:
    """Whether a row of a list, which never holds a code, is a live claim of whoever asks."""
    mine = row.technician is not None and row.technician.id == call.who.technician_id
    return mine and row.word == "claimed" and row.is_live(call.services.clock.now())
