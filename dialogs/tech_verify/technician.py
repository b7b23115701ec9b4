"""What a technician does: claim, release, take over, end it, send the code again, write down a spoken yes."""

from __future__ import annotations

from dataclasses import replace

from dialogs.effects import EndAnnouncement, GiveBackChallenge, TellUser, WakeAt
from dialogs.machine import Step
from dialogs.tech_verify.declared import machine
from dialogs.tech_verify.events import (
    CheckRejected,
    ClaimMade,
    ClaimReleased,
    ClaimTakenOver,
    ResendAsked,
    VerballyConfirmed,
)
from dialogs.tech_verify.records import Challenge, Claim, Claimed, Confirmed, Expired, L, Live, Open, Rejected
from dialogs.tech_verify.rules import MAX_HANDOVERS, NOBODY_CLAIMED, Env
from dialogs.tech_verify.steps import against_claim, claim_of, happened, is_late, run_out
from dialogs.tech_verify.words import claimer, code_text, log_result, picked, ticket_wanted


@machine.on
def claim_check(state: Open, event: ClaimMade, env: Env) -> Step[Live | Expired]:
    """Bind it to a technician, a ticket and a direction; only then may the code be seen (SEC-02)."""
    if is_late(state, env):
        return run_out(state, env, refused="expired")
    objection = against_claim(event, env.rules)
    if objection:
        return Step(state, refused=objection)
    asker = picked(state.story.asker, event.contact)
    if asker is None:
        return Step(state, refused="pick_contact")
    if state.challenge.handovers >= MAX_HANDOVERS:
        return Step(state, refused="too_many_handovers")
    claim = Claim(event.technician, event.direction, event.ticket, env.now)
    story = happened(replace(state.story, asker=asker), env.now, "claimed", event.technician.first_name)
    soon = env.now - story.requested_at < env.rules.fold_notice_within
    fold = soon and not state.given_back and not state.challenge.confirmed_early
    claimed = Claimed(story, state.challenge, claim, told=not fold)
    notice = () if fold else (TellUser("tv.claimed", claimer(claim)),)
    return Step(claimed, (*notice, *ticket_wanted(claimed)))


@machine.on
def refuse_second_claim(state: Claimed, event: ClaimMade, env: Env) -> Step[Claimed | Expired]:
    """Two technicians raced and this one came second. The same technician twice is the same tap twice."""
    if is_late(state, env):
        return run_out(state, env, refused="expired")
    return Step(state, refused="" if event.technician.id == state.claim.technician.id else "already_claimed")


@machine.on
def release(state: Claimed, event: ClaimReleased, env: Env) -> Step[Live | Expired]:
    """Back to the row that anyone may claim. The people on duty are alerted again if nobody does."""
    if is_late(state, env):
        return run_out(state, env, refused="expired")
    if event.technician.id != state.claim.technician.id:
        return Step(state, refused="not_yours")
    story = happened(state.story, env.now, "released", event.technician.first_name)
    again = WakeAt(NOBODY_CLAIMED, env.now + env.rules.alert_after)
    return Step(Open(story, handed_over(state.challenge), given_back=True), (EndAnnouncement(), again))


@machine.on
def take_over(state: Claimed, event: ClaimTakenOver, env: Env) -> Step[Claimed | Expired]:
    """Another technician goes on; the user is told the new name."""
    if is_late(state, env):
        return run_out(state, env, refused="expired")
    if event.technician.id == state.claim.technician.id:
        return Step(state)
    if state.challenge.handovers >= MAX_HANDOVERS:
        return Step(state, refused="too_many_handovers")
    claim = replace(state.claim, technician=event.technician, at=env.now, announced=False)
    story = happened(state.story, env.now, "taken_over", event.technician.first_name)
    told = TellUser("tv.taken_over", claimer(claim))
    taken = Claimed(story, handed_over(state.challenge), claim, told=True)
    return Step(taken, (told, EndAnnouncement()))


@machine.on
def refuse_take_over(state: Open, event: ClaimTakenOver, env: Env) -> Step[Open | Expired]:
    """There is no claimer to take it from; a claim says how technician and user came together, a take-over cannot."""
    if is_late(state, env):
        return run_out(state, env, refused="expired")
    return Step(state, refused="not_claimed")


@machine.on
def confirm_verbally(state: Claimed, event: VerballyConfirmed, env: Env) -> Step[Claimed | Confirmed | Expired]:
    """The user said yes out loud. Kept as what it is: the technician's own word, never green. A user who has not been
    told yet who claimed learns it now (SEC-04)."""
    if is_late(state, env):
        return run_out(state, env, refused="expired")
    if event.technician.id != state.claim.technician.id:
        return Step(state, refused="not_yours")
    if not event.note.strip():
        return Step(state, refused="note_required")
    story = happened(state.story, env.now, "confirmed_verbally", event.technician.first_name)
    logged, note = log_result(state.claim, story, env, "confirmed", assurance="verbal", remark=event.note.strip())
    done = Confirmed(story, env.now, state.claim, "verbal", logged, event.note.strip())
    notice = () if state.told else (TellUser("tv.claimed", claimer(state.claim)),)
    return Step(done, (*notice, GiveBackChallenge(), *note, EndAnnouncement()))


@machine.on
def reject(state: L, event: CheckRejected, env: Env) -> Step[L | Rejected | Expired]:
    """A technician ends it: not our call, a test, a mistake. The user is told that it is over."""
    if is_late(state, env):
        return run_out(state, env, refused="expired")
    claim = claim_of(state)
    if claim is not None and claim.technician.id != event.technician.id:
        return Step(state, refused="not_yours")
    if not event.reason.strip():
        return Step(state, refused="reason_required")
    story = happened(state.story, env.now, "rejected", event.technician.first_name)
    logged, note = log_result(claim, story, env, "rejected", remark=event.reason.strip())
    done = Rejected(story, env.now, claim, event.reason.strip(), logged)
    return Step(done, (TellUser("tv.rejected"), GiveBackChallenge(), *note, EndAnnouncement()))


@machine.on
def resend(state: L, event: ResendAsked, env: Env) -> Step[L | Expired]:
    """The same code once more, its life not prolonged. Once claimed, the text names who has it."""
    if is_late(state, env):
        return run_out(state, env, refused="expired")
    claim = claim_of(state)
    if claim is not None and claim.technician.id != event.technician.id:
        return Step(state, refused="not_yours")
    story = happened(state.story, env.now, "resent", event.technician.first_name)
    sent = replace(state, story=story)
    if isinstance(sent, Claimed):
        sent = replace(sent, told=True)
    return Step(sent, (code_text(sent, again=False),))


def handed_over(challenge: Challenge) -> Challenge:
    """Counted, because every claim and take-over costs the user a text: nobody may pass a check to and fro for ever."""
    return replace(challenge, handovers=challenge.handovers + 1)
