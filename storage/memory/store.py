"""The turn store in dicts, for simulation and tests. What it holds is plain, so it is never used where people are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from copy import deepcopy
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TypeVar

from dialogs.messages import DeliveryReport
from dialogs.ports import Contended
from dialogs.settings import TenantSettings
from dialogs.turns import (
    AddressFacts,
    Alert,
    AuditEvent,
    ContactFacts,
    Duplicate,
    Leased,
    NumberFacts,
    Settled,
    Taken,
    TenantFacts,
    Timer,
    Turn,
    TurnResult,
    Unroutable,
)
from storage.memory.facts import load
from storage.memory.outbox import MemoryOutbox
from storage.memory.rows import Rows
from storage.memory.writes import Conflict, apply, apply_events, check, check_events

R = TypeVar("R")
_LEASE = timedelta(seconds=60)
#: How often one turn may lose its race (REL-09).
TRIES = 5


def _nothing() -> None:
    """A hook that lets everything pass."""


class MemoryTurnStore:
    """Keeps the promise of `dialogs.ports.TurnStore`, one turn after the other, without threads and without a clock.

    `before_commit` and `after_commit` may be set to something that raises, to play a crash just before or just after a
    turn or a settlement became durable: the caller sees the error, and the rows are as a crash would have left them.
    """

    def __init__(self, rank: Callable[[str], int]) -> None:
        self.rows = Rows()
        self.before_commit: Callable[[], None] = _nothing
        self.after_commit: Callable[[], None] = _nothing
        self._outbox = MemoryOutbox(self.rows, rank)
        self._listeners: list[Callable[[], None]] = []

    # --- setting up -------------------------------------------------------------------------------------------------

    def add_tenant(self, tenant_id: str, name: str, settings: TenantSettings) -> None:
        """A tenant, or new settings for one. Its digest key follows from its id, so that runs can be repeated."""
        self.rows.tenants[tenant_id] = TenantFacts(tenant_id, name, settings, sha256(tenant_id.encode()).digest())

    def add_number(self, tenant_id: str, number: NumberFacts, channel: str = "sms") -> None:
        self.rows.numbers[channel, number.address] = (tenant_id, number)

    def add_contact(self, tenant_id: str, contact: ContactFacts, *, mobile: str = "", email: str = "") -> None:
        """A contact and their addresses, both default ones. Their ids are the contact's with a word before it."""
        ways = [AddressFacts(f"email-{contact.id}", "email", email, True, None)] if email else []
        ways += [AddressFacts(f"mobile-{contact.id}", "mobile", mobile, True, None)] if mobile else []
        self.rows.addresses[tenant_id, contact.id] = tuple(ways)
        self.rows.contacts[tenant_id, contact.id] = contact
        for address in filter(None, (mobile, email)):
            self.rows.at_address.setdefault((tenant_id, address), set()).add(contact.id)
        if mobile:
            self.rows.mobiles[tenant_id, contact.id] = mobile

    def snapshot(self) -> Rows:
        """A copy of everything, equal to another snapshot exactly when nothing has changed between them."""
        return deepcopy(self.rows)

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` after each turn, settlement and delivery report that was written."""
        self._listeners.append(callback)

    async def close(self) -> None:
        """Nothing to close: the rows stay."""

    # --- the promise ------------------------------------------------------------------------------------------------

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        """See `TurnStore.take`."""
        for _ in range(TRIES):
            facts = load(self.rows, turn.ask, turn.now)
            if isinstance(facts, Duplicate | Unroutable):
                return facts
            decision = turn.decide(facts)
            try:
                check(self.rows, facts.tenant.id, decision)
            except Conflict:
                continue
            self.before_commit()
            apply(self.rows, turn, decision, facts)
            self.after_commit()
            self._tell()
            return Taken(decision.reply)
        raise Contended(f"lost {TRIES} races")

    async def due_timers(self, now: datetime, limit: int = 100) -> Sequence[Timer]:
        """See `TurnStore.due_timers`."""
        due = sorted((at, check_id, name, t) for (t, check_id, name), at in self.rows.timers.items() if at <= now)
        return [Timer(t, check_id, name, at) for at, check_id, name, t in due[:limit]]

    async def put_aside(self, timer: Timer, audit: AuditEvent, alert: Alert) -> None:
        """See `TurnStore.put_aside`."""
        if self.rows.timers.get((timer.tenant_id, timer.check_id, timer.name)) != timer.at:
            return
        check_events(self.rows, timer.tenant_id, (audit,), (alert,))
        self.before_commit()
        del self.rows.timers[timer.tenant_id, timer.check_id, timer.name]
        apply_events(self.rows, timer.tenant_id, (audit,), (alert,), ())
        self.after_commit()
        self._tell()

    async def lease(
        self,
        worker: str,
        now: datetime,
        *,
        limit: int = 32,
        lasts: timedelta = _LEASE,
        full: Collection[str] = (),
    ) -> Sequence[Leased]:
        """See `TurnStore.lease`."""
        return self._outbox.lease(worker, now, limit, lasts, full)

    async def renew(self, leased: Sequence[Leased], now: datetime, *, lasts: timedelta = _LEASE) -> None:
        """See `TurnStore.renew`."""
        self._outbox.renew(leased, now, lasts)

    async def settle(self, outcomes: Sequence[Settled], now: datetime) -> None:
        """See `TurnStore.settle`."""
        self.before_commit()
        self._outbox.settle(outcomes, now)
        self.after_commit()
        self._tell()

    async def release_leases(self, worker: str) -> None:
        """See `TurnStore.release_leases`."""
        self._outbox.release(worker)
        self._tell()

    async def report_delivery(self, report: DeliveryReport, now: datetime) -> bool:
        """See `TurnStore.report_delivery`."""
        moved = self._outbox.report(report, now)
        if moved:
            self._tell()
        return moved

    async def next_due(self, now: datetime) -> datetime | None:
        """See `TurnStore.next_due`."""
        times = [*self.rows.timers.values()]
        outbox = self._outbox.next_due()
        return min([*times, outbox] if outbox is not None else times, default=None)

    def _tell(self) -> None:
        for callback in self._listeners:
            callback()
