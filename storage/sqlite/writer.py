"""The one writer: a thread that drains waiting work into one transaction and answers it all at once.

A commit costs far more than a turn, so everything that waits shares one (group commit). There are no savepoints,
because they cost more than the turns themselves: when work fails after it has written, the batch is rolled back and
each piece is done again in a transaction of its own, so that a failure costs nobody but its own caller. Work must
therefore bear to be run again.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from dialogs.messages import Unavailable
from dialogs.ports import Contended
from storage.sqlite.decisions import Conflict

T = TypeVar("T")

MAX_BATCH = 128
#: When many have just been answered together, many are about to ask again: the first of them is not worth a commit of
#: its own, which would hold up all the others. A lone caller never waits. On a disk it saves a third of the commits.
GATHERING_S = 0.0005
#: How often one piece of work may lose its race (REL-09).
TRIES = 5
_OUTAGES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PROTOCOL,
    }
)


@dataclass(slots=True)
class Job:
    """One piece of work and who waits for it. `alone`: it brings its own transaction. `tells`: listeners hear of it
    when it has written."""

    run: Callable[[], Any]
    future: asyncio.Future[Any]
    tells: bool
    alone: bool = False
    result: Any = None
    error: BaseException | None = None
    wrote: bool = False


class Writer:
    """Owns the writing connection. `begin` is called inside each transaction, `forget` after each rollback."""

    def __init__(self, connection: sqlite3.Connection, begin: Callable[[], None], forget: Callable[[], None]) -> None:
        self._connection = connection
        self._begin = begin
        self._forget = forget
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._listeners: list[Callable[[], None]] = []
        self._closed = False
        self._expected = 0
        self._thread = threading.Thread(target=self._work, name="sqlite-writer", daemon=True)
        self._thread.start()

    def listen(self, callback: Callable[[], None]) -> None:
        """Call `callback` on the event loop after each commit of work that tells."""
        self._listeners.append(callback)

    async def submit(self, run: Callable[[], T], *, tells: bool, alone: bool = False) -> T:
        """Run on the writer's thread; returns after the commit. Raises what `run` raises, Unavailable when the
        database cannot be written, Contended when every try lost its race."""
        if self._closed:
            raise Unavailable("the database is closed")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.put(Job(run, future, tells, alone))
        return await future

    async def close(self) -> None:
        """Do what waits, then stop."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    # --- on the writer's thread -------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (batch := self._drain()) is not None:
            together = [job for job in batch if not job.alone]
            if together:
                self._group(together)
            for job in batch:
                if job.alone:
                    self._alone(job)
            self._answer(batch)

    def _drain(self) -> list[Job] | None:
        """Everything that waits, at least one; None when it is time to stop."""
        first = self._queue.get()
        if first is None:
            return None
        batch = [first]
        expected, until = self._expected, time.monotonic() + GATHERING_S
        while len(batch) < MAX_BATCH:
            try:
                if len(batch) < expected and (left := until - time.monotonic()) > 0:
                    job = self._queue.get(timeout=left)
                else:
                    job = self._queue.get_nowait()
            except Empty:
                break
            if job is None:
                self._queue.put(None)
                break
            batch.append(job)
        self._expected = len(batch) * 3 // 4
        return batch

    def _group(self, jobs: list[Job]) -> None:
        try:
            self._open()
            if all(self._attempt(job) for job in jobs):
                self._connection.commit()
                return
            self._undo()
        except sqlite3.Error as why:
            self._undo()
            self._fail(jobs, _outage(why))
            return
        for job in jobs:
            self._one_by_one(job)

    def _attempt(self, job: Job) -> bool:
        """False when it failed after it had written, so that the transaction is spoilt."""
        before = self._connection.total_changes
        try:
            job.result = job.run()
        # Whatever is wrong with one piece of work is its caller's to hear, and must not stop the thread.
        except Exception as why:
            if isinstance(why, sqlite3.Error) and _is_outage(why):
                raise
            if isinstance(why, Conflict) or self._connection.total_changes != before:
                return False
            job.error = why
            return True
        job.wrote = self._connection.total_changes != before
        return True

    def _one_by_one(self, job: Job) -> None:
        job.result, job.error, job.wrote = None, None, False
        for _ in range(TRIES):
            try:
                self._open()
                before = self._connection.total_changes
                job.result = job.run()
                self._connection.commit()
                job.wrote = self._connection.total_changes != before
                return
            except Conflict:
                self._undo()
            # As above: the caller hears of it.
            except Exception as why:
                self._undo()
                self._fail([job], _outage(why) if isinstance(why, sqlite3.Error) else why)
                return
        job.error = Contended(f"lost {TRIES} races")

    def _alone(self, job: Job) -> None:
        try:
            before = self._connection.total_changes
            job.result = job.run()
            job.wrote = self._connection.total_changes != before
        # As above: the caller hears of it.
        except Exception as why:
            self._undo()
            self._fail([job], why)

    def _open(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._begin()

    def _undo(self) -> None:
        """Roll back what is open; what was read in it is forgotten."""
        if self._connection.in_transaction:
            self._connection.rollback()
        self._forget()

    def _fail(self, jobs: list[Job], why: BaseException) -> None:
        for job in jobs:
            job.result, job.error, job.wrote = None, why, False

    def _answer(self, batch: list[Job]) -> None:
        """One call into the event loop for the whole batch."""
        loops: dict[asyncio.AbstractEventLoop, list[Job]] = {}
        for job in batch:
            loops.setdefault(job.future.get_loop(), []).append(job)
        for loop, jobs in loops.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._deliver, jobs)

    def _deliver(self, jobs: list[Job]) -> None:
        for job in jobs:
            if job.future.done():
                continue
            if job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.result)
        if any(job.tells and job.wrote for job in jobs):
            for callback in self._listeners:
                callback()


def _is_outage(why: sqlite3.Error) -> bool:
    return (getattr(why, "sqlite_errorcode", 0) & 0xFF) in _OUTAGES


def _outage(why: sqlite3.Error) -> BaseException:
    """What the callers are told: come back later when it is the disk or a lock, else the error itself."""
    if not _is_outage(why):
        return why
    unavailable = Unavailable(f"the database cannot be written: {why}")
    unavailable.__cause__ = why
    return unavailable
