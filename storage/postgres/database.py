"""PostgreSQL for everything outside the turn: a pool of connections, each piece of work in a transaction of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine

from dialogs.messages import Unavailable
from storage.database import Unscoped
from storage.guard import guard, scoped
from storage.postgres.connecting import make_engine
from storage.postgres.failures import ERRORS, READ_ONLY, UNIQUE, key_of, lost_race, sqlstate, why_down
from storage.postgres.listening import CHANNEL
from storage.postgres.row_security import enter, entering

T = TypeVar("T")

#: Connections per process. The work is short statements, so a few connections keep several cores of the server busy;
#: ten replicas with their stores and listeners stay below PostgreSQL's default of 100.
POOL_SIZE = 8
#: Seconds to wait for a free connection. Longer, and the phone company has given up on us meanwhile.
POOL_TIMEOUT_S = 5.0
#: Seconds a single statement may take. The slowest of ours takes well under one.
STATEMENT_TIMEOUT_S = 10.0
#: Writes that get in one another's way are done again, in each process one after the other: so a write meets at most
#: what other processes do and what has just come in.
_TRIES = 10


#: Seconds for taking leave of the server on all connections.
_CLOSES_WITHIN_S = 3.0
#: Seconds that a transaction may stand still between two statements. A frozen copy would keep the others from its rows,
#: and from the log's tree, for as long as its machine is up; a backup on a slow disk needs a moment between two pages.
_IDLE_TIMEOUT_S = 60.0
_CHANGED = "watchword_changed"


class _Stale(Exception):
    """The pooled connection had died before anything was done on it."""


class _Again(Exception):
    """Somebody else's write came between. `taken`: the key that both wanted, empty where it was not about one."""

    def __init__(self, taken: str = "") -> None:
        super().__init__()
        self.taken = taken


class PostgresDatabase:
    """One database, with the app's role. Its tables must exist and be secured: see `storage.migrations.migrate`.

    Reads see one state of the database (REPEATABLE READ). Writes behave as if they came one after the other, as on
    SQLite (SERIALIZABLE), so `work` may be run again from the start when two got in each other's way.

    The guard of `storage.guard` is on here as well. The server's row security is what keeps tenants apart; but it
    answers a forgotten tenant with fewer rows where the guard raises, and both databases should fail alike.
    """

    def __init__(
        self,
        url: str,
        *,
        size: int = POOL_SIZE,
        pool_timeout: float = POOL_TIMEOUT_S,
        statement_timeout: float = STATEMENT_TIMEOUT_S,
        idle_timeout: float = _IDLE_TIMEOUT_S,
    ) -> None:
        self._engine = make_engine(
            url,
            statement_timeout=statement_timeout,
            settings={"idle_in_transaction_session_timeout": str(int(idle_timeout * 1000))},
            pool_size=size,
            max_overflow=0,
            pool_timeout=pool_timeout,
            # The one used last is used next: the others stay idle, and a quiet night shows how few were needed.
            pool_use_lifo=True,
        )
        guard(self._engine.sync_engine)
        event.listen(self._engine.sync_engine, "checkout", _still_open)
        event.listen(self._engine.sync_engine, "after_cursor_execute", _note_changes)
        self._reading = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._writing = self._engine.execution_options(isolation_level="SERIALIZABLE")
        self._in_turn = asyncio.Lock()
        self._callbacks: list[Callable[[], None]] = []

    async def read(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        """Run `work` in a read-only transaction that sees one state of the database. Raises Unavailable."""
        done, _ = await self._until_done(self._reading, scope, work)
        return done

    async def write(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction of its own and commit; an exception rolls back and is raised here.

        Raises Unavailable, also when a commit was sent and nobody knows whether it arrived.
        """
        done, changed = await self._until_done(self._writing, scope, work, writes=True)
        if changed:
            for callback in self._callbacks:
                callback()
        return done

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` on the event loop after each commit of this process; of others `Listening` tells."""
        self._callbacks.append(callback)

    async def close(self) -> None:
        """Close every connection. Work that is still under way keeps its own until it is through."""
        try:
            async with asyncio.timeout(_CLOSES_WITHIN_S):
                await self._engine.dispose()
        except TimeoutError:
            # A frozen server takes no leave, and each connection would wait for it in its turn (REL-14).
            await self._engine.dispose(close=False)

    async def _until_done(
        self, engine: AsyncEngine, scope: str | Unscoped, work: Callable[[Connection], T], *, writes: bool = False
    ) -> tuple[T, bool]:
        """What `work` answered, and whether it changed anything."""
        taken = ""
        try:
            return await self._try(engine, scope, work, writes=writes)
        except _Again as why:
            taken = why.taken
        async with self._in_turn:
            for _ in range(_TRIES):
                try:
                    return await self._try(engine, scope, work, writes=writes)
                except _Again as why:
                    if why.taken and why.taken == taken and why.__cause__:
                        raise why.__cause__ from None  # it has seen the key by now and wants the same one still
                    taken = why.taken
        raise Unavailable("too many writes to the same rows at once")

    async def _try(
        self, engine: AsyncEngine, scope: str | Unscoped, work: Callable[[Connection], T], *, writes: bool
    ) -> tuple[T, bool]:
        """Raises _Again for what may succeed the next time, Unavailable, or what `work` raises."""
        try:
            try:
                return await _once(engine, scope, work, tells=writes)
            except _Stale:
                # The pool has thrown its connections away: this one is new, or the server is really not there.
                return await _once(engine, scope, work, tells=writes)
        except _Stale as why:
            raise Unavailable("the connection to the database was lost") from why
        except ERRORS as why:
            if not writes and sqlstate(why) == READ_ONLY:
                raise  # it tried to write where it may not
            down = why_down(why)
            if down:
                raise Unavailable(down) from why
            if lost_race(why):
                raise _Again from why
            if writes and sqlstate(why) == UNIQUE:
                # Another may have taken the key while this one was under way: look once more before saying so.
                raise _Again(key_of(why)) from why
            raise


async def _once(
    engine: AsyncEngine, scope: str | Unscoped, work: Callable[[Connection], T], *, tells: bool
) -> tuple[T, bool]:
    async with engine.connect() as connection:
        try:
            done, changed = await connection.run_sync(_within, scope, work)
        except TimeoutError:
            # The driver gave up on a server that is frozen or gone: nothing more can be said on this connection.
            await connection.invalidate()
            raise
        if tells and changed:
            # After the commit: a notice inside it would hold up every other commit until this one is on disk. Should it
            # be lost, others find what was written when they next look of their own accord.
            with contextlib.suppress(*ERRORS):
                driver: Any = (await connection.get_raw_connection()).driver_connection
                await driver.execute(f"NOTIFY {CHANNEL}")
        return done, changed


def _within(connection: Connection, scope: str | Unscoped, work: Callable[[Connection], T]) -> tuple[T, bool]:
    within = scoped(connection, scope)
    try:
        enter(connection, *entering(scope))
    except DBAPIError as why:
        if why_down(why):
            raise _Stale from why
        raise
    connection.info[_CHANGED] = False
    done = work(within)
    connection.commit()
    return done, bool(connection.info[_CHANGED])


def _note_changes(connection: Connection, cursor: Any, text: str, values: object, context: Any, many: bool) -> None:
    """Statements as text, which are the operator's, count as changes: better woken for nothing than not at all."""
    changes = context.compiled is None or context.isinsert or context.isupdate or context.isdelete
    if changes and cursor.rowcount != 0:
        connection.info[_CHANGED] = True


def _still_open(connection: object, record: object, proxy: object) -> None:
    """A restart of the server ends every pooled connection, and the driver has seen it: no need to ask the server."""
    driver = getattr(record, "driver_connection", None)
    if driver is not None and driver.is_closed():
        raise InvalidatePoolError("the server has ended this connection")
