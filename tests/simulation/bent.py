"""Turn stores that do what another one does, for faults to change one thing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from dialogs.messages import DeliveryReport
from dialogs.ports import TurnStore
from dialogs.turns import Alert, AuditEvent, Leased, Settled, Timer, Turn, TurnResult
from storage.memory import MemoryTurnStore

R = TypeVar("R")
_LEASE = timedelta(seconds=60)


class Bent:
    """A store that does what another one does; faults change one thing."""

    def __init__(self, store: TurnStore) -> None:
        self.store = store

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        return await self.store.take(turn)

    async def due_timers(self, now: datetime, limit: int = 100) -> Sequence[Timer]:
        return await self.store.due_timers(now, limit)

    async def put_aside(self, timer: Timer, audit: AuditEvent, alert: Alert) -> None:
        await self.store.put_aside(timer, audit, alert)

    async def lease(
        self,
        worker: str,
        now: datetime,
        *,
        limit: int = 32,
        lasts: timedelta = _LEASE,
        full: Collection[str] = (),
    ) -> Sequence[Leased]:
        return await self.store.lease(worker, now, limit=limit, lasts=lasts, full=full)

    async def renew(self, leased: Sequence[Leased], now: datetime, *, lasts: timedelta = _LEASE) -> None:
        await self.store.renew(leased, now, lasts=lasts)

    async def settle(self, outcomes: Sequence[Settled], now: datetime) -> None:
        await self.store.settle(outcomes, now)

    async def release_leases(self, worker: str) -> None:
        await self.store.release_leases(worker)

    async def report_delivery(self, report: DeliveryReport, now: datetime) -> bool:
        return await self.store.report_delivery(report, now)

    async def next_due(self, now: datetime) -> datetime | None:
        return await self.store.next_due(now)


class InMemory(Bent):
    """Reaches behind the store's back."""

    def __init__(self, store: MemoryTurnStore) -> None:
        super().__init__(store)
        self.rows = store.rows
