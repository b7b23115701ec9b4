"""What a run has written and what the database server has worked, seen from outside the house, past its code."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import asyncpg

from bench.engines import APP, OWNER, PostgresServer
from storage.migrations import migrate

COUNTED = ("inbound", "audit", "outbox", "conversations", "dialogs", "timers", "challenge_sends")
_WAITING = "SELECT count(*) FROM outbox WHERE done_at IS NULL"
_PLACED = "SELECT count(*) FROM audit WHERE seq IS NULL"
_LAST_TILE = "SELECT idx, hashes FROM audit_tiles WHERE level = 0 ORDER BY idx DESC LIMIT 1"
SQLITE, POSTGRES = "SQLite", "PostgreSQL"


@dataclass(frozen=True, slots=True)
class Later:
    """Rows of one tenant from one moment on. To read all of a large table would drive out of memory what the turns
    need, and they would pay for it."""

    tenant_id: str
    id: str


class Stored(Protocol):
    """One database. `url` is what the house opens it by, `owner_url` what made its tables, empty for the same.
    `later`: which rows are counted, None for all."""

    later: Later | None

    @property
    def name(self) -> str: ...

    @property
    def url(self) -> str: ...

    @property
    def owner_url(self) -> str: ...

    async def count(self) -> dict[str, int]:
        """Rows by table, from a connection of our own that only sees what is committed."""
        ...

    async def waiting(self) -> int:
        """Outbox items that nobody has finished yet."""
        ...

    async def unplaced(self) -> int:
        """Lines of the log that have no place in it yet."""
        ...

    async def sealed(self) -> int:
        """Lines of the log that are in the tree."""
        ...

    async def analyse(self) -> None:
        """Have the planner look at what the tables hold, as a server does by itself within a minute or two."""
        ...

    def cpu(self) -> float:
        """Seconds of processor time that a server of its own has taken so far; 0 where there is none."""
        ...


@dataclass(slots=True)
class File:
    """A SQLite file; its work is the house's own."""

    path: Path
    name: str = SQLITE
    owner_url: str = ""
    later: Later | None = None

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    async def count(self) -> dict[str, int]:
        return dict(zip(COUNTED, self._row(_counting(self.later)), strict=True))

    async def waiting(self) -> int:
        return int(self._row(_WAITING)[0])

    async def unplaced(self) -> int:
        return int(self._row(_PLACED)[0])

    async def sealed(self) -> int:
        return _leaves(self._row(_LAST_TILE))

    async def analyse(self) -> None:
        return

    def cpu(self) -> float:
        return 0.0

    def _row(self, query: str) -> tuple[Any, ...]:
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as connection:
            row: tuple[Any, ...] | None = connection.execute(query).fetchone()
            return row or ()


@dataclass(slots=True)
class OnServer:
    """A database on a PostgreSQL of the benchmark's own. The house has the role that row security holds for."""

    server: PostgresServer
    database: str
    name: str = POSTGRES
    later: Later | None = None
    _connection: Any = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return self.server.url(self.database, APP)

    @property
    def owner_url(self) -> str:
        return self.server.url(self.database, OWNER)

    async def count(self) -> dict[str, int]:
        return dict(zip(COUNTED, await self.row(_counting(self.later)), strict=True))

    async def waiting(self) -> int:
        return int((await self.row(_WAITING))[0])

    async def unplaced(self) -> int:
        return int((await self.row(_PLACED))[0])

    async def sealed(self) -> int:
        return _leaves(await self.row(_LAST_TILE))

    async def analyse(self) -> None:
        await (await self.connection()).execute("ANALYZE")

    def cpu(self) -> float:
        return server_cpu(self.server)

    async def row(self, query: str) -> tuple[Any, ...]:
        """As the superuser, for whom row security does not hold. The connection stays open: a new one for each count
        would be work of the server that is measured."""
        found = await (await self.connection()).fetchrow(query)
        return tuple(found) if found is not None else ()

    async def connection(self) -> Any:
        if self._connection is None:
            self._connection = await asyncpg.connect(self.server.url(self.database))
        return self._connection

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None


def _counting(later: Later | None) -> str:
    counts = []
    for name in COUNTED:
        id_ = "check_id" if name == "timers" else "id"
        where = f" WHERE tenant_id = '{later.tenant_id}' AND {id_} > '{later.id}'" if later is not None else ""
        counts.append(f"(SELECT count(*) FROM {name}{where})")  # noqa: S608  our names, ids we made
    return "SELECT " + ", ".join(counts)


async def new_file(folder: Path, name: str = "bench") -> File:
    """A migrated file."""
    stored = File(folder / f"{name}.db")
    await asyncio.to_thread(migrate, stored.url)
    return stored


async def new_database(stack: AsyncExitStack, server: PostgresServer, name: str) -> OnServer:
    """A migrated and secured database."""
    stored = OnServer(server, name)
    await asyncio.to_thread(server.make_database, name)
    await asyncio.to_thread(migrate, stored.owner_url, APP)
    stack.push_async_callback(stored.close)
    return stored


def server_cpu(server: PostgresServer) -> float:
    """Seconds of all of the server's processes, those that have ended included."""
    assert server.process is not None, "the server runs"
    return ended_cpu(server.process.pid) + sum(map(living_cpu, server.family()))


def living_cpu(pid: int) -> float:
    """Seconds of one process, by the nanosecond where the system tells; 0 for one that has just ended."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except OSError:
        return sum(map(int, _stat(pid)[11:13])) / os.sysconf("SC_CLK_TCK")


def ended_cpu(pid: int) -> float:
    """Seconds of its children that have ended."""
    return sum(map(int, _stat(pid)[13:15])) / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    """The fields behind the name, which may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ["0"] * 15


def _leaves(tile: tuple[Any, ...]) -> int:
    return tile[0] * 256 + len(tile[1]) // 32 if tile else 0
