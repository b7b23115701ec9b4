"""SQLite for everything outside the turn: reads on a few connections of their own, writes on the one writer."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, TypeVar

from sqlalchemy import Connection, StaticPool, create_engine
from sqlalchemy.exc import DBAPIError

from dialogs.messages import Unavailable
from storage.compiled import SHARED
from storage.database import Unscoped
from storage.guard import guard, scoped
from storage.sqlite.writer import Writer

T = TypeVar("T")

_READERS = 3


class SqliteDatabase:
    """One file. Its tables must exist: see `storage.migrations.migrate`.

    `synchronous`: FULL survives a power cut; NORMAL may lose the last commits in one and is for demos and tests.
    `busy_timeout` in seconds: how long to wait for another process that writes.
    """

    def __init__(
        self, path: Path, *, synchronous: Literal["FULL", "NORMAL"] = "FULL", busy_timeout: float = 5.0
    ) -> None:
        self.path = path
        self._busy_timeout = busy_timeout
        self.connection = self._connect()
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute(f"PRAGMA synchronous = {synchronous}")
        self.connection.execute("PRAGMA secure_delete = FAST")
        # The pages a busy minute touches stay at hand, and the log is copied into the file every 32 MiB, not 4:
        # copying holds up whoever waits for that commit, and writes each page once however often it has changed.
        self.connection.execute("PRAGMA cache_size = -16384")
        self.connection.execute("PRAGMA wal_autocheckpoint = 8000")
        self._core = _core(self.connection)
        self._begin: list[Callable[[], None]] = []
        self._forget: list[Callable[[], None]] = []
        self.writer = Writer(self.connection, self._on_begin, self._on_rollback)
        self._readers = [self._reader() for _ in range(_READERS)]
        self._pool = ThreadPoolExecutor(_READERS, thread_name_prefix="sqlite-reader")

    async def read(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        """Run `work` on a read-only connection, in a transaction that sees one state of the database."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, scope, work)

    async def write(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction of its own and commit; an exception rolls back and is raised here."""
        return await self.writer.submit(lambda: self._write(scope, work), tells=True, alone=True)

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` on the event loop after each commit that others may want to know of."""
        self.writer.listen(callback)

    def attach(self, begin: Callable[[], None], forget: Callable[[], None]) -> None:
        """What a turn store does inside each of the writer's transactions, and after each rollback."""
        self._begin.append(begin)
        self._forget.append(forget)

    async def close(self) -> None:
        """Finish what waits, then close every connection."""
        await self.writer.close()
        self._pool.shutdown()
        for reader in (*self._readers, self._core):
            reader.close()
            reader.engine.dispose()
        self.connection.close()

    def _read(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        core = self._readers.pop()
        driver = core.connection.driver_connection
        assert driver is not None, "readers stay connected"
        try:
            driver.execute("BEGIN")
            return work(scoped(core, scope))
        except DBAPIError as why:
            raise _translated(why) from why
        except sqlite3.OperationalError as why:
            raise Unavailable(f"the database does not answer: {why}") from why
        finally:
            core.rollback()
            # Of work without a statement SQLAlchemy knows no transaction, and this connection has one all the same.
            driver.rollback()
            self._readers.append(core)

    def _write(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        try:
            with self._core.begin():
                self.connection.execute("BEGIN IMMEDIATE")
                return work(scoped(self._core, scope))
        except DBAPIError as why:
            raise _translated(why) from why
        except sqlite3.OperationalError as why:
            raise Unavailable(f"the database cannot be written: {why}") from why

    def _on_begin(self) -> None:
        for begin in self._begin:
            begin()

    def _on_rollback(self) -> None:
        for forget in self._forget:
            forget()

    def _reader(self) -> Connection:
        connection = self._connect()
        connection.execute("PRAGMA query_only = ON")
        return _core(connection)

    def _connect(self) -> sqlite3.Connection:
        """Transactions are opened by us, never by the driver; a connection is used by one thread at a time."""
        connection = sqlite3.connect(
            self.path,
            timeout=self._busy_timeout,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        connection.execute("PRAGMA foreign_keys = ON")
        return connection


def _core(connection: sqlite3.Connection) -> Connection:
    """SQLAlchemy over a connection that we opened, with the tenant guard on it."""
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool, execution_options=SHARED)
    guard(engine)
    return engine.connect()


def _translated(why: DBAPIError) -> Exception:
    """A lock or a broken disk is `Unavailable`; anything else is the statement's own fault."""
    cause = why.orig
    if isinstance(cause, sqlite3.OperationalError):
        return Unavailable(f"the database does not answer: {cause}")
    return why
