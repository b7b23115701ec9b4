"""The sealed log on both databases, each test with a log of its own."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from storage.keys import Keyring
from storage.postgres import PostgresDatabase
from storage.sealed.checkpoint_file import CheckpointFile
from storage.sealed.sequencer import Sequencer
from storage.sqlite import SqliteDatabase
from tests.fixtures.kept import Kept
from tests.fixtures.postgres import Cluster, Place
from tests.fixtures.sealed_log import SealedLog
from tests.fixtures.stand_ins import SeededRandomness, StandingClock
from tests.fixtures.world import MASTER_KEY, make_world

_CHECKPOINTS = "checkpoints"


def _kept(database: SqliteDatabase | PostgresDatabase) -> Kept:
    return Kept(database, Keyring([MASTER_KEY]), make_world(1), make_world(2), StandingClock(), SeededRandomness())


def _on_file(path: Path, folder: Path) -> SealedLog:
    kept = _kept(SqliteDatabase(path, synchronous="NORMAL"))
    return SealedLog(kept, CheckpointFile(folder / _CHECKPOINTS), path)


def _on_server(place: Place, folder: Path) -> SealedLog:
    kept = _kept(PostgresDatabase(place.app))
    return SealedLog(kept, CheckpointFile(folder / _CHECKPOINTS), place.admin, Sequencer(place.app))


@pytest.fixture
async def on_file(template_database: Path, tmp_path: Path) -> AsyncIterator[SealedLog]:
    log = _on_file(Path(shutil.copy(template_database, tmp_path / "watchword.db")), tmp_path)
    yield log
    await log.kept.database.close()


@pytest.fixture
async def on_postgres(postgres: Cluster, tmp_path: Path) -> AsyncIterator[SealedLog]:
    log = _on_server(await postgres.seeded(), tmp_path)
    yield log
    await log.close()
    await log.kept.database.close()


@pytest.fixture(params=["on_file", "on_postgres"])
def log(request: pytest.FixtureRequest) -> SealedLog:
    """A test that asks for it runs once on each database."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, SealedLog)
    return found


@dataclass(frozen=True, slots=True)
class Filled:
    """A sealed log to be copied: the database is a file, or one on the server by name."""

    database: str
    checkpoints: bytes
    now: datetime
    written: int
    published: tuple[str, ...]


@pytest.fixture(scope="session")
def filled_logs() -> dict[bool, Filled]:
    """By whether it is a file; the first test on each database fills one."""
    return {}


@pytest.fixture(params=["on_file", "on_postgres"])
def server(request: pytest.FixtureRequest) -> Cluster | None:
    if request.param == "on_file":
        return None
    found: Cluster = request.getfixturevalue("postgres")
    return found


async def _fill(folder: Path, template: Path, server: Cluster | None) -> Filled:
    if server is None:
        place, path = None, Path(shutil.copy(template, folder / "watchword.db"))
        log = _on_file(path, folder)
    else:
        place, path = await server.seeded(kept=True), None
        log = _on_server(place, folder)
    await log.sealed(300, 600, 300)
    await log.write(5)
    await log.sealer.seal()
    await log.close()
    await log.kept.database.close()
    name = place.name if place is not None else str(path)
    return Filled(name, (folder / _CHECKPOINTS).read_bytes(), log.kept.clock.now(), log.written, tuple(log.published))


@pytest.fixture
async def sealed(
    server: Cluster | None,
    filled_logs: dict[bool, Filled],
    template_database: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[SealedLog]:
    """1200 lines under three checkpoints, and five that no checkpoint covers yet; the server has just been started."""
    if (server is None) not in filled_logs:
        filled_logs[server is None] = await _fill(tmp_path_factory.mktemp("filled-log"), template_database, server)
    filled = filled_logs[server is None]
    (tmp_path / _CHECKPOINTS).write_bytes(filled.checkpoints)
    if server is None:
        log = _on_file(Path(shutil.copy(filled.database, tmp_path / "watchword.db")), tmp_path)
    else:
        log = _on_server(await server.copy_of(filled.database), tmp_path)
    log.kept.clock.advance(filled.now - log.kept.clock.now())
    log.written, log.published = filled.written, list(filled.published)
    yield log
    await log.close()
    await log.kept.database.close()
