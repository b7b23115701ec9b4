"""What several contract suites share: every turn store, seeded, one test at a time."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fixtures.turn_stores import HOUSES, House, SqliteHouse, make_template, sqlite_house


@pytest.fixture(scope="session")
def template_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def seeded_file(template_database: Path, tmp_path: Path) -> Path:
    """A file with two worlds in it that nobody has opened."""
    return Path(shutil.copy(template_database, tmp_path / "seeded.db"))


@pytest.fixture(params=sorted(HOUSES))
async def house(request: pytest.FixtureRequest, template_database: Path, tmp_path: Path) -> AsyncIterator[House]:
    """A test that asks for it runs once for every store."""
    async with HOUSES[request.param](template_database, tmp_path) as opened:
        yield opened


@pytest.fixture
async def on_disk(template_database: Path, tmp_path: Path) -> AsyncIterator[SqliteHouse]:
    """For what only a file can show."""
    async with sqlite_house(template_database, tmp_path) as opened:
        assert isinstance(opened, SqliteHouse)
        yield opened
