"""Attempts that take longer than a lease, and workers that stood still: nothing is done twice at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import pytest

from bot.dispatcher import LONGEST_ATTEMPT
from bot.hold import LEASE, MARGIN
from dialogs.messages import Unavailable
from dialogs.ports import TurnStore
from dialogs.turns import CheckAsk, Decision, Leased, Timer
from tests.fixtures.turn_parts import act, text_item
from tests.fixtures.turn_stores import StoredHouse
from tests.simulation.bent import Bent
from tests.simulation.desk import Desk

T = TypeVar("T")
SECOND = timedelta(seconds=1)


@pytest.fixture
def house(kept_house: StoredHouse) -> StoredHouse:
    return kept_house


class Gate:
    """A carrier that can be made to wait, before it has taken a text in (`find`) or with its answer (`send`)."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.searches = 0
        self.came = asyncio.Event()
        self.go = asyncio.Event()
        self.cut = asyncio.Event()

    async def send(self, *, to: str, sender: str, body: str, key: str) -> str:
        self.bodies.append(body)
        await self._wait()
        return f"SM{len(self.bodies):032x}"

    async def find(self, *, to: str, sender: str, body: str, since: datetime) -> str | None:
        self.searches += 1
        await self._wait()
        return None

    async def _wait(self) -> None:
        self.came.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cut.set()
            raise


class Watched(Bent):
    """Says when leases were renewed; and may be out of reach."""

    def __init__(self, store: TurnStore) -> None:
        super().__init__(store)
        self.renewed = asyncio.Event()
        self.asked = asyncio.Event()
        self.away = False

    async def renew(self, leased: Sequence[Leased], now: datetime, *, lasts: timedelta = LEASE) -> None:
        self.asked.set()
        if self.away:
            raise Unavailable("the disk is full")
        await super().renew(leased, now, lasts=lasts)
        self.renewed.set()


class Asleep(Bent):
    """For a process that can be made to stand still: no call of its comes back until it wakes."""

    def __init__(self, store: TurnStore) -> None:
        super().__init__(store)
        self.standing = asyncio.Event()
        self.wakes = asyncio.Event()

    async def stand_still(self) -> None:
        """From now on."""
        self.standing.set()
        await self.wakes.wait()

    async def lease(
        self, worker: str, now: datetime, *, limit: int = 32, lasts: timedelta = LEASE, full: Collection[str] = ()
    ) -> Sequence[Leased]:
        return await self._held(super().lease(worker, now, limit=limit, lasts=lasts, full=full))

    async def due_timers(self, now: datetime, limit: int = 100) -> Sequence[Timer]:
        return await self._held(super().due_timers(now, limit))

    async def _held(self, call: Awaitable[T]) -> T:
        """Before the call and before its answer."""
        if self.standing.is_set():
            await self.wakes.wait()
        answer = await call
        if self.standing.is_set():
            await self.wakes.wait()
        return answer


async def soon(event: asyncio.Event) -> None:
    async with asyncio.timeout(10):
        await event.wait()


async def put(house: StoredHouse) -> None:
    item = text_item(house.world, "+13475550100", "the text")
    await act(house, CheckAsk(house.world.tenant_id, "none"), Decision("", outbox=(item,)))


@pytest.mark.feature("REL-03")
async def test_an_attempt_that_takes_minutes_keeps_its_lease_and_nobody_else_takes_it_up(house: StoredHouse) -> None:
    gate, store = Gate(), Watched(house.store)
    desk = Desk(house, texts=gate, store=store)
    await put(house)
    desk.dispatcher.start()
    await soon(gate.came)
    for _ in range(8):
        desk.clock.advance(25 * SECOND)
        store.renewed.clear()
        desk.dispatcher.wake()
        await soon(store.renewed)
        assert await house.store.lease("another worker", desk.clock.now()) == []
    gate.go.set()
    await desk.dispatcher.stop()
    assert [(row.status, row.attempt) for row in await house.outbox()] == [("sent", 1)]
    assert gate.bodies == ["the text"]


@pytest.mark.feature("REL-03", "REL-16")
async def test_an_attempt_that_hangs_for_ever_is_cut_off_and_counts_as_unclear(house: StoredHouse) -> None:
    gate, store = Gate(), Watched(house.store)
    desk = Desk(house, texts=gate, store=store)
    await put(house)
    desk.dispatcher.start()
    await soon(gate.came)
    began = desk.clock.now()
    while desk.clock.now() - began < LONGEST_ATTEMPT:
        desk.clock.advance(25 * SECOND)
        store.renewed.clear()
        desk.dispatcher.wake()
        if desk.clock.now() - began < LONGEST_ATTEMPT:
            await soon(store.renewed)
    desk.clock.advance(LEASE)
    desk.dispatcher.wake()
    await soon(gate.cut)
    gate.go.set()
    await desk.dispatcher.stop()
    # Given up here; whoever takes it up next looks first, and sends it at most once more.
    assert len(gate.bodies) <= 1 + gate.searches <= 2


@pytest.mark.feature("REL-03")
@pytest.mark.parametrize("still", [LEASE, 10 * LEASE], ids=str)
async def test_a_worker_that_stood_still_for_its_lease_notices_and_does_not_send(
    house: StoredHouse, still: timedelta
) -> None:
    """It stands still just before it sends, as after SIGSTOP; meanwhile another one has taken over and has sent."""
    await put(house)
    store = Asleep(house.store)
    frozen = Desk(house, store=store, gate=store.stand_still)
    frozen.dispatcher.start()
    await soon(store.standing)
    frozen.clock.advance(still)
    # The other one looks first, finds nothing, and sends.
    other = Desk(house, before=frozen)
    await other.dispatcher.run_until_idle()
    assert other.texts() == ["the text"]
    store.wakes.set()
    await frozen.dispatcher.stop()
    assert frozen.texts() == ["the text"], "and no second one"
    assert [(row.status, row.attempt) for row in await house.outbox()] == [("sent", 2)]


@pytest.mark.feature("REL-03")
async def test_what_was_held_up_until_its_lease_nearly_ended_is_given_back_and_counts_for_nothing(
    house: StoredHouse,
) -> None:
    await put(house)
    store = Asleep(house.store)
    slow = Desk(house, store=store, gate=store.stand_still)
    slow.dispatcher.start()
    await soon(store.standing)
    slow.clock.advance(LEASE - MARGIN)
    store.wakes.set()
    await slow.dispatcher.stop()
    await Desk(house, before=slow).dispatcher.run_until_idle()
    assert slow.texts() == ["the text"]
    assert [(row.status, row.attempt) for row in await house.outbox()] == [("sent", 1)]


@pytest.mark.feature("REL-03")
async def test_what_cannot_be_renewed_is_cut_off_before_somebody_else_may_have_it(house: StoredHouse) -> None:
    gate, store = Gate(), Watched(house.store)
    desk = Desk(house, texts=gate, store=store)
    await put(house)
    desk.dispatcher.start()
    await soon(gate.came)
    store.away = True
    desk.clock.advance(30 * SECOND)
    desk.dispatcher.wake()
    await soon(store.asked)
    desk.clock.advance(LEASE - MARGIN - 30 * SECOND)
    assert await house.store.lease("another worker", desk.clock.now()) == [], "not yet"
    desk.dispatcher.wake()
    await soon(gate.cut)
    store.away = False
    await desk.dispatcher.stop()
