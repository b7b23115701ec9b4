"""Trying number and carrier from the settings page: what the carrier says reaches the admin, word for word, and nothing
goes where it must not."""

from __future__ import annotations

import pytest

from bot.carrier_desk import MOST
from bot.seeds import VERIFICATION_NUMBER, VOICE_NUMBER
from dialogs.settings import TenantSettings
from simulator.carrier_records import Fault, Step, TextRoute
from storage.tenants import CarrierAccount
from tests.fixtures.demo_house import SMS, Answer, DemoHouse
from tests.fixtures.forms import words

MINE = "+12125550143"
TRY, LOOK, FATE = "/settings/carrier/try", "/settings/carrier/look", "/settings/carrier/fate"


async def press(demo: DemoHouse, path: str, **fields: str) -> Answer:
    """A button of the page, pressed by the admin."""
    return await demo.ask("POST", path, bearer=await demo.token("alex"), form=fields)


async def try_it(demo: DemoHouse, to: str = MINE, sender: str = VERIFICATION_NUMBER) -> Answer:
    return await press(demo, TRY, sender=sender, to=to)


@pytest.mark.feature("TV-30", "SM-11")
async def test_a_text_goes_out_and_the_carriers_answer_is_shown(demo: DemoHouse) -> None:
    answer = await try_it(demo, "(212) 555-0143")
    assert answer.status == 200
    assert "Twilio has taken it and says: queued" in words(answer.text)
    (text,) = demo.texts_to(MINE, sender=VERIFICATION_NUMBER)
    assert "This is a test" in text
    message = next(reversed(demo.world.carrier.messages.values()))
    assert f'"sid": "{message.sid}"' in words(answer.text), "the whole answer, as it came"
    await demo.idle()
    fate = await press(demo, FATE, sender=VERIFICATION_NUMBER, sid=message.sid)
    assert "Twilio says: delivered." in words(fate.text)
    lines = [row for row in await demo.audit("kind=settings.") if row["kind"] == "settings.text_tried"]
    assert [(row["facts"]["status"], row["facts"]["taken"]) for row in lines] == [(201, 1)]


@pytest.mark.parametrize(
    ("fault", "says", "raw"),
    [
        (Fault(status=400, code=21608), "trial and may only text numbers verified with it", "21608"),
        (Fault(status=401, code=20003), "Twilio refused our credentials", "20003"),
        (Fault(status=503, code=0), "Twilio cannot do it now", "HTTP 503"),
        (Fault(drop=True), "the text may have gone out", ""),
        (Fault(malformed=True), "This is not how Twilio answers.", "HTTP 201"),
    ],
)
async def test_what_the_carrier_refuses_is_said(demo: DemoHouse, fault: Fault, says: str, raw: str) -> None:
    demo.world.carrier.fail_next(fault, fault)  # a refused log-in is tried with the second token too
    answer = await try_it(demo)
    assert answer.status == 200
    assert says in words(answer.text)
    assert raw in words(answer.text)


@pytest.mark.feature("TV-30")
async def test_a_text_that_does_not_arrive_says_why(demo: DemoHouse) -> None:
    demo.world.carrier.travel_next((Step("sent"), Step("undelivered", 30005)))
    await try_it(demo)
    await demo.idle()
    message = next(reversed(demo.world.carrier.messages.values()))
    fate = await press(demo, FATE, sender=VERIFICATION_NUMBER, sid=message.sid)
    assert "The carrier does not know this number." in words(fate.text)


@pytest.mark.feature("SEC-39", "SEC-40")
async def test_nothing_goes_where_it_must_not(demo: DemoHouse) -> None:
    stopped = demo.contact("ada")
    await demo.text(stopped, "STOP")
    left = demo.left()
    for to, status, says in (
        ("+44 7400 123456", 200, "Texts to GB are switched off."),
        ("+1 900 555 0123", 200, "Not sent."),
        (stopped.mobile, 200, "opted out with STOP"),
        ("nonsense", 422, "is not a phone number"),
        ("", 422, "is not a phone number"),
    ):
        answer = await try_it(demo, to)
        assert (answer.status, says in words(answer.text)) == (status, True), (to, words(answer.text))
    assert demo.left() == left


@pytest.mark.feature("SEC-39")
async def test_a_few_tests_are_enough(demo: DemoHouse) -> None:
    for _ in range(MOST):
        assert "has taken it" in words((await try_it(demo)).text)
    left = demo.left()
    assert "are enough" in words((await try_it(demo)).text)
    assert demo.left() == left
    await demo.advance(601)
    assert "has taken it" in words((await try_it(demo)).text)


@pytest.mark.feature("SEC-36", "SEC-37")
async def test_nobody_texts_from_another_tenants_number(demo: DemoHouse) -> None:
    house, theirs = demo.house, "+13035550199"
    now, new_id = house.clock.now(), house.random.new_id
    tenant_id = new_id(now)
    await house.services.tenants.create(tenant_id, "other", "Other IT", TenantSettings(), now)
    await house.services.tenants.add_number(tenant_id, new_id(now), theirs, "verification", now)
    left = demo.left()
    for sender in (theirs, "+12125559999", "x"):
        assert (await try_it(demo, sender=sender)).status == 404
        assert (await press(demo, FATE, sender=sender, sid="SM" + "0" * 32)).status == 404
    assert (await press(demo, FATE, sender=VERIFICATION_NUMBER, sid="../Calls")).status == 404
    assert demo.left() == left


async def test_where_the_numbers_point(demo: DemoHouse) -> None:
    base = demo.house.settings.public_url
    page = words((await press(demo, LOOK)).text)
    assert f"its texts go to nothing. Set the messaging webhook to POST {base}{SMS}" in page
    assert VOICE_NUMBER not in page
    demo.world.carrier.routes[VERIFICATION_NUMBER] = TextRoute(base + SMS)
    assert f"its texts come to {base}{SMS}" in words((await press(demo, LOOK)).text)


async def test_a_wrong_token_is_found_out_before_anybody_is_called(demo: DemoHouse) -> None:
    wrong = CarrierAccount(demo.seeded.tenant_id, demo.seeded.account_sid, "f" * 32)
    await demo.house.services.tenants.put_carrier_account(wrong, demo.house.clock.now())
    assert "the carrier refused the list (20003)" in words((await press(demo, LOOK)).text)
    assert "Twilio refused our credentials" in words((await try_it(demo)).text)


async def test_without_an_account_it_says_what_is_missing(demo: DemoHouse) -> None:
    own = demo.house.services.own_numbers
    assert await own.remove_account(demo.seeded.tenant_id, demo.seeded.account_sid)
    for answer in (await try_it(demo), await press(demo, LOOK)):
        assert "No carrier account is entered yet." in words(answer.text)
