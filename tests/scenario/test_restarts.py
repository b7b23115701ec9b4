"""Stopping and starting again: time that passed meanwhile counts, and nothing is lost or done twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from simulator.carrier_records import Fault
from tests.fixtures.demo_house import DemoHouse, code_in


@pytest.mark.feature("REL-12", "TV-22")
async def test_a_check_that_ran_out_while_we_were_down_ends_once(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    await demo.claim(id, ticket=str(ada.open_ticket))
    await demo.start_again(timedelta(minutes=20))
    await demo.idle()
    (told,) = demo.texts_to(ada)
    assert "Time is up" in told
    await demo.text(ada, "#confirm")
    ended = await demo.check(id)
    assert (ended["state"], ended["code"]) == ("expired", None)
    (note,) = await demo.notes(ada.open_ticket)
    assert "not confirmed in time" in note
    await demo.start_again(timedelta(minutes=20))
    await demo.idle()
    assert demo.texts_to(ada) == []
    assert len(await demo.notes(ada.open_ticket)) == 1


@pytest.mark.feature("REL-12", "Y-04")
async def test_people_on_duty_are_alerted_of_what_waited_while_we_were_down(demo: DemoHouse) -> None:
    id = await demo.verify(demo.contact("ada"))
    await demo.start_again(timedelta(minutes=5))
    await demo.idle()
    (alert,) = demo.texts_to("+12015550151")
    assert f"/codes/{id}" in alert
    await demo.start_again(timedelta(minutes=20))
    await demo.idle()
    assert demo.texts_to("+12015550151") == []
    assert await demo.alerts() == ["nobody_claimed"]
    assert (await demo.check(id))["state"] == "expired"


@pytest.mark.feature("REL-03", "REL-14")
async def test_what_had_not_left_leaves_after_the_start(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    demo.world.carrier.fail_next(*[Fault(status=503)] * 3)
    id = await demo.verify(ada)
    code = (await demo.claim(id)).json["code"]
    assert demo.texts_to(ada) == []
    await demo.start_again(timedelta(minutes=2))
    await demo.idle()
    assert [code_in(text) for text in demo.texts_to(ada)] == [code]
    assert (await demo.check(id))["code"] == code
    await demo.text(ada, f"#confirm {code}")
    assert (await demo.check(id))["state"] == "confirmed"


@pytest.mark.feature("REL-05", "REL-12", "SEC-17")
async def test_a_code_that_waited_too_long_is_not_sent_after_the_start(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    demo.world.carrier.fail_next(*[Fault(status=503)] * 3)
    await demo.verify(ada)
    await demo.start_again(timedelta(minutes=20))
    await demo.idle()
    (told,) = demo.texts_to(ada)
    assert "HANG UP" in told
    assert "Code:" not in told


@pytest.mark.feature("SEC-23", "REL-02", "REL-14")
async def test_what_was_taken_before_the_stop_is_known_after_the_start(demo: DemoHouse) -> None:
    ada, sid = demo.contact("ada"), "SM" + "4" * 32
    await demo.text(ada, "#verify", sid=sid)
    (before,) = await demo.checks_of(ada)
    await demo.start_again()
    assert await demo.text(ada, "#verify", sid=sid) == 200
    assert [check["id"] for check in await demo.checks_of(ada)] == [before["id"]]
    assert demo.texts_to(ada) == []
