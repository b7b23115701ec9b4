"""Bounds on what is sent are counted in the database, inside the turn: no database, no sending (REL-10)."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from bot.engine import Engine
from bot.wording import Wording
from dialogs.messages import Unavailable
from storage.bounds import LocalBound
from storage.keys import Keyring
from storage.shared import open_shared
from storage.sqlite import SqliteDatabase, SqliteTurnStore
from tests.fixtures.servers import free_port
from tests.fixtures.stand_ins import SeededRandomness, StandingClock
from tests.fixtures.turn_parts import said
from tests.fixtures.turn_stores import SqliteHouse, rank
from tests.fixtures.world import MASTER_KEY, make_world


@pytest.mark.feature("REL-10")
async def test_without_the_database_no_challenge_is_sent_and_afterwards_all_count(seeded_file: Path) -> None:
    """Neither a Redis that is away nor a new process makes room for more than the bounds say."""
    world, clock, url = make_world(), StandingClock(), f"redis://127.0.0.1:{free_port()}/0"
    ada = world.people[0].mobile

    async def codes() -> int:
        house = SqliteHouse(seeded_file)
        try:
            return [line.kind for line in await house.log()].count("tv.issue_code")
        finally:
            await house.store.close()
            await house.database.close()

    for round_ in range(3):
        async with open_shared(url, clock, me="one") as shared:
            database = SqliteDatabase(seeded_file, busy_timeout=0.01)
            store = SqliteTurnStore(database, Keyring([MASTER_KEY]), rank)
            engine = Engine(store, clock, SeededRandomness(round_), Wording("https://x.example"), shared.limits)
            with contextlib.closing(sqlite3.connect(seeded_file, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                for n in range(3):
                    with pytest.raises(Unavailable):
                        await engine.receive(said(world, ada, "#verify", sid=f"SMdown{round_}{n}"))
                other.execute("ROLLBACK")
            for n in range(2):
                await engine.receive(said(world, ada, "#verify", sid=f"SMup{round_}{n}"))
            await store.close()
            await database.close()
        assert await codes() == min(2 * (round_ + 1), world.settings.limits.verify_per_10_min)


@pytest.mark.feature("SEC-39")
async def test_a_bound_in_memory_counts_each_tenant_within_its_time() -> None:
    clock = StandingClock()
    bound = LocalBound(2, within := (clock.now() - clock.now().replace(hour=8)))
    bound.count("a", clock.now())
    assert bound.has_room("a", clock.now())
    bound.count("a", clock.now())
    assert not bound.has_room("a", clock.now())
    assert bound.has_room("b", clock.now())
    assert bound.has_room("a", clock.now() - within / 2), "a clock that has jumped back"
    assert bound.has_room("a", clock.now() + within)
    assert len(bound.lately("a", clock.now())) == 2
    assert bound.lately("a", clock.now() + within) == []
