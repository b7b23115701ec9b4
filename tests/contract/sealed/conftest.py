"""The sealed log on both databases, each test with a log of its own."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.keys import Keyring
from storage.postgres import PostgresDatabase
from storage.sealed.checkpoint_file import CheckpointFile
from storage.sealed.sequencer import Sequencer
from storage.sqlite import SqliteDatabase
from tests.fixtures.kept import Kept
from tests.fixtures.postgres import Cluster
from tests.fixtures.sealed_log import SealedLog
from tests.fixtures.stand_ins import SeededRandomness, StandingClock
from tests.fixtures.world import MASTER_KEY, make_world


def _kept(database: SqliteDatabase | PostgresDatabase) -> Kept:
    return Kept(database, Keyring([MASTER_KEY]), make_world(1), make_world(2), StandingClock(), SeededRandomness())


@pytest.fixture
async def on_file(template_database: Path, tmp_path: Path) -> AsyncIterator[SealedLog]:
    path = Path(shutil.copy(template_database, tmp_path / "watchword.db"))
    database = SqliteDatabase(path, synchronous="NORMAL")
    yield SealedLog(_kept(database), CheckpointFile(tmp_path / "checkpoints"), path)
    await database.close()


@pytest.fixture
async def on_postgres(postgres: Cluster, tmp_path: Path) -> AsyncIterator[SealedLog]:
    place = await postgres.seeded()
    database = PostgresDatabase(place.app)
    log = SealedLog(_kept(database), CheckpointFile(tmp_path / "checkpoints"), place.admin, Sequencer(place.app))
    yield log
    await log.close()
    await database.close()


@pytest.fixture(params=["on_file", "on_postgres"])
def log(request: pytest.FixtureRequest) -> SealedLog:
    """A test that asks for it runs once on each database."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, SealedLog)
    return found
