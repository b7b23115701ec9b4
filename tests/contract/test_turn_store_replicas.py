"""Two replicas on one database: whatever reaches both at once happens as if it had reached one."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from dialogs.messages import DeliveryReport
from dialogs.turns import (
    Alert,
    CheckAsk,
    CheckFacts,
    Decision,
    Duplicate,
    Facts,
    InboundFacts,
    Settled,
    Taken,
    Timer,
    Turn,
)
from storage import tables
from storage.database import Unscoped
from storage.postgres import PostgresTurnStore
from tests.fixtures.turn_parts import (
    act,
    confirmed,
    desk_of,
    facts_for,
    inbound_turn,
    line,
    moved,
    new_check,
    new_id,
    nothing,
    open_state,
    said,
    text_item,
)
from tests.fixtures.turn_stores import PostgresHouse, rank
from tests.fixtures.world import START


@dataclass(frozen=True, slots=True)
class Replicas:
    """The house's own store and a second one."""

    house: PostgresHouse
    stores: tuple[PostgresTurnStore, PostgresTurnStore]

    async def take(self, *turns: Turn[Any]) -> list[Any]:
        """Every other turn to the one, all at once."""
        taking = [self.stores[n % 2].take(turn) for n, turn in enumerate(turns)]
        return list(await asyncio.gather(*taking, return_exceptions=True))


@pytest.fixture
async def replicas(on_server: PostgresHouse) -> AsyncIterator[Replicas]:
    second = PostgresTurnStore(on_server.url, on_server.keyring, rank)
    yield Replicas(on_server, (on_server.store, second))
    await second.close()


@pytest.mark.feature("REL-02")
async def test_one_message_delivered_five_times_to_each_is_one_turn(replicas: Replicas) -> None:
    house = replicas.house
    for n in range(10):
        inbound = said(house.world, house.world.people[n % 6].mobile, sid=f"SM-{n}", signature=f"{n}")
        results = await replicas.take(
            *(inbound_turn(inbound, lambda f: Decision("done", audit=(line(),))) for _ in range(10))
        )
        assert sorted(map(str, results)) == sorted(map(str, [Taken("done"), *[Duplicate()] * 9]))
    assert len(await house.log()) == len(await house.words()) == 10


@pytest.mark.feature("REL-09")
async def test_a_hundred_texts_of_one_person_to_both_are_some_order(replicas: Replicas) -> None:
    house = replicas.house
    ada = house.world.people[0].mobile

    def decide(facts: InboundFacts) -> Decision[int]:
        return Decision(facts.desk.version if facts.desk else 0, desk=desk_of(facts, ada), audit=(line(),))

    waiting = [inbound_turn(said(house.world, ada, sid=f"SM-{n}"), decide) for n in range(100)]
    replies: list[int] = []
    # Whoever has lost five races is told so, and the provider delivers it again.
    while waiting:
        results = await replicas.take(*waiting)
        replies += [r.reply for r in results if isinstance(r, Taken)]
        waiting = [turn for turn, r in zip(waiting, results, strict=True) if not isinstance(r, Taken)]
    assert sorted(replies) == list(range(100))
    facts = await facts_for(house, ada)
    assert facts.desk is not None
    assert (facts.desk.version, len(facts.desk.desk.answered)) == (100, 100)
    assert len(await house.log()) == 100


@pytest.mark.feature("SEC-11")
async def test_fifty_confirmations_to_both_confirm_once(replicas: Replicas) -> None:
    house = replicas.house
    ada = house.world.people[0]
    check = new_check(house.world, ada)
    await house.store.take(inbound_turn(said(house.world, ada.mobile), lambda f: Decision("", checks=(check,))))

    def confirm(facts: Facts) -> Decision[str]:
        assert isinstance(facts, CheckFacts)
        assert facts.check is not None
        if type(facts.check.state).__name__ != "Open":
            return Decision("late")
        return Decision("confirmed", checks=(moved(facts, confirmed(open_state(ada))),), audit=(line("confirmed"),))

    ask = CheckAsk(house.world.tenant_id, check.id)
    results = await replicas.take(*(Turn(ask, confirm, START) for _ in range(50)))
    assert sorted(r.reply for r in results) == ["confirmed"] + ["late"] * 49
    assert [entry.kind for entry in await house.log()] == ["confirmed"]


@pytest.mark.feature("SEC-11")
async def test_a_person_who_asks_both_at_once_has_one_live_check(replicas: Replicas) -> None:
    """From two phones, so that nothing but the contact is the same."""
    house = replicas.house
    ada = house.world.people[0]

    def ask(their: str) -> Turn[str]:
        def decide(facts: Facts) -> Decision[str]:
            return Decision("asked", checks=(new_check(house.world, ada, their=their),))

        return Turn(CheckAsk(house.world.tenant_id, their), decide, START)

    results = await replicas.take(*(ask(f"+1212555018{n}") for n in range(6)))
    assert [type(r).__name__ for r in results].count("Taken") == 1
    live = select(tables.dialogs.c.id).where(tables.dialogs.c.is_live)
    found = await house.database.read(Unscoped.OPERATOR, lambda c: c.execute(live).all())
    assert len(found) == 1


@pytest.mark.feature("REL-12")
async def test_a_timer_that_both_ring_rings_once(replicas: Replicas) -> None:
    house = replicas.house
    tenant_id = house.world.tenant_id
    for n in range(10):
        ask = CheckAsk(tenant_id, f"c{n}", timer="deadline")
        await act(
            house, CheckAsk(tenant_id, "none"), Decision("", timers=(Timer(tenant_id, f"c{n}", "deadline", START),))
        )
        results = await replicas.take(*[Turn(ask, lambda f: Decision("rang", audit=(line(),)), START)] * 4)
        assert sorted(map(str, results)) == sorted(map(str, [Taken("rang"), *[Duplicate()] * 3]))
    assert len(await house.log()) == 10


@pytest.mark.feature("SEC-39", "SEC-10")
async def test_a_bound_of_the_tenant_holds_over_both(replicas: Replicas) -> None:
    """Forty people ask at once, and the tenant has room for seven."""
    house = replicas.house
    others = [f"+1303555{n:04d}" for n in range(40)]

    def ask(their: str) -> Turn[Any]:
        def decide(facts: InboundFacts) -> Decision[str]:
            if len(facts.sends.tenant) >= 7:
                return Decision("full")
            return Decision("sent", outbox=(text_item(house.world, their, lane=their, challenge=True, segments=1),))

        return inbound_turn(said(house.world, their), decide, with_limits=True)

    results = await replicas.take(*map(ask, others))
    assert sorted(r.reply for r in results) == ["full"] * 33 + ["sent"] * 7
    assert len((await facts_for(house, "+1", with_limits=True)).sends.tenant) == 7


@pytest.mark.feature("SEC-39", "SEC-10")
async def test_a_pause_holds_over_both_and_is_told_once(replicas: Replicas) -> None:
    """Forty numbers of one prefix ask at once."""
    house = replicas.house

    def ask(their: str) -> Turn[Any]:
        def decide(facts: InboundFacts) -> Decision[str]:
            day = facts.sends.prefix_day
            if day.sent < 7:
                item = text_item(house.world, their, lane=their, check_id=new_id(), challenge=True)
                return Decision("sent", outbox=(item,))
            if day.told:
                return Decision("refused")
            return Decision("told", alerts=(Alert(day.last_id, "prefix_paused", START, "", "", "paused"),))

        return inbound_turn(said(house.world, their), decide, with_limits=True)

    results = await replicas.take(*(ask(f"+1303555{n:04d}") for n in range(40)))
    assert sorted(r.reply for r in results) == ["refused"] * 32 + ["sent"] * 7 + ["told"]
    assert await house.alerts() == ["paused"]


@pytest.mark.feature("REL-03", "SEC-38")
async def test_no_item_is_ever_leased_to_both(replicas: Replicas) -> None:
    house = replicas.house
    items = tuple(text_item(house.world, "+1", str(n), lane=str(n % 60)) for n in range(120))
    await act(house, CheckAsk(house.world.tenant_id, "none"), Decision("", outbox=items))
    seen: list[str] = []

    async def work(store: PostgresTurnStore, worker: str) -> None:
        while len(seen) < len(items):
            held = await store.lease(worker, START, limit=7)
            seen.extend(one.item.id for one in held)
            await store.settle([Settled(one, "sent") for one in held], START)

    await asyncio.gather(*(work(store, f"{m} {n}") for n in range(2) for m, store in enumerate(replicas.stores)))
    assert sorted(seen) == sorted(item.id for item in items)
    assert {row.status for row in await house.outbox()} == {"sent"}
    assert {row.attempt for row in await house.outbox()} == {1}
    for number in range(60):
        lane = [id_ for id_ in seen if id_ in {i.id for i in items if i.lane == str(number)}]
        assert lane == sorted(lane)


@pytest.mark.feature("REL-03")
async def test_the_other_one_takes_over_and_the_first_ones_outcome_counts_no_more(replicas: Replicas) -> None:
    house = replicas.house
    first, second = replicas.stores
    await act(house, CheckAsk(house.world.tenant_id, "none"), Decision("", outbox=(text_item(house.world, "+1"),)))
    (stale,) = await first.lease("a", START)
    later = START + timedelta(seconds=61)
    (held,) = await second.lease("b", later)
    assert (held.unknown, held.unclear, held.attempt) == (True, 1, 2)
    await first.settle([Settled(stale, "dead", audit=(line("late"),))], later)
    await first.renew([stale], later, lasts=timedelta(hours=1))
    await first.release_leases("a")
    await second.settle([Settled(held, "sent", audit=(line("sent"),))], later)
    assert [row.status for row in await house.outbox()] == ["sent"]
    assert [entry.kind for entry in await house.log()] == ["sent"]


@pytest.mark.feature("REL-08")
async def test_a_report_that_comes_to_one_while_the_other_notes_the_send_is_not_lost(replicas: Replicas) -> None:
    house = replicas.house
    first, second = replicas.stores
    for n in range(30):
        item = text_item(house.world, "+1", lane=str(n))
        await act(house, CheckAsk(house.world.tenant_id, "none"), Decision("", outbox=(item,)))
        (held,) = await first.lease("w", START)
        report = DeliveryReport("twilio", f"SM{n}", "delivered")
        await asyncio.gather(
            first.settle([Settled(held, "sent", "twilio", f"SM{n}")], START), second.report_delivery(report, START)
        )
    assert [row.delivery for row in await house.outbox()] == ["delivered"] * 30
    assert [entry.kind for entry in await house.log()] == ["text.delivery"] * 30


@pytest.mark.feature("REL-08")
async def test_reports_that_wait_together_are_each_answered(replicas: Replicas) -> None:
    """Several on one message, one on nobody's, and one that no column holds."""
    house = replicas.house
    for n in range(3):
        await act(house, CheckAsk(house.world.tenant_id, "n"), Decision("", outbox=(text_item(house.world, "+1"),)))
        (held,) = await house.store.lease("w", START)
        await house.store.settle([Settled(held, "sent", "twilio", f"SM{n}")], START)
    reports = [
        *(DeliveryReport("twilio", f"SM{n}", status) for status in ("sent", "delivered", "sent") for n in range(3)),
        DeliveryReport("twilio", "SM-nobody", "delivered"),
        DeliveryReport("twilio", "SM-strange", "x" * 100),
    ]
    answers = await asyncio.gather(*(house.store.report_delivery(r, START) for r in reports), return_exceptions=True)
    assert answers[:10] == [True] * 6 + [False] * 4
    assert isinstance(answers[10], Exception)
    assert [row.delivery for row in await house.outbox()] == ["delivered"] * 3
    assert len(await house.log()) == 6


async def test_a_worker_on_a_machine_with_a_long_name_holds_what_it_leases(replicas: Replicas) -> None:
    house = replicas.house
    await act(house, CheckAsk(house.world.tenant_id, "n"), Decision("", outbox=(text_item(house.world, "+1"),)))
    assert len(await house.store.lease("host" * 30 + ":1", START)) == 1
    await house.store.release_leases("host" * 30 + ":2")
    assert await house.store.lease("w", START) == []
    await house.store.release_leases("host" * 30 + ":1")
    assert len(await house.store.lease("w", START)) == 1


async def test_both_see_a_number_that_moves_to_another_tenant(replicas: Replicas) -> None:
    house = replicas.house
    ada = house.world.people[0].mobile
    for store in replicas.stores:
        result = await store.take(inbound_turn(said(house.world, ada), lambda f: Decision(f.tenant.id)))
        assert result == Taken(house.world.tenant_id)
    t = tables.numbers
    moving = t.update().where(t.c.address == house.world.number.address).values(tenant_id=house.other.tenant_id)
    await house.database.write(Unscoped.OPERATOR, lambda c: c.execute(moving))
    for store in replicas.stores:
        result = await store.take(inbound_turn(said(house.world, ada), lambda f: Decision(f.tenant.id)))
        assert result == Taken(house.other.tenant_id)
    gone = t.delete().where(t.c.address == house.world.number.address)
    await house.database.write(Unscoped.OPERATOR, lambda c: c.execute(gone))
    for store in replicas.stores:
        assert type(await store.take(inbound_turn(said(house.world, ada), nothing()))).__name__ == "Unroutable"
