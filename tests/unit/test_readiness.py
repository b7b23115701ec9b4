"""One look at the house serves everybody who asks at about the same time, and each failure flips its own line."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
import structlog
from sqlalchemy import Connection, text

from bot.clock import SystemClock
from bot.readiness import Readiness, shared
from bot.skew import watch_skew
from dialogs.messages import Unavailable
from storage.database import Database, Unscoped
from storage.health import read_load
from storage.keys import Keyring
from storage.migrations import migrate
from storage.postgres import PostgresDatabase
from storage.sqlite import SqliteDatabase
from tests.fixtures.postgres import Place
from tests.fixtures.world import MASTER_KEY, make_world, seed_database

T = TypeVar("T")
KEYRING = Keyring([MASTER_KEY])


class House:
    """Counts how often it was looked at; each look takes until `let` is set."""

    def __init__(self) -> None:
        self.looks = 0
        self.let = asyncio.Event()

    async def look(self) -> Mapping[str, str]:
        self.looks += 1
        await self.let.wait()
        if self.looks == 3:
            raise LookupError("away")
        return {"database": str(self.looks)}


@pytest.mark.feature("REL-16", "REL-17")
async def test_many_who_ask_cost_one_look() -> None:
    house = House()
    ask = shared(house.look, stands_for=3600)
    waiting = [asyncio.ensure_future(ask()) for _ in range(50)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    house.let.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [{"database": "1"}] * 49
    assert (await ask(), house.looks) == ({"database": "1"}, 1)


@pytest.mark.feature("REL-17")
async def test_an_answer_does_not_stand_for_ever() -> None:
    house = House()
    house.let.set()
    ask = shared(house.look, stands_for=0)
    assert [await ask(), await ask()] == [{"database": "1"}, {"database": "2"}]
    with pytest.raises(LookupError):
        await ask()
    assert await ask() == {"database": "4"}


# --- what each failure flips ----------------------------------------------------------------------------------------


def probes(database: Database, keyring: Keyring = KEYRING, *, patience: float = 60) -> Readiness:
    """Patient, so that a busy machine is not taken for a database that is gone."""
    return Readiness(database, keyring, patience=patience)


WELL = {"database": "", "migrations": "", "keys": ""}


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    """A migrated file with one tenant."""
    path = tmp_path / "watchword.db"
    migrate(f"sqlite:///{path}")
    opened = SqliteDatabase(path)
    await seed_database(opened, KEYRING, make_world(1))
    yield opened
    await opened.close()


class Away:
    """A database that is gone, or says nothing."""

    def __init__(self, *, silent: bool) -> None:
        self.silent = silent

    async def read(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        if self.silent:
            await asyncio.Event().wait()
        raise Unavailable("gone")

    write = read


@pytest.mark.feature("REL-17")
async def test_all_is_well(database: SqliteDatabase) -> None:
    assert await probes(database)() == WELL


@pytest.mark.feature("REL-17", "REL-10")
@pytest.mark.parametrize("silent", [False, True])
async def test_a_database_that_is_gone_is_said_in_time(silent: bool) -> None:
    async with asyncio.timeout(2):
        found = await probes(Away(silent=silent), patience=0.05)()
    assert found == {"database": "does not answer", "migrations": "unknown", "keys": "unknown"}


@pytest.mark.feature("REL-17")
async def test_tables_of_an_older_version_are_behind_and_nothing_else_is(database: SqliteDatabase) -> None:
    behind = text("UPDATE alembic_version SET version_num = '0001'")
    await database.write(Unscoped.OPERATOR, lambda conn: conn.execute(behind))
    assert await probes(database)() == {**WELL, "migrations": "behind"}


@pytest.mark.feature("REL-17")
async def test_an_empty_file_is_behind_too(tmp_path: Path) -> None:
    empty = SqliteDatabase(tmp_path / "empty.db")
    assert await probes(empty)() == {**WELL, "migrations": "behind"}
    await empty.close()


@pytest.mark.feature("REL-17")
async def test_another_master_key_flips_the_keys_alone(database: SqliteDatabase) -> None:
    found = await probes(database, Keyring([bytes(range(32, 64))]))()
    assert found == {**WELL, "keys": "do not open every tenant"}


@pytest.mark.feature("REL-17")
async def test_a_copy_that_stops_says_so_at_once(database: SqliteDatabase) -> None:
    ready = probes(database)
    assert await ready() == WELL
    ready.stopping = True
    assert await ready() == {**WELL, "stopping": "this copy is going away"}, "though the last answer still stands"


@pytest.mark.feature("REL-17", "SEC-37")
async def test_a_role_that_sees_everybody_is_unfit(place: Place) -> None:
    for url, role in ((place.app, ""), (place.owner, ""), (place.admin, "sees every tenant's rows")):
        opened = PostgresDatabase(url)
        found = dict(await Readiness(opened, KEYRING)())
        await opened.close()
        assert found.pop("role", "") == role
        assert found == WELL


# --- the clocks -----------------------------------------------------------------------------------------------------


class Enough(Exception):
    """The watch has looked often enough."""


@pytest.mark.feature("REL-11")
async def test_clocks_that_differ_are_said_once_and_again_when_they_agree(place: Place) -> None:
    opened, clock, said = PostgresDatabase(place.app), SystemClock(), io.StringIO()
    moves = iter([0, 0, 3600, 0, -3600])

    async def pause(seconds: float) -> None:
        by = next(moves, None)
        if by is None:
            raise Enough
        clock.offset += timedelta(seconds=by)

    kept = structlog.get_config()
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()], logger_factory=structlog.PrintLoggerFactory(said)
    )
    try:
        with pytest.raises(Enough):
            await watch_skew(opened, clock, pause=pause)
    finally:
        structlog.configure(**kept)
        await opened.close()
    lines = [json.loads(line) for line in said.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["clocks_differ", "clocks_agree"]
    assert -3602 < lines[0]["seconds"] < -3590, "the database is an hour behind us"


@pytest.mark.feature("REL-11")
async def test_a_file_has_no_clock(database: SqliteDatabase) -> None:
    await watch_skew(database, SystemClock())
    assert (await database.read(Unscoped.OPERATOR, lambda conn: read_load(conn, SystemClock().now))).skew is None
