"""What becomes of a text at the carrier, told as it is; and never a second, different one."""

from __future__ import annotations

from itertools import permutations

import pytest

from simulator.carrier_records import Fault, Step
from tests.fixtures.demo_house import DemoHouse, code_in


@pytest.mark.feature("Y-06", "REL-08")
@pytest.mark.parametrize(
    ("script", "state", "words"),
    [
        ((Step("sent"), Step("delivered")), "delivered", "Delivered."),
        ((Step("delivered"), Step("sent")), "delivered", "Delivered."),
        ((Step("sent"),), "sent", "not yet said"),
        ((Step("sent", lost=True), Step("delivered", lost=True)), "sent", "not yet said"),
        ((Step("sent"), Step("undelivered", 30003)), "failed", "The phone is off"),
        ((Step("undelivered", 30003), Step("sent")), "failed", "The phone is off"),
        ((Step("undelivered", 30005),), "failed", "does not exist any more"),
        ((Step("failed", 30007),), "failed", "filtered"),
        ((Step("undelivered", 30099),), "failed", "30099"),
    ],
)
async def test_the_state_of_a_code_text_in_plain_words(
    demo: DemoHouse, script: tuple[Step, ...], state: str, words: str
) -> None:
    ada = demo.contact("ada")
    demo.world.carrier.travel_next(script)
    shown = await demo.check(await demo.verify(ada))
    assert shown["delivery"] == state
    assert words in shown["delivery_words"]
    assert (shown["state"], len(demo.texts_to(ada))) == ("open", 1)


@pytest.mark.feature("Y-06", "REL-08")
async def test_reports_in_any_order_come_to_the_same(demo: DemoHouse) -> None:
    steps = (Step("queued"), Step("sending"), Step("sent"), Step("delivered"))
    ada = demo.contact("ada")
    for script in permutations(steps):
        demo.world.carrier.travel_next(script)
        id = await demo.verify(ada)
        assert (await demo.check(id))["delivery"] == "delivered", script
        await demo.text(ada, "#deny")


@pytest.mark.feature("REL-04", "REL-05", "Y-06")
@pytest.mark.parametrize(
    ("fault", "meanwhile"),
    [
        (Fault(status=429, code=20429, retry_after="2"), "asks us to wait"),
        (Fault(status=500, code=20500), "20500"),
        (Fault(status=503), "in trouble"),
        (Fault(status=504), "did not say"),
        (Fault(drop=True), "did not say"),
        (Fault(malformed=True), "did not say"),
    ],
    ids=["429", "500", "503", "504", "accepted then dropped", "malformed answer"],
)
async def test_a_carrier_in_trouble(demo: DemoHouse, fault: Fault, meanwhile: str) -> None:
    ada = demo.contact("ada")
    demo.world.carrier.fail_next(fault)
    id = await demo.verify(ada)
    accepted = fault.drop or fault.malformed
    shown = await demo.check(id)
    assert (shown["delivery"], len(demo.texts_to(ada))) == ("waiting", int(accepted))
    assert meanwhile in shown["delivery_words"]
    await demo.advance(5)
    texts = demo.texts_to(ada)
    assert len(texts) == 1, "found at the carrier or sent again, and never both"
    assert (await demo.check(id))["delivery"] == "delivered" if not accepted else "sent"
    assert (await demo.claim(id)).json["code"] == code_in(texts[0])
    await demo.text(ada, "#confirm")
    assert (await demo.check(id))["state"] == "confirmed"


@pytest.mark.feature("REL-03", "REL-05")
async def test_a_retry_sends_the_same_body(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    demo.world.carrier.fail_next(*[Fault(status=504)] * 3)
    id = await demo.verify(ada)
    code = (await demo.claim(id)).json["code"]
    for _ in range(6):
        await demo.advance(10)
    assert {code_in(text) for text in demo.texts_to(ada)} <= {code}
    assert len(demo.texts_to(ada)) <= 1
    assert (await demo.check(id))["code"] == code


@pytest.mark.feature("REL-05", "SEC-17")
async def test_a_code_is_never_delivered_late(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    demo.world.carrier.fail_next(*[Fault(status=503)] * 40)
    id = await demo.verify(ada)
    for _ in range(12):
        await demo.advance(60)
    demo.world.carrier.faults.clear()
    for _ in range(4):
        await demo.advance(3600)
    assert not any("Code:" in text for text in demo.texts_to(ada))
    shown = await demo.check(id)
    assert (shown["state"], shown["delivery"]) == ("expired", "dropped")
    assert "Not sent" in shown["delivery_words"]


@pytest.mark.feature("REL-05")
async def test_an_announcement_is_not_texted_once_it_is_over(demo: DemoHouse) -> None:
    ada, ben = demo.contact("ada"), demo.contact("ben")
    for contact, minutes, arrives in ((ada, 16, []), (ben, 14, [True])):
        demo.world.carrier.fail_next(Fault(status=503, retry_after="30"))
        assert (await demo.announce(contact, notify=True)).status == 201
        await demo.advance(minutes * 60)
        assert ["Dana will call you" in text for text in demo.texts_to(contact)] == arrives


@pytest.mark.feature("Y-06", "REL-05")
@pytest.mark.parametrize(("code", "words"), [(21614, "cannot receive texts"), (21211, "not a phone number")])
async def test_what_the_carrier_refuses_is_not_tried_again(demo: DemoHouse, code: int, words: str) -> None:
    ada = demo.contact("ada")
    demo.world.carrier.fail_next(Fault(status=400, code=code))
    id = await demo.verify(ada)
    shown = await demo.check(id)
    assert shown["delivery"] == "failed"
    assert words in shown["delivery_words"]
    assert await demo.alerts() == ["not_delivered"]
    await demo.advance(500)
    assert not any("Code:" in text for text in demo.texts_to(ada))
