"""What time does, what the operator does, and what changes nothing."""

from __future__ import annotations

from typing import TypeAlias

from dialogs.effects import EndShields, WakeAt
from dialogs.machine import Step
from dialogs.tech_verify.records import Logged
from dialogs.user_verify.declared import machine
from dialogs.user_verify.events import (
    Asked,
    CallAnswered,
    CallEnded,
    CallKeyed,
    CallPlaced,
    CancelAsked,
    CodeTyped,
    DeadlinePassed,
    Disowned,
    LinkConfirmed,
    NewerAsked,
    OptedOut,
    ResendAsked,
    SendFailed,
    TicketCreated,
    TicketFailed,
    TicketLinked,
    Voided,
)
from dialogs.user_verify.records import Blank, D, Denied, Ended, Env, Expired, Failed, Sent, Undelivered, Verified
from dialogs.user_verify.steps import DEADLINE, expired, grown, is_late, run_out


@machine.on
def expire(state: Sent, event: DeadlinePassed, env: Env) -> Step[Sent | Expired]:
    """A timer may ring early; only the deadline itself ends it, and the timer is set again for it."""
    if is_late(state, env):
        return run_out(state, env)
    return Step(state, (WakeAt(DEADLINE, state.challenge.expires_at),))


@machine.on
def void(state: Sent, event: Voided, env: Env) -> Step[Expired]:
    """It ends here, without a text and without a note: it belongs to another time, to somebody who is to be forgotten,
    or to a number that is theirs no longer. After an alarm the ticket is told, for the work on it goes on."""
    if event.reason == "alarm":
        step = expired(state, env, "alarm")
        return Step(step.state, (EndShields(), *step.effects))
    trail = grown(state.trail, env, "voided")
    return Step(Expired(state.request, env.now, event.reason, Logged.NOT_DUE, trail), (EndShields(),))


@machine.on
def void_result(state: Verified, event: Voided, env: Env) -> Step[Verified]:
    """What was shown then proves nothing now; that it was shown stays on record."""
    return Step(state, (EndShields(),))


@machine.on
def refuse_when_over(state: D, event: CodeTyped | ResendAsked | CancelAsked, env: Env) -> Step[D]:
    """Whatever a technician wants of it, it is over."""
    return Step(state, refused="verification_over")


# --- what changes nothing, and why ----------------------------------------------------------------------------------

_Started: TypeAlias = Sent | Ended
_FromOutside: TypeAlias = SendFailed | CallPlaced | CallAnswered | CallKeyed | CallEnded

machine.ignore(_Started, Asked, why="every request starts a verification of its own; this one is told NewerAsked")
machine.ignore(
    Ended,
    NewerAsked | OptedOut | DeadlinePassed,
    why="it is over already",
)
machine.ignore(Ended, LinkConfirmed, why="the page shows what came of it the first time")
machine.ignore(
    Ended,
    _FromOutside,
    why="it is over; what became of its texts and calls is kept beside them, and the call is told goodbye",
)
machine.ignore(Failed | Denied | Expired | Undelivered, Voided, why="nothing of it is green")
machine.ignore(
    Blank,
    NewerAsked
    | CodeTyped
    | LinkConfirmed
    | Disowned
    | ResendAsked
    | CancelAsked
    | TicketLinked
    | TicketCreated
    | TicketFailed
    | _FromOutside
    | DeadlinePassed
    | OptedOut
    | Voided,
    why="a verification is stored from its request on, so nothing else can reach it before",
)
