"""Replicas go by the time of their database, whatever their own machine says (REL-11)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from bot.clock import DatabaseClock
from bot.skew import keep_time, look_at_time
from storage.database import Unscoped
from storage.health import read_load
from storage.postgres import PostgresDatabase
from tests.fixtures.postgres import Place
from tests.fixtures.servers import free_port

pytestmark = pytest.mark.feature("REL-11")
#: The server of the tests is on this machine, so its clock is ours.
CLOSE = timedelta(seconds=1)


def wrong_by(offset: timedelta) -> DatabaseClock:
    return DatabaseClock(system=lambda: datetime.now(UTC) + offset)


@pytest.mark.parametrize("offset", [timedelta(hours=1), timedelta(hours=-1), timedelta(seconds=400)])
async def test_a_machine_with_a_wrong_clock_goes_by_the_database(place: Place, offset: timedelta) -> None:
    database, clock = PostgresDatabase(place.app), wrong_by(offset)
    try:
        assert abs(clock.now() - datetime.now(UTC)) > CLOSE
        await look_at_time(database, clock)
        assert abs(clock.now() - datetime.now(UTC)) < CLOSE
    finally:
        await database.close()


async def test_monitors_still_see_that_the_machine_is_wrong(place: Place) -> None:
    database, clock = PostgresDatabase(place.app), wrong_by(timedelta(0))

    def machine() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=400)

    try:
        await look_at_time(database, clock)
        load = await database.read(Unscoped.OPERATOR, lambda conn: read_load(conn, clock.now, machine))
        assert load.skew is not None
        assert abs(load.skew + timedelta(seconds=400)) < CLOSE
    finally:
        await database.close()


async def test_it_is_kept_up_also_after_the_database_was_away(place: Place) -> None:
    database, away = PostgresDatabase(place.app), PostgresDatabase(f"postgresql://w@127.0.0.1:{free_port()}/w")
    looks = 0

    async def pause(seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks > 2:
            raise asyncio.CancelledError

    try:
        for used, right in ((away, False), (database, True)):
            clock, looks = wrong_by(timedelta(hours=1)), 0
            with suppress(asyncio.CancelledError):
                await keep_time(used, clock, pause=pause)
            assert (abs(clock.now() - datetime.now(UTC)) < CLOSE) == right
    finally:
        await database.close()
        await away.close()
