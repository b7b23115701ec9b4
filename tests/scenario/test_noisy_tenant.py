"""Ten thousand effects of one tenant, or one whose carrier hangs, do not hold up another tenant's text (SEC-38)."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.dispatcher import AT_ONCE, LEAST_SHARE, SHARED
from dialogs.turns import CheckAsk, Decision
from tests.fixtures.stand_ins import START
from tests.fixtures.turn_parts import act, text_item
from tests.fixtures.turn_stores import StoredHouse
from tests.fixtures.world import World, make_world, seed_database
from tests.simulation.desk import Desk

MANY = 10_000


@pytest.fixture
def house(kept_house: StoredHouse) -> StoredHouse:
    return kept_house


class Carrier:
    """Takes texts of some of our numbers at once and never answers for the others. `log` has ours of each taken."""

    def __init__(self, *hanging: str) -> None:
        self.hanging = hanging
        self.log: list[str] = []
        self.held: list[str] = []
        self.moved = asyncio.Event()
        self.let_go = asyncio.Event()

    async def send(self, *, to: str, sender: str, body: str, key: str) -> str:
        if sender in self.hanging:
            self.held.append(sender)
            self.moved.set()
            await self.let_go.wait()
        self.log.append(sender)
        self.moved.set()
        return f"SM{len(self.log):032x}"

    async def find(self, *, to: str, sender: str, body: str, since: object) -> str | None:
        return None

    async def until(self, held: int = 0, taken: int = 0) -> None:
        async with asyncio.timeout(20):
            while len(self.held) < held or len(self.log) < taken:
                self.moved.clear()
                await self.moved.wait()


async def queue(house: StoredHouse, world: World, count: int, due_in: timedelta = timedelta(0)) -> None:
    """Effects of one tenant, each in a lane of its own."""
    items = tuple(text_item(world, "+13475550100", lane=f"{n}", due_at=START + due_in) for n in range(count))
    await act(house, CheckAsk(world.tenant_id, "none"), Decision("", outbox=items))


@pytest.mark.feature("SEC-38")
async def test_a_text_goes_out_in_the_first_rounds_beside_ten_thousand_of_another_tenant(house: StoredHouse) -> None:
    carrier = Carrier()
    desk = Desk(house, texts=carrier)
    noisy, quiet = house.world, house.other
    await queue(house, noisy, MANY)
    desk.clock.advance(timedelta(seconds=1))
    await queue(house, quiet, 5, due_in=timedelta(seconds=1))
    house.on_commit(desk.dispatcher.wake)
    desk.dispatcher.start()
    await carrier.until(taken=3 * AT_ONCE)
    await desk.dispatcher.stop()
    places = [n for n, ours in enumerate(carrier.log) if ours == quiet.number.address]
    assert len(places) == 5
    assert max(places) < AT_ONCE, "all five among the first that left"


@pytest.mark.feature("SEC-38")
async def test_a_tenant_whose_carrier_hangs_never_has_all_the_places(house: StoredHouse) -> None:
    noisy, quiet = house.world, house.other
    carrier = Carrier(noisy.number.address)
    desk = Desk(house, texts=carrier)
    await queue(house, noisy, 200)
    house.on_commit(desk.dispatcher.wake)
    desk.dispatcher.start()
    await carrier.until(held=SHARED)
    for n in range(1, 4):
        await queue(house, quiet, 20)
        await carrier.until(taken=20 * n)
    assert len(carrier.held) == SHARED, "and the noisy one has got no more of them meanwhile"
    carrier.hanging = ()
    carrier.let_go.set()
    await carrier.until(taken=60 + 200)
    await desk.dispatcher.stop()
    assert {row.status for row in await house.outbox()} == {"sent"}


@pytest.mark.feature("SEC-38")
async def test_many_whose_carriers_hang_share_their_part_and_the_rest_stays_free(house: StoredHouse) -> None:
    worlds = [house.world, house.other]
    for n in (3, 4):
        worlds.append(make_world(n))
        await seed_database(house.database, house.keyring, worlds[-1])
    *noisy, quiet = worlds
    carrier = Carrier(*(world.number.address for world in noisy))
    desk = Desk(house, texts=carrier)
    for world in noisy:
        await queue(house, world, 200)
    house.on_commit(desk.dispatcher.wake)
    desk.dispatcher.start()
    await carrier.until(held=SHARED)
    await queue(house, quiet, 40)
    await carrier.until(taken=40)
    each = {world.number.address: carrier.held.count(world.number.address) for world in noisy}
    assert max(each.values()) <= SHARED // len(noisy)
    assert min(each.values()) >= LEAST_SHARE
    carrier.let_go.set()
    await desk.dispatcher.stop()
