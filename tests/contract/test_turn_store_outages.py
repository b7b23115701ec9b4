"""A PostgreSQL that goes away and comes back, in mid-load and in mid-commit: nothing that was answered is lost."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from dialogs.messages import Unavailable
from dialogs.turns import Decision, InboundFacts, Taken
from storage.keys import Keyring
from storage.migrations import migrate
from storage.postgres import PostgresDatabase, PostgresTurnStore
from tests.fixtures.postgres import Cluster, Place
from tests.fixtures.servers import APP, OWNER, PostgresServer, need, start_postgres, why_no_postgres
from tests.fixtures.turn_parts import (
    desk_of,
    facts_for,
    inbound_turn,
    line,
    nothing,
    said,
    text_item,
)
from tests.fixtures.turn_stores import PostgresHouse, rank
from tests.fixtures.world import MASTER_KEY, START, World, make_world, seed_database


@asynccontextmanager
async def durable() -> AsyncIterator[tuple[PostgresServer, PostgresHouse]]:
    """A server of this test's own, as in earnest, that may be killed. Not in pytest's folder: another run of it shuts
    that to others, and the server runs as another user and has to start again."""
    need(why_no_postgres())
    folder = tempfile.mkdtemp(prefix="watchword-server-")
    server = await asyncio.to_thread(start_postgres, Path(folder) / "server")
    try:
        place = Place("house", server.url("house", APP), server.url("house", OWNER), server.url("house"))
        await asyncio.to_thread(server.make_database, place.name)
        await asyncio.to_thread(migrate, place.owner, APP)
        database = PostgresDatabase(place.app, size=1)
        await seed_database(database, Keyring([MASTER_KEY]), make_world())
        await database.close()
        house = PostgresHouse(place.app)
        try:
            yield server, house
        finally:
            await house.store.close()
            await house.database.close()
    finally:
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


class Texters:
    """People who text all the time. What was answered must be there; the rest was there whole or not at all."""

    def __init__(self, store: PostgresTurnStore, world: World) -> None:
        self._store = store
        self._world = world
        self._stop = False
        self._heard = asyncio.Event()
        self.answered: list[str] = []
        self.refused: list[str] = []

    async def text(self, who: int) -> None:
        their, n = f"+1303555{who:04d}", 0
        while not self._stop:
            sid, n = f"SM-{who}-{n}", n + 1

            def decide(facts: InboundFacts, sid: str = sid) -> Decision[str]:
                return Decision(
                    sid,
                    desk=desk_of(facts, their),
                    audit=(line(public={"sid": sid}), line(public={"sid": sid})),
                    outbox=(text_item(self._world, their, sid, lane=their),),
                )

            try:
                await self._store.take(inbound_turn(said(self._world, their, sid, sid=sid), decide))
            except Unavailable:
                self.refused.append(sid)
                self._heard.set()
                await asyncio.sleep(0.005)  # as a provider does before it tries again
            else:
                self.answered.append(sid)
            self._heard.set()

    async def until(self, count: int, heard: list[str]) -> None:
        """So many more have been answered, or refused."""
        until = len(heard) + count
        async with asyncio.timeout(30):
            while len(heard) < until:
                self._heard.clear()
                await self._heard.wait()

    def stop(self) -> None:
        self._stop = True


@pytest.mark.feature("REL-01", "REL-10")
@pytest.mark.parametrize("how", ["kill", "stop"])
async def test_a_server_that_dies_in_mid_load_loses_nothing_that_was_answered(how: str) -> None:
    async with durable() as (server, house):
        texters = Texters(house.store, house.world)
        texting = [asyncio.create_task(texters.text(who)) for who in range(16)]
        for _ in range(2):
            await texters.until(200, texters.answered)
            await asyncio.to_thread(getattr(server, how))
            await texters.until(16, texters.refused)
            await asyncio.to_thread(server.start)
            back = asyncio.get_running_loop().time()
            await texters.until(50, texters.answered)
            assert asyncio.get_running_loop().time() - back < 10
        texters.stop()
        await asyncio.gather(*texting)
        words = await house.words()
        assert len(words) == len(set(words))
        assert set(texters.answered) <= set(words)
        assert set(words) <= {*texters.answered, *texters.refused}
        assert sorted(entry.public["sid"] for entry in await house.log()) == sorted(words * 2)
        assert sorted(row.body for row in await house.outbox()) == sorted(words)


_SLOW_COMMIT = (
    "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'",
    "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON inbound DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
    " EXECUTE FUNCTION slow()",
)
_IN_COMMIT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COMMIT%' AND wait_event = 'PgSleep'"
)


@pytest.mark.feature("REL-01", "REL-10")
async def test_when_nobody_knows_whether_the_commit_arrived_nobody_is_told_that_it_did(
    on_server: PostgresHouse, postgres: Cluster
) -> None:
    name = on_server.url.rpartition("/")[2]
    await postgres.server.arun(*_SLOW_COMMIT, database=name)
    turn = inbound_turn(said(on_server.world, "+1", sid="SM1"), nothing("ok"))
    taking = asyncio.create_task(on_server.store.take(turn))
    admin = await asyncpg.connect(postgres.server.url(name))
    try:
        async with asyncio.timeout(10):
            while not await admin.fetch(_IN_COMMIT):
                pass
        with pytest.raises(Unavailable):
            await taking
        await admin.execute("DROP TRIGGER slow ON inbound")
    finally:
        await admin.close()
    assert await on_server.words() == []
    assert await on_server.store.take(turn) == Taken("ok")


@pytest.mark.feature("REL-10")
async def test_a_restart_between_two_turns_is_not_noticed() -> None:
    async with durable() as (server, house):
        await facts_for(house, "+1")
        assert await house.store.next_due(START) is None
        await asyncio.to_thread(server.restart)
        await facts_for(house, "+1")
        assert await house.store.next_due(START) is None


@pytest.mark.feature("REL-10")
async def test_without_a_server_everybody_is_told_at_once() -> None:
    store = PostgresTurnStore("postgresql://watchword@127.0.0.1:9/none", Keyring([MASTER_KEY]), rank)
    turns = [store.take(inbound_turn(said(make_world(), f"+{n}"), nothing())) for n in range(200)]
    async with asyncio.timeout(5):
        results = await asyncio.gather(*turns, return_exceptions=True)
    assert {type(r) for r in results} == {Unavailable}
    for work in (store.lease("w", START), store.due_timers(START), store.next_due(START), store.release_leases("w")):
        with pytest.raises(Unavailable):
            await work
    await store.close()
