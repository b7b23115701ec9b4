"""The points at which `crash_driver` kills: around each call of the turn store, and on PostgreSQL within it as well."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from dialogs.messages import DeliveryReport
from dialogs.ports import TurnStore
from dialogs.turns import Alert, AuditEvent, Decision, Facts, Leased, Settled, Timer, Turn, TurnResult
from storage.postgres.line import Line
from storage.postgres.row_security import Reason
from tests.simulation.outside import Point

R = TypeVar("R")
#: Points of `SteppingLine`.
WITHIN = ("sql:written", "commit:sent", "commit:done")
_LEASE = timedelta(seconds=60)
_WRITES = re.compile(r"\b(INSERT INTO|UPDATE \w+( (AS )?\w+)?\s+SET|DELETE FROM)\b")


class Steps:
    """Counts the points and kills at one of them. What it passes is written down before anything else happens."""

    def __init__(self, folder: Path, kill_at: int) -> None:
        self._file = folder / "passed"
        self._kill_at = kill_at
        self._count = 0

    def at(self, point: str) -> None:
        self._count += 1
        with self._file.open("a", encoding="utf-8") as file:
            file.write(point + "\n")
        if self._count == self._kill_at:
            (self._file.parent / "killed").write_text(point, encoding="utf-8")
            os.kill(os.getpid(), signal.SIGKILL)


class Answered:
    """Which of its requests the outside has had answered; a file, so that it outlives us."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "answered"

    def has(self, what: str) -> bool:
        return self._file.exists() and what in self._file.read_text(encoding="utf-8").split("\n")

    def keep(self, what: str) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(what + "\n")


def passed_by(folder: Path) -> list[str]:
    return (folder / "passed").read_text(encoding="utf-8").split()


class SteppingStore:
    """A turn store that passes a point before and after each call, and one in the middle of each transaction."""

    def __init__(self, store: TurnStore, at: Point) -> None:
        self._store = store
        self._at = at

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        def decide(facts: Facts) -> Decision[R]:
            decision = turn.decide(facts)
            self._at("take:within")
            return decision

        self._at("take:before")
        result = await self._store.take(replace(turn, decide=decide))
        self._at("take:after")
        return result

    async def due_timers(self, now: datetime, limit: int = 100) -> Sequence[Timer]:
        due = await self._store.due_timers(now, limit)
        if due:
            self._at("ring")
        return due

    async def put_aside(self, timer: Timer, audit: AuditEvent, alert: Alert) -> None:
        await self._store.put_aside(timer, audit, alert)

    async def lease(
        self,
        worker: str,
        now: datetime,
        *,
        limit: int = 32,
        lasts: timedelta = _LEASE,
        full: Collection[str] = (),
    ) -> Sequence[Leased]:
        leased = await self._store.lease(worker, now, limit=limit, lasts=lasts, full=full)
        if leased:
            self._at("lease:after")
        return leased

    async def renew(self, leased: Sequence[Leased], now: datetime, *, lasts: timedelta = _LEASE) -> None:
        await self._store.renew(leased, now, lasts=lasts)

    async def settle(self, outcomes: Sequence[Settled], now: datetime) -> None:
        self._at("settle:before")
        await self._store.settle(outcomes, now)
        self._at("settle:after")

    async def release_leases(self, worker: str) -> None:
        await self._store.release_leases(worker)

    async def report_delivery(self, report: DeliveryReport, now: datetime) -> bool:
        self._at("report:before")
        moved = await self._store.report_delivery(report, now)
        self._at("report:after")
        return moved

    async def next_due(self, now: datetime) -> datetime | None:
        return await self._store.next_due(now)


class SteppingLine(Line):
    """A connection of PostgreSQL's store that passes a point after each statement which wrote something, when the
    commit of that is on its way, and when its answer has come back and nobody has been told yet."""

    def __init__(self, url: str, outside: Reason | None, at: Point) -> None:
        super().__init__(url, outside)
        self._at = at

    async def connection(self) -> Any:
        return _Stepping(await super().connection(), self._at)


class _Stepping:
    def __init__(self, inner: Any, at: Point) -> None:
        self._inner = inner
        self._at = at
        self._wrote = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def execute(self, query: str, *values: Any) -> Any:
        if query.startswith("COMMIT") and self._wrote:
            return await self._commit(query)
        return self._passed(query, await self._inner.execute(query, *values))

    async def fetch(self, query: str, *values: Any) -> Any:
        return self._passed(query, await self._inner.fetch(query, *values))

    async def fetchrow(self, query: str, *values: Any) -> Any:
        return self._passed(query, await self._inner.fetchrow(query, *values))

    async def fetchval(self, query: str, *values: Any) -> Any:
        return self._passed(query, await self._inner.fetchval(query, *values))

    def _passed(self, query: str, answer: Any) -> Any:
        # A look for something to lease that finds nothing writes nothing.
        if _WRITES.search(query) and answer not in ([], None, "UPDATE 0", "DELETE 0"):
            self._wrote = True
            self._at("sql:written")
        return answer

    async def _commit(self, query: str) -> Any:
        sending = asyncio.ensure_future(self._inner.execute(query))
        await asyncio.sleep(0)  # the driver has handed it to the system, which delivers it also when we are gone
        self._at("commit:sent")
        done = await sending
        self._at("commit:done")
        return done
