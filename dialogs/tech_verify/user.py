"""What the user says: `#verify`, `#confirm`, `#deny`, STOP, and everything that was nearly one of them."""

from __future__ import annotations

import hmac
from dataclasses import replace
from typing import TypeVar

from dialogs.effects import AlertTenant, Effect, EndAnnouncement, GiveBackChallenge, NoteTicket, TellUser, WakeAt
from dialogs.machine import Step
from dialogs.tech_verify.declared import machine
from dialogs.tech_verify.events import (
    ConfirmMisdirected,
    ConfirmReceived,
    DenyReceived,
    NearMissReceived,
    NewerRequested,
    OptedOut,
    VerifyRequested,
)
from dialogs.tech_verify.records import (
    Alarm,
    Blank,
    Challenge,
    Claim,
    Claimed,
    Confirmed,
    Denied,
    Expired,
    L,
    Live,
    Logged,
    Open,
    Rejected,
    Story,
    Superseded,
    Ticket,
)
from dialogs.tech_verify.rules import DEADLINE, NOBODY_CLAIMED, Env, Mode
from dialogs.tech_verify.steps import (
    against_claim,
    claim_of,
    confirm_without_gate,
    count_wrong_code,
    happened,
    hint,
    is_late,
    run_out,
    sound_alarm,
    without_texts,
)
from dialogs.tech_verify.words import claimer, code_text, log_result, names, picked, ticket_wanted

#: Whose outcome stands when `#deny` comes after it.
A = TypeVar("A", bound=Confirmed | Rejected | Expired | Alarm)


@machine.on
def issue_code(state: Blank, event: VerifyRequested, env: Env) -> Step[Live]:
    """Send the code. With an announced call the check claims itself, and the one text names technician and ticket.

    An announcement is a claim made earlier, so what a claim would be refused for leaves the check open."""
    until = env.now + env.rules.lifetime
    challenge = Challenge(event.code, event.digest, env.rules.mode, until)
    story = happened(Story(event.asker, env.now), env.now, "requested")
    wake = WakeAt(DEADLINE, until)
    call = event.announced
    asker = picked(event.asker, call.contact) if call is not None and not against_claim(call, env.rules) else None
    if call is None or asker is None:
        opened = Open(story, challenge)
        return Step(
            opened,
            (code_text(opened, again=event.again), wake, WakeAt(NOBODY_CLAIMED, env.now + env.rules.alert_after)),
        )
    claim = Claim(call.technician, call.direction, call.ticket, env.now, announced=True)
    story = happened(replace(story, asker=asker), env.now, "claimed_by_announcement", call.technician.first_name)
    claimed = Claimed(story, challenge, claim, told=True)
    return Step(claimed, (code_text(claimed, again=event.again), wake, *ticket_wanted(claimed)))


@machine.on
def confirm_unclaimed(state: Open, event: ConfirmReceived, env: Env) -> Step[Open | Confirmed | Expired | Alarm]:
    """Nobody of ours has opened it: warn once, then sound the alarm. The words come from system state, not from the
    caller."""
    if is_late(state, env):
        return run_out(state, env)
    if not env.rules.require_claim:
        return confirm_without_gate(state, event, env)
    if not state.challenge.confirmed_early:
        warned = replace(
            state,
            story=happened(state.story, env.now, "confirmed_early"),
            challenge=replace(state.challenge, confirmed_early=True),
        )
        return Step(warned, (TellUser("tv.early_confirm"),))
    return sound_alarm(state, env, "confirmed_unclaimed")


@machine.on
def confirm(state: Claimed, event: ConfirmReceived, env: Env) -> Step[Claimed | Confirmed | Expired | Alarm]:
    """The deadline counts, not the timer. A wrong code never confirms, in either mode."""
    if is_late(state, env):
        return run_out(state, env)
    if event.typed is not None:
        if not hmac.compare_digest(event.typed, state.challenge.digest):
            return count_wrong_code(state, env)
    elif state.challenge.mode is Mode.TRANSFER:
        return hint(state, env, "tv.code_needed")
    story = happened(state.story, env.now, "confirmed")
    logged, note = log_result(state.claim, story, env, "confirmed", assurance=state.challenge.mode.value)
    done = Confirmed(story, env.now, state.claim, state.challenge.mode.value, logged)
    told = TellUser("tv.confirmed", claimer(state.claim))
    return Step(done, (told, GiveBackChallenge(), *note, EndAnnouncement()))


@machine.on
def send_to_right_number(state: L, event: ConfirmMisdirected, env: Env) -> Step[L | Expired]:
    """A confirmation must come to the number the code came from; anything else is refused and kept."""
    if is_late(state, env):
        return run_out(state, env)
    return hint(state, env, "tv.misdirected", number=event.number)


@machine.on
def deny(state: Live, event: DenyReceived, env: Env) -> Step[Denied | Expired]:
    """The user says this is not my technician: end it and tell the tenant at once. A late denial still alerts."""
    claim = claim_of(state)
    alert = AlertTenant("denied", names(state.story, claim))
    if is_late(state, env):
        late = run_out(replace(state, story=happened(state.story, env.now, "denied_late")), env)
        return Step(late.state, (TellUser("tv.denied"), *without_texts(late.effects), alert))
    story = happened(state.story, env.now, "denied")
    logged, note = log_result(claim, story, env, "denied")
    done = Denied(story, env.now, claim, logged)
    # Without a technician in it nobody of ours was asked, and one phone could go round and round at our expense.
    back = (GiveBackChallenge(),) if claim is not None else ()
    return Step(done, (TellUser("tv.denied"), *back, alert, *note, EndAnnouncement()))


@machine.on
def deny_afterwards(state: A, event: DenyReceived, env: Env) -> Step[A]:
    """Too late to change the outcome, never too late to raise the alarm; once, however often it is said. A ticket that
    already tells the outcome is told this too."""
    if any(line.what == "denied_late" for line in state.story.trail):
        return Step(state)
    story = happened(state.story, env.now, "denied_late")
    named = names(state.story, state.claim)
    note: tuple[Effect, ...] = ()
    if state.logged is Logged.WRITTEN and state.claim is not None and isinstance(state.claim.ticket, Ticket):
        note = (NoteTicket(state.claim.ticket.id, "note.tv_late_deny", named),)
    return Step(replace(state, story=story), (TellUser("tv.late_deny"), AlertTenant("late_deny", named), *note))


@machine.on
def give_hint(state: L, event: NearMissReceived, env: Env) -> Step[L | Expired]:
    """Somebody with a check open wrote something else; say what would count, a few times at most."""
    if is_late(state, env):
        return run_out(state, env)
    return hint(state, env, "tv.hint" if state.challenge.mode is Mode.COMPARE else "tv.code_needed")


@machine.on
def opt_out(state: Live, event: OptedOut, env: Env) -> Step[Expired]:
    """STOP ends the check without another word."""
    story = happened(state.story, env.now, "opted_out")
    claim = claim_of(state)
    logged, note = log_result(claim, story, env, "opted_out")
    return Step(Expired(story, env.now, claim, "opted_out", logged), (*note, EndAnnouncement()))


@machine.on
def supersede(state: Live, event: NewerRequested, env: Env) -> Step[Superseded]:
    """A repeated `#verify` is how a user says 'that did not match'. The old code is dead from here on."""
    story = happened(state.story, env.now, "superseded")
    claim = claim_of(state)
    logged, note = log_result(claim, story, env, "superseded")
    return Step(Superseded(story, env.now, claim, event.by, logged), note)
