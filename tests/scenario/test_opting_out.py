"""STOP, START and HELP, answered by the carrier or by ourselves."""

from __future__ import annotations

import pytest

from tests.fixtures.demo_house import OTHER_NUMBER, DemoHouse


@pytest.mark.feature("SEC-40", "Y-02", "TV-22")
async def test_stop_ends_the_check_and_leaves_the_word_to_the_carrier(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    await demo.claim(id, ticket=str(ada.open_ticket))
    await demo.text(ada, "STOP")
    assert len(demo.texts_to(ada)) == 2, "the code, and the carrier's own answer"
    ended = await demo.check(id)
    assert (ended["state"], ended["reason"]) == ("expired", "opted_out")
    assert "opted out" in (await demo.notes(ada.open_ticket))[0]

    for words in ("#verify", "#confirm", "#deny", "hello"):
        await demo.text(ada, words)
    await demo.advance(700)
    assert len(demo.texts_to(ada)) == 2
    assert len(await demo.checks_of(ada)) == 1
    announced = await demo.announce(ada, notify=True)
    assert (announced.status, announced.json["error"]) == (409, "opted_out")

    await demo.text(ada, "START")
    assert len(demo.texts_to(ada)) == 3, "the carrier's answer"
    assert (await demo.check(await demo.verify(ada)))["state"] == "open"
    assert len(demo.texts_to(ada)) == 4


@pytest.mark.feature("SEC-40", "Y-02")
async def test_stop_and_start_are_answered_by_us_where_the_carrier_does_not(quiet_carrier_demo: DemoHouse) -> None:
    demo = quiet_carrier_demo
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    await demo.text(ada, "Stop.")
    (_, stopped) = demo.texts_to(ada)
    assert "opted out" in stopped
    assert "START" in stopped
    assert (await demo.check(id))["reason"] == "opted_out"
    for words in ("STOP", "#verify", "hello"):
        await demo.text(ada, words)
    assert len(demo.texts_to(ada)) == 2, "one confirmation and not a word more"
    await demo.text(ada, "START")
    assert "opted in again" in demo.texts_to(ada)[-1]
    await demo.verify(ada)
    assert len(demo.texts_to(ada)) == 4
    await demo.text(ada, "STOP")
    assert "opted out" in demo.texts_to(ada)[-1], "whoever came back may leave again"


@pytest.mark.feature("SEC-40", "Y-02")
async def test_stop_binds_to_its_number_and_stopall_to_the_tenant(quiet_carrier_demo: DemoHouse) -> None:
    demo = quiet_carrier_demo
    ada = demo.contact("ada")
    await demo.text(ada, "STOP", to=OTHER_NUMBER)
    id = await demo.verify(ada)
    assert (await demo.check(id))["state"] == "open", "another number of ours is not meant"
    assert len(demo.texts_to(ada)) == 2
    await demo.text(ada, "START", to=OTHER_NUMBER)
    await demo.text(ada, "STOPALL")
    assert (await demo.check(id))["reason"] == "opted_out"
    sent = len(demo.texts_to(ada))
    for number in (None, OTHER_NUMBER):
        await (demo.text(ada, "#verify", to=number) if number else demo.text(ada, "#verify"))
    assert len(demo.texts_to(ada)) == sent
    assert len(await demo.checks_of(ada)) == 1


@pytest.mark.feature("SEC-40", "Y-02")
@pytest.mark.parametrize("by", ["carrier", "us"])
async def test_help_is_answered_once_by_whoever_it_is_left_to(
    request: pytest.FixtureRequest, by: str, demo: DemoHouse, quiet_carrier_demo: DemoHouse
) -> None:
    house = demo if by == "carrier" else quiet_carrier_demo
    ada = house.contact("ada")
    await house.text(ada, "HELP")
    (told,) = house.texts_to(ada)
    assert ("Reply #verify" in told) == (by == "us")
    assert "STOP" in told


@pytest.mark.feature("SEC-40")
async def test_opt_out_comes_before_an_open_check(quiet_carrier_demo: DemoHouse) -> None:
    """`#stop` is no command of ours, and `cancel` must never be read as a wish about the check."""
    demo = quiet_carrier_demo
    for name, word in (("ada", "#STOP"), ("ben", "cancel"), ("eve", "Opt-out!")):
        contact = demo.contact(name)
        id = await demo.verify(contact)
        await demo.text(contact, word)
        assert (await demo.check(id))["reason"] == "opted_out", word


@pytest.mark.feature("SEC-40", "Y-06")
async def test_an_opt_out_only_the_carrier_knows_is_learned_from_its_refusal(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    # The word reached the carrier while we were not there to hear of it.
    demo.world.carrier.public_url = "http://127.0.0.1:9"
    await demo.text(ada, "STOP")
    demo.world.carrier.public_url = demo.house.settings.public_url
    id = await demo.verify(ada)
    shown = await demo.check(id)
    assert shown["delivery"] == "failed"
    assert "START" in shown["delivery_words"]
    assert "21610" in shown["delivery_words"]
    assert "text.opted_out" in [row["kind"] for row in await demo.audit(f"check_id={id}")]
    assert (await demo.announce(ada, notify=True)).json["error"] == "opted_out"
    await demo.text(ada, "START")
    assert (await demo.announce(ada, notify=True)).status == 201


@pytest.mark.feature("SEC-40", "TV-16")
async def test_who_has_opted_out_and_asks_is_seen_in_the_console(demo: DemoHouse) -> None:
    """We may not answer them, so a person must know."""
    ada = demo.contact("ada")
    await demo.text(ada, "STOP")
    await demo.text(ada, "#verify")
    rows = await demo.audit("kind=desk.opted_out")
    assert [(row["contact_id"], row["facts"]["said"]) for row in rows] == [(ada.id, "verify")]
    page = await demo.ask("GET", "/codes", bearer=await demo.token("dana"))
    assert f"{ada.name} opted out of texts (STOP)" in page.text
    assert "They asked for a check and got no answer. Call them." in page.text
