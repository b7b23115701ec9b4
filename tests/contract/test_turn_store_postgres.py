"""Batches on PostgreSQL: who shares a commit, who pays for a failure, and whose rows a batch sees."""

import asyncio
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from sqlalchemy import ColumnElement, literal_column, select, update

from dialogs.messages import Unavailable
from dialogs.ports import Contended
from dialogs.turns import CheckAsk, Decision, InboundFacts, Taken, Turn
from storage import tables
from storage.database import Unscoped
from storage.postgres.line import seeing
from storage.postgres.row_security import Reason
from storage.postgres.writer import MAX_WAITING
from tests.fixtures.turn_parts import (
    act,
    check_facts,
    desk_of,
    inbound_turn,
    line,
    moved,
    new_check,
    nothing,
    open_state,
    said,
    text_item,
)
from tests.fixtures.turn_stores import PostgresHouse
from tests.fixtures.world import START, make_world

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
