"""What several transitions share: how a verification ends, how its story grows, how an answer is compared."""

from __future__ import annotations

import hmac
from dataclasses import replace
from typing import Literal

from dialogs.effects import AlertTenant, Effect, EndShields, NoteTicket
from dialogs.machine import Step
from dialogs.tech_verify.records import Happened, Logged
from dialogs.tech_verify.rules import MAX_TRAIL
from dialogs.user_verify.methods import METHODS, Assurance
from dialogs.user_verify.policy import MAX_WRONG_NUMBERS
from dialogs.user_verify.records import D, Env, Expired, Failed, Request, Sent, Undelivered
from dialogs.user_verify.words import log_result, names

#: The timer of the deadline.
DEADLINE = "euv_deadline"
#: In the story: the contact said that it was not them, after the end.
DENIED_LATE = "euv_denied_late"
#: How often the code is read at the press of a key, and to whoever picks up first.
MAX_SAYS = 5

Trail = tuple[Happened, ...]


def is_late(state: Sent, env: Env) -> bool:
    return env.now >= state.challenge.expires_at


def grown(trail: Trail, env: Env, what: str, who: str = "") -> Trail:
    """The story with one more line; its first line stays, however long it gets."""
    kept = trail if len(trail) < MAX_TRAIL else (trail[0], *trail[2:])
    return (*kept, Happened(env.now, "euv_" + what, who))


def noted(state: Sent, env: Env, what: str, who: str = "") -> Sent:
    return replace(state, trail=grown(state.trail, env, what, who))


def same(typed: str, digest: str) -> bool:
    """Compared in constant time. Nothing equals an empty digest."""
    return bool(digest) and hmac.compare_digest(typed.encode(), digest.encode())


def tries(state: Sent, env: Env) -> int:
    """How many wrong answers it takes in all."""
    return MAX_WRONG_NUMBERS if METHODS[state.request.method].way == "link" else env.policy.max_wrong_codes


def tries_left(state: Sent, env: Env) -> int:
    return max(0, tries(state, env) - state.challenge.wrong)


def worth(request: Request, *, typed_number: bool) -> Assurance:
    """What a right answer is worth. Typing the number that the technician says makes a tap as good as a code; a mailbox
    stays a mailbox, whatever is typed."""
    plain = METHODS[request.method].assurance
    return Assurance.CODE if typed_number and plain is Assurance.TAP else plain


def run_out(state: Sent, env: Env, refused: str = "") -> Step[Expired]:
    """The one place where time ends it, whoever noticed first: the timer, the user or a technician."""
    return expired(state, env, "deadline", refused=refused)


def expired(
    state: Sent,
    env: Env,
    reason: Literal["deadline", "superseded", "cancelled", "opted_out", "alarm"],
    who: str = "",
    refused: str = "",
) -> Step[Expired]:
    trail = grown(state.trail, env, reason, who)
    logged, note = log_result(state.request, trail, env.policy, reason)
    return Step(Expired(state.request, env.now, reason, logged, trail), note, refused)


def undelivered(state: Sent, env: Env, reason: str) -> Step[Undelivered]:
    """It never got there; the technician sees why and may try another way."""
    trail = grown(state.trail, env, "undelivered")
    logged, note = log_result(state.request, trail, env.policy, "undelivered", why=reason)
    return Step(Undelivered(state.request, env.now, reason, logged, trail), note)


def count_wrong(
    state: Sent,
    env: Env,
    what: str,
    reason: Literal["wrong_codes", "wrong_numbers"],
    refused: str,
    who: str = "",
    *,
    last: bool = False,
) -> Step[Sent | Failed]:
    """One wrong answer more, and the end of it with the last one that is allowed. `last`: this is it, however few."""
    wrong = state.challenge.wrong + 1
    counted = replace(noted(state, env, what, who), challenge=replace(state.challenge, wrong=wrong))
    if wrong < tries(state, env) and not last:
        return Step(counted, refused=refused)
    trail = grown(counted.trail, env, "failed")
    logged, note = log_result(state.request, trail, env.policy, reason)
    return Step(Failed(state.request, env.now, reason, logged, trail), note, refused)


def deny_late(state: D, env: Env) -> Step[D]:
    """Too late to change the outcome, never too late to raise the alarm; once, however often it is said. A ticket that
    already tells the outcome is told this too."""
    if any(line.what == DENIED_LATE for line in state.trail):
        return Step(state)
    after = replace(state, trail=grown(state.trail, env, "denied_late"))
    note: tuple[Effect, ...] = ()
    if state.logged is Logged.WRITTEN and state.request.ticket is not None:
        note = (NoteTicket(state.request.ticket.id, "note.euv_late_deny", names(state.request)),)
    return Step(after, (AlertTenant("euv_denied", names(state.request)), EndShields(), *note))
