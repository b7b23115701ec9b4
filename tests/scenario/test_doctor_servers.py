"""The doctor looks at PostgreSQL, Redis, checkpoints, backups and clocks, each finding one line with its remedy."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from bot.clock import SystemClock
from bot.doctor.findings import Finding
from bot.doctor.place import look_at_checkpoints
from bot.doctor.servers import look_at_postgres, look_at_redis
from bot.doctor.work import look_at_backup, look_at_clocks, look_at_seals
from bot.settings import Settings
from storage.database import Unscoped
from storage.health import Health, Load, note_backup, read_load
from storage.postgres import PostgresDatabase
from tests.fixtures.postgres import Place
from tests.fixtures.servers import need, start_redis, why_no_redis
from tests.fixtures.world import MASTER_KEY

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
FILE = Settings(database_url="sqlite:////nowhere/watchword.db", public_url="", master_key=MASTER_KEY)


def states(findings: list[Finding]) -> dict[str, str]:
    return {finding.check: finding.state for finding in findings}


async def seen_by(place: Place, url: str) -> list[Finding]:
    database = PostgresDatabase(url)
    found = await look_at_postgres(replace(FILE, database_url=url), database)
    await database.close()
    return found


@pytest.mark.feature("SEC-19", "SEC-37")
async def test_a_server_as_it_should_be_and_a_role_that_sees_too_much(place: Place) -> None:
    well = states(await seen_by(place, place.app))
    # The server of the tests is in a hurry, and the doctor sees it.
    assert well == {"postgresql": "ok", "database role": "ok", "durability": "warn", "connections": "ok"}
    unfit = await seen_by(place, place.admin)
    assert states(unfit)["database role"] == "fail"
    assert "superuser" in next(f.text for f in unfit if f.check == "database role")


@pytest.mark.feature("SEC-37")
async def test_a_table_without_row_security_is_named(place: Place) -> None:
    connection = await asyncpg.connect(place.owner)
    await connection.execute("ALTER TABLE contacts DISABLE ROW LEVEL SECURITY")
    await connection.close()
    found = next(f for f in await seen_by(place, place.app) if f.check == "database role")
    assert (found.state, "contacts" in found.text, "watchword migrate" in found.text) == ("fail", True, True)


async def test_a_file_has_no_server() -> None:
    assert await look_at_redis(FILE) == []


async def test_redis_is_a_help_and_never_fails(tmp_path: Path) -> None:
    need(why_no_redis())
    server = start_redis(tmp_path / "redis")
    settings = replace(FILE, redis_url=server.url)
    (well,) = await look_at_redis(settings)
    await asyncio.to_thread(server.kill)
    (away,) = await look_at_redis(settings)
    assert (well.state, well.text.startswith("Redis ")) == ("ok", True)
    assert (away.state, "orks without it" in away.text) == ("warn", True)


@pytest.mark.feature("REL-17")
async def test_the_newest_backup_is_known(place: Place) -> None:
    database = PostgresDatabase(place.app)

    async def load() -> Load:
        return await database.read(Unscoped.OPERATOR, lambda conn: read_load(conn, SystemClock().now))

    assert (await load()).backup_at is None
    for at in (NOW - timedelta(days=1), NOW):
        await database.write(Unscoped.OPERATOR, partial(note_backup, at=at))
        assert (await load()).backup_at == at
    await database.close()


def one(findings: Iterable[Finding]) -> str:
    """The first finding's state, or nothing."""
    return next((finding.state for finding in findings), "")


def test_backups_grow_old() -> None:
    for age, state in ((None, "warn"), (timedelta(hours=25), "ok"), (timedelta(hours=27), "warn")):
        load = Load(backup_at=None if age is None else NOW - age)
        assert one(look_at_backup(load, NOW)) == state, age


@pytest.mark.feature("REL-11")
def test_clocks_may_differ_by_two_seconds() -> None:
    for skew, state in ((2.0, "ok"), (-2.0, "ok"), (2.1, "warn"), (-2.1, "warn")):
        found = states(list(look_at_clocks(Health(), Load(skew=timedelta(seconds=skew)), NOW)))
        assert found == {"clock": "ok", "clock skew": state}, skew
    assert states(list(look_at_clocks(Health(), Load(), NOW))) == {"clock": "ok"}


def test_checkpoints_that_do_not_come() -> None:
    for load, state in (
        (Load(), ""),
        (Load(unsealed=3), ""),
        (Load(unsealed=0, sealed_at=NOW - timedelta(days=9)), "ok"),
        (Load(unsealed=3, sealed_at=NOW - timedelta(minutes=4)), "ok"),
        (Load(unsealed=3, sealed_at=NOW - timedelta(minutes=16)), "warn"),
    ):
        assert one(look_at_seals(load, NOW)) == state, load


@pytest.mark.feature("SEC-55")
def test_where_checkpoints_lie(tmp_path: Path) -> None:
    beside = replace(FILE, database_url=f"sqlite:///{tmp_path}/watchword.db", checkpoints_file=tmp_path / "heads")
    assert one(look_at_checkpoints(replace(beside, checkpoints_file=None))) == "warn"
    assert one(look_at_checkpoints(beside)) == "warn", "whoever changes one can change both"
    assert one(look_at_checkpoints(replace(beside, checkpoint_webhook="https://archive.example"))) == "ok"
    elsewhere = replace(beside, database_url="postgresql://w@db.example/w")
    assert one(look_at_checkpoints(elsewhere)) == "ok"
    assert one(look_at_checkpoints(replace(elsewhere, checkpoints_file=tmp_path / "no" / "heads"))) == "fail"
    (tmp_path / "heads").write_text("Dear Sir, this is a letter.\n" * 500)
    assert one(look_at_checkpoints(elsewhere)) == "fail", "somebody else's file"
    (tmp_path / "heads").write_text("")
    assert one(look_at_checkpoints(elsewhere)) == "ok"
    if os.name == "posix" and os.geteuid() != 0:
        (tmp_path / "heads").chmod(0o400)
        assert one(look_at_checkpoints(elsewhere)) == "fail"
