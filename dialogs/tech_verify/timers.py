"""What time does, what the operator does, and what changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from dialogs.effects import AlertTechnicians, EndAnnouncement, WakeAt
from dialogs.machine import Step
from dialogs.tech_verify.declared import machine
from dialogs.tech_verify.events import (
    CheckRejected,
    CheckVoided,
    ClaimMade,
    ClaimReleased,
    ClaimTakenOver,
    ConfirmMisdirected,
    ConfirmReceived,
    DeadlinePassed,
    DenyReceived,
    NearMissReceived,
    NewerRequested,
    NobodyClaimedYet,
    NoteApproved,
    OptedOut,
    ResendAsked,
    TicketCreated,
    TicketFailed,
    TicketLinked,
    VerballyConfirmed,
    VerifyRequested,
)
from dialogs.tech_verify.records import (
    Blank,
    Claimed,
    D,
    Denied,
    Ended,
    Expired,
    L,
    Live,
    Logged,
    Open,
    Superseded,
)
from dialogs.tech_verify.rules import DEADLINE, Env
from dialogs.tech_verify.steps import claim_of, happened, is_late, run_out
from dialogs.tech_verify.words import names


@machine.on
def expire(state: L, event: DeadlinePassed, env: Env) -> Step[L | Expired]:
    """A timer may ring early; only the deadline itself ends the check, and the timer is set again for it."""
    if is_late(state, env):
        return run_out(state, env)
    return Step(state, (WakeAt(DEADLINE, state.challenge.expires_at),))


@machine.on
def alert_people_on_duty(state: Open, event: NobodyClaimedYet, env: Env) -> Step[Open | Expired]:
    """Somebody is on the phone with a stranger and nobody has looked."""
    if is_late(state, env):
        return run_out(state, env)
    story = happened(state.story, env.now, "people_on_duty_alerted")
    return Step(replace(state, story=story), (AlertTechnicians("tech.unclaimed", names(state.story, None)),))


@machine.on
def void(state: Live, event: CheckVoided, env: Env) -> Step[Expired]:
    """It ends here, without a text and without a note: whoever it was about has long hung up, is to be forgotten, or is
    told of the change of number by whoever changed it."""
    story = happened(state.story, env.now, "voided")
    return Step(Expired(story, env.now, claim_of(state), event.reason, Logged.NOT_DUE), (EndAnnouncement(),))


# --- what changes nothing, and why ----------------------------------------------------------------------------------

_Started: TypeAlias = Live | Ended
_WhenOver: TypeAlias = (
    NewerRequested
    | ConfirmReceived
    | ConfirmMisdirected
    | NearMissReceived
    | OptedOut
    | DeadlinePassed
    | NobodyClaimedYet
    | CheckVoided
)
_ByTechnician: TypeAlias = ClaimMade | ClaimReleased | ClaimTakenOver | VerballyConfirmed | CheckRejected | ResendAsked


@machine.on
def refuse_when_over(
    state: D,
    event: ClaimMade | ClaimReleased | ClaimTakenOver | VerballyConfirmed | CheckRejected | ResendAsked,
    env: Env,
) -> Step[D]:
    """Whatever a technician wants of it, it is over."""
    return Step(state, refused="ended")


@machine.on
def refuse_unclaimed(
    state: Open, event: ClaimReleased | TicketLinked | VerballyConfirmed, env: Env
) -> Step[Open | Expired]:
    """Only a claimer may do this, and there is none."""
    if is_late(state, env):
        return run_out(state, env, refused="expired")
    return Step(state, refused="not_claimed")


@machine.on
def refuse_note_while_live(state: L, event: NoteApproved, env: Env) -> Step[L]:
    """There is no result to write yet."""
    return Step(state, refused="no_note_due")


machine.ignore(
    _Started, VerifyRequested, why="every #verify starts a check of its own; this one is told NewerRequested"
)
machine.ignore(
    Ended,
    _WhenOver,
    why="the check is over; what the sender wrote is answered by the desk of the conversation",
)
machine.ignore(Denied, DenyReceived, why="said already, alerted already")
machine.ignore(Superseded, DenyReceived, why="the check that took its place hears the #deny")
machine.ignore(Claimed, NobodyClaimedYet, why="somebody has claimed it")
machine.ignore(Open, TicketCreated | TicketFailed, why="it was released meanwhile; the ticket stands without it")
machine.ignore(
    Blank,
    NewerRequested
    | ConfirmReceived
    | ConfirmMisdirected
    | DenyReceived
    | NearMissReceived
    | OptedOut
    | _ByTechnician
    | TicketLinked
    | TicketCreated
    | TicketFailed
    | NoteApproved
    | DeadlinePassed
    | NobodyClaimedYet
    | CheckVoided,
    why="a check is stored from its first #verify on, so nothing else can reach it before",
)
