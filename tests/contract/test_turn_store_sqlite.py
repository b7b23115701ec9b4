"""Batches of the one writer on SQLite, and storage that does not answer."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Connection, update

from dialogs.messages import Unavailable
from dialogs.turns import Decision, Taken
from storage import tables
from storage.database import Unscoped
from storage.keys import Keyring
from storage.sqlite import SqliteDatabase, SqliteTurnStore
from tests.fixtures.held_up import held_up, together
from tests.fixtures.turn_parts import (
    facts_for,
    inbound_turn,
    line,
    nothing,
    said,
    text_item,
)
from tests.fixtures.turn_stores import SqliteHouse, rank
from tests.fixtures.world import MASTER_KEY, make_world

# --- batches --------------------------------------------------------------------------------------------------------


async def test_what_waits_shares_one_commit(on_disk: SqliteHouse) -> None:
    said_to_file: list[str] = []
    on_disk.database.connection.set_trace_callback(said_to_file.append)
    turns = [inbound_turn(said(on_disk.world, "+1"), lambda f: Decision("ok", audit=(line(),))) for _ in range(50)]
    results = await together(on_disk, *turns)
    on_disk.database.connection.set_trace_callback(None)
    assert results == [Taken("ok")] * 50
    # One for the function that held the writer up, one for all fifty turns.
    assert said_to_file.count("COMMIT") == 2


@pytest.mark.feature("REL-01")
@pytest.mark.parametrize("place", [0, 2, 5])
async def test_a_failure_in_the_middle_of_a_batch_costs_only_its_own_turn(on_disk: SqliteHouse, place: int) -> None:
    twice = text_item(on_disk.world, "+1")
    bad = Decision("bad", audit=(line("bad"),), outbox=(twice, twice))
    heard: list[int] = []
    on_disk.on_commit(lambda: heard.append(1))
    turns = [
        inbound_turn(
            said(on_disk.world, p.mobile),
            (lambda f: bad) if i == place else (lambda f: Decision("ok", audit=(line("good"),))),
        )
        for i, p in enumerate(on_disk.world.people)
    ]
    results = await together(on_disk, *turns)
    assert isinstance(results.pop(place), sqlite3.IntegrityError)
    assert results == [Taken("ok")] * 5
    assert [entry.kind for entry in await on_disk.log()] == ["good"] * 5
    assert await on_disk.outbox() == []
    assert len(await on_disk.words()) == 5
    assert heard


async def test_a_caller_who_has_gone_does_not_stop_the_writer(on_disk: SqliteHouse) -> None:
    async with held_up(on_disk):
        gone = asyncio.ensure_future(on_disk.store.take(inbound_turn(said(on_disk.world, "+1", "gone"), nothing())))
        stays = asyncio.ensure_future(on_disk.store.take(inbound_turn(said(on_disk.world, "+1", "stays"), nothing())))
        await asyncio.sleep(0)
        gone.cancel()
    assert await stays == Taken(None)
    assert sorted(await on_disk.words()) == ["gone", "stays"]


# --- storage that does not answer -----------------------------------------------------------------------------------


@pytest.mark.feature("REL-10")
async def test_a_locked_file_is_unavailable_and_works_again_afterwards(seeded_file: Path) -> None:
    database = SqliteDatabase(seeded_file, busy_timeout=0.01)
    store = SqliteTurnStore(database, Keyring([MASTER_KEY]), rank)
    turn = inbound_turn(said(make_world(), "+1"), nothing("ok"))
    with contextlib.closing(sqlite3.connect(seeded_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            await store.take(turn)
        with pytest.raises(Unavailable, match="locked"):
            await database.write(Unscoped.OPERATOR, lambda c: None)
        other.execute("ROLLBACK")
    assert await store.take(turn) == Taken("ok")
    await store.close()


@pytest.mark.feature("REL-10")
async def test_a_full_disk_is_unavailable_and_takes_nothing(on_disk: SqliteHouse) -> None:
    pages = on_disk.database.connection.execute("PRAGMA page_count").fetchone()[0]
    on_disk.database.connection.execute(f"PRAGMA max_page_count = {pages}")
    long = "x" * 1_000_000
    results = await together(
        on_disk, *(inbound_turn(said(on_disk.world, "+1", long, sid=f"SM{i}"), nothing()) for i in range(2))
    )
    assert [type(r) for r in results] == [Unavailable] * 2
    on_disk.database.connection.execute("PRAGMA max_page_count = 1000000")
    assert await on_disk.words() == []
    assert await on_disk.store.take(inbound_turn(said(on_disk.world, "+1", sid="SM0"), nothing("ok"))) == Taken("ok")


async def test_closing_does_what_waits_and_then_takes_no_more(on_disk: SqliteHouse) -> None:
    async with held_up(on_disk):
        taking = [
            asyncio.ensure_future(on_disk.store.take(inbound_turn(said(on_disk.world, "+1"), nothing("ok"))))
            for _ in range(5)
        ]
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(on_disk.store.close())
        await asyncio.sleep(0)
    await closing
    assert await asyncio.gather(*taking) == [Taken("ok")] * 5
    with pytest.raises(Unavailable):
        await on_disk.store.take(inbound_turn(said(on_disk.world, "+1"), nothing()))


async def test_reads_cannot_write_and_writes_that_fail_leave_nothing(on_disk: SqliteHouse) -> None:
    t = tables.tenants
    change = update(t).where(t.c.id == on_disk.world.tenant_id).values(name="changed")
    with pytest.raises(Unavailable, match="readonly"):
        await on_disk.database.read(on_disk.world.tenant_id, lambda c: c.execute(change))

    def halfway(connection: Connection) -> None:
        connection.execute(change)
        raise LookupError("on purpose")

    with pytest.raises(LookupError):
        await on_disk.database.write(on_disk.world.tenant_id, halfway)
    assert (await facts_for(on_disk, "+1")).tenant.name == on_disk.world.name
