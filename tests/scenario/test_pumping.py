"""Codes that are asked for only so that they are sent: somebody earns on texts to a range of numbers (SEC-39)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.strangers import MOST
from dialogs.limits import PREFIX_AT_LEAST, PREFIX_REST
from dialogs.settings import Limits
from storage.digests import prefix_of
from storage.directory import NewAddress, NewContact, put_contacts
from storage.keys import Keyring
from storage.tables import outbox
from tests.fixtures.demo_house import DemoHouse
from tests.fixtures.web_house import House, OpenWeb
from tests.fixtures.world import MASTER_KEY

TV = "/api/v1/technician-verifications"
CALLED = {"direction": "we_called_user", "ticket": "later"}
PEOPLE = 500


def number(n: int) -> str:
    return f"+1917555{n:04}"


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    """The API alone, and 500 contacts whose numbers differ in the last four digits only."""
    async with open_web() as opened:
        now, random, tenant_id = opened.clock.now(), opened.services.random, opened.world.tenant_id
        people = [
            NewContact(
                random.new_id(now),
                opened.world.people[0].client_id,
                f"Person {n}",
                (NewAddress(random.new_id(now), "mobile", number(n), True),),
            )
            for n in range(PEOPLE)
        ]
        keyring = Keyring([MASTER_KEY])
        await opened.database.write(tenant_id, lambda conn: put_contacts(conn, keyring, tenant_id, people, now))
        yield opened


async def limits(house: House, percent: int = 20) -> None:
    """Only the share of answers is to hold codes back; the bounds per hour have tests of their own."""
    own = Limits(prefix_per_hour=10_000, tenant_per_hour=10_000, prefix_answered_percent=percent)
    await house.services.tenants.change_settings(house.world.tenant_id, lambda s: replace(s, limits=own))


async def texts(house: House, template: str) -> int:
    """How many texts of this template were to go out."""
    tenant_id = house.world.tenant_id
    query = select(func.count()).where(outbox.c.tenant_id == tenant_id, outbox.c.template == template)
    return await house.database.read(tenant_id, lambda conn: int(conn.execute(query).scalar_one()))


async def codes(house: House) -> int:
    return await texts(house, "tv.code")


async def alerts(house: House) -> list[Any]:
    """Oldest first."""
    listed = await house.ask("GET", "/api/v1/alerts", bearer=await house.log_in("technician"))
    return list(reversed(listed.json["items"]))


async def checks(house: House) -> list[str]:
    """Live ones, oldest first."""
    listed = await house.ask("GET", f"{TV}?live=true&limit=100", bearer=await house.log_in("technician"))
    return [row["id"] for row in reversed(listed.json["items"])]


async def answer(house: House, people: range) -> None:
    """A technician claims the checks of these, and they confirm."""
    mine = await house.log_in("technician")
    ids = await checks(house)
    for n in people:
        assert (await house.ask("POST", f"{TV}/{ids[0]}/claim", bearer=mine, body=CALLED)).status == 200
        await house.text(number(n), "#confirm")
        ids = await checks(house)


@pytest.mark.feature("SEC-39")
async def test_pumping_a_prefix_stops_and_the_console_is_told_once(house: House) -> None:
    await limits(house)
    for n in range(PEOPLE):
        await house.text(number(n), "#verify")
        house.clock.advance(timedelta(seconds=1))
    assert await codes(house) == PREFIX_AT_LEAST
    assert await texts(house, "desk.too_many") == MOST, "answers cost money too"
    (alert,) = await alerts(house)
    assert alert["kind"] == "prefix_paused"
    assert "to +1 917-555-xxxx until " in alert["text"]
    assert "of 20 codes in 24 hours, 0 got an answer" in alert["text"]
    told = await house.ask("GET", "/api/v1/audit?kind=alert.", bearer=await house.log_in("technician"))
    assert [(row["kind"], row["facts"]) for row in told.json["items"]] == [
        ("alert.prefix_paused", {"sent": 20, "answered": 0})
    ]
    ada = house.world.people[0].mobile
    await house.text(ada, "#verify")
    assert await codes(house) == PREFIX_AT_LEAST + 1, "other numbers are as free as ever"


@pytest.mark.feature("SEC-39")
async def test_answers_open_a_prefix_again(house: House) -> None:
    await limits(house)
    for n in range(25):
        await house.text(number(n), "#verify")
    assert (await codes(house), len(await alerts(house))) == (20, 1)
    await answer(house, range(3))
    await house.text(number(30), "#verify")
    assert (await codes(house), len(await alerts(house))) == (20, 1), "3 of 20 are too few"
    await answer(house, range(3, 6))
    for n in range(30, 60):
        await house.text(number(n), "#verify")
    assert await codes(house) == 31, "6 of 30 are enough, of 31 they are not"
    assert len(await alerts(house)) == 2, "another pause"


@pytest.mark.feature("SEC-39")
async def test_a_pause_ends_after_six_hours_for_one_code_more(house: House) -> None:
    await limits(house)
    asked = iter(range(PEOPLE))
    sent = []
    for _ in range(6):
        for _ in range(30):
            await house.text(number(next(asked)), "#verify")
        sent.append((await codes(house), len(await alerts(house))))
        house.clock.advance(PREFIX_REST)
    # After a day the first twenty count no more, and there is room for twenty with the four that followed.
    assert sent == [(20, 1), (21, 2), (22, 3), (23, 4), (40, 5), (41, 6)]


@pytest.mark.feature("SEC-39")
async def test_a_technician_is_told_that_numbers_like_this_pause(house: House) -> None:
    await limits(house)
    for n in range(PREFIX_AT_LEAST):
        await house.text(number(n), "#verify")
    assert await alerts(house) == []
    house.clock.advance(timedelta(minutes=1))
    mine, oldest = await house.log_in("technician"), (await checks(house))[0]
    for _ in range(2):
        again = await house.ask("POST", f"{TV}/{oldest}/resend", bearer=mine)
        assert (again.status, again.json["error"]) == (429, "prefix_paused")
        assert "hardly any" in again.json["message"]
        assert "reach the person another way" in again.json["message"]
        assert again.json["not_before"] > (house.clock.now() + timedelta(hours=5)).isoformat()
    assert [alert["kind"] for alert in await alerts(house)] == ["prefix_paused"], "one for both"


@pytest.mark.feature("SEC-39", "TV-33")
async def test_no_announcement_is_texted_while_numbers_like_this_pause(house: House) -> None:
    await limits(house)
    for n in range(PREFIX_AT_LEAST):
        await house.text(number(n), "#verify")
    mine, oldest = await house.log_in("technician"), (await checks(house))[0]
    person = (await house.ask("GET", f"{TV}/{oldest}", bearer=mine)).json["contact_id"]
    call = {"contact_id": person, "direction": "we_called_user", "ticket": "later"}
    quiet = await house.ask("POST", "/api/v1/announced-calls", bearer=mine, body=call | {"notify": False})
    texted = await house.ask("POST", "/api/v1/announced-calls", bearer=mine, body=call | {"notify": True})
    assert (quiet.status, texted.status, texted.json["error"]) == (201, 429, "prefix_paused")
    assert [alert["kind"] for alert in await alerts(house)] == ["prefix_paused"]


@pytest.mark.feature("SEC-39")
async def test_a_tenant_may_switch_it_off(house: House) -> None:
    await limits(house, percent=0)
    for n in range(40):
        await house.text(number(n), "#verify")
    assert (await codes(house), await alerts(house)) == (40, [])


async def test_the_demo_is_far_from_it(demo: DemoHouse) -> None:
    """Every number has a prefix of its own, and gets half as many unanswered codes in a day at most."""
    mobiles = {contact.mobile for contact in demo.seeded.contacts}
    assert len({prefix_of(mobile) for mobile in mobiles}) == len(mobiles) > 6
    most = max(Limits().verify_per_24_h, Limits().destination_per_24_h)
    assert most * 2 <= PREFIX_AT_LEAST
