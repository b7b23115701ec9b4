"""The phone call that reads the code, and everything else a provider says about what was sent.

Words may come in any order: that somebody picked up can be heard before that the call was placed. We ask for one call
after the other, but a carrier that took one twice lets two ring; what is heard on one says nothing of the other.
"""

from __future__ import annotations

from dataclasses import replace

from dialogs.machine import Step
from dialogs.user_verify.declared import machine
from dialogs.user_verify.events import CallAnswered, CallEnded, CallKeyed, CallPlaced, SendFailed
from dialogs.user_verify.methods import METHODS
from dialogs.user_verify.records import Env, Expired, Sent, Undelivered
from dialogs.user_verify.steps import MAX_SAYS, is_late, noted, run_out, undelivered
from dialogs.user_verify.words import say


@machine.on
def keep_call(state: Sent, event: CallPlaced, env: Env) -> Step[Sent]:
    """The phone rings, or will."""
    return Step(_on(state, event.call_id) if _by_phone(state) else state)


@machine.on
def answer_call(state: Sent, event: CallAnswered, env: Env) -> Step[Sent | Undelivered | Expired]:
    """A person hears the code, a machine never does. Whoever cannot be told apart presses a key first."""
    if is_late(state, env):
        return run_out(state, env)
    if not _by_phone(state):
        return Step(state)
    here = (_to_person if event.by == "person" else _on)(state, event.call_id)
    if not is_of_call(here, event.call_id) or here.call_over or here.challenge.call_answered:
        return Step(here)
    if event.by == "machine":
        met = noted(replace(here, call_over=True), env, "call_machine")
        return undelivered(met, env, "machine") if met.challenge.says == 0 else Step(met)
    if event.by == "unknown":
        return Step(noted(here, env, "call_unknown"))
    return _speak(noted(here, env, "call_person"))


@machine.on
def say_again(state: Sent, event: CallKeyed, env: Env) -> Step[Sent | Expired]:
    """1 reads the code (again), a few times at most; other keys do nothing."""
    if is_late(state, env):
        return run_out(state, env)
    if not _by_phone(state):
        return Step(state)
    here = (_to_person if event.digit == "1" else _on)(state, event.call_id)
    of_other = not is_of_call(here, event.call_id)
    if event.digit != "1" or of_other or here.call_over or here.challenge.says >= MAX_SAYS:
        return Step(here)
    return _speak(noted(here, env, "call_keyed"))


@machine.on
def end_call(state: Sent, event: CallEnded, env: Env) -> Step[Sent | Undelivered]:
    """Who has heard the code may still tell it. Else it never arrived, and the technician sees why."""
    if not _by_phone(state):
        return Step(state)
    here = _on(state, event.call_id)
    if here.call_over or not is_of_call(here, event.call_id):
        return Step(here)
    over = noted(replace(here, call_over=True), env, "call_over")
    if over.challenge.says > 0:
        return Step(over)
    return undelivered(over, env, "not_heard" if event.how == "completed" else event.how)


@machine.on
def count_failed_send(state: Sent, event: SendFailed, env: Env) -> Step[Sent | Undelivered]:
    """One of what was sent will never arrive. While another may have, it stays live. A call that was never placed does
    not stand in the way of the next."""
    failed = replace(state.challenge, failed=state.challenge.failed + 1)
    awaited = state.call_awaited and not event.call
    after = noted(replace(state, challenge=failed, call_awaited=awaited), env, "send_failed")
    if failed.failed >= max(state.challenge.sends, state.challenge.says):
        return undelivered(after, env, event.code)
    return Step(after)


def is_of_call(state: Sent, call_id: str) -> bool:
    """Whether it happened on the call that the verification goes by, as far as is said."""
    return not call_id or call_id == state.call_id


def _by_phone(state: Sent) -> bool:
    """Whether there can be a call at all: a code that went out as a text is not read to whoever rings."""
    return METHODS[state.request.method].channel == "phone"


def _on(state: Sent, call_id: str) -> Sent:
    """With what is known of this call. A call that was not known is a new one, unless a newer one is under way."""
    known = call_id == state.call_id or call_id in state.calls_before
    if not call_id or known or (state.call_id and not state.call_over):
        return state
    fresh = replace(state.challenge, call_answered="")
    before = (*state.calls_before, state.call_id) if state.call_id else ()
    return replace(state, call_id=call_id, call_over=False, calls_before=before, call_awaited=False, challenge=fresh)


def _to_person(state: Sent, call_id: str) -> Sent:
    """As `_on`, of a call with a person on it: while nobody has heard the code, it is said there, whatever else rings.
    Once it was heard, an earlier call may only be heard of late, and is no reason to leave the one under way."""
    here = _on(state, call_id)
    if is_of_call(here, call_id) or here.challenge.says > 0:
        return here
    return replace(here, call_id=call_id)


def _speak(state: Sent) -> Step[Sent]:
    code, says = state.challenge.code, state.challenge.says + 1
    if code is None or not state.call_id:
        return Step(state)
    spoken = replace(state, challenge=replace(state.challenge, call_answered="person", says=says))
    return Step(spoken, (say(state, state.call_id, code, last=says >= MAX_SAYS),))
