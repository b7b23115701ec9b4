"""A backup of either database fills either one, and every row comes back as it was."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, Connection, Integer, LargeBinary, Table, create_engine, insert, select, update

from storage.backup import BadArchive, Header, Manifest, NotEmpty, RestoreFailed, back_up, read_contents, restore_into
from storage.backup.dump import PAGE_ROWS
from storage.database import Database, OpenDatabase, Unscoped
from storage.epochs import unfinished_restore
from storage.keys import Keyring, key_id
from storage.migrations import migrate, newest
from storage.postgres import PostgresDatabase
from storage.postgres.connecting import run_once
from storage.postgres.row_security import enter
from storage.sqlite import SqliteDatabase
from storage.tables import audit, metadata, tenants
from tests.fixtures.postgres import Cluster
from tests.fixtures.world import MASTER_KEY, START, make_world, row_id, seed_database

Rows = Mapping[str, list[tuple[Any, ...]]]
#: Where the PostgreSQL databases of a test are.
URLS: dict[int, str] = {}
_NUMBERS = count()


@asynccontextmanager
async def opened(kind: str, folder: Path, cluster: Cluster | None) -> AsyncIterator[OpenDatabase]:
    """A migrated database with nothing in it."""
    database: OpenDatabase
    if kind == "sqlite":
        path = folder / f"{next(_NUMBERS)}.db"
        migrate(f"sqlite:///{path}")
        database = SqliteDatabase(path)
    else:
        assert cluster is not None, "asked for by the test's parameters"
        place = await cluster.migrated()
        database = PostgresDatabase(place.app)
        URLS[id(database)] = place.app
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Cluster | None:
    """A PostgreSQL, where a test's parameters ask for one."""
    callspec = getattr(request.node, "callspec", None)
    if callspec is None or "postgres" not in callspec.params.values():
        return None
    found: Cluster = request.getfixturevalue("postgres")
    return found


async def fill(database: Database) -> None:
    """Two worlds, a row in every other table, and more lines of the log than one page holds."""
    keyring = Keyring([MASTER_KEY])
    for n in (1, 2):
        await seed_database(database, keyring, make_world(n))

    def more(conn: Connection) -> None:
        for table in metadata.sorted_tables:
            if conn.execute(select(table).limit(1)).first() is None:
                conn.execute(insert(table).values(a_row(table)))
        line = a_row(audit)
        # The same ids in both tenants: a page must go on behind the whole key, not behind a part of it.
        lines = [
            line | {"tenant_id": make_world(tenant).tenant_id, "id": row_id(n), "seq": tenant * 10_000 + n}
            for tenant in (1, 2)
            for n in range(2, PAGE_ROWS + PAGE_ROWS // 2)
        ]
        conn.execute(insert(audit), lines)

    await database.write(Unscoped.OPERATOR, more)


def a_row(table: Table) -> dict[str, Any]:
    """Something in every column: large numbers, accents, bytes that are no text."""
    world = make_world(1)
    known = {
        "tenant_id": world.tenant_id,
        "contact_id": world.people[0].id,
        "technician_id": world.dana,
        "client_id": world.people[0].client_id,
        "ticket_id": row_id(1),
        "webhook_id": row_id(1),
        "source_id": row_id(1),
        "organisation_id": row_id(1),
        "id": row_id(1),
    }
    row: dict[str, Any] = {}
    for column in table.columns:
        match column.type:
            case Boolean():
                row[column.name] = True
            case Integer():
                row[column.name] = 2**53 + 1 if type(column.type).__name__ == "BigInteger" else 7
            case LargeBinary():
                row[column.name] = bytes(range(224, 256))
            case _:
                row[column.name] = known.get(
                    column.name, "Zoë „Ω“ 🙂\n{}"[: getattr(column.type, "length", None) or 99]
                )
    return row


async def rows_of(database: Database) -> Rows:
    def work(conn: Connection) -> Rows:
        return {
            table.name: [tuple(row) for row in conn.execute(select(table).order_by(*table.primary_key.columns))]
            for table in metadata.sorted_tables
        }

    return await database.read(Unscoped.OPERATOR, work)


async def archived(database: Database) -> tuple[bytes, Manifest]:
    out = io.BytesIO()
    header = Header(newest(), START, key_id(MASTER_KEY), b"s" * 32)
    manifest = await back_up(database, out, header, MASTER_KEY)
    return out.getvalue(), manifest


async def restore(database: Database, archive: bytes) -> None:
    contents = read_contents(io.BytesIO(archive), (MASTER_KEY,))

    async def nothing() -> None:
        assert await database.read(Unscoped.OPERATOR, unfinished_restore), "marked to the end"

    await restore_into(database, io.BytesIO(archive), (MASTER_KEY,), contents, upgrade=nothing)


@pytest.mark.feature("REL-13")
@pytest.mark.parametrize(
    ("first", "second"),
    [("sqlite", "sqlite"), ("sqlite", "postgres"), ("postgres", "sqlite"), ("postgres", "postgres")],
)
async def test_every_row_of_every_table_comes_back_as_it_was(
    first: str, second: str, tmp_path: Path, cluster: Cluster | None
) -> None:
    async with opened(first, tmp_path, cluster) as one, opened(second, tmp_path, cluster) as other:
        await fill(one)
        archive, manifest = await archived(one)
        before = await rows_of(one)
        assert all(before.values()), "a table without a row proves nothing"
        assert dict(manifest.tables) == {name: len(rows) for name, rows in before.items()}
        await restore(other, archive)
        assert await rows_of(other) == before
        assert not await other.read(Unscoped.OPERATOR, unfinished_restore)
        again, _ = await archived(other)
        assert again == archive, "the same rows make the same file"


@pytest.mark.feature("SEC-54")
@pytest.mark.parametrize(("second", "placed"), [("sqlite", [1, 3, 2, 4]), ("postgres", [1, None, 2, None])])
async def test_lines_that_had_no_place_yet_get_one_where_no_sequencer_would_come(
    second: str, placed: list[int | None], tmp_path: Path, cluster: Cluster | None
) -> None:
    """A backup of PostgreSQL may fall between a commit and the sequencer; a file has none who would come later."""
    async with opened("sqlite", tmp_path, cluster) as one, opened(second, tmp_path, cluster) as other:
        await seed_database(one, Keyring([MASTER_KEY]), make_world(1))
        line = a_row(audit)
        lines = [line | {"id": row_id(n), "at": n, "seq": seq} for n, seq in enumerate((1, None, 2, None))]
        await one.write(Unscoped.OPERATOR, lambda conn: conn.execute(insert(audit), lines))
        archive, _ = await archived(one)
        await restore(other, archive)
        found = await other.read(
            Unscoped.OPERATOR, lambda conn: conn.execute(select(audit.c.id, audit.c.seq).order_by(audit.c.at)).all()
        )
        assert [row.seq for row in found] == placed
        assert [row.id for row in found] == [row_id(n) for n in range(4)]


@pytest.mark.feature("SEC-18")
async def test_nothing_readable_is_in_the_file(tmp_path: Path, cluster: Cluster | None) -> None:
    async with opened("sqlite", tmp_path, cluster) as database:
        await fill(database)
        archive, _ = await archived(database)
    assert b"Ada" not in archive
    assert b"+12125550111" not in archive


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_database_that_holds_something_is_left_alone(
    kind: str, tmp_path: Path, cluster: Cluster | None
) -> None:
    async with opened("sqlite", tmp_path, cluster) as source, opened(kind, tmp_path, cluster) as target:
        await fill(source)
        archive, _ = await archived(source)
        await seed_database(target, Keyring([bytes(range(1, 33))]), make_world(3))
        before = await rows_of(target)
        with pytest.raises(NotEmpty):
            await restore(target, archive)
        assert await rows_of(target) == before


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_restore_that_stops_leaves_a_mark_that_refuses_the_next(
    kind: str, tmp_path: Path, cluster: Cluster | None
) -> None:
    async with opened("sqlite", tmp_path, cluster) as source, opened(kind, tmp_path, cluster) as target:
        await fill(source)
        archive, _ = await archived(source)
        contents = read_contents(io.BytesIO(archive), (MASTER_KEY,))
        torn = io.BytesIO(archive[: len(archive) // 2])

        async def never() -> None:
            raise AssertionError("not all rows are there")

        with pytest.raises(BadArchive):
            await restore_into(target, torn, (MASTER_KEY,), contents, upgrade=never)
        assert await target.read(Unscoped.OPERATOR, unfinished_restore)
        with pytest.raises(NotEmpty, match="did not finish"):
            await restore(target, archive)


async def test_a_server_that_writes_meanwhile_is_noticed(tmp_path: Path, cluster: Cluster | None) -> None:
    async with opened("sqlite", tmp_path, cluster) as source, opened("sqlite", tmp_path, cluster) as target:
        await fill(source)
        archive, _ = await archived(source)
        contents = read_contents(io.BytesIO(archive), (MASTER_KEY,))
        wrote = list[int]()

        async def never() -> None:
            raise AssertionError("a row too many went unseen")

        def sneak(done: int, of: int) -> None:
            if done == of:
                wrote.append(
                    elsewhere(target, insert(audit).values(a_row(audit) | {"id": row_id(99_999), "seq": 99_999}))
                )

        with pytest.raises(RestoreFailed, match="audit"):
            await restore_into(target, io.BytesIO(archive), (MASTER_KEY,), contents, upgrade=never, progress=sneak)
        assert wrote == [1]


@pytest.mark.feature("REL-13")
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_backup_is_one_moment_whatever_is_written_meanwhile(
    kind: str, tmp_path: Path, cluster: Cluster | None
) -> None:
    async with opened(kind, tmp_path, cluster) as database:
        await fill(database)
        before = await rows_of(database)
        wrote = list[int]()

        def meanwhile(done: int, of: int) -> None:
            if not wrote:
                wrote.append(
                    elsewhere(database, insert(audit).values(a_row(audit) | {"id": row_id(99_999), "seq": 99_999}))
                )
                wrote.append(elsewhere(database, update(tenants).values(name="renamed meanwhile")))

        out = io.BytesIO()
        header = Header(newest(), START, key_id(MASTER_KEY), b"s" * 32)
        manifest = await back_up(database, out, header, MASTER_KEY, meanwhile)
        assert wrote == [1, 2], "it was written while the backup ran, and did not wait"
        assert await rows_of(database) != before
        assert dict(manifest.tables) == {name: len(rows) for name, rows in before.items()}
        async with opened(kind, tmp_path, cluster) as other:
            await restore(other, out.getvalue())
            assert await rows_of(other) == before


def elsewhere(database: OpenDatabase, statement: Any) -> int:
    """Run it on a connection and a thread of its own, as another process would; how many rows it changed."""

    def work() -> int:
        if isinstance(database, SqliteDatabase):
            engine = create_engine(f"sqlite:///{database.path}")
            with engine.begin() as conn:
                return conn.execute(statement).rowcount

        def as_operator(conn: Connection) -> int:
            enter(conn, "operator")
            return conn.execute(statement).rowcount

        return run_once(URLS[id(database)], as_operator)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result(timeout=30)


def test_every_table_has_a_primary_key_to_page_by() -> None:
    assert all(list(table.primary_key.columns) for table in metadata.sorted_tables)
