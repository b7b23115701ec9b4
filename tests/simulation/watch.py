"""Sees every commit of a run and checks, by name, what must never happen (security.md section 12).

It keeps its own small picture of the checks, so that a store or a machine that goes wrong does not vouch for itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from dialogs.grammar import Confirm, Start, Stop, read
from dialogs.ports import Clock
from dialogs.tech_verify import (
    Blank,
    Claimed,
    Confirmed,
    Known,
    Open,
    State,
)
from dialogs.turns import (
    CheckAsk,
    CheckFacts,
    Decision,
    Facts,
    InboundAsk,
    InboundFacts,
    Leased,
    OutboxItem,
    SaveCheck,
    Settled,
    StoredCheck,
    Turn,
)
from storage.codec import dump_state
from storage.memory import MemoryTurnStore
from tests.fixtures.world import World
from tests.simulation.outside import Row

#: All that is checked, for the report of a failure.
NAMES = ("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10", "I11", "I12", "REL-08")


@dataclass
class Seen:
    """One check as its commits told it."""

    tenant_id: str
    state: State
    code: str = ""
    claimed_by: set[str] = field(default_factory=set)
    confirmations: int = 0
    contact_id: str = ""
    sender: tuple[str, str] = ("", "")


class Watch:
    """Call it with everything that was committed, leased, settled and sent; what broke stands in `broken`."""

    def __init__(self, worlds: Iterable[World], store: MemoryTurnStore, clock: Clock) -> None:
        self.broken: list[str] = []
        self.trace: list[str] = []
        self._store = store
        self._clock = clock
        self._worlds = {w.tenant_id: w for w in worlds}
        self._number_of = {n.address: w.tenant_id for w in self._worlds.values() for n in (w.number, w.second)}
        self._contacts = {(w.tenant_id, p.id) for w in self._worlds.values() for p in w.people}
        self.checks: dict[str, Seen] = {}
        self.items: dict[str, tuple[str, OutboxItem]] = {}
        self._taken: Counter[tuple[str, str]] = Counter()
        self._replays: Counter[str] = Counter()
        #: Whoever said STOP: (tenant, theirs, ours, or "" for all) -> effects that set out since.
        self._stopped: dict[tuple[str, str, str], set[str]] = {}
        self._held_at_stop: dict[tuple[str, str, str], set[str]] = {}
        self._ended_codes: dict[str, str] = {}
        self._furthest: dict[tuple[str, str], int] = {}
        self._bodies: dict[str, tuple[str, str, str]] = {}

    def knows_contact(self, tenant_id: str, contact_id: str) -> None:
        """A contact that was added to a world."""
        self._contacts.add((tenant_id, contact_id))

    def accepted(self, provider_id: str) -> int:
        """How many turns a message made."""
        return sum(n for (_, known), n in self._taken.items() if known == provider_id)

    def live(self) -> list[tuple[str, Seen]]:
        return [(i, s) for i, s in self.checks.items() if isinstance(s.state, Open | Claimed)]

    # --- what is told -----------------------------------------------------------------------------------------------

    def turn(self, turn: Turn[Any], facts: Facts, decision: Decision[Any]) -> None:
        """A turn became durable."""
        self._scope(turn, facts, decision)
        if isinstance(turn.ask, InboundAsk):
            self._inbound(turn.ask, decision)
        for save in decision.checks:
            self._check(turn, facts, decision, save)
        for item in decision.outbox:
            self.items[item.id] = (facts.tenant.id, item)
            self._code_is_gone("an outbox item", item.payload.values())
        for event in decision.audit:
            self._code_is_gone(f"audit {event.kind}", [*map(str, event.public.values()), *event.sealed.values()])
        self._one_live_each()
        asked = type(turn.ask).__name__
        after = [f"{s.id[-4:]}={type(s.state).__name__}" for s in decision.checks]
        self.trace.append(f"turn {asked} {[e.kind for e in decision.audit]} {after} {len(decision.outbox)}")

    def leased(self, leased: Leased) -> None:
        """A worker holds an item."""
        for held in self._held_at_stop.values():
            held.discard(leased.item.id)
        known = self.items.get(leased.item.id)
        if known is None:
            return self._break("I11", f"item {leased.item.id} was never decided")
        if known[0] != leased.tenant_id:
            self._break("I7", "an item was leased for another tenant")
        if dict(known[1].payload) != dict(leased.item.payload):
            self._break("I11", "an item's payload has changed since it was decided")

    def settled(self, outcomes: Iterable[Settled]) -> None:
        """Outcomes became durable."""
        for one in outcomes:
            self.trace.append(f"settled {one.leased.item.kind} {one.leased.item.template} {one.outcome} {one.error}")
            for event in one.audit:
                self._code_is_gone(f"audit {event.kind}", map(str, event.public.values()))

    def setting_out(self, to: str, sender: str, key: str) -> None:
        """A text is about to leave the house."""
        tenant_id = self._number_of.get(sender, "")
        for ours in (sender, ""):
            stopped = self._stopped.get((tenant_id, to, ours))
            # What a worker already holds when STOP comes in is on its way, as far as anybody can tell.
            if stopped is not None and key not in self._held_at_stop.get((tenant_id, to, ours), ()):
                stopped.add(key)
                if len(stopped) > 1:
                    self._break("I9", f"{len(stopped)} texts to {to} after STOP")

    def sent(self, row: Row) -> None:
        """The outside took something in."""
        if row.kind != "text":
            return
        values = row.values
        body = (values["to"], values["from"], values["body"])
        if self._bodies.setdefault(values["key"], body) != body:
            self._break("I11", f"effect {values['key']} left with two bodies")
        tenant_id, item = self.items.get(values["key"], ("", None))
        if item is None or self._number_of.get(values["from"]) != tenant_id:
            self._break("I7", "a text left from another tenant's number")
        for other, world in self._worlds.items():
            if other != tenant_id and world.name in values["body"]:
                self._break("I7", f"a text of {tenant_id} names {world.name}")
        self.trace.append(f"sent {row.id[-3:]} {values['to'][-4:]} {values['body'][:60]}")

    def after_step(self) -> None:
        """What the store holds now."""
        live: Counter[tuple[str, ...]] = Counter()
        for (tenant_id, check_id), stored in self._store.rows.checks.items():
            seen = self.checks.get(check_id)
            if seen is None or seen.state != stored.state or seen.tenant_id != tenant_id:
                self._break("I4", f"check {check_id} changed without a turn")
            if isinstance(stored.state, Open | Claimed):
                live.update([(tenant_id, stored.channel, stored.their_address)])
                if stored.contact_id:
                    live.update([(tenant_id, stored.contact_id)])
        for who, n in live.items():
            if n > 1:
                self._break("I12", f"{n} live checks of {who}")
        for key, row in self._store.rows.outbox.items():
            if row.delivery_rank < self._furthest.get(key, 0):
                self._break("REL-08", "a delivery state went back")
            self._furthest[key] = row.delivery_rank
        self._stored_codes()

    # --- I5, I9 -----------------------------------------------------------------------------------------------------

    def _inbound(self, ask: InboundAsk, decision: Decision[Any]) -> None:
        said = ask.inbound
        once = (said.provider, said.provider_id)
        self._taken[once] += 1
        if self._taken[once] > 1:
            self._break("I5", f"message {said.provider_id} made {self._taken[once]} turns")
        if said.replay_digest:
            self._replays[said.replay_digest] += 1
            if self._replays[said.replay_digest] > 1:
                self._break("I5", f"one signed request made {self._replays[said.replay_digest]} turns")
        if decision.desk is None or not decision.audit:
            self._break("I6", "a text left no line in the log")
        tenant_id = self._number_of[said.our_address]
        match read(said.text, self._worlds[tenant_id].settings.words, said.opt_out):
            case Stop(everywhere):
                stop = (tenant_id, said.their_address, "" if everywhere else said.our_address)
                self._stopped.setdefault(stop, set())
                self._held_at_stop.setdefault(stop, self._held())
            case Start():
                for ours in (said.our_address, ""):
                    self._stopped.pop((tenant_id, said.their_address, ours), None)
                    self._held_at_stop.pop((tenant_id, said.their_address, ours), None)
            case _:
                pass

    def _held(self) -> set[str]:
        now = self._clock.now()
        rows = self._store.rows.outbox.values()
        return {r.item.id for r in rows if r.lease_until is not None and r.lease_until > now}

    # --- I7 ---------------------------------------------------------------------------------------------------------

    def _scope(self, turn: Turn[Any], facts: Facts, decision: Decision[Any]) -> None:
        ask = turn.ask
        tenant_id = self._number_of[ask.inbound.our_address] if isinstance(ask, InboundAsk) else ask.tenant_id
        if facts.tenant.id != tenant_id or decision.tenant_id not in ("", tenant_id):
            self._break("I7", "facts or decision of another tenant")
        contacts = [c for c in _contacts(facts) if c]
        contacts += [a.contact_id for a in decision.audit if a.contact_id]
        contacts += [i.contact_id for i in decision.outbox if i.contact_id]
        if any((tenant_id, c) not in self._contacts for c in contacts):
            self._break("I7", "a contact of another tenant")
        for check in _checks(facts):
            seen = self.checks.get(check.id)
            if seen is None or seen.tenant_id != tenant_id:
                self._break("I7", "a check of another tenant")
        for item in decision.outbox:
            ours = item.payload.get("from", "")
            if ours and self._number_of.get(ours) != tenant_id:
                self._break("I7", "a text from another tenant's number")

    # --- I1 to I4, I6, I8, I10 --------------------------------------------------------------------------------------

    def _check(self, turn: Turn[Any], facts: Facts, decision: Decision[Any], save: SaveCheck) -> None:
        seen = self.checks.setdefault(save.id, Seen(facts.tenant.id, Blank()))
        before, after = seen.state, save.state
        self._logged(save, before, decision)
        said_yes = [e for e in decision.audit if e.check_id == save.id and e.public.get("before") != "confirmed"]
        seen.confirmations += sum(e.public.get("after") == "confirmed" for e in said_yes)
        if seen.confirmations > 1:
            self._break("I1", f"check {save.id} was confirmed {seen.confirmations} times")
        if not isinstance(before, Blank | Open | Claimed):
            self._absorbed(save.id, before, after)
        elif isinstance(before, Open | Claimed) and isinstance(after, Open | Claimed):
            self._same_challenge(save.id, before, after)
        if isinstance(before, Open | Claimed) and isinstance(after, Confirmed):
            self._confirmed(turn, facts, save, seen, before, after)
        if isinstance(after, Open | Claimed):
            seen.code = after.challenge.code.digits
        elif isinstance(before, Open | Claimed):
            self._ended_codes[save.id] = seen.code
            if _still_holds(after, seen.code):
                self._break("I8", f"the ended check {save.id} keeps its code")
        if isinstance(after, Claimed):
            seen.claimed_by.add(after.claim.technician.id)
        seen.state = after
        seen.contact_id = save.contact_id
        seen.sender = (save.channel, save.their_address)

    def _confirmed(
        self, turn: Turn[Any], facts: Facts, save: SaveCheck, seen: Seen, before: Open | Claimed, after: Confirmed
    ) -> None:
        rules = facts.tenant.settings.rules
        if after.assurance == "verbal":
            if not isinstance(before, Claimed) or not isinstance(turn.ask, CheckAsk):
                self._break("I3", "a spoken yes without a claimer")
            return
        if not isinstance(turn.ask, InboundAsk):
            return self._break("I2", "confirmed by something that is no text")
        said = turn.ask.inbound
        heard = read(said.text, facts.tenant.settings.words, said.opt_out)
        if (said.our_address, said.their_address) != (save.our_address, save.their_address):
            self._break("I2", "confirmed from elsewhere")
        if not isinstance(heard, Confirm) or (heard.digits and heard.digits != seen.code):
            self._break("I2", f"confirmed by {said.text!r}")
        elif before.challenge.mode == "transfer" and not heard.digits:
            self._break("I2", "a code was needed")
        if self._clock.now() >= before.challenge.expires_at:
            self._break("I2", "confirmed after the deadline")
        if after.assurance == "unclaimed":
            if rules.require_claim or after.claim is not None:
                self._break("I3", "unclaimed where a claim is required")
            return
        if not isinstance(before, Claimed) or after.claim is None or after.assurance != before.challenge.mode.value:
            return self._break("I3", "confirmed without an earlier claim")
        if after.claim.technician.id not in seen.claimed_by:
            self._break("I3", "confirmed for a technician who never claimed")
        asker = after.story.asker
        if not isinstance(asker, Known) or asker.contact_id != save.contact_id or seen.tenant_id != facts.tenant.id:
            self._break("I2", "confirmed for somebody else")

    def _absorbed(self, check_id: str, before: State, after: State) -> None:
        if type(before) is not type(after):
            return self._break("I4", f"check {check_id}: {type(before).__name__} became {type(after).__name__}")
        for name in ("at", "reason", "assurance", "by", "note"):
            if getattr(before, name, None) != getattr(after, name, None):
                self._break("I4", f"check {check_id}: {name} changed after the end")

    def _same_challenge(self, check_id: str, before: Open | Claimed, after: Open | Claimed) -> None:
        was, now = before.challenge, after.challenge
        if (was.code, was.digest, was.expires_at, was.mode) != (now.code, now.digest, now.expires_at, now.mode):
            self._break("I10", f"check {check_id}: the challenge changed within its life")
        if now.wrong_codes < was.wrong_codes or now.hints < was.hints or now.confirmed_early < was.confirmed_early:
            self._break("I10", f"check {check_id}: a counter fell")

    def _logged(self, save: SaveCheck, before: State, decision: Decision[Any]) -> None:
        words = {"before": type(before).__name__.lower(), "after": type(save.state).__name__.lower()}
        if not any(e.check_id == save.id and words.items() <= dict(e.public).items() for e in decision.audit):
            self._break("I6", f"check {save.id} went {words} without a line in the log")
        if any((decision.tenant_id, e.id) not in self._store.rows.audit for e in decision.audit):
            self._break("I6", "a line of the log is not in the store")

    def _code_is_gone(self, where: str, texts: Iterable[str]) -> None:
        found = {digits for text in texts for digits in re.findall(r"(?<!\d)\d{6,10}(?!\d)", text)}
        for check_id, code in self._ended_codes.items():
            if code in found and not any(s.code == code for _, s in self.live()):
                self._break("I8", f"the code of the ended check {check_id} stands in {where}")

    def _stored_codes(self) -> None:
        """Outbox rows of ended checks keep no code, but for one that is being sent right now."""
        for row in self._store.rows.outbox.values():
            code = self._ended_codes.get(row.item.check_id)
            body = row.item.payload.get("body", "")
            if code and code in body and row.item.template.startswith("tv.code") and row.lease_until is None:
                self._break("I8", f"the code of the ended check {row.item.check_id} waits in the outbox")

    def _one_live_each(self) -> None:
        senders = Counter((s.tenant_id, s.sender) for _, s in self.live())
        contacts = Counter((s.tenant_id, s.contact_id) for _, s in self.live() if s.contact_id)
        for who, n in [*senders.items(), *contacts.items()]:
            if n > 1:
                self._break("I12", f"{n} live checks of {who}")

    def _break(self, name: str, what: str) -> None:
        assert name in NAMES
        self.broken.append(f"{name}: {what}")


def _still_holds(state: State, code: str) -> bool:
    """Whether the stored form of a state has the code, plain or sealed."""
    sealed: list[bytes] = []

    def seal(digits: bytes) -> bytes:
        sealed.append(digits)
        return b""

    plain = dump_state(state, seal)
    # Not a part of an id or of a time, which may hold any digits.
    return bool(sealed) or re.search(rf"(?<![\w.]){code}(?!\w)", plain) is not None


def _contacts(facts: Facts) -> list[str]:
    match facts:
        case InboundFacts():
            return [c.id for c in facts.contacts] + [a.contact_id for a in facts.announced]
        case CheckFacts():
            return [c.id for c in (facts.contact, facts.picked) if c is not None]
        case _:
            return [a.contact_id for a in facts.announced] + ([facts.contact.id] if facts.contact else [])


def _checks(facts: Facts) -> list[StoredCheck]:
    match facts:
        case InboundFacts():
            return list(facts.checks)
        case CheckFacts():
            return [facts.check] if facts.check is not None else []
        case _:
            return []
