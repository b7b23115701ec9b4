"""Both ways at once: a check of a caller stands in the way of asking the same person for a code (SEC-06)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dialogs.tech_verify import Blank, Claimed, Confirmed, Open, State, Superseded, Ticket
from dialogs.turns import StoredCheck

#: So long after a check of a caller no code goes to the same person (SEC-06).
INTERLOCK = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Interlock:
    """Whether a check of a caller stands in the way of asking the same person for a code (SEC-06). `not_before`: when
    that is over by itself, None while the check is open. `lifted_by`: the check in which the person has just confirmed
    this very technician about this very ticket, so that nothing stands in the way and the text may say the name."""

    conflict: bool = False
    not_before: datetime | None = None
    lifted_by: str = ""


def interlock(
    checks: Sequence[StoredCheck], now: datetime, *, contact_id: str, technician_id: str, ticket_id: str
) -> Interlock:
    """The newest check that was not replaced decides, as long as it is live or ended less than 10 minutes ago: it is
    what the person has in mind. `checks`: of the contact, and of whoever shares a number of theirs, because our texts
    lie side by side on that phone; only the contact's own lifts anything. `ticket_id` empty: about no ticket."""
    # Two may begin at the same instant, and their ids tell which came first.
    for check in sorted(checks, key=lambda c: (c.created_at, c.id), reverse=True):
        state = check.state
        if isinstance(state, Blank | Superseded):
            continue
        ended = _ended_at(state, now)
        if ended is None:
            return Interlock(conflict=True)
        if now - ended >= INTERLOCK:
            continue
        theirs = check.contact_id == contact_id
        if theirs and isinstance(state, Confirmed) and _confirmed_by(state, technician_id, ticket_id):
            return Interlock(lifted_by=check.id)
        return Interlock(conflict=True, not_before=ended + INTERLOCK)
    return Interlock()


def _ended_at(state: State, now: datetime) -> datetime | None:
    """When it ended, None while it is live. Past its deadline it is over, whether or not its timer has rung; a denial
    afterwards counts as the end, for it says the same as one in time."""
    if isinstance(state, Open | Claimed):
        return state.challenge.expires_at if now >= state.challenge.expires_at else None
    return None if isinstance(state, Blank) else max((state.at, *_denied_late(state)))


def _denied_late(state: State) -> list[datetime]:
    """When the person said #deny after the end, empty if never."""
    return [] if isinstance(state, Blank) else [line.at for line in state.story.trail if line.what == "denied_late"]


def _confirmed_by(state: Confirmed, technician_id: str, ticket_id: str) -> bool:
    """By the person's own answer to this technician, about the same ticket or both about none, and not taken back."""
    claim = state.claim
    if _denied_late(state):
        return False
    if claim is None or state.assurance not in ("compare", "transfer") or claim.technician.id != technician_id:
        return False
    return (claim.ticket.id if isinstance(claim.ticket, Ticket) else "") == ticket_id
