"""What one turn may do to one check: pure functions that yield the name of an invariant and how it was broken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from dialogs.grammar import Confirm, read
from dialogs.tech_verify import Claimed, Confirmed, Known, Open, State
from dialogs.turns import CheckAsk, Facts, InboundAsk, SaveCheck, Turn

Broken: TypeAlias = "Iterator[tuple[str, str]]"


@dataclass
class Seen:
    """One check as its commits told it."""

    tenant_id: str
    state: State
    code: str = ""
    claimed_by: set[str] = field(default_factory=set)
    confirmations: int = 0
    wrong_codes: int = 0
    contact_id: str = ""
    sender: tuple[str, str] = ("", "")


def confirmed(
    turn: Turn[Any], facts: Facts, save: SaveCheck, seen: Seen, before: Open | Claimed, after: Confirmed, now: datetime
) -> Broken:
    rules = facts.tenant.settings.rules
    if after.assurance == "verbal":
        if not isinstance(before, Claimed) or not isinstance(turn.ask, CheckAsk):
            yield "I3", "a spoken yes without a claimer"
        return
    if not isinstance(turn.ask, InboundAsk):
        yield "I2", "confirmed by something that is no text"
        return
    said = turn.ask.inbound
    heard = read(said.text, facts.tenant.settings.words, said.opt_out)
    if (said.our_address, said.their_address) != (save.our_address, save.their_address):
        yield "I2", "confirmed from elsewhere"
    if not isinstance(heard, Confirm) or (heard.digits and heard.digits != seen.code):
        yield "I2", f"confirmed by {said.text!r}"
    elif before.challenge.mode == "transfer" and not heard.digits:
        yield "I2", "a code was needed"
    if now >= before.challenge.expires_at:
        yield "I2", "confirmed after the deadline"
    if after.assurance == "unclaimed":
        if rules.require_claim or after.claim is not None:
            yield "I3", "unclaimed where a claim is required"
        return
    if not isinstance(before, Claimed) or after.claim is None or after.assurance != before.challenge.mode.value:
        yield "I3", "confirmed without an earlier claim"
        return
    if after.claim.technician.id not in seen.claimed_by:
        yield "I3", "confirmed for a technician who never claimed"
    asker = after.story.asker
    if not isinstance(asker, Known) or asker.contact_id != save.contact_id or seen.tenant_id != facts.tenant.id:
        yield "I2", "confirmed for somebody else"


def absorbed(check_id: str, before: State, after: State) -> Broken:
    if type(before) is not type(after):
        yield "I4", f"check {check_id}: {type(before).__name__} became {type(after).__name__}"
        return
    for name in ("at", "reason", "assurance", "by", "note"):
        if getattr(before, name, None) != getattr(after, name, None):
            yield "I4", f"check {check_id}: {name} changed after the end"


def same_challenge(check_id: str, before: Open | Claimed, after: Open | Claimed) -> Broken:
    was, now = before.challenge, after.challenge
    if (was.code, was.digest, was.expires_at, was.mode) != (now.code, now.digest, now.expires_at, now.mode):
        yield "I10", f"check {check_id}: the challenge changed within its life"
    if now.wrong_codes < was.wrong_codes or now.hints < was.hints or now.confirmed_early < was.confirmed_early:
        yield "I10", f"check {check_id}: a counter fell"


def still_guessing(turn: Turn[Any], facts: Facts, save: SaveCheck, seen: Seen) -> Broken:
    """The check lives on after this text; too many guesses would have ended it."""
    if not isinstance(turn.ask, InboundAsk) or turn.ask.inbound.our_address != save.our_address:
        return
    rules = facts.tenant.settings.rules
    heard = read(turn.ask.inbound.text, facts.tenant.settings.words, turn.ask.inbound.opt_out)
    counts = isinstance(save.state, Claimed) or not rules.require_claim
    if counts and isinstance(heard, Confirm) and heard.digits not in ("", seen.code):
        seen.wrong_codes += 1
        if seen.wrong_codes >= rules.max_wrong_codes:
            yield "I10", f"check {save.id} lives on after {seen.wrong_codes} wrong codes"
