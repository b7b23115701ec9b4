"""Storage goes away, or the process stands still, while the outbox is worked through: afterwards all goes on at once.
Nobody waits for the end of a lease, and nobody's breaker opens for what was our own fault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.hold import LEASE
from dialogs.messages import Unavailable
from dialogs.ports import SendUnclear
from dialogs.turns import CheckAsk, Decision, Leased
from tests.fixtures.turn_parts import act, text_item
from tests.fixtures.turn_stores import Ground, SqliteHouse, make_template, sqlite_house
from tests.simulation.bent import Bent
from tests.simulation.desk import Desk

PHONE = "+13475550100"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("away"))


@pytest.fixture
async def house(template: Path, tmp_path: Path) -> AsyncIterator[SqliteHouse]:
    async with sqlite_house(Ground(template, tmp_path)) as opened:
        assert isinstance(opened, SqliteHouse)
        yield opened


async def put(house: SqliteHouse) -> None:
    item = text_item(house.world, PHONE, "the text")
    await act(house, CheckAsk(house.world.tenant_id, "none"), Decision("", outbox=(item,)))


@pytest.mark.feature("REL-10", "REL-03")
async def test_an_attempt_that_could_not_ask_storage_is_given_back_at_once(house: SqliteHouse) -> None:
    away = [True]

    async def gate() -> None:
        if away and away.pop():
            raise Unavailable("the database is restarting")

    desk = Desk(house, gate=gate)
    await put(house)
    await desk.dispatcher.run_until_idle()
    assert [(row.status, row.attempt) for row in await house.outbox()] == [("waiting", 0)]
    desk.clock.advance(timedelta(seconds=1))
    await desk.dispatcher.run_until_idle()
    assert [(row.status, row.attempt) for row in await house.outbox()] == [("sent", 1)]
    assert [row.values["body"] for row in desk.ledger.of_kind("text")] == ["the text"]


class Forgetful(Bent):
    """Storage that writes the first leases down and goes away before it has said so."""

    went = False

    async def lease(
        self, worker: str, now: datetime, *, limit: int = 32, lasts: timedelta = LEASE, full: Collection[str] = ()
    ) -> Sequence[Leased]:
        leased = await super().lease(worker, now, limit=limit, lasts=lasts, full=full)
        if leased and not self.went:
            self.went = True
            raise Unavailable("the connection to the database was lost")
        return leased


@pytest.mark.feature("REL-10", "REL-03")
async def test_leases_that_nobody_heard_of_are_given_back(house: SqliteHouse) -> None:
    desk = Desk(house, store=Forgetful(house.store))
    await put(house)
    with pytest.raises(Unavailable):
        await desk.dispatcher.run_until_idle()
    await desk.dispatcher.run_until_idle()
    assert [(row.status, row.attempt) for row in await house.outbox()] == [("sent", 1)]
    assert [row.values["body"] for row in desk.ledger.of_kind("text")] == ["the text"]


class Silent:
    """A carrier that says nothing until the line is cut."""

    def __init__(self) -> None:
        self.sending = 0
        self.five = asyncio.Event()
        self.cut = asyncio.Event()

    async def send(self, *, to: str, sender: str, body: str, key: str) -> str:
        self.sending += 1
        if self.sending == 5:
            self.five.set()
        await self.cut.wait()
        raise SendUnclear("no answer came")

    async def find(self, *, to: str, sender: str, body: str, since: datetime) -> str | None:
        raise SendUnclear("no answer came")


@pytest.mark.feature("REL-06")
@pytest.mark.parametrize(("stood_still", "said"), [(timedelta(seconds=15), True), (timedelta(seconds=61), False)])
async def test_who_stood_still_blames_no_provider(house: SqliteHouse, stood_still: timedelta, said: bool) -> None:
    """Five silent tries in a row open the breaker, unless it was us who did not listen."""
    carrier = Silent()
    desk = Desk(house, texts=carrier)
    items = tuple(text_item(house.world, f"+1347555010{n}", "the text", f"lane {n}") for n in range(5))
    await act(house, CheckAsk(house.world.tenant_id, "none"), Decision("", outbox=items))
    running = asyncio.create_task(desk.dispatcher.run_until_idle())
    async with asyncio.timeout(10):
        await carrier.five.wait()
    desk.clock.advance(stood_still)
    carrier.cut.set()
    await running
    assert ("channel.degraded" in [line.kind for line in await house.log()]) is said
