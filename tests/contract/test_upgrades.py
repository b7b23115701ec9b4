"""From every released version to this one: nothing is lost, and both versions can run on one database (REL-14).

Databases of released versions, and the statements their code sends, are frozen in `tests/fixtures/releases`.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, select

from identity.totp import code_at
from storage import migrations
from storage.database import OpenDatabase
from storage.keys import Keyring
from storage.migrations import migrate, upgrade
from storage.postgres import PostgresDatabase
from storage.postgres.connecting import run_once
from storage.postgres.row_security import Reason, enter
from storage.sealed.verify import verify
from storage.sqlite import SqliteDatabase
from storage.tables import installation, metadata
from tests.fixtures.demo_house import DemoHouse
from tests.fixtures.postgres import Cluster
from tests.fixtures.releases.released import RELEASES, Released, have_sqlite_file, released
from tests.fixtures.servers import APP


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> Released:
    return released(request.param)


@pytest.fixture(params=["sqlite", "postgres"])
def cluster(request: pytest.FixtureRequest) -> Cluster | None:
    """Where the database is; None is a file."""
    if request.param == "sqlite":
        return None
    found: Cluster = request.getfixturevalue("postgres")
    return found


@asynccontextmanager
async def upgraded(release: Released, folder: Path, cluster: Cluster | None) -> AsyncIterator[DemoHouse]:
    """The release's house, migrated and opened by this version a moment after the release stopped."""
    url = await migrated(release, folder, cluster)
    house = DemoHouse(folder, database_url=url if cluster is not None else "")
    await house.open(release.since)
    try:
        yield house
    finally:
        await house.close()


async def migrated(release: Released, folder: Path, cluster: Cluster | None) -> str:
    """The release's database, brought to this version; the URL that serves."""
    if cluster is None:
        url = f"sqlite:///{have_sqlite_file(release.revision, folder)}"
        await asyncio.to_thread(migrate, url)
        return url
    release.prepare(folder)
    place = await cluster.empty()

    def then(connection: Connection) -> None:
        enter(connection, Reason.OPERATOR.value)
        upgrade(connection, release.revision)
        release.fill(connection)

    await asyncio.to_thread(run_once, place.owner, then)
    await asyncio.to_thread(migrate, place.owner, APP)
    return place.app


def look(url: str, cluster: Cluster | None, work: Any) -> Any:
    """Run `work` over the database, past every tenant; not on an event loop."""

    def inside(connection: Connection) -> Any:
        enter(connection, Reason.OPERATOR.value)
        return work(connection)

    if cluster is not None:
        return run_once(url, inside)
    engine = create_engine(url)
    with engine.begin() as connection:
        found = work(connection)
    engine.dispose()
    return found


@pytest.mark.feature("REL-14")
async def test_every_row_is_there_after_the_upgrade(release: Released, tmp_path: Path, cluster: Cluster | None) -> None:
    url = await migrated(release, tmp_path, cluster)
    then = release.tables

    def compare(connection: Connection) -> None:
        for name, rows in then.items():
            table = metadata.tables[name]
            columns = [table.c[column] for column in rows[0]] if rows else [table]
            held = [tuple(row) for row in connection.execute(select(*columns))]
            kept = [row for row in held if table is not installation or row[0] != migrations.RUNS_WITH]
            assert sorted(map(repr, map(_plain, kept))) == sorted(repr(_plain(row.values())) for row in rows), name

    await asyncio.to_thread(look, url, cluster, compare)
    assert sum(map(len, then.values())) > 100


@pytest.mark.feature("REL-14", "SEC-54")
async def test_the_log_is_whole_after_the_upgrade(release: Released, tmp_path: Path, cluster: Cluster | None) -> None:
    """The check of `audit verify`, over lines that were written before there was a tree."""
    url = await migrated(release, tmp_path, cluster)
    keyring = Keyring([base64.b64decode(release.frozen["keys"]["master_key"])])
    database: OpenDatabase = (
        SqliteDatabase(Path(url.removeprefix("sqlite:///"))) if cluster is None else PostgresDatabase(url)
    )
    try:
        report = await verify(database, keyring, None)
    finally:
        await database.close()
    assert report.findings == []
    assert (report.lines, report.unplaced) == (len(release.tables["audit"]), 0)


@pytest.mark.feature("REL-14", "REL-12")
async def test_what_was_under_way_goes_on_after_the_upgrade(
    release: Released, tmp_path: Path, cluster: Cluster | None
) -> None:
    """Nobody on the phone notices: a claimed check is confirmed, an open one claimed, an old one stays as it was."""
    checks = release.frozen["checks"]
    async with upgraded(release, tmp_path, cluster) as house:
        await house.idle()
        eve, cleo = house.contact("eve"), house.contact("cleo")
        claimed = await house.check(checks["claimed"], who="theo")
        assert (claimed["state"], claimed["code"]) == ("claimed", release.frozen["code_of_claimed"])
        await house.text(eve, f"#confirm {release.frozen['code_of_claimed']}")
        assert (await house.check(checks["claimed"]))["state"] == "confirmed"
        (note,) = await house.notes(eve.open_ticket)
        assert "Theo" in note
        assert (await house.claim(checks["open"])).status == 200
        await house.text(cleo, "#confirm")
        assert (await house.check(checks["open"]))["state"] == "confirmed"
        assert (await house.check(checks["confirmed"]))["state"] == "confirmed"
        assert (await house.check(checks["denied"]))["state"] == "denied"


@pytest.mark.feature("REL-14", "REL-03")
async def test_what_had_not_left_leaves_after_the_upgrade(
    release: Released, tmp_path: Path, cluster: Cluster | None
) -> None:
    async with upgraded(release, tmp_path, cluster) as house:
        hugo = house.contact("hugo")
        assert [row.template for row in await house.rows("SELECT template FROM outbox WHERE done_at IS NULL")]
        await house.advance(60)
        (text,) = house.texts_to(hugo)
        assert "Code:" in text
        assert await house.rows("SELECT template FROM outbox WHERE done_at IS NULL AND template = 'tv.code'") == []


@pytest.mark.feature("REL-14")
async def test_people_sign_in_and_new_checks_run_after_the_upgrade(
    release: Released, tmp_path: Path, cluster: Cluster | None
) -> None:
    """Passwords, second factors and every sealed field open; a person who said STOP stays unreached."""
    async with upgraded(release, tmp_path, cluster) as house:
        theo = house.technician("theo")
        proof = {
            "login": theo.login,
            "password": theo.password,
            "totp": code_at(theo.totp_secret, datetime.now(UTC)),
        }
        assert (await house.ask("POST", "/api/v1/sessions", proof)).status == 201
        dev, finn = house.contact("dev"), house.contact("finn")
        id = await house.verify(dev)
        check = await house.check(id)
        assert (check["state"], check["technician"]["name"]) == ("claimed", "Dana Reyes"), (
            "announced before the upgrade"
        )
        await house.text(dev, "#confirm")
        assert (await house.check(id))["state"] == "confirmed"
        await house.announce(finn, notify=True)
        assert house.texts_to(finn) == []


def _plain(values: Any) -> list[Any]:
    """As SQLite stores it: the same on both databases."""
    return [int(v) if isinstance(v, bool) else bytes(v) if isinstance(v, memoryview) else v for v in values]
