"""Who is asking, how often, from where; and what is no command at all."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bot.seeds import UNKNOWN_MOBILE, SeededContact
from storage.directory import NewAddress, NewContact
from tests.fixtures.demo_house import TV, DemoHouse, code_in

DAY = 24 * 3600


async def add_contact(demo: DemoHouse, name: str, mobile: str) -> SeededContact:
    """One more person at the first client."""
    house, tenant_id = demo.house, demo.seeded.tenant_id
    now = house.clock.now()
    like = (await demo.api("GET", f"/api/v1/contacts/{demo.contact('ada').id}")).json
    address = NewAddress(house.random.new_id(now), "mobile", mobile, is_default=True)
    new = NewContact(house.random.new_id(now), like["client_id"], name, (address,))
    await house.services.directory.add_contact(tenant_id, new, now)
    return SeededContact(new.id, name, mobile, "", like["client"], None)


@pytest.mark.feature("TV-15", "SEC-25", "TV-16")
async def test_an_unknown_sender_starts_nothing_and_learns_nothing(demo: DemoHouse) -> None:
    assert await demo.text(UNKNOWN_MOBILE, "#verify") == 200
    (told,) = demo.texts_to(UNKNOWN_MOBILE)
    people = [name for c in demo.seeded.contacts for name in (*c.name.split(), c.client)]
    for name in (*people, "Harbor", "Dana", "#"):
        assert name not in told
    assert not any(character.isdigit() for character in told)
    assert (await demo.api("GET", TV)).json["items"] == []
    for words in ("#verify", "#confirm 123456", "#deny", "hello"):
        assert await demo.text(UNKNOWN_MOBILE, words) == 200
    assert demo.texts_to(UNKNOWN_MOBILE) == [told], "one answer in a day"

    rows = await demo.audit("kind=desk.stranger")
    assert [row["facts"]["said"] for row in rows] == ["verify", "verify", "confirm", "deny", "plain"]
    assert UNKNOWN_MOBILE[-8:] not in json.dumps(rows)
    assert {row["contact_id"] for row in rows} == {None}
    assert await demo.alerts() == []
    await demo.advance(DAY)
    await demo.text(UNKNOWN_MOBILE, "#verify")
    assert demo.texts_to(UNKNOWN_MOBILE) == [told, told]


@pytest.mark.feature("TV-15", "SEC-25")
async def test_strangers_can_be_left_without_any_answer(demo: DemoHouse) -> None:
    await demo.settings(lambda s: replace(s, unknown_sender="silent"))
    await demo.text(UNKNOWN_MOBILE, "#verify")
    assert demo.texts_to(UNKNOWN_MOBILE) == []
    assert len(await demo.audit("kind=desk.stranger")) == 1


@pytest.mark.feature("SEC-16", "TV-01")
@pytest.mark.parametrize(
    "words", ["#VERIFY", "verify", "# verify", " #verify please ", "\u200b#verify\u200d", "＃ｖｅｒｉｆｙ"]
)
async def test_verify_forgives(demo: DemoHouse, words: str) -> None:
    await demo.text(demo.contact("ada"), words)
    assert [check["state"] for check in await demo.checks_of(demo.contact("ada"))] == ["open"]


@pytest.mark.feature("SEC-16")
@pytest.mark.parametrize(
    "words",
    ["confirm", "#confirm please", "#сonfirm", "yes #confirm", "#confirm 12345", "#confirmed", "#verifyconfirm"],
)
async def test_confirm_is_strict_and_near_misses_get_a_few_hints(demo: DemoHouse, words: str) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    await demo.claim(id)
    for _ in range(5):
        await demo.text(ada, words)
    assert (await demo.check(id))["state"] == "claimed"
    hints = demo.texts_to(ada)[1:]
    assert len(hints) == 3, "a machine must not be answered for ever"
    assert all("#confirm" in hint and "#deny" in hint for hint in hints)
    assert ["Dana" in hint for hint in hints] == [True, False, False], "the first tells who has the check"
    await demo.text(ada, "#confirm")
    assert (await demo.check(id))["state"] == "confirmed"


@pytest.mark.feature("SEC-16")
async def test_plain_words_are_answered_once_in_a_while(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    for words in ("Is anybody there?", "Hello", "???"):
        await demo.text(ada, words)
    (told,) = demo.texts_to(ada)
    assert "#verify" in told
    await demo.advance(600)
    await demo.text(ada, "Hello again")
    assert demo.texts_to(ada) == [told, told]
    for _ in range(30):
        await demo.advance(601)
        await demo.text(ada, "beep")
    assert len(demo.texts_to(ada)) == 12, "so many in a day and no more"
    await demo.advance(DAY)
    await demo.text(ada, "beep")
    assert len(demo.texts_to(ada)) == 13


@pytest.mark.feature("Y-01", "SEC-39")
async def test_the_fourth_verify_in_ten_minutes_is_refused_with_a_time(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    for _ in range(3):
        id = await demo.verify(ada)
    assert await demo.verify(ada) == id, "no fourth check"
    assert (await demo.check(id))["state"] == "open", "the third goes on"
    told = demo.texts_to(ada)[3:]
    assert len(told) == 1
    assert "You can ask again at" in told[0]
    (refusal,) = await demo.audit("kind=tv.refused_by_limit")
    assert refusal["facts"]["limit"] == "sender_10_min"
    await demo.text(ada, "#verify")
    assert len(demo.texts_to(ada)) == 4, "said once"
    await demo.advance(601)
    assert await demo.verify(ada) != id


@pytest.mark.feature("Y-01")
async def test_answered_codes_are_given_back(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    for ending in ("#confirm", "#deny", "#confirm", "#deny", "#confirm"):
        id = await demo.verify(ada)
        await demo.claim(id)
        await demo.text(ada, ending)
        assert (await demo.check(id))["state"] in {"confirmed", "denied"}
    assert len(await demo.checks_of(ada)) == 5


@pytest.mark.feature("Y-01", "SEC-39")
async def test_ten_a_day_for_one_sender(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    for _ in range(12):
        await demo.verify(ada)
        await demo.advance(601)
    assert len(await demo.checks_of(ada)) == 10
    assert {row["facts"]["limit"] for row in await demo.audit("kind=tv.refused_by_limit")} == {"sender_24_h"}


@pytest.mark.feature("SEC-39")
async def test_a_prefix_that_asks_and_asks_is_bounded(demo: DemoHouse) -> None:
    """Pumping walks through the numbers of one exchange; the others are not held up. What `tests.scenario.test_pumping`
    is about would hold it up for longer, so it is off."""
    await demo.settings(lambda s: replace(s, limits=replace(s.limits, prefix_answered_percent=0)))
    crowd = [await add_contact(demo, f"Pat {n}", f"+1415555{n:04d}") for n in range(2000, 2021)]
    for contact in crowd:
        await demo.text(contact, "#verify")
    checks = (await demo.api("GET", f"{TV}?live=true&limit=200")).json["items"]
    assert len(checks) == 20
    assert "You can ask again at" in demo.texts_to(crowd[-1])[0]
    (refusal,) = await demo.audit("kind=tv.refused_by_limit")
    assert refusal["facts"]["limit"] == "prefix_hour"
    assert (await demo.check(await demo.verify(demo.contact("eve"))))["state"] == "open"
    await demo.advance(3601)
    assert (await demo.check(await demo.verify(crowd[-1])))["state"] == "open"


@pytest.mark.feature("SEC-39", "Y-06")
async def test_no_text_goes_to_a_country_that_is_not_allowed(demo: DemoHouse) -> None:
    una = await add_contact(demo, "Una Kent", "+447400123456")
    id = await demo.verify(una)
    assert demo.texts_to(una) == []
    shown = await demo.check(id)
    assert shown["delivery"] == "failed"
    assert "country are switched off" in shown["delivery_words"]
    assert await demo.alerts() == ["not_delivered"]
    await demo.settings(lambda s: replace(s, countries=("US", "GB")))
    again = await demo.verify(una)
    assert (await demo.claim(again)).json["code"] == code_in(demo.texts_to(una)[0])


@pytest.mark.feature("SEC-39")
async def test_the_tenants_own_bound_per_hour(demo: DemoHouse) -> None:
    await demo.settings(lambda s: replace(s, limits=replace(s.limits, tenant_per_hour=2)))
    for name in ("ada", "ben", "eve"):
        await demo.text(demo.contact(name), "#verify")
    assert len((await demo.api("GET", f"{TV}?live=true")).json["items"]) == 2
    assert "You can ask again at" in demo.texts_to(demo.contact("eve"))[0]
