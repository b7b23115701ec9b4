"""What reads, writes and notices on PostgreSQL promise, and what they say while the server is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from threading import Event

import pytest
from sqlalchemy import Connection, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from dialogs.messages import Unavailable
from storage.database import Unscoped, UnscopedStatement
from storage.migrations import migrate
from storage.postgres import Listening, PostgresDatabase
from storage.tables import contacts, installation, tenants
from tests.fixtures.postgres import Cluster, Place, server_folder
from tests.fixtures.servers import (
    APP,
    OWNER,
    PostgresServer,
    need,
    start_postgres,
    why_no_postgres,
)
from tests.fixtures.world import make_world

pytestmark = pytest.mark.feature("REL-10")

T = make_world(1).tenant_id
#: Far more than anything here takes.
PATIENCE_S = 30.0


@pytest.fixture
async def database(postgres: Cluster) -> AsyncIterator[PostgresDatabase]:
    opened = PostgresDatabase((await postgres.seeded()).app)
    yield opened
    await opened.close()


def put(name: str, value: str = "1") -> Callable[[Connection], None]:
    return lambda connection: put_now(connection, name, value)


def put_now(connection: Connection, name: str, value: str) -> None:
    connection.execute(insert(installation).values(name=name, value=value))


def fail(connection: Connection) -> None:
    put_now(connection, "never", "1")
    raise LookupError("on purpose")


def get(name: str) -> Callable[[Connection], str | None]:
    return lambda connection: connection.scalar(select(installation.c.value).where(installation.c.name == name))


# --- reads and writes


async def test_what_is_written_is_read_and_what_fails_leaves_nothing(database: PostgresDatabase) -> None:
    await database.write(Unscoped.ROUTING, put("a"))
    assert await database.read(Unscoped.ROUTING, get("a")) == "1"

    with pytest.raises(LookupError):
        await database.write(Unscoped.ROUTING, fail)
    with pytest.raises(IntegrityError):
        await database.write(Unscoped.ROUTING, put("a"))
    assert await database.read(Unscoped.ROUTING, get("never")) is None


async def test_a_read_cannot_write(database: PostgresDatabase) -> None:
    with pytest.raises(DBAPIError, match="read-only transaction"):
        await database.read(Unscoped.ROUTING, put("a"))


async def test_a_read_sees_one_state_of_the_database(database: PostgresDatabase) -> None:
    begun, written = asyncio.Event(), asyncio.Event()

    def twice(connection: Connection) -> list[str | None]:
        before = get("c")(connection)
        begun.set()
        while not written.is_set():
            connection.execute(select(func.pg_sleep(0.001)))
        return [before, get("c")(connection)]

    reading = asyncio.ensure_future(database.read(Unscoped.OPERATOR, twice))
    async with asyncio.timeout(PATIENCE_S):
        await begun.wait()
        await database.write(Unscoped.ROUTING, put("c"))
        written.set()
        assert await reading == [None, None]
    assert await database.read(Unscoped.ROUTING, get("c")) == "1"


@pytest.mark.feature("SEC-37")
async def test_a_statement_that_names_no_tenant_is_an_error_here_too(database: PostgresDatabase) -> None:
    """Row level security would answer with fewer rows; a mistake should be heard of."""
    with pytest.raises(UnscopedStatement):
        await database.read(T, lambda c: c.scalar(select(func.count()).select_from(contacts)))
    with pytest.raises(UnscopedStatement):
        await database.read("", lambda c: None)


@pytest.mark.feature("REL-09")
async def test_writes_that_build_on_what_they_read_lose_nothing(database: PostgresDatabase) -> None:
    """Each reads the number and writes the next, as on SQLite, where there is one writer."""
    await database.write(Unscoped.ROUTING, put("n", "0"))

    def next_one(connection: Connection) -> None:
        value = int(get("n")(connection) or "")
        connection.execute(update(installation).where(installation.c.name == "n").values(value=str(value + 1)))

    await asyncio.gather(*(database.write(Unscoped.ROUTING, next_one) for _ in range(40)))
    assert await database.read(Unscoped.ROUTING, get("n")) == "40"


@pytest.mark.feature("REL-09")
async def test_a_number_that_another_took_meanwhile_is_not_an_error(database: PostgresDatabase) -> None:
    def highest_and_one(connection: Connection) -> int:
        numbers = connection.scalars(select(installation.c.name).where(installation.c.value == "number"))
        taken = max((int(name) for name in numbers), default=0) + 1
        put_now(connection, str(taken), "number")
        return taken

    made = await asyncio.gather(*(database.write(Unscoped.ROUTING, highest_and_one) for _ in range(20)))
    assert sorted(made) == list(range(1, 21))


async def test_a_caller_who_has_gone_leaves_the_connection_to_others(postgres: Cluster, place: Place) -> None:
    database = PostgresDatabase(place.app, size=1)
    waiting = asyncio.ensure_future(database.write(Unscoped.OPERATOR, lambda c: c.execute(select(func.pg_sleep(60)))))
    await until(partial(sleeping, postgres, place))
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(PATIENCE_S):
        await database.write(Unscoped.ROUTING, put("a"))
    await database.close()


# --- notices


async def test_others_are_told_of_what_was_written_and_of_nothing_else(place: Place) -> None:
    here, there = PostgresDatabase(place.app), PostgresDatabase(place.app)
    told = 0

    def count() -> None:
        nonlocal told
        told += 1

    here.on_commit(count)
    async with listening(place.app) as heard, asyncio.timeout(PATIENCE_S):
        await heard.get()  # once for having connected
        await here.read(Unscoped.ROUTING, get("a"))
        await here.write(Unscoped.ROUTING, get("a"))
        await here.write(T, lambda c: c.execute(update(tenants).where(tenants.c.id == T).values(name="none there")))
        with pytest.raises(LookupError):
            await here.write(Unscoped.ROUTING, fail)
        assert (told, heard.qsize()) == (0, 0)
        await there.write(Unscoped.ROUTING, put("a"))
        await heard.get()
        assert told == 0
        await here.write(Unscoped.ROUTING, put("b"))
        assert told == 1
        await heard.get()
    await here.close()
    await there.close()


async def test_a_listener_whose_connection_is_lost_reconnects_and_wakes(postgres: Cluster, place: Place) -> None:
    async with listening(place.app) as heard, asyncio.timeout(PATIENCE_S):
        await heard.get()
        await postgres.server.arun(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
            database=place.name,
        )
        await heard.get()
        database = PostgresDatabase(place.app)
        await database.write(Unscoped.ROUTING, put("a"))
        await heard.get()
        await database.close()


# --- the server is away


async def test_a_refused_connection_is_unavailable_and_only_for_as_long(postgres: Cluster, place: Place) -> None:
    """Too many connections, or a database that takes none now."""
    database = PostgresDatabase(place.app)
    await postgres.server.arun(f'ALTER DATABASE "{place.name}" CONNECTION LIMIT 0')
    with pytest.raises(Unavailable, match="53300"):
        await database.read(Unscoped.ROUTING, get("a"))
    await postgres.server.arun(f'ALTER DATABASE "{place.name}" CONNECTION LIMIT -1')
    assert await database.read(Unscoped.ROUTING, get("a")) is None
    await database.close()


async def test_a_standby_that_takes_no_writes_is_unavailable(postgres: Cluster, place: Place) -> None:
    await postgres.server.arun(f'ALTER DATABASE "{place.name}" SET default_transaction_read_only = on')
    database = PostgresDatabase(place.app)
    with pytest.raises(Unavailable, match="25006"):
        await database.write(Unscoped.ROUTING, put("a"))
    await database.close()


async def test_a_statement_that_takes_too_long_is_unavailable_and_ends(place: Place) -> None:
    database = PostgresDatabase(place.app, size=1, statement_timeout=0.05)
    with pytest.raises(Unavailable, match="57014"):
        await database.read(Unscoped.OPERATOR, lambda c: c.execute(select(func.pg_sleep(60))))
    assert await database.read(Unscoped.ROUTING, get("a")) is None
    await database.close()


async def test_a_copy_that_stands_still_in_a_transaction_lets_go(place: Place) -> None:
    """A frozen machine keeps its connections open for as long as it stands still, and its locks with them."""
    other, held, over = PostgresDatabase(place.app), Event(), Event()

    def stand_still(connection: Connection) -> None:
        put_now(connection, "a", "frozen")
        held.set()
        over.wait(PATIENCE_S)

    async def freeze() -> None:
        frozen = PostgresDatabase(place.app, size=1, idle_timeout=0.2)
        try:
            await frozen.write(Unscoped.OPERATOR, stand_still)
        finally:
            await frozen.close()

    standing = asyncio.create_task(asyncio.to_thread(asyncio.run, freeze()))
    await asyncio.to_thread(held.wait, PATIENCE_S)
    await other.write(Unscoped.OPERATOR, put("a", "other"))
    over.set()
    with pytest.raises(Unavailable):
        await standing
    assert await other.read(Unscoped.OPERATOR, get("a")) == "other"
    await other.close()


async def test_when_every_connection_is_busy_one_hears_so_in_time(postgres: Cluster, place: Place) -> None:
    database = PostgresDatabase(place.app, size=1, pool_timeout=0.05)
    busy = asyncio.ensure_future(database.read(Unscoped.OPERATOR, lambda c: c.execute(select(func.pg_sleep(60)))))
    await until(partial(sleeping, postgres, place))
    with pytest.raises(Unavailable, match="every connection"):
        await database.read(Unscoped.ROUTING, get("a"))
    busy.cancel()
    with suppress(asyncio.CancelledError):
        await busy
    await database.close()


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """A server that may be killed. Only a machine that goes down would lose what it has committed."""
    need(why_no_postgres())
    with server_folder() as folder:
        server = start_postgres(folder, {"fsync": "off"})
        server.make_database("w")
        migrate(server.url("w", OWNER), APP)
        yield server
        server.stop()


async def test_a_restarted_server_costs_no_call_and_a_killed_one_only_its_time_away(own_server: PostgresServer) -> None:
    url = own_server.url("w", APP)
    database = PostgresDatabase(url, size=3)
    async with listening(url) as heard, asyncio.timeout(PATIENCE_S):
        await heard.get()
        await asyncio.gather(*(database.read(Unscoped.ROUTING, get("a")) for _ in range(3)))
        await asyncio.to_thread(own_server.restart)
        for n in range(4):
            await database.write(Unscoped.ROUTING, put(f"after {n}"))
        await heard.get()
        await asyncio.to_thread(own_server.kill)
        for scope in (Unscoped.ROUTING, T):
            with pytest.raises(Unavailable):
                await database.read(scope, get("a"))
        with pytest.raises(Unavailable):
            await database.write(Unscoped.ROUTING, put("away"))
        while not heard.empty():
            heard.get_nowait()
        await asyncio.to_thread(own_server.start)
        assert await database.read(Unscoped.ROUTING, get("after 3")) == "1"
        await heard.get()
    await database.close()


async def test_a_frozen_server_is_given_up_on(own_server: PostgresServer) -> None:
    database = PostgresDatabase(own_server.url("w", APP), statement_timeout=0.05)
    await database.read(Unscoped.ROUTING, get("a"))
    await asyncio.to_thread(own_server.pause)
    try:
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(Unavailable):
                await database.read(Unscoped.ROUTING, get("a"))
    finally:
        await asyncio.to_thread(own_server.resume)
    assert await database.read(Unscoped.ROUTING, get("a")) is None
    await database.close()


# --- what the tests above use


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[asyncio.Queue[None]]:
    """What a listener hears while it runs."""
    heard: asyncio.Queue[None] = asyncio.Queue()
    task = asyncio.ensure_future(Listening(url, lambda: heard.put_nowait(None)).run())
    try:
        yield heard
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def sleeping(postgres: Cluster, place: Place) -> bool:
    """Whether the server is in the middle of `pg_sleep`."""
    admin = PostgresDatabase(place.admin)
    seen = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()")
    try:
        return bool(await admin.read(Unscoped.OPERATOR, lambda connection: connection.scalar(seen)))
    finally:
        await admin.close()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await holds():
            pass
