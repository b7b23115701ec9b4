"""Which template says it and with which values: to the colleagues who may decide, and to the ticket."""

from __future__ import annotations

from datetime import datetime

from dialogs.approvals.records import (
    WORDS,
    Agreed,
    Ended,
    Expired,
    Granted,
    Refused,
    Used,
    Wanted,
)
from dialogs.effects import AlertTechnicians, Effect, NoteTicket, Value


def tell_colleagues(wanted: Wanted, until: datetime, *, supervisors_only: bool) -> Effect:
    """Everybody who may decide is told, but for whoever asks."""
    values = _about(wanted) | {"until": until}
    return AlertTechnicians(
        "tech.approval", values, but=wanted.technician.id, supervisors_only=supervisors_only, until=until
    )


def note(state: Granted | Ended) -> tuple[Effect, ...]:
    """The whole story for the ticket, once: who asked, why, who agreed, and what came of it. None without a ticket."""
    wanted, agreed = state.wanted, _agreed(state)
    if wanted.ticket is None:
        return ()
    methods = agreed.methods if agreed is not None else ()
    decided_by = agreed.by if agreed is not None else state.by if isinstance(state, Refused) else None
    named = [f"phrase.method_{method.value}" for method in methods]
    values: dict[str, Value] = _about(wanted) | {
        "outcome": f"phrase.outcome_approval_{_outcome(state)}",
        "remark": wanted.note,
        "approver": decided_by.first_name if decided_by is not None else "",
        "reason": state.reason if isinstance(state, Refused) else "",
        "method": named[0] if named else "",
        "second_method": named[1] if len(named) > 1 else "",
        "trail": "\n".join(_lines(state)),
    }
    return (NoteTicket(wanted.ticket.id, "note.approval", values),)


def _about(wanted: Wanted) -> dict[str, Value]:
    to, unusual = wanted.destination, ""
    if to is not None:
        unusual = "phrase.new_address" if to.is_new else "" if to.is_default else "phrase.other_address"
    return {
        "contact": wanted.contact_name,
        "tech": wanted.technician.first_name,
        "action": f"phrase.approve_{wanted.kind}",
        "destination": to.shown if to is not None else "",
        "unusual": unusual,
    }


def _agreed(state: Granted | Ended) -> Agreed | None:
    return state.agreed if isinstance(state, Granted | Used | Expired) else None


def _outcome(state: Granted | Ended) -> str:
    """The end of the name of the phrase that says how it stands."""
    return state.reason if isinstance(state, Expired) else WORDS[type(state)]


def _lines(state: Granted | Ended) -> list[str]:
    wanted, agreed = state.wanted, _agreed(state)
    steps = [(wanted.at, "asked", wanted.technician.first_name)]
    if agreed is not None:
        steps.append((agreed.at, "granted", agreed.by.first_name))
    if not isinstance(state, Granted):
        who = state.by.first_name if isinstance(state, Refused) else wanted.technician.first_name
        steps.append((state.at, _outcome(state), who))
    # White space in a name must not start a line of its own in the story.
    return [f"{at.isoformat()}|approval_{what}|{' '.join(who.split())}" for at, what, who in steps]
