"""The machine of an approval: asked, decided by a second person, used up, taken back, run out."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias, TypeVar

from dialogs.approvals.records import (
    CLEARED_FOR,
    DECIDE_WITHIN,
    SEND_WITHIN,
    Agreed,
    Ask,
    D,
    DeadlinePassed,
    Ended,
    Env,
    Event,
    Expired,
    Grant,
    Granted,
    L,
    Live,
    Refuse,
    Refused,
    State,
    Unasked,
    Use,
    Used,
    Void,
    Waiting,
    Wanted,
    Withdraw,
    Withdrawn,
)
from dialogs.approvals.words import note, tell_colleagues
from dialogs.effects import WakeAt
from dialogs.machine import Machine, Step
from dialogs.tech_verify.records import Technician

#: The timer of the deadline, of the decision and then of the yes.
DEADLINE = "approval_deadline"

E = TypeVar("E", Refused, Withdrawn, Used)
_Started: TypeAlias = Live | Ended

machine: Machine[State, Event, Env] = Machine("approval", State, Event)


@machine.on
def ask_second_person(state: Unasked, event: Ask, env: Env) -> Step[Waiting]:
    """Whoever may decide is told at once."""
    until = env.now + DECIDE_WITHIN
    told = tell_colleagues(event.wanted, until, supervisors_only=env.supervisors_only)
    return Step(Waiting(event.wanted, until), (told, WakeAt(DEADLINE, until)))


@machine.on
def grant(state: Waiting, event: Grant, env: Env) -> Step[Waiting | Granted | Expired]:
    """Nobody is their own second person (SEC-12). High-risk work is cleared no longer than what it stands on."""
    if env.now >= state.until:
        return _run_out(state, env, refused="approval_over")
    if _is_own(state.wanted, event.by):
        return Step(state, refused="own_approval")
    until = _good_until(state.wanted, event, env.now)
    if until <= env.now:
        return Step(state, refused="two_methods_needed")
    granted = Granted(state.wanted, Agreed(event.by, env.now, until, event.rests_on, event.methods))
    # High-risk work begins now; a yes to an address is told to the ticket once it is known what came of it.
    told = note(granted) if state.wanted.kind == "high" else ()
    return Step(granted, (WakeAt(DEADLINE, until), *told))


@machine.on
def refuse(state: Waiting, event: Refuse, env: Env) -> Step[Waiting | Refused | Expired]:
    """Whoever asked takes it back instead."""
    if env.now >= state.until:
        return _run_out(state, env, refused="approval_over")
    if _is_own(state.wanted, event.by):
        return Step(state, refused="own_approval")
    return _end(Refused(state.wanted, env.now, event.by, event.reason))


@machine.on
def withdraw(state: L, event: Withdraw, env: Env) -> Step[L | Withdrawn | Expired]:
    """Only whoever asked; also after the yes, which then counts no longer."""
    if _is_late(state, env):
        return _run_out(state, env, refused="approval_over")
    if not _is_own(state.wanted, event.by):
        return Step(state, refused="not_your_approval")
    return _end(Withdrawn(state.wanted, env.now))


@machine.on
def use(state: Granted, event: Use, env: Env) -> Step[Granted | Used | Expired]:
    """One send, to that very address, by that very technician, about that ticket. Clearance for high-risk work is
    nothing that a send uses up."""
    if _is_late(state, env):
        return _run_out(state, env, refused="approval_over")
    wanted = state.wanted
    if wanted.kind != "address" or not _is_own(wanted, event.by):
        return Step(state, refused="not_your_approval")
    address_id = wanted.destination.address_id if wanted.destination is not None else ""
    ticket_id = wanted.ticket.id if wanted.ticket is not None else ""
    if (address_id, ticket_id) != (event.address_id, event.ticket_id) or not address_id:
        return Step(state, refused="approval_for_other")
    return _end(Used(wanted, state.agreed, env.now, event.verification_id))


@machine.on
def expire(state: L, event: DeadlinePassed, env: Env) -> Step[L | Expired]:
    """A timer may ring early; only the deadline itself ends it, and the timer is set again for it."""
    if _is_late(state, env):
        return _run_out(state, env)
    return Step(state, (WakeAt(DEADLINE, _until(state)),))


@machine.on
def void(state: Live, event: Void, env: Env) -> Step[Expired]:
    """Without a note: it belongs to another time, or to somebody who is to be forgotten."""
    agreed = state.agreed if isinstance(state, Granted) else None
    return Step(Expired(state.wanted, env.now, event.reason, agreed))


@machine.on
def refuse_when_decided(state: Granted, event: Grant | Refuse, env: Env) -> Step[Granted]:
    """Somebody else was faster."""
    return Step(state, refused="approval_over")


@machine.on
def refuse_undecided(state: Waiting, event: Use, env: Env) -> Step[Waiting]:
    """Nobody has agreed yet."""
    return Step(state, refused="approval_waiting")


@machine.on
def refuse_when_over(state: D, event: Grant | Refuse | Withdraw | Use, env: Env) -> Step[D]:
    """Whatever anybody wants of it, it is over."""
    return Step(state, refused="approval_over")


machine.ignore(Unasked, Grant | Refuse | Withdraw | Use | DeadlinePassed | Void, why="it is stored from its request on")
machine.ignore(_Started, Ask, why="every request starts an approval of its own")
machine.ignore(Ended, DeadlinePassed | Void, why="it is over already")


def _is_late(state: Live, env: Env) -> bool:
    return env.now >= _until(state)


def _until(state: Live) -> datetime:
    return state.until if isinstance(state, Waiting) else state.agreed.until


def _is_own(wanted: Wanted, by: Technician) -> bool:
    return wanted.technician.id == by.id


def _good_until(wanted: Wanted, event: Grant, now: datetime) -> datetime:
    """`now` where it would be good for nothing."""
    if wanted.kind == "address":
        return now + SEND_WITHIN
    if len(set(event.rests_on)) < 2 or event.green_until is None:
        return now
    return min(now + CLEARED_FOR, event.green_until)


def _run_out(state: Live, env: Env, refused: str = "") -> Step[Expired]:
    """The one place where time ends it, whoever noticed first. Clearance that was given is on the ticket already."""
    agreed = state.agreed if isinstance(state, Granted) else None
    over = Expired(state.wanted, env.now, "undecided" if agreed is None else "over", agreed)
    told = agreed is not None and state.wanted.kind == "high"
    return Step(over, () if told else note(over), refused)


def _end(ended: E) -> Step[E]:
    return Step(ended, note(ended))
