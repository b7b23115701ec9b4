"""What serves goes by the right clock: its own on a file, the database's where there may be several (REL-11)."""

from __future__ import annotations

import pytest

from bot.app import build
from bot.clock import DatabaseClock, SystemClock
from bot.settings import Settings
from storage.migrations import migrate
from tests.fixtures.postgres import Cluster
from tests.fixtures.world import MASTER_KEY


@pytest.mark.feature("REL-11")
async def test_replicas_go_by_their_database(postgres: Cluster) -> None:
    place = await postgres.migrated()
    house = await build(Settings(place.app, "http://127.0.0.1:1", MASTER_KEY))
    try:
        assert isinstance(house.clock, DatabaseClock)
        assert house.clock is house.services.clock
    finally:
        await house.stop()


@pytest.fixture
def file_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('clock') / 'watchword.db'}"
    migrate(url)
    return url


async def test_one_process_on_a_file_goes_by_its_machine(file_url: str) -> None:
    house = await build(Settings(file_url, "http://127.0.0.1:1", MASTER_KEY))
    try:
        assert isinstance(house.clock, SystemClock)
    finally:
        await house.stop()
