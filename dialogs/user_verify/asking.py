"""What a technician does: ask, have it sent again, take it back, ask anew."""

from __future__ import annotations

from dataclasses import replace

from dialogs.effects import AlertTenant, Effect, WakeAt
from dialogs.machine import Step
from dialogs.user_verify.declared import machine
from dialogs.user_verify.events import Asked, CancelAsked, NewerAsked, ResendAsked
from dialogs.user_verify.methods import METHODS
from dialogs.user_verify.records import Blank, Challenge, Env, Expired, Sent, Wording
from dialogs.user_verify.steps import DEADLINE, expired, grown, is_late, noted, run_out
from dialogs.user_verify.words import names, send, ticket_wanted


@machine.on
def ask(state: Blank, event: Asked, env: Env) -> Step[Blank | Sent]:
    """Send code or link, or call. Its life begins now and nothing prolongs it."""
    facts = METHODS[event.request.method]
    if not facts.built or (event.link if facts.way == "link" else event.code) is None:
        return Step(state, refused="method_not_set_up")
    lasts = env.policy.link_lifetime if facts.way == "link" else env.policy.code_lifetime
    wording: Wording = "conflict" if event.conflict else "introduced" if event.introduced else "usual"
    challenge = Challenge(
        code=event.code if facts.way == "code" else None,
        digest=event.digest,
        expires_at=env.now + lasts,
        spoken=event.spoken,
        spoken_digest=event.spoken_digest,
        wording=wording,
    )
    override = event.request.override
    trail = grown((), env, "overridden", event.request.technician.first_name) if override is not None else ()
    sent = Sent(event.request, challenge, grown(trail, env, "asked", event.request.technician.first_name))
    review: tuple[Effect, ...] = ()
    if override is not None and override.alone:
        review = (AlertTenant("override_to_review", names(event.request) | {"reason": override.reason}),)
    told = send(event.request, challenge, event.link)
    return Step(sent, (told, WakeAt(DEADLINE, challenge.expires_at), *review, *ticket_wanted(event.request)))


@machine.on
def send_again(state: Sent, event: ResendAsked, env: Env) -> Step[Sent | Expired]:
    """The same code once more, its life not prolonged. A link is not kept, so it cannot be repeated. There is no second
    call until the first is known to be over: one that nobody has heard of yet may still wait at the carrier, and two
    phones that ring, or say the same code twice, only confuse."""
    if is_late(state, env):
        return run_out(state, env, refused="verification_over")
    if event.technician.id != state.request.technician.id:
        return Step(state, refused="not_your_verification")
    if state.challenge.code is None:
        return Step(state, refused="nothing_to_resend")
    by_phone = METHODS[state.request.method].channel == "phone"
    if by_phone and (state.call_awaited or not state.call_over):
        return Step(state, refused="call_under_way")
    again = replace(state.challenge, sends=state.challenge.sends + 1)
    told = noted(state, env, "resent", event.technician.first_name)
    after = replace(told, challenge=again, call_awaited=by_phone)
    return Step(after, (send(state.request, again),))


@machine.on
def cancel(state: Sent, event: CancelAsked, env: Env) -> Step[Sent | Expired]:
    """Taken back; what was sent is worth nothing from here on."""
    if is_late(state, env):
        return run_out(state, env, refused="verification_over")
    if event.technician.id != state.request.technician.id:
        return Step(state, refused="not_your_verification")
    return expired(state, env, "cancelled", event.technician.first_name)


@machine.on
def supersede(state: Sent, event: NewerAsked, env: Env) -> Step[Expired]:
    """One code at a time: with two of them about, nobody would know which is meant."""
    return run_out(state, env) if is_late(state, env) else expired(state, env, "superseded")
