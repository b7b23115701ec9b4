"""A carrier that fails is left alone for a while, people are told, and nobody else notices (REL-06)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from bot.breakers import IN_A_ROW, REST
from dialogs.ports import SendLater, SendRefused
from dialogs.turns import CheckAsk, Decision, OutboxItem
from identity.sessions import address_block, token_digest
from simulator.carrier_records import Fault
from tests.fixtures.demo_house import DemoHouse
from tests.fixtures.stand_ins import START
from tests.fixtures.turn_parts import act, new_id, text_item
from tests.fixtures.turn_stores import StoredHouse
from tests.fixtures.world import World
from tests.simulation.desk import Desk
from web.csrf import COOKIE
from web.ports import DEGRADED

SECOND = timedelta(seconds=1)


@pytest.fixture
def house(kept_house: StoredHouse) -> StoredHouse:
    return kept_house


class Carrier:
    """Fails for the numbers of ours that are down. `asked`: ours of each request."""

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.refuses = False
        self.asked: list[str] = []

    async def send(self, *, to: str, sender: str, body: str, key: str) -> str:
        self.asked.append(sender)
        if self.refuses:
            raise SendRefused("21211", "no number")
        if sender in self.down:
            raise SendLater("http_503", "in trouble")
        return f"SM{len(self.asked):032x}"

    async def find(self, *, to: str, sender: str, body: str, since: datetime) -> str | None:
        return None


async def queue(house: StoredHouse, world: World, count: int, drop_after: timedelta | None = None) -> None:
    drop_at = START + drop_after if drop_after is not None else None
    items = tuple(text_item(world, "+13475550100", lane=f"{new_id()}", drop_at=drop_at) for _ in range(count))
    await act(house, CheckAsk(world.tenant_id, "none"), Decision("", outbox=items))


@pytest.mark.feature("REL-06")
async def test_it_never_blocks_another_tenant_or_another_provider(house: StoredHouse) -> None:
    carrier = Carrier()
    desk = Desk(house, texts=carrier)
    ours, theirs = house.world, house.other
    carrier.down = {ours.number.address}
    await queue(house, ours, 200)
    await desk.dispatcher.run_until_idle()
    opened = len(carrier.asked)
    assert IN_A_ROW <= opened < 200, "what was under way when it opened, and no more"
    await queue(house, theirs, 20)
    ticket = {"contact_id": ours.people[0].id, "title": "A check", "body": "by text"}
    create = OutboxItem(new_id(), "ticket.create", "psa", ticket, START)
    await act(house, CheckAsk(ours.tenant_id, "none"), Decision("", outbox=(create,)))
    await desk.dispatcher.run_until_idle()
    assert carrier.asked.count(theirs.number.address) == 20
    assert carrier.asked.count(ours.number.address) == opened
    assert len(desk.ledger.of_kind("ticket")) == 1
    rows = await house.outbox()
    assert {row.status for row in rows if row.tenant_id == theirs.tenant_id} == {"sent"}
    waiting = [row for row in rows if row.tenant_id == ours.tenant_id and row.status == "waiting"]
    assert len(waiting) == 200
    assert sum(row.attempt for row in waiting) == opened, "what was put off was not tried"
    assert [line.kind for line in await house.log() if line.tenant_id == ours.tenant_id] == ["channel.degraded"]
    assert await house.alerts() == [DEGRADED["twilio"].down]


@pytest.mark.feature("REL-06")
async def test_one_probe_after_half_a_minute_and_then_everything_goes_out(house: StoredHouse) -> None:
    carrier = Carrier()
    desk = Desk(house, texts=carrier)
    carrier.down = {house.world.number.address}
    await queue(house, house.world, 100)
    await desk.dispatcher.run_until_idle()
    before = len(carrier.asked)
    for _ in range(3):
        desk.clock.advance(REST + 4 * SECOND)
        await desk.dispatcher.run_until_idle()
    assert len(carrier.asked) == before + 3, "one probe each time"
    carrier.down = set()
    for _ in range(40):
        desk.clock.advance(4 * SECOND)
        await desk.dispatcher.run_until_idle()
    assert {row.status for row in await house.outbox()} == {"sent"}
    assert [line.kind for line in await house.log()] == ["channel.degraded", "channel.back"], "each once"
    assert await house.alerts() == [DEGRADED["twilio"].down, DEGRADED["twilio"].back]


@pytest.mark.feature("REL-06", "REL-05", "SEC-17")
async def test_what_is_put_off_is_still_dropped_when_its_time_is_over(house: StoredHouse) -> None:
    carrier = Carrier()
    desk = Desk(house, texts=carrier)
    carrier.down = {house.world.number.address}
    await queue(house, house.world, 5)
    await desk.dispatcher.run_until_idle()
    await queue(house, house.world, 1, drop_after=10 * SECOND)
    await desk.dispatcher.run_until_idle()
    asked = len(carrier.asked)
    desk.clock.advance(10 * SECOND)
    await desk.dispatcher.run_until_idle()
    assert [row.status for row in await house.outbox()][-1] == "dropped", "at once, not when the carrier is tried again"
    assert len(carrier.asked) == asked


@pytest.mark.feature("REL-06")
async def test_refusals_are_no_failures(house: StoredHouse) -> None:
    carrier = Carrier()
    desk = Desk(house, texts=carrier)
    carrier.refuses = True
    await queue(house, house.world, 50)
    await desk.dispatcher.run_until_idle()
    assert len(carrier.asked) == 50
    assert "channel.degraded" not in {line.kind for line in await house.log()}


async def page(demo: DemoHouse, cookie: str) -> str:
    """The console's first page."""
    address = demo.house.settings.public_url + "/codes"
    async with demo.http.get(address, headers={"Cookie": f"{COOKIE}={cookie}"}, allow_redirects=False) as answer:
        assert answer.status == 200
        return await answer.text()


async def cookie_of(demo: DemoHouse) -> str:
    """A log-in by cookie, made without typing anything."""
    now, token = demo.house.clock.now(), demo.house.random.token()
    await demo.house.services.accounts.create_log_in(
        tenant_id=demo.seeded.tenant_id,
        log_in_id=demo.house.random.new_id(now),
        technician_id=demo.technician("dana").id,
        digest=token_digest(token),
        kind="cookie",
        now=now,
        expires_at=now + timedelta(hours=8),
        address_block=address_block("127.0.0.1"),
        browser="",
    )
    return token


@pytest.mark.feature("REL-06")
async def test_the_console_says_so_until_it_works_again(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    dana = await cookie_of(demo)
    assert "data-trouble" not in await page(demo, dana)
    demo.world.carrier.fail_next(*[Fault(status=503)] * 40)
    id = await demo.verify(ada)
    for _ in range(12):
        if "data-trouble" in await page(demo, dana):
            break
        await demo.advance(20)
    shown = await page(demo, dana)
    assert "Texts are not going out" in shown
    assert "call people on a number on record" in shown
    assert "by itself" in (await demo.check(id))["delivery_words"]
    assert "channel_degraded" in await demo.alerts()
    demo.world.carrier.faults.clear()
    await demo.advance(40)
    assert "data-trouble" not in await page(demo, dana)
    assert "channel_back" in await demo.alerts()
