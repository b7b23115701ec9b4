"""Whether a colleague has to agree before a code or link goes to an address, and whether one has (SEC-12)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from dialogs.approvals import Granted, State, Waiting, until_of
from dialogs.turns import AddressFacts, StoredApproval
from dialogs.user_verify import Policy

#: So often one technician may ask within an hour: each time colleagues are called to decide, also when it is withdrawn.
MOST_ASKS, PER = 10, timedelta(hours=1)


def next_ask(asked: Sequence[datetime], now: datetime) -> datetime | None:
    """When a technician may ask again, None for now. `asked`: when they did lately, whatever came of it."""
    lately = sorted(at for at in asked if at > now - PER)
    return lately[-MOST_ASKS] + PER if len(lately) >= MOST_ASKS else None


def needs_approval(address: AddressFacts, policy: Policy, *, is_new: bool) -> bool:
    """`is_new`: a person changed the address within the last 7 days."""
    return policy.second_person and (is_new or not address.is_default)


def approval_for(
    approvals: Sequence[StoredApproval], address: AddressFacts, now: datetime, *, technician_id: str, ticket_id: str
) -> StoredApproval | None:
    """What this technician has asked for about this very address, as it is now, and this ticket, and what may still
    count: a yes before what waits."""
    found = [one for one in approvals if _is_for(one, address, technician_id, ticket_id) and _stands(one.state, now)]
    return next((one for one in found if isinstance(one.state, Granted)), found[0] if found else None)


def _is_for(one: StoredApproval, address: AddressFacts, technician_id: str, ticket_id: str) -> bool:
    state = one.state
    if not isinstance(state, Waiting | Granted) or state.wanted.destination is None:
        return False
    wanted, to = state.wanted, state.wanted.destination
    about = wanted.ticket.id if wanted.ticket is not None else ""
    asked = (wanted.kind, wanted.technician.id, to.address_id, one.their_address, about)
    return asked == ("address", technician_id, address.id, address.value, ticket_id)


def _stands(state: State, now: datetime) -> bool:
    until = until_of(state)
    return until is not None and now < until
