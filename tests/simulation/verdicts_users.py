"""What one turn may do to one verification of an end user: pure functions, as in `verdicts`."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from dialogs import user_verify as uv
from dialogs.tech_verify import Blank, Claimed, Confirmed, Open, State, Superseded, Ticket
from dialogs.turns import Decision, Facts, SaveVerification, Turn, VerificationAsk
from tests.simulation.deeds import DOING, Asks, Presses, Types
from tests.simulation.verdicts import Seen

Broken: TypeAlias = "Iterator[tuple[str, str]]"

INTERLOCK, AFTER_DENIAL = timedelta(minutes=10), timedelta(minutes=30)
MOST_WRONG_NUMBERS = 3


@dataclass
class SeenUser:
    """One verification as its commits told it. `token` of a link, `spoken` the number that is typed with it;
    `told_right`: how often a technician was told that the code is right; `shield_over`: nothing of it may be green."""

    tenant_id: str
    contact_id: str
    their_address: str
    state: uv.State = field(default_factory=uv.Blank)
    code: str = ""
    token: str = ""
    spoken: str = ""
    expires_at: datetime | None = None
    wrong: int = 0
    accepted: int = 0
    told_right: int = 0
    shield_over: bool = False
    denied_at: datetime | None = None

    @property
    def request(self) -> uv.Request:
        assert not isinstance(self.state, uv.Blank), "nobody has asked"
        return self.state.request


def bound(facts: Facts, id: str, seen: SeenUser, after: uv.Sent) -> Broken:
    """What is compared later is of this code or link, of this tenant and of this purpose alone (SEC-07)."""
    digest = _link_digest(seen.token) if seen.token else _code_digest(facts, id, seen.code)
    if after.challenge.digest != digest:
        yield "I2", f"verification {id}: its digest is of something else"
    if seen.spoken and after.challenge.spoken_digest != _code_digest(facts, id, seen.spoken):
        yield "I2", f"verification {id}: the digest of its number is of something else"


def verified(
    facts: Facts, save: SaveVerification, seen: SeenUser, before: uv.Sent, after: uv.Verified, now: datetime
) -> Broken:
    """Exactly one answer verifies: this code by who asked for it, or this link with its number, before the deadline."""
    doing, request = DOING.get(), before.request
    of_method = uv.METHODS[request.method]
    match doing:
        case Types():
            right = (doing.verification_id, doing.technician_id) == (save.id, request.technician.id)
            if not right or of_method.way != "code" or not seen.code or doing.digits != seen.code:
                yield "I2", "verification by something that is not its code"
        case Presses():
            right = bool(seen.token) and doing.token == seen.token
            if not right or of_method.way != "link" or (seen.spoken and doing.number.strip() != seen.spoken):
                yield "I2", "verification by something that is not its link"
        case _:
            yield "I2", "verification by nobody's answer"
    if seen.expires_at is None or now >= seen.expires_at:
        yield "I2", "verification after its deadline"
    if after.request != request or seen.tenant_id != facts.tenant.id or request.contact_id != save.contact_id:
        yield "I2", "verification of somebody else, or for something else"
    policy = _policy(facts, save.contact_id)
    if after.green_until > now + policy.green_for:
        yield "SEC-15", f"green for too long: verification {save.id}"


def absorbed(id: str, before: uv.State, after: uv.State) -> Broken:
    if type(before) is not type(after):
        yield "I4", f"verification {id}: {type(before).__name__} became {type(after).__name__}"
        return
    for name in ("at", "reason", "assurance", "way", "green_until"):
        if getattr(before, name, None) != getattr(after, name, None):
            yield "I4", f"verification {id}: {name} changed after the end"


def same_challenge(id: str, before: uv.Sent, after: uv.Sent) -> Broken:
    was, now = before.challenge, after.challenge
    for name in ("code", "digest", "expires_at", "spoken", "spoken_digest", "wording"):
        if getattr(was, name) != getattr(now, name):
            yield "I10", f"verification {id}: {name} changed within its life"
    for name in ("wrong", "sends", "failed", "says"):
        if getattr(now, name) < getattr(was, name):
            yield "I10", f"verification {id}: {name} fell"


def still_guessing(facts: Facts, id: str, seen: SeenUser) -> Broken:
    """It lives on after this answer; too many guesses would have ended it."""
    if not _is_wrong(id, seen):
        return
    seen.wrong += 1
    most = MOST_WRONG_NUMBERS if seen.token else _policy(facts, seen.contact_id).max_wrong_codes
    if seen.wrong >= most:
        yield "I10", f"verification {id} lives on after {seen.wrong} wrong answers"


def not_counted(turn: Turn[Any], decision: Decision[Any], every: Mapping[str, SeenUser]) -> Broken:
    """A wrong answer that changed nothing."""
    if not isinstance(turn.ask, VerificationAsk):
        return
    id = turn.ask.verification_id
    seen = every.get(id)
    if seen is None or not isinstance(seen.state, uv.Live) or any(save.id == id for save in decision.verifications):
        return
    if _is_wrong(id, seen):
        yield "I10", f"verification {id}: a wrong answer was not counted"


def interlocked(id: str, request: uv.Request, checks: Iterable[Seen], now: datetime) -> Broken:
    """Nobody who is checking a caller is sent a code, unless this very caller is whom they have just confirmed. Nor is
    whoever shares their phone."""
    if not uv.METHODS[request.method].interlocked or request.override is not None:
        return
    lately = [(c.contact_id, c.state) for c in checks if not isinstance(c.state, Blank | Superseded)]
    lately = [(who, s) for who, s in lately if now - _until(s, now) < INTERLOCK]
    if not lately:
        return
    # They come in the order of their births: of two at the same instant the later one is meant.
    who, newest = max(reversed(lately), key=lambda one: one[1].story.requested_at)
    if who != request.contact_id or not _lifts(newest, request):
        last = newest.story.trail[-1].what if newest.story.trail else ""
        yield "SEC-06", f"verification {id} was sent to somebody whose check is {type(newest).__name__} ({last})"


def override(after: uv.Sent) -> Broken:
    doing = DOING.get()
    if after.request.override is not None and not (isinstance(doing, Asks) and doing.may_override):
        yield "SEC-06", "verification with an override by somebody who may not"


def denied_lately(id: str, denied: Iterable[datetime | None], now: datetime) -> Broken:
    if any(at is not None and now - at < AFTER_DENIAL for at in denied):
        yield "SEC-08", f"verification {id} was sent to somebody who had just said that it is not them"


def _is_wrong(id: str, seen: SeenUser) -> bool:
    """Whether what is being done right now is a wrong answer to it that must count."""
    if not isinstance(seen.state, uv.Live):
        return False
    doing, way = DOING.get(), uv.METHODS[seen.request.method].way
    match doing:
        case Types() if way == "code":
            mine = (doing.verification_id, doing.technician_id) == (id, seen.request.technician.id)
            return mine and doing.digits != seen.code
        case Presses() if way == "link" and seen.spoken:
            number = doing.number.strip()
            return doing.token == seen.token and bool(number) and number != seen.spoken
        case _:
            return False


def _lifts(state: State, request: uv.Request) -> bool:
    if not isinstance(state, Confirmed) or state.assurance not in ("compare", "transfer") or state.claim is None:
        return False
    if any(line.what == "denied_late" for line in state.story.trail):
        return False
    ticket = state.claim.ticket.id if isinstance(state.claim.ticket, Ticket) else ""
    asked = request.ticket.id if request.ticket is not None else ""
    return state.claim.technician.id == request.technician.id and ticket == asked


def _until(state: State, now: datetime) -> datetime:
    """When a check was last on somebody's mind: now while it is live, else its end, or a denial after that."""
    assert not isinstance(state, Blank), "those were left out"
    if isinstance(state, Open | Claimed):
        return min(now, state.challenge.expires_at)
    late = [line.at for line in state.story.trail if line.what == "denied_late"]
    return max((state.at, *late))


def _policy(facts: Facts, contact_id: str) -> uv.Policy:
    return facts.tenant.settings.policy


def _code_digest(facts: Facts, id: str, digits: str) -> str:
    said = f"user_verification|{id}|{digits}".encode()
    return hmac.new(facts.tenant.digest_key, said, hashlib.sha256).hexdigest()


def _link_digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
