"""What several transitions share: how a check ends, how a text is put together, how often a hint is given."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal

from dialogs.effects import AlertTenant, Effect, EndAnnouncement, TellUser, Value
from dialogs.machine import Step
from dialogs.tech_verify.events import Announced, ClaimMade, ConfirmReceived
from dialogs.tech_verify.records import (
    Alarm,
    Claim,
    Claimed,
    Confirmed,
    Expired,
    Happened,
    L,
    Later,
    Live,
    Logged,
    Open,
    Story,
)
from dialogs.tech_verify.rules import MAX_HINTS, MAX_TRAIL, Direction, Env, Mode, Rules
from dialogs.tech_verify.words import claimer, log_result, names


def is_late(state: Live, env: Env) -> bool:
    return env.now >= state.challenge.expires_at


def claim_of(state: Live) -> Claim | None:
    return state.claim if isinstance(state, Claimed) else None


def against_claim(event: ClaimMade | Announced, rules: Rules) -> str:
    """Why this claim, or this claim recorded earlier, must not show the code; empty when it may."""
    if event.direction is Direction.USER_CALLED_US:
        return "user_called_us"
    if isinstance(event.ticket, Later) and rules.ticket_at_claim == "required":
        return "ticket_required"
    return ""


def happened(story: Story, at: datetime, what: str, who: str = "") -> Story:
    kept = story.trail if len(story.trail) < MAX_TRAIL else (story.trail[0], *story.trail[2:])
    return replace(story, trail=(*kept, Happened(at, what, who)))


def run_out(state: Live, env: Env, refused: str = "") -> Step[Expired]:
    """The one place where time ends a check, whoever noticed first: the timer, the user or a technician."""
    claim = claim_of(state)
    story = happened(state.story, env.now, "expired")
    logged, note = log_result(claim, story, env, "expired")
    text = TellUser("tv.expired") if claim is not None else TellUser("tv.nobody_claimed")
    alert = () if claim is not None else (AlertTenant("nobody_claimed", names(story, None)),)
    return Step(Expired(story, env.now, claim, "deadline", logged), (text, *alert, *note, EndAnnouncement()), refused)


def without_texts(effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
    return tuple(e for e in effects if not isinstance(e, TellUser))


def count_wrong_code(state: L, env: Env) -> Step[L | Alarm]:
    wrong = state.challenge.wrong_codes + 1
    if wrong >= env.rules.max_wrong_codes:
        return sound_alarm(state, env, "wrong_codes")
    counted = replace(
        state, story=happened(state.story, env.now, "wrong_code"), challenge=replace(state.challenge, wrong_codes=wrong)
    )
    return _say(counted, "tv.wrong_code", {"left": env.rules.max_wrong_codes - wrong})


def sound_alarm(state: Live, env: Env, reason: Literal["confirmed_unclaimed", "wrong_codes"]) -> Step[Alarm]:
    claim = claim_of(state)
    story = happened(state.story, env.now, "alarm_" + reason)
    logged, note = log_result(claim, story, env, "alarm")
    text = TellUser("tv.alarm_unclaimed" if reason == "confirmed_unclaimed" else "tv.alarm_wrong_codes")
    alert = AlertTenant(reason, names(story, claim))
    return Step(Alarm(story, env.now, claim, reason, logged), (text, alert, *note, EndAnnouncement()))


def confirm_without_gate(state: Open, event: ConfirmReceived, env: Env) -> Step[Open | Confirmed | Alarm]:
    """The tenant has switched the claim gate off: the record says `unclaimed`, and so does the text."""
    if event.typed is not None:
        if not hmac.compare_digest(event.typed, state.challenge.digest):
            return count_wrong_code(state, env)
    elif state.challenge.mode is Mode.TRANSFER:
        return hint(state, env, "tv.code_needed")
    story = happened(state.story, env.now, "confirmed")
    done = Confirmed(story, env.now, None, "unclaimed", Logged.NOT_DUE)
    # Not given back: nobody of ours had a hand in it, and one phone could go round and round at our expense.
    return Step(done, (TellUser("tv.confirmed_unclaimed"),))


def hint(state: L, env: Env, template: str, **values: Value) -> Step[L]:
    """Hints are bounded by the dialog: a machine that answers us must not be answered for ever."""
    if state.challenge.hints >= MAX_HINTS:
        return Step(state)
    hinted = replace(state, challenge=replace(state.challenge, hints=state.challenge.hints + 1))
    return _say(hinted, template, values)


def _say(state: L, template: str, values: Mapping[str, Value]) -> Step[L]:
    """One text to the user; who has claimed is folded in when that has not been said yet (SEC-04)."""
    if isinstance(state, Open) or state.told:
        return Step(state, (TellUser(template, {"notice": "", **values}),))
    named = {"notice": "phrase.notice", **claimer(state.claim), **values}
    return Step(replace(state, told=True), (TellUser(template, named),))
