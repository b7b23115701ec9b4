"""Sees every commit of a run and checks, by name, what must never happen (security.md section 12).

It keeps its own small picture of the checks, so that a store or a machine that goes wrong does not vouch for itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from dialogs.grammar import Start, Stop, read
from dialogs.ports import Clock
from dialogs.tech_verify import (
    Blank,
    Claimed,
    Confirmed,
    Open,
    State,
)
from dialogs.turns import (
    Decision,
    Facts,
    InboundAsk,
    Leased,
    OutboxItem,
    SaveCheck,
    Settled,
    Turn,
)
from storage.memory import MemoryTurnStore
from storage.memory.rows import Queued
from tests.fixtures.world import World
from tests.simulation import verdicts
from tests.simulation.outside import Row
from tests.simulation.stops import Stops
from tests.simulation.verdicts import Seen
from tests.simulation.watch_approvals import ApprovalWatch
from tests.simulation.watch_users import UserWatch
from tests.simulation.within import checks_in, contacts_in, still_holds

#: All that is checked, for the report of a failure.
NAMES = (
    *("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10", "I11", "I12", "REL-03", "REL-08"),
    *("SEC-06", "SEC-08", "SEC-09", "SEC-11", "SEC-12", "SEC-15", "voice"),
)


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
        self._stops = Stops()
        self._ended_codes: dict[str, str] = {}
        #: Rows as they were looked at last; they are values, so the same object has not changed.
        self._rows_before: dict[tuple[str, str], Queued] = {}
        self._bodies: dict[str, tuple[str, str, str]] = {}
        self.users = UserWatch(self._worlds, store, clock, self.checks, self.items, self._break)
        self.approvals = ApprovalWatch(store, clock, self.users.seen, self._break)

    def knows_contact(self, tenant_id: str, contact_id: str) -> None:
        """A contact that was added to a world."""
        self._contacts.add((tenant_id, contact_id))

    def accepted(self, provider_id: str) -> int:
        """How many turns a message made."""
        return sum(n for (_, known), n in self._taken.items() if known == provider_id)

    def tenant_of(self, number: str) -> str:
        """Whose number of ours it is."""
        return self._number_of[number]

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
        self.approvals.turn(turn, facts, decision)
        self.users.turn(turn, facts, decision)
        for item in decision.outbox:
            self._code_is_gone("an outbox item", item.payload.values())
        for event in decision.audit:
            self._code_is_gone(f"audit {event.kind}", [*map(str, event.public.values()), *event.sealed.values()])
        self._one_live_each()
        asked = type(turn.ask).__name__
        after = [f"{s.id[-4:]}={type(s.state).__name__}" for s in decision.checks]
        after += [f"{s.id[-4:]}={type(s.state).__name__}" for s in decision.verifications]
        after += [f"{s.id[-4:]}={type(s.state).__name__}" for s in decision.approvals]
        self.trace.append(f"turn {asked} {[e.kind for e in decision.audit]} {after} {len(decision.outbox)}")

    def leased(self, leased: Leased) -> None:
        """A worker holds an item."""
        self._stops.leased(leased.item.id)
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

    def stale(self, outcomes: Iterable[Settled]) -> dict[tuple[str, str], Queued]:
        """Rows whose lease has gone to somebody else, or that are done: these outcomes must not touch them."""
        rows = self._store.rows.outbox
        found: dict[tuple[str, str], Queued] = {}
        good: set[tuple[str, str]] = set()
        for one in outcomes:
            key = (one.leased.tenant_id, one.leased.item.id)
            if rows[key].fence == one.leased.fence and rows[key].done_at is None:
                good.add(key)
            else:
                found[key] = rows[key]
        # One house may have lost a lease and taken it up again, and write down both outcomes at once.
        return {key: row for key, row in found.items() if key not in good}

    def untouched(self, before: dict[tuple[str, str], Queued]) -> None:
        """After the outcomes were written."""
        for key, row in before.items():
            if self._store.rows.outbox[key] != row:
                self._break("REL-03", "a worker without the lease changed an item")

    def setting_out(self, to: str, sender: str, key: str) -> None:
        """A text is about to leave the house."""
        known = self.items.get(key)
        if known is not None and known[1].after_stop:
            return
        since = self._stops.setting_out(self._number_of.get(sender, ""), to, sender, key)
        if since:
            self._break("I9", f"{since} texts to {to} after STOP")

    def sent(self, row: Row) -> None:
        """The outside took something in."""
        values = row.values
        if row.kind in ("mail", "call", "say"):
            self.trace.append(f"{row.kind} {row.id[-3:]} {values.get('body', '')[:60]!r}")
            return self.users.sent(row)
        if row.kind != "text":
            return
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

    def machine_heard(self, verification_id: str) -> None:
        """A machine picked up, and was told the code."""
        self.users.machine_heard(verification_id)

    def two_ring(self, verification_id: str) -> None:
        """The carrier was told to ring while an earlier call about the same was on."""
        self.users.two_ring(verification_id)

    def heard_on_call(self, verification_id: str, words: str) -> None:
        """What our webhook answered on a call."""
        self.trace.append(f"on the phone about {verification_id[-4:]}: {words[:40]!r}")
        self.users.heard_on_call(words)

    def after_step(self) -> None:
        """What the store holds now."""
        self.users.after_step()
        self.approvals.after_step()
        live: Counter[tuple[str, ...]] = Counter()
        for (tenant_id, check_id), stored in self._store.rows.checks.items():
            seen = self.checks.get(check_id)
            if (
                seen is None
                or (seen.state is not stored.state and seen.state != stored.state)
                or seen.tenant_id != tenant_id
            ):
                self._break("I4", f"check {check_id} changed without a turn")
            if isinstance(stored.state, Open | Claimed):
                live.update([(tenant_id, stored.channel, stored.their_address)])
                if stored.contact_id:
                    live.update([(tenant_id, stored.contact_id)])
        for who, n in live.items():
            if n > 1:
                self._break("I12", f"{n} live checks of {who}")
        for key, row in self._store.rows.outbox.items():
            before = self._rows_before.get(key)
            if before is not row:
                self._row(row, before)
                self._rows_before[key] = row

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
        answers = sum(item.after_stop for item in decision.outbox)
        if answers > isinstance(read(said.text, self._worlds[tenant_id].settings.words, said.opt_out), Stop):
            self._break("I9", "more than the one answer to a STOP")
        match read(said.text, self._worlds[tenant_id].settings.words, said.opt_out):
            case Stop(everywhere):
                ours = "" if everywhere else said.our_address
                self._stops.stop(tenant_id, said.their_address, ours, self._held())
            case Start():
                self._stops.start(tenant_id, said.their_address, said.our_address)
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
        contacts = [c for c in contacts_in(facts) if c]
        contacts += [a.contact_id for a in decision.audit if a.contact_id]
        contacts += [i.contact_id for i in decision.outbox if i.contact_id]
        if any((tenant_id, c) not in self._contacts for c in contacts):
            self._break("I7", "a contact of another tenant")
        for check in checks_in(facts):
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
            self._all(verdicts.absorbed(save.id, before, after))
        elif isinstance(before, Open | Claimed) and isinstance(after, Open | Claimed):
            self._all(verdicts.same_challenge(save.id, before, after))
            self._all(verdicts.still_guessing(turn, facts, save, seen))
        if isinstance(before, Open | Claimed) and isinstance(after, Confirmed):
            self._all(verdicts.confirmed(turn, facts, save, seen, before, after, self._clock.now()))
        if isinstance(after, Open | Claimed):
            seen.code = after.challenge.code.digits
        elif isinstance(before, Open | Claimed):
            self._ended_codes[save.id] = seen.code
            for row in self._store.rows.outbox.values():
                if row.item.check_id == save.id:
                    self._row(row, None)
            if still_holds(after, seen.code):
                self._break("I8", f"the ended check {save.id} keeps its code")
        if isinstance(after, Claimed):
            seen.claimed_by.add(after.claim.technician.id)
        seen.state = after
        seen.contact_id = save.contact_id
        seen.sender = (save.channel, save.their_address)

    def _logged(self, save: SaveCheck, before: State, decision: Decision[Any]) -> None:
        words = {"before": type(before).__name__.lower(), "after": type(save.state).__name__.lower()}
        if not any(e.check_id == save.id and words.items() <= dict(e.public).items() for e in decision.audit):
            self._break("I6", f"check {save.id} went {words} without a line in the log")
        if any((decision.tenant_id, e.id) not in self._store.rows.audit for e in decision.audit):
            self._break("I6", "a line of the log is not in the store")

    def _code_is_gone(self, where: str, texts: Iterable[str]) -> None:
        of_users = self.users.secrets_of_live()
        found = {digits for text in texts for digits in re.findall(r"(?<!\d)\d{6,10}(?!\d)", text)}
        for check_id, code in self._ended_codes.items():
            if code in found and not any(s.code == code for _, s in self.live()) and code not in of_users:
                self._break("I8", f"the code of the ended check {check_id} stands in {where}")

    def _row(self, row: Queued, before: Queued | None) -> None:
        """A row has changed, or its check has. Rows of ended checks keep no code, but for one that is being sent."""
        if before is not None and row.delivery_rank < before.delivery_rank:
            self._break("REL-08", "a delivery state went back")
        self.users.row(row)
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

    def _all(self, broken: verdicts.Broken) -> None:
        for name, what in broken:
            self._break(name, what)

    def _break(self, name: str, what: str) -> None:
        assert name in NAMES
        self.broken.append(f"{name}: {what}")
