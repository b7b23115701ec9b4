"""`#deny` at every moment: it ends what is open, and is heard afterwards too."""

from __future__ import annotations

import pytest

from tests.fixtures.demo_house import OTHER_NUMBER, DemoHouse


@pytest.mark.feature("SEC-08", "TV-24", "Y-03")
@pytest.mark.parametrize("claimed", [False, True])
async def test_deny_ends_what_is_open(demo: DemoHouse, claimed: bool) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    if claimed:
        await demo.claim(id, ticket=str(ada.open_ticket))
    await demo.text(ada, "#deny")
    ended = await demo.check(id)
    assert (ended["state"], ended["code"]) == ("denied", None)
    assert "HANG UP now" in demo.texts_to(ada)[-1]
    assert await demo.alerts() == ["denied"]
    notes = await demo.notes(ada.open_ticket)
    assert ["DENIED" in note for note in notes] == [True] * claimed
    await demo.text(ada, "#confirm")
    assert (await demo.check(id))["state"] == "denied"
    assert not any("Confirmed." in text for text in demo.texts_to(ada))


@pytest.mark.feature("SEC-08", "Y-03")
async def test_deny_counts_from_any_of_our_numbers(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    await demo.claim(id)
    await demo.text(ada, "#deny", to=OTHER_NUMBER)
    assert (await demo.check(id))["state"] == "denied"
    assert await demo.alerts() == ["denied"]


@pytest.mark.feature("SEC-08", "Y-03")
@pytest.mark.parametrize("ending", ["confirmed", "verbal", "rejected", "expired", "alarm"])
async def test_deny_after_the_end_raises_the_alarm_and_changes_nothing(demo: DemoHouse, ending: str) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    if ending != "alarm":
        await demo.claim(id, ticket=str(ada.open_ticket))
    match ending:
        case "confirmed":
            await demo.text(ada, "#confirm")
        case "verbal":
            await demo.act(id, "verbal", {"note": "said yes"})
        case "rejected":
            await demo.act(id, "reject", {"reason": "a test"})
        case "expired":
            await demo.advance(601)
        case _:
            await demo.text(ada, "#confirm")
            await demo.text(ada, "#confirm")
    before, sent = await demo.check(id), len(demo.texts_to(ada))
    alerts = await demo.alerts()

    await demo.text(ada, "#deny")
    after = await demo.check(id)
    assert (after["state"], after["assurance"]) == (before["state"], before["assurance"])
    assert await demo.alerts() == [*alerts, "late_deny"]
    assert len(demo.texts_to(ada)) == sent + 1
    assert "we have been alerted" in demo.texts_to(ada)[-1]
    if ending != "alarm":
        assert "WARNING" in (await demo.notes(ada.open_ticket))[-1]
    await demo.text(ada, "#deny")
    assert await demo.alerts() == [*alerts, "late_deny"], "once, however often it is said"


@pytest.mark.feature("SEC-08")
async def test_deny_after_denying_and_after_nothing_alerts_nobody(demo: DemoHouse) -> None:
    ada, ben = demo.contact("ada"), demo.contact("ben")
    await demo.text(ben, "#deny")
    assert "No check is open" in demo.texts_to(ben)[-1]
    await demo.verify(ada)
    await demo.text(ada, "#deny")
    await demo.text(ada, "#deny")
    assert await demo.alerts() == ["denied"]


@pytest.mark.feature("SEC-08", "TV-23")
async def test_deny_of_a_replaced_check_is_heard_by_the_one_that_took_its_place(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    first = await demo.verify(ada)
    second = await demo.verify(ada)
    await demo.text(ada, "#deny")
    assert [(await demo.check(id))["state"] for id in (first, second)] == ["superseded", "denied"]


@pytest.mark.feature("SEC-08")
async def test_a_day_later_deny_is_about_nothing(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    await demo.claim(await demo.verify(ada))
    await demo.text(ada, "#confirm")
    await demo.advance(24 * 3600)
    await demo.text(ada, "#deny")
    assert "No check is open" in demo.texts_to(ada)[-1]
    assert await demo.alerts() == []
