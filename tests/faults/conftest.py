"""A filled database of each kind, made once for all tests of a process; and an installation on a copy for each test."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Protocol

import pytest

from storage.migrations import migrate
from tests.faults.filled import Filled, fill
from tests.faults.installation import Installation, installed
from tests.faults.small_disk import SmallDisk
from tests.fixtures.postgres import server_folder
from tests.fixtures.servers import (
    APP,
    OWNER,
    PostgresServer,
    need,
    start_postgres,
    start_redis,
    why_no_postgres,
    why_no_redis,
)

_FILLED = "faults_filled"


@dataclass(frozen=True, slots=True)
class FilledFile:
    """A SQLite file."""

    database: Path
    filled: Filled


@dataclass(slots=True)
class FilledServer:
    """A PostgreSQL of this folder's own, as durable as in earnest: its tests kill it."""

    server: PostgresServer
    filled: Filled
    _numbers: Iterator[int] = field(default_factory=count)

    async def copy(self) -> str:
        """A new database; its name."""
        name = f"f{next(self._numbers)}"
        await self.server.arun(self.server.creating(name, _FILLED))
        return name


@pytest.fixture(scope="session")
def filled_file(tmp_path_factory: pytest.TempPathFactory) -> FilledFile:
    folder = tmp_path_factory.mktemp("faults")
    database = folder / "watchword.db"
    database.touch()
    migrate(f"sqlite:///{database}")
    return FilledFile(database, asyncio.run(fill(f"sqlite:///{database}")))


def make_filled(server: PostgresServer) -> Filled:
    """A database to copy, on a server that runs."""
    server.make_database(_FILLED)
    migrate(server.url(_FILLED, OWNER), APP)
    return asyncio.run(fill(server.url(_FILLED, APP)))


@pytest.fixture(scope="session")
def filled_server() -> Iterator[FilledServer]:
    need(why_no_postgres())
    with server_folder() as folder:
        server = start_postgres(folder)
        try:
            yield FilledServer(server, make_filled(server))
        finally:
            server.resume()
            server.kill()


class Opening(Protocol):
    """Opens an installation. `jumps`: replicas have a clock that can be moved. `disk`: where its data lies."""

    def __call__(
        self, *, replicas: int = 2, jumps: bool = False, disk: SmallDisk | None = None
    ) -> AbstractAsyncContextManager[Installation]: ...


@pytest.fixture
def on_file(filled_file: FilledFile, tmp_path: Path) -> Opening:
    """One process on a SQLite file."""

    @asynccontextmanager
    async def opened(
        *, replicas: int = 1, jumps: bool = False, disk: SmallDisk | None = None
    ) -> AsyncIterator[Installation]:
        database = (disk.folder if disk is not None else tmp_path) / "watchword.db"
        shutil.copy(filled_file.database, database)
        # As `serve` has it where nothing is said: beside the database, and so on the same disk.
        checkpoints = Path(f"{database}.checkpoints")
        installation = Installation(
            tmp_path, filled_file.filled, f"sqlite:///{database}", checkpoints, jumps=jumps, disk=disk
        )
        async with installed(installation, 1) as running:
            yield running

    return opened


@pytest.fixture
def on_servers(filled_server: FilledServer, tmp_path: Path) -> Opening:
    """Two replicas on PostgreSQL and Redis."""
    need(why_no_redis())

    @asynccontextmanager
    async def opened(
        *, replicas: int = 2, jumps: bool = False, disk: SmallDisk | None = None
    ) -> AsyncIterator[Installation]:
        known = filled_server
        if disk is not None:
            server = await asyncio.to_thread(start_postgres, disk.folder, {"max_wal_size": "32MB"})
            known = FilledServer(server, await asyncio.to_thread(make_filled, server))
        elif not known.server.running:
            known.server.start()
        else:
            known.server.resume()
        redis = await asyncio.to_thread(start_redis, tmp_path / "redis")
        try:
            name = await known.copy()
            checkpoints = tmp_path / "checkpoints"
            url = known.server.url(name, APP)
            installation = Installation(
                tmp_path, known.filled, url, checkpoints, known.server, redis, jumps=jumps, disk=disk
            )
            async with installed(installation, replicas) as running:
                yield running
        finally:
            redis.resume()
            redis.kill()
            known.server.resume()
            if disk is not None:
                known.server.kill()

    return opened
