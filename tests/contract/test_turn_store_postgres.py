"""Batches on PostgreSQL: who shares a commit, who pays for a failure, and a server that goes away and comes back."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import ColumnElement, literal_column, select, update

from dialogs.messages import Unavailable
from dialogs.ports import Contended
from dialogs.turns import CheckAsk, Decision, InboundFacts, Taken, Turn
from storage import tables
from storage.database import Unscoped
from storage.keys import Keyring
from storage.migrations import migrate
from storage.postgres import PostgresDatabase, PostgresTurnStore
from storage.postgres.line import seeing
from storage.postgres.row_security import Reason
from storage.postgres.writer import MAX_WAITING
from tests.fixtures.postgres import Cluster, Place
from tests.fixtures.servers import APP, OWNER, PostgresServer, need, start_postgres, why_no_postgres
from tests.fixtures.turn_parts import (
    act,
    check_facts,
    desk_of,
    facts_for,
    inbound_turn,
    line,
    moved,
    new_check,
    nothing,
    open_state,
    said,
    text_item,
)
from tests.fixtures.turn_stores import PostgresHouse, rank
from tests.fixtures.world import MASTER_KEY, START, World, make_world, seed_database

# --- batches --------------------------------------------------------------------------------------------------------


async def together(house: PostgresHouse, *turns: Turn[Any]) -> list[Any]:
    """What is asked for before anything is answered becomes one batch."""
    return list(await asyncio.gather(*(house.store.take(turn) for turn in turns), return_exceptions=True))


async def transactions(house: PostgresHouse) -> set[str]:
    """Which transactions have written the log."""
    xmin: ColumnElement[str] = literal_column("audit.xmin::text")
    rows = await house.database.read(
        Unscoped.OPERATOR, lambda c: c.execute(select(xmin).select_from(tables.audit)).all()
    )
    return {row[0] for row in rows}


async def test_what_waits_shares_one_transaction(on_server: PostgresHouse) -> None:
    turns = [
        inbound_turn(said(on_server.world, f"+1{n}"), lambda f: Decision("ok", audit=(line(),))) for n in range(50)
    ]
    assert await together(on_server, *turns) == [Taken("ok")] * 50
    assert len(await transactions(on_server)) == 1


@pytest.mark.feature("REL-09")
async def test_those_who_have_to_do_with_one_another_do_not_share_one(on_server: PostgresHouse) -> None:
    """Two phones of one contact: the second sees what the first has done."""
    world, ada = on_server.world, on_server.world.people[0]
    check = new_check(world, ada, their="+12125550177")
    await act(on_server, CheckAsk(world.tenant_id, "none"), Decision("", checks=(check,)))
    seen = [
        inbound_turn(said(world, ada.mobile), lambda f: Decision(len(f.checks), audit=(line(),))),
        inbound_turn(said(world, "+12125550177"), lambda f: Decision(len(f.checks), audit=(line(),))),
    ]
    assert await together(on_server, *seen) == [Taken(1)] * 2
    assert len(await transactions(on_server)) == 2


@pytest.mark.feature("REL-01")
@pytest.mark.parametrize("place", [0, 2, 5])
@pytest.mark.parametrize("how", ["decide", "twice", "too long", "foreign"])
async def test_a_failure_in_the_middle_of_a_batch_costs_only_its_own_turn(
    on_server: PostgresHouse, place: int, how: str
) -> None:
    world = on_server.world
    twice = text_item(world, "+1")
    bad = {
        "twice": Decision("bad", audit=(line("bad"),), outbox=(twice, twice)),
        "too long": Decision("bad", outbox=(text_item(world, "+1", lane="x" * 101),)),
        "foreign": Decision("bad", tenant_id=on_server.other.tenant_id, audit=(line("bad"),)),
    }
    heard: list[int] = []
    on_server.on_commit(lambda: heard.append(1))

    def decide(facts: InboundFacts) -> Decision[str]:
        if how == "decide":
            raise LookupError("on purpose")
        return bad[how]

    turns = [
        inbound_turn(said(world, p.mobile), decide if n == place else lambda f: Decision("ok", audit=(line("good"),)))
        for n, p in enumerate(world.people)
    ]
    results = await together(on_server, *turns)
    expected = {"decide": LookupError, "foreign": ValueError}.get(how, asyncpg.PostgresError)
    assert isinstance(results.pop(place), expected)
    assert results == [Taken("ok")] * 5
    assert [entry.kind for entry in await on_server.log()] == ["good"] * 5
    assert await on_server.outbox() == []
    assert len(await on_server.words()) == 5
    assert heard


async def test_a_lost_race_costs_nobody_else_a_try(on_server: PostgresHouse) -> None:
    world = on_server.world

    def always_late(facts: InboundFacts) -> Decision[str]:
        return Decision("", desk=replace(desk_of(facts, world.stranger), version=7))

    good = [inbound_turn(said(world, p.mobile), lambda f: Decision("ok", audit=(line(),))) for p in world.people]
    late = inbound_turn(said(world, world.stranger), always_late)
    results = await together(on_server, *good[:3], late, *good[3:])
    assert isinstance(results.pop(3), Contended)
    assert results == [Taken("ok")] * 6


async def test_a_check_that_goes_to_a_contact_who_has_one_loses(on_server: PostgresHouse) -> None:
    world, (ada, ben, *_) = on_server.world, on_server.world.people
    ask = CheckAsk(world.tenant_id, "none")
    nobodys, bens = new_check(world, ada, contact=""), new_check(world, ben)
    await act(on_server, ask, Decision("", checks=(nobodys, bens)))
    facts = await check_facts(on_server, nobodys.id)
    theirs = moved(facts, open_state(ben))
    with pytest.raises(Contended):
        await act(on_server, ask, Decision("", checks=(replace(theirs, contact_id=ben.id),)))


async def test_a_caller_who_has_gone_does_not_stop_the_others(on_server: PostgresHouse) -> None:
    gone = asyncio.ensure_future(on_server.store.take(inbound_turn(said(on_server.world, "+1", "gone"), nothing())))
    stays = asyncio.ensure_future(on_server.store.take(inbound_turn(said(on_server.world, "+2", "stays"), nothing())))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == Taken(None)
    assert "stays" in await on_server.words()


async def test_closing_does_what_waits_and_then_takes_no_more(on_server: PostgresHouse) -> None:
    taking = [
        asyncio.ensure_future(on_server.store.take(inbound_turn(said(on_server.world, f"+{n}"), nothing("ok"))))
        for n in range(5)
    ]
    await asyncio.sleep(0)
    await on_server.store.close()
    assert await asyncio.gather(*taking) == [Taken("ok")] * 5
    with pytest.raises(Unavailable):
        await on_server.store.take(inbound_turn(said(on_server.world, "+1"), nothing()))
    with pytest.raises(Unavailable):
        await on_server.store.lease("w", START)


@pytest.mark.feature("REL-16")
async def test_more_than_may_wait_are_told_at_once(on_server: PostgresHouse) -> None:
    turns = [inbound_turn(said(on_server.world, f"+{n}"), nothing("ok")) for n in range(MAX_WAITING + 3)]
    results = await together(on_server, *turns)
    assert results[:MAX_WAITING] == [Taken("ok")] * MAX_WAITING
    assert [type(r) for r in results[MAX_WAITING:]] == [Unavailable] * 3


@pytest.mark.feature("REL-09")
async def test_a_state_that_cannot_be_read_stops_nobody_else(on_server: PostgresHouse) -> None:
    world, ada = on_server.world, on_server.world.people[0]
    check = new_check(world, ada)
    await act(on_server, CheckAsk(world.tenant_id, "none"), Decision("", checks=(check,)))
    spoil = update(tables.dialogs).values(body="{}")
    await on_server.database.write(Unscoped.OPERATOR, lambda c: c.execute(spoil))
    turns = [inbound_turn(said(world, p.mobile), nothing("ok")) for p in world.people]
    results = await together(on_server, *turns)
    assert type(results.pop(0)).__name__ == "BadState"
    assert results == [Taken("ok")] * 5


# --- tenants --------------------------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-37")
async def test_the_server_itself_keeps_the_tenants_of_a_batch_apart(on_server: PostgresHouse) -> None:
    """Both have turns in one batch; afterwards the app's role sees each alone, and with nothing set none."""
    for _ in range(3):
        turns = [
            inbound_turn(said(world, p.mobile), lambda f: Decision(f.contacts[0].id, audit=(line(),)))
            for world in (on_server.world, on_server.other)
            for p in world.people
        ]
        results = await together(on_server, *turns)
        assert {r.reply for r in results} == {p.id for w in (on_server.world, on_server.other) for p in w.people}
    connection = await asyncpg.connect(on_server.url)
    try:
        role = await connection.fetchrow("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert tuple(role) == (False, False)
        assert await connection.fetchval("SELECT count(*) FROM audit") == 0
        for world in (on_server.world, on_server.other):
            await connection.execute("BEGIN; " + seeing(Reason.TENANTS, [world.tenant_id]))
            assert await connection.fetch("SELECT DISTINCT tenant_id FROM audit") == [(world.tenant_id,)]
            assert await connection.fetchval("SELECT count(*) FROM audit") == 18
            await connection.execute("ROLLBACK")
    finally:
        await connection.close()


def test_nothing_but_ids_goes_into_a_statement_as_text() -> None:
    with pytest.raises(ValueError, match="none"):
        seeing(Reason.TENANTS, ["x'; DROP TABLE audit; --"])
    with pytest.raises(ValueError, match="none"):
        seeing(Reason.TENANTS, [make_world().tenant_id, make_world().tenant_id + "\n"])


# --- a server that goes away ----------------------------------------------------------------------------------------


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
