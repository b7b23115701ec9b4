"""The people, tickets, states and helpers that the walks are written with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from dialogs.effects import AlertTenant, Code, Link, NoteTicket, TellUser, Value, WakeAt
from dialogs.machine import Step
from dialogs.tech_verify import Happened, Logged, Technician, Ticket
from dialogs.user_verify import (
    DEADLINE,
    Action,
    Assurance,
    Challenge,
    Destination,
    Ended,
    Event,
    Expired,
    Method,
    Policy,
    Request,
    Sent,
    State,
    Undelivered,
    Verified,
)

NOW = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)
ASKED = NOW - timedelta(seconds=30)
UNTIL = ASKED + timedelta(minutes=5)
CODE = Code("482913")
SPOKEN = Code("47")
LINK = Link("https://watchword.example.com/v/Zk3vQ9xN7bLw2RtYc8Hd5mUeJpA4sGfKiTzOqWnXyBo")
DANA = Technician("t-1", "Dana")
LEE = Technician("t-2", "Lee")
T42 = Ticket("42", "1042")
T77 = Ticket("77", "1077")
MOBILE = Destination("a-1", "mobile", "... 0142", is_default=True, is_new=False)
MAILBOX = Destination("a-2", "email", "p...@fabrikam.example", is_default=True, is_new=False)

ASKS = Request("c-1", "Pat Reyes", MOBILE, Method.SMS_CODE, DANA, T42, Action.STANDARD, ASKED)
BY_LINK = replace(ASKS, method=Method.SMS_LINK)
BY_CALL = replace(ASKS, method=Method.VOICE_CALL)
TRAIL = (Happened(ASKED, "euv_asked", "Dana"),)

LIVE = Challenge(CODE, "right", UNTIL)
SENT = Sent(ASKS, LIVE, TRAIL)
NO_TICKET = replace(SENT, request=replace(ASKS, ticket=None))
LINKED = Sent(BY_LINK, Challenge(None, "token", UNTIL), TRAIL)
NUMBERED = replace(LINKED, challenge=replace(LINKED.challenge, spoken=SPOKEN, spoken_digest="right"))
RINGING = Sent(BY_CALL, LIVE, TRAIL, call_id="CA1")
PLACING = replace(RINGING, call_id="")
HEARD = replace(RINGING, challenge=replace(LIVE, call_answered="person", says=1))


def due(state: Sent) -> Sent:
    """The same with its deadline at NOW, which is too late."""
    return replace(state, challenge=replace(state.challenge, expires_at=NOW))


#: What every text to the user may say about who asks.
WHO: dict[str, Value] = {"tech": "Dana", "about": "1042"}
BOTH: dict[str, Value] = {"contact": "Pat Reyes", "tech": "Dana"}
CODE_TEXT = TellUser("euv.send_sms_code", {**WHO, "until": UNTIL, "code": CODE}, drop_at=UNTIL, challenge=True)
DAY_END = WakeAt(DEADLINE, NOW + timedelta(minutes=5))
DENIED = AlertTenant("euv_denied", BOTH)


def after(*lines: str, trail: tuple[Happened, ...] = TRAIL) -> tuple[Happened, ...]:
    """The trail with lines told now, `what` or `what|who` each."""
    told = (line.partition("|") for line in lines)
    return (*trail, *(Happened(NOW, "euv_" + what, who) for what, _, who in told))


def told_on(state: Ended, line: str) -> tuple[Happened, ...]:
    """The trail of an ended one with one more line."""
    return after(line, trail=state.trail)


def grew(state: Sent, *lines: str, **changed: Any) -> Sent:
    """The state with more lines in its trail, and with changes to its challenge."""
    return replace(state, trail=after(*lines), challenge=replace(state.challenge, **changed))


def note(
    trail: tuple[Happened, ...], outcome: str, *, request: Request = ASKS, ticket: str = "42", **said: Value
) -> NoteTicket:
    """The note of the usual request; `said`: what differs."""
    values: dict[str, Value] = {
        **BOTH,
        "outcome": "phrase.outcome_euv_" + outcome,
        "why": "",
        "whose": "",
        "method": "phrase.method_" + request.method.value,
        "destination": request.destination.shown,
        "unusual": "",
        "line": "",
        "sim": "",
        "assurance": "",
        "action": "phrase.action_standard",
        "enough": "",
        "remark": "",
        "approver": "",
        "reason": "",
        "alone": "",
        "trail": "\n".join(f"{line.at.isoformat()}|{line.what}|{line.who}" for line in trail),
    }
    return NoteTicket(ticket, "note.euv", values | said)


def verified(state: Sent, assurance: Assurance, trail: tuple[Happened, ...]) -> Verified:
    logged = Logged.WRITTEN if state.request.ticket is not None else Logged.WAITS_FOR_TICKET
    return Verified(state.request, NOW, assurance, NOW + timedelta(minutes=30), logged, trail)


def expired(
    reason: Literal["deadline", "superseded", "cancelled", "opted_out", "alarm"],
    *lines: str,
    request: Request = ASKS,
    refused: str = "",
) -> Step[State]:
    """How a verification about ticket 42 ends without an answer; `lines` where the reason alone does not tell it."""
    trail = after(*(lines or (reason,)))
    state = Expired(request, NOW, reason, Logged.WRITTEN, trail)
    return Step(state, (note(trail, reason, request=request),), refused)


def undelivered(reason: str, *lines: str, request: Request = BY_CALL, why: str = "") -> Step[State]:
    trail = after(*lines, "undelivered")
    state = Undelivered(request, NOW, reason, Logged.WRITTEN, trail)
    return Step(state, (note(trail, "undelivered", request=request, why=why or "phrase.why_" + reason),))


@dataclass(frozen=True, slots=True)
class Walk:
    """In `state`, under `policy`, `event` at NOW gives exactly `step`."""

    state: State
    event: Event
    step: Step[State]
    policy: Policy = field(default_factory=Policy)

    def __str__(self) -> str:
        return f"{type(self.state).__name__}-{type(self.event).__name__}-{type(self.step.state).__name__}"
