"""What several contract suites share: every turn store, seeded, one test at a time."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.verifications import Verifications
from tests.fixtures.kept import Kept
from tests.fixtures.postgres import Cluster
from tests.fixtures.syncing import Office
from tests.fixtures.turn_stores import (
    HOUSES,
    Ground,
    House,
    PostgresHouse,
    SqliteHouse,
    StoredHouse,
    postgres_house,
    sqlite_house,
)


@pytest.fixture
def seeded_file(template_database: Path, tmp_path: Path) -> Path:
    """A file with two worlds in it that nobody has opened."""
    return Path(shutil.copy(template_database, tmp_path / "seeded.db"))


@pytest.fixture(params=sorted(HOUSES))
def kind(request: pytest.FixtureRequest) -> str:
    """Every store in turn."""
    name: str = request.param
    return name


@pytest.fixture
def ground(kind: str, request: pytest.FixtureRequest, template_database: Path, tmp_path: Path) -> Ground:
    """A server is started where the store wants one."""
    server: Cluster | None = request.getfixturevalue("postgres") if kind == "postgres" else None
    return Ground(template_database, tmp_path, server)


@pytest.fixture
async def house(kind: str, ground: Ground) -> AsyncIterator[House]:
    """A test that asks for it runs once for every store."""
    async with HOUSES[kind](ground) as opened:
        yield opened


@pytest.fixture
def stored(house: House) -> StoredHouse:
    """For tests of what stands beside the turn, which the store in memory does not have: they name their kinds."""
    assert isinstance(house, StoredHouse)
    return house


@pytest.fixture
def reading(stored: StoredHouse) -> Verifications:
    """What pages see of verifications."""
    return Verifications(stored.database, stored.keyring)


@pytest.fixture
def office(kept: Kept) -> Office:
    """One tenant's contacts from a directory, on each database."""
    return Office(kept)


@pytest.fixture
async def on_disk(template_database: Path, tmp_path: Path) -> AsyncIterator[SqliteHouse]:
    """For what only a file can show."""
    async with sqlite_house(Ground(template_database, tmp_path)) as opened:
        assert isinstance(opened, SqliteHouse)
        yield opened


@pytest.fixture
async def on_server(postgres: Cluster, template_database: Path, tmp_path: Path) -> AsyncIterator[PostgresHouse]:
    """For what only a server can show."""
    async with postgres_house(Ground(template_database, tmp_path, postgres)) as opened:
        assert isinstance(opened, PostgresHouse)
        yield opened
