"""The turn store on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from dialogs.messages import DeliveryReport
from dialogs.turns import Alert, AuditEvent, Duplicate, Leased, Settled, Taken, Timer, Turn, TurnResult, Unroutable
from storage.keys import Keyring
from storage.sqlite import outbox_sql
from storage.sqlite.database import SqliteDatabase
from storage.sqlite.decisions import DecisionWriter
from storage.sqlite.facts import FactLoader
from storage.sqlite.outbox import OutboxWriter
from storage.times import maybe_moment, micros, moment

R = TypeVar("R")
_LEASE = timedelta(seconds=60)


class AlreadyRunning(Exception):
    """Another process works on this file; the message says what to do."""


class SqliteTurnStore:
    """Keeps the promise of `dialogs.ports.TurnStore` on one file, for one process at a time.

    `rank` orders a provider's delivery states. Raises AlreadyRunning when another process has a store on this file.
    """

    def __init__(self, database: SqliteDatabase, keyring: Keyring, rank: Callable[[str], int]) -> None:
        self._lock = hold(database.path)
        self._database = database
        self._writer = database.writer
        cursor = database.connection.cursor()
        self._loader = FactLoader(cursor, keyring)
        self._decisions = DecisionWriter(cursor)
        self._outbox = OutboxWriter(cursor, self._loader, self._decisions, rank)
        database.attach(self._decisions.begin, self._loader.forget)

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        """See `TurnStore.take`."""
        return await self._writer.submit(lambda: self._take(turn), tells=True)

    async def due_timers(self, now: datetime, limit: int = 100) -> Sequence[Timer]:
        """See `TurnStore.due_timers`."""
        return await self._writer.submit(lambda: self._due_timers(micros(now), limit), tells=False)

    async def put_aside(self, timer: Timer, audit: AuditEvent, alert: Alert) -> None:
        """See `TurnStore.put_aside`."""
        await self._writer.submit(lambda: self._outbox.put_aside(timer, audit, alert), tells=True)

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
        return await self._writer.submit(lambda: self._outbox.lease(worker, now, limit, lasts, full), tells=False)

    async def renew(self, leased: Sequence[Leased], now: datetime, *, lasts: timedelta = _LEASE) -> None:
        """See `TurnStore.renew`."""
        await self._writer.submit(lambda: self._outbox.renew(leased, now, lasts), tells=False)

    async def settle(self, outcomes: Sequence[Settled], now: datetime) -> None:
        """See `TurnStore.settle`."""
        await self._writer.submit(lambda: self._outbox.settle(outcomes, now), tells=True)

    async def release_leases(self, worker: str) -> None:
        """See `TurnStore.release_leases`."""
        await self._writer.submit(lambda: self._outbox.release(worker), tells=True)

    async def report_delivery(self, report: DeliveryReport, now: datetime) -> bool:
        """See `TurnStore.report_delivery`."""
        return await self._writer.submit(lambda: self._outbox.report(report, now), tells=True)

    async def next_due(self, now: datetime) -> datetime | None:
        """See `TurnStore.next_due`."""
        return await self._writer.submit(self._next_due, tells=False)

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` on the event loop after each commit of a turn, a settlement or another write."""
        self._database.on_commit(callback)

    async def close(self) -> None:
        """Finish what waits and let go of the file. The database is closed with it."""
        await self._database.close()
        self._lock.close()

    # --- on the writer's thread -------------------------------------------------------------------------------------

    def _take(self, turn: Turn[R]) -> TurnResult[R]:
        found = self._loader.load(turn.ask, turn.now)
        if isinstance(found, Duplicate | Unroutable):
            return found
        decision = turn.decide(found.facts)
        self._decisions.write(turn, decision, found.facts, found.keys)
        return Taken(decision.reply)

    def _due_timers(self, now: int, limit: int) -> list[Timer]:
        rows = self._database.connection.execute(outbox_sql.DUE_TIMERS, (now, limit)).fetchall()
        return [Timer(row[0], row[1], row[2], moment(row[3])) for row in rows]

    def _next_due(self) -> datetime | None:
        timer = self._database.connection.execute(outbox_sql.NEXT_TIMER).fetchone()[0]
        times = [maybe_moment(timer), self._outbox.next_due()]
        return min((at for at in times if at is not None), default=None)


def hold(path: Path) -> sqlite3.Connection:
    """Hold an exclusive transaction on a file beside the database: it ends with the process, however that ends, or when
    it is closed. Raises AlreadyRunning."""
    beside = path.with_name(path.name + ".lock")
    lock = sqlite3.connect(beside, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as why:
        lock.close()
        raise AlreadyRunning(f"{path} is in use by another Watchword; stop that one first") from why
    return lock
