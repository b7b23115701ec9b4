"""Who may set an open check of a caller aside, and whom everybody else asks for that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from web.look import _
from web.routing import Call

if TYPE_CHECKING:
    from storage.technician_rows import StoredTechnician

#: So many names are read; one of them will pick up.
MOST_NAMES = 3


async def whom_to_ask(call: Call) -> str:
    """Empty for whoever may do it themselves; else a sentence for those who may not."""
    if await call.services.verifying.may_override(call.who):
        return ""
    people = await call.services.people.technicians(call.who.tenant_id)
    ranking = [one for one in people if _may(one)]
    return _ask([one for one in ranking if one.on_duty], [one for one in ranking if not one.on_duty])


def _may(one: StoredTechnician) -> bool:
    """By rank, and with a way into the console, where it is done."""
    return one.state == "active" and one.ui_access and (one.supervisor or one.role == "admin")


def _ask(here: Sequence[StoredTechnician], away: Sequence[StoredTechnician]) -> str:
    if not here and not away:
        return _("Only a supervisor or an admin can override this, and there is none. Ask whoever runs Watchword.")
    names = _(" or ").join(one.name for one in (here or away)[:MOST_NAMES])
    if here:
        return _("It cannot wait? Ask %s, on duty now, to override it.") % names
    return _("It cannot wait? Ask %s to override it; nobody who may is on duty now.") % names
