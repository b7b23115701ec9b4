"""The turn store on PostgreSQL, for any number of replicas on one database."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias, TypeVar

from dialogs.messages import DeliveryReport, Unavailable
from dialogs.turns import Alert, AuditEvent, Leased, Settled, Timer, Turn, TurnResult
from storage.keys import Keyring
from storage.postgres import outbox_sql
from storage.postgres.batch import COMMIT, Batches
from storage.postgres.facts import FactLoader
from storage.postgres.failures import ERRORS, lost_race, why_down
from storage.postgres.line import Line, is_id, seeing
from storage.postgres.outbox import Outbox
from storage.postgres.reports import locks_of
from storage.postgres.row_security import Reason
from storage.postgres.writer import MAX_BATCH, MAX_WAITING, TRIES, Writer
from storage.times import maybe_moment, micros, moment

R = TypeVar("R")
T = TypeVar("T")
_Reported: TypeAlias = tuple[DeliveryReport, datetime, asyncio.Future[bool]]
_LEASE: Final = timedelta(seconds=60)
#: As `Line` itself.
MakeLine: TypeAlias = Callable[[str, Reason | None], Line]
_WORKER_LENGTH: Final = 64


class PostgresTurnStore:
    """Keeps the promise of `dialogs.ports.TurnStore`. Two connections: one for turns, one for outbox and timers.

    `url` is the app role's, and the tables exist and are secured. Nothing is connected before it is needed, and a lost
    connection is made again when it is next needed. `rank` orders a provider's delivery states. `line` makes each
    connection; tests have it stop in the middle.
    """

    def __init__(
        self,
        url: str,
        keyring: Keyring,
        rank: Callable[[str], int],
        *,
        line: MakeLine = Line,
    ) -> None:
        self._callbacks: list[Callable[[], None]] = []
        # The dispatcher asks what is due again and again: one way there and back for that, not three.
        self._turns, self._work = line(url, None), line(url, Reason.QUEUES)
        loader = FactLoader(keyring)
        self._writer = Writer(Batches(self._turns, loader), self._tell)
        self._outbox = Outbox(loader, rank)
        self._working = asyncio.Lock()
        self._reports: deque[_Reported] = deque()
        self._reporting: asyncio.Task[None] | None = None
        self._closed = False

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        """See `TurnStore.take`."""
        return await self._writer.submit(turn)

    async def due_timers(self, now: datetime, limit: int = 100) -> Sequence[Timer]:
        """See `TurnStore.due_timers`."""
        rows = await self._read(lambda c: c.fetch(outbox_sql.DUE_TIMERS, micros(now), limit))
        return [Timer(row[0], row[1], row[2], moment(row[3])) for row in rows]

    async def put_aside(self, timer: Timer, audit: AuditEvent, alert: Alert) -> None:
        """See `TurnStore.put_aside`."""
        seen = seeing(Reason.TENANTS, {timer.tenant_id} if is_id(timer.tenant_id) else ())
        await self._write(seen, lambda c: self._outbox.put_aside(c, timer, audit, alert))

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
        return await self._write(
            seeing(Reason.QUEUES), lambda c: self._outbox.lease(c, _short(worker), now, limit, lasts, full), tells=False
        )

    async def renew(self, leased: Sequence[Leased], now: datetime, *, lasts: timedelta = _LEASE) -> None:
        """See `TurnStore.renew`."""
        if leased:
            await self._write(seeing(Reason.QUEUES), lambda c: self._outbox.renew(c, leased, now, lasts), tells=False)

    async def settle(self, outcomes: Sequence[Settled], now: datetime) -> None:
        """See `TurnStore.settle`."""
        if not outcomes:
            return
        try:
            await self._settle(outcomes, now)
        except ERRORS:
            if len(outcomes) == 1:
                raise
            # Something is wrong with one of them, which shall cost nobody but that one.
            failed = [why for one in outcomes if (why := await self._settle_alone(one, now)) is not None]
            if failed:
                raise failed[0] from None

    async def release_leases(self, worker: str) -> None:
        """See `TurnStore.release_leases`."""
        await self._write(seeing(Reason.QUEUES), lambda c: self._outbox.release(c, _short(worker)))

    async def report_delivery(self, report: DeliveryReport, now: datetime) -> bool:
        """See `TurnStore.report_delivery`."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if len(self._reports) >= MAX_WAITING:
            raise Unavailable("too many delivery reports wait already")
        self._reports.append((report, now, future))
        if self._reporting is None:
            self._reporting = asyncio.create_task(self._report(), name="delivery reports")
        return await future

    async def next_due(self, now: datetime) -> datetime | None:
        """See `TurnStore.next_due`."""
        return maybe_moment(await self._read(lambda c: c.fetchval(outbox_sql.NEXT)))

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` on the event loop after each commit of this store that wrote something; of other replicas'
        `storage.postgres.Listening` tells."""
        self._callbacks.append(callback)

    async def close(self) -> None:
        """Finish what waits, then close the connections."""
        await self._writer.close()
        async with self._working:
            self._closed = True
        await self._turns.close()
        await self._work.close()

    # --- delivery reports -------------------------------------------------------------------------------------------

    async def _report(self) -> None:
        """Reports that wait share a transaction: each text has several of them."""
        while self._reports:
            batch = [self._reports.popleft() for _ in range(min(len(self._reports), MAX_BATCH))]
            await self._report_these(batch)
        self._reporting = None

    async def _report_these(self, batch: list[_Reported]) -> None:
        reports, now = [report for report, _, _ in batch], max(at for _, at, _ in batch)
        seen = seeing(Reason.QUEUES, locks=locks_of(reports))
        try:
            moved = await self._write(seen, lambda c: self._outbox.reports.take(c, reports, now))
        # Whatever is wrong with one report is its caller's to hear, and must not stop the others.
        except Exception as why:
            if len(batch) == 1 or isinstance(why, Unavailable):
                for _, _, future in batch:
                    if not future.done():
                        future.set_exception(why)
                return
            for one in batch:
                await self._report_these([one])
            return
        for (_, _, future), answer in zip(batch, moved, strict=True):
            if not future.done():
                future.set_result(answer)

    # --- transactions on the second connection ----------------------------------------------------------------------

    async def _settle(self, outcomes: Sequence[Settled], now: datetime) -> None:
        tenants = {s.leased.tenant_id for s in outcomes}
        seen = seeing(Reason.TENANTS, tenants, locks_of((), outcomes))
        await self._write(seen, lambda c: self._outbox.settle(c, outcomes, now))

    async def _settle_alone(self, settled: Settled, now: datetime) -> Exception | None:
        try:
            await self._settle([settled], now)
        except ERRORS as why:
            return why
        return None

    async def _read(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Run one statement on the queues, outside any transaction. Raises Unavailable."""
        async with self._working:
            if self._closed:
                raise Unavailable("the store is closed")
            for tried in (1, 2):
                connection = await self._work.connection()
                try:
                    return await work(connection)
                except ERRORS as why:
                    is_stale = tried == 1 and connection.is_closed()
                    await self._work.undo(why)
                    if is_stale:
                        continue
                    if down := why_down(why):
                        raise Unavailable(down) from why
                    raise
                except BaseException:
                    self._work.drop()
                    raise
        raise Unavailable("the connection to the database was lost")

    async def _write(self, seen: str, work: Callable[[Any], Awaitable[T]], *, tells: bool = True) -> T:
        """Run `work` in a transaction and commit. A lost race is run again. Raises Unavailable, also when nobody knows
        whether the commit arrived, and what `work` raises."""
        async with self._working:
            if self._closed:
                raise Unavailable("the store is closed")
            for tried in range(1, TRIES + 1):
                connection = await self._work.connection()
                committing = False
                try:
                    await connection.execute(self._work.begin(seen))
                    done = await work(connection)
                    committing = True
                    await connection.execute(COMMIT if tells else "COMMIT")
                    break
                except ERRORS as why:
                    # A connection that had died unnoticed is no reason to give up: nothing was committed on it.
                    is_stale = tried == 1 and not committing and connection.is_closed()
                    await self._work.undo(why)
                    if is_stale or (tried < TRIES and lost_race(why)):
                        continue
                    if down := why_down(why):
                        raise Unavailable(down) from why
                    raise
                except BaseException:
                    self._work.drop()
                    raise
        if tells:
            self._tell()
        return done

    def _tell(self) -> None:
        for callback in self._callbacks:
            callback()


def _short(worker: str) -> str:
    """A worker's name as the column holds it; a machine's name alone may be as long as that."""
    return worker if len(worker) <= _WORKER_LENGTH else hashlib.sha256(worker.encode()).hexdigest()
