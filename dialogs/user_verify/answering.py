"""What the user does: says the code, presses Validate, says "this is not me", or opts out."""

from __future__ import annotations

from dialogs.effects import AlertTenant, Effect, EndShields, GiveBackChallenge, TellUser
from dialogs.machine import Step
from dialogs.user_verify.declared import machine
from dialogs.user_verify.events import CodeTyped, Disowned, LinkConfirmed, OptedOut
from dialogs.user_verify.methods import METHODS
from dialogs.user_verify.records import D, Denied, Env, Expired, Failed, Sent, Verified
from dialogs.user_verify.steps import count_wrong, deny_late, expired, grown, is_late, run_out, same, worth
from dialogs.user_verify.words import log_result, names


@machine.on
def check_code(state: Sent, event: CodeTyped, env: Env) -> Step[Sent | Verified | Failed | Expired]:
    """The technician typed what they heard. The deadline counts, not the timer. The code of a check of a caller never
    counts here, and somebody is told that it was tried (SEC-07)."""
    if is_late(state, env):
        return run_out(state, env, refused="verification_over")
    if event.technician.id != state.request.technician.id:
        return Step(state, refused="not_your_verification")
    if METHODS[state.request.method].way != "code":
        return Step(state, refused="not_a_code_method")
    who = event.technician.first_name
    if event.other_purpose:
        step = count_wrong(state, env, "cross_purpose", "wrong_codes", "cross_purpose_code", who)
        alert = AlertTenant("cross_purpose", names(state.request))
        return Step(step.state, (*step.effects, alert), step.refused)
    if not same(event.digest, state.challenge.digest):
        return count_wrong(state, env, "wrong_code", "wrong_codes", "wrong_code", who)
    return verified(state, env, "verified_code", who)


@machine.on
def confirm_link(state: Sent, event: LinkConfirmed, env: Env) -> Step[Sent | Verified | Failed | Expired]:
    """A person pressed Validate. Where a number was spoken it must be the right one; a page without it counts for
    nothing, not even as a try."""
    if is_late(state, env):
        return run_out(state, env, refused="verification_over")
    if METHODS[state.request.method].way != "link":
        return Step(state, refused="not_a_link_method")
    spoken = state.challenge.spoken is not None
    if spoken and event.typed is None:
        return Step(state, refused="number_needed")
    if spoken and not same(event.typed or "", state.challenge.spoken_digest):
        return count_wrong(state, env, "wrong_number", "wrong_numbers", "wrong_number", last=event.last)
    return verified(state, env, "verified_link", typed_number=spoken)


def verified(state: Sent, env: Env, what: str, who: str = "", *, typed_number: bool = False) -> Step[Verified]:
    """The one way into `Verified`."""
    request, assurance = state.request, worth(state.request, typed_number=typed_number)
    trail = grown(state.trail, env, what, who)
    logged, note = log_result(request, trail, env.policy, "verified", assurance=assurance)
    done = Verified(request, env.now, assurance, env.now + env.policy.green_for, logged, trail)
    return Step(done, (GiveBackChallenge(), *note))


@machine.on
def disown(state: Sent, event: Disowned, env: Env) -> Step[Denied]:
    """Somebody may be posing as the user right now: end it, tell everybody, and believe nothing that was verified
    before (SEC-08). Also when the time has run out meanwhile: a denial gives nothing away."""
    trail = grown(state.trail, env, "denied_" + event.way)
    logged, note = log_result(state.request, trail, env.policy, "denied")
    alert = AlertTenant("euv_denied", names(state.request))
    done = Denied(state.request, env.now, event.way, logged, trail)
    return Step(done, (*_thanks(event), GiveBackChallenge(), alert, EndShields(), *note))


@machine.on
def disown_afterwards(state: D, event: Disowned, env: Env) -> Step[D]:
    """Whoever was verified may have been somebody else."""
    step = deny_late(state, env) if not isinstance(state, Denied) else Step(state)
    return Step(step.state, (*(_thanks(event) if step.effects else ()), *step.effects))


@machine.on
def opt_out(state: Sent, event: OptedOut, env: Env) -> Step[Expired]:
    """STOP ends it without another word."""
    return expired(state, env, "opted_out")


def _thanks(event: Disowned) -> tuple[Effect, ...]:
    return (TellUser("euv.denied_thanks"),) if event.way == "text" else ()
