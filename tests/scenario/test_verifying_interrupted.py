"""What happens to a verification that waits while the world around it moves: numbers and people come and go, rules
change, colleagues act at the same moment, and the carrier says things late, twice and in the wrong order."""

from __future__ import annotations

import asyncio

import pytest

from bot.seeds import SeededContact
from dialogs.turns import AuditEvent
from dialogs.user_verify import Method
from simulator.carrier_records import Fault
from storage.contact_changes import AddressEdit
from tests.fixtures.demo_house import DemoHouse
from tests.fixtures.second_person import OTHER, acting, ask_for, grant, policy, second_number
from tests.fixtures.verifying import EUV, act, address_of, ask, asked, check, code_in, said_to, shield, shown
from tests.scenario.test_voice_calls import SPOKEN_DIGITS, calls_to, phone, press


async def take_away(demo: DemoHouse, contact: SeededContact, address_id: str, kind: str, value: str) -> None:
    """Somebody takes this address off the contact's record."""
    services = demo.house.services
    event = AuditEvent(services.random.new_id(services.clock.now()), services.clock.now(), "contact.changed")
    edit = AddressEdit("removed", address_id, kind, value, "")
    done = await services.contact_acts.edit_address(demo.seeded.tenant_id, contact.id, edit, event)
    assert not done.refused
    await demo.idle()


@pytest.mark.feature("SEC-14", "EV-14")
@pytest.mark.parametrize("how", ["removed", "superseded"])
async def test_a_phone_that_rings_says_no_code_once_it_is_void(demo: DemoHouse, how: str) -> None:
    ada = demo.contact("ada")
    phone(demo, ada, "by_hand")
    await asked(demo, ada, "voice_call")
    if how == "removed":
        await take_away(demo, ada, await address_of(demo, ada), "mobile", ada.mobile)
    else:
        await asked(demo, ada, "email_code", who="theo")
    await press(demo, ada, "pick_up")
    spoken = calls_to(demo, ada)[0].spoken
    assert not SPOKEN_DIGITS.search(spoken), spoken


@pytest.mark.feature("SEC-14", "EV-44")
async def test_a_code_to_a_number_that_was_taken_away_is_worth_nothing(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await asked(demo, ada)
    code = code_in(said_to(demo, ada)[-1])
    await take_away(demo, ada, await address_of(demo, ada), "mobile", ada.mobile)
    assert (await check(demo, id, code)).json["error"] == "verification_over"
    assert (await act(demo, id, "resend")).status == 409
    assert len(demo.texts_to(ada)) >= 1


async def block_number(demo: DemoHouse, number: str) -> None:
    """As a colleague does who hears that the phone was stolen."""
    body = {"address": number, "reason": "the phone was stolen", "hours": 24}
    answer = await demo.api("POST", "/api/v1/blocks", body, who="theo")
    assert answer.status == 201, answer.text
    await demo.idle()


@pytest.mark.feature("SEC-36", "SEC-13")
async def test_a_code_to_a_number_that_was_blocked_is_worth_nothing(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await asked(demo, ada)
    code = code_in(said_to(demo, ada)[-1])
    await block_number(demo, ada.mobile)
    assert (await check(demo, id, code)).json["error"] == "verification_over"
    found = await shown(demo, id)
    assert (found["state"], found["reason"]) == ("expired", "blocked")


@pytest.mark.feature("SEC-36", "SEC-13")
async def test_what_a_blocked_number_has_proven_is_green_no_longer(demo: DemoHouse) -> None:
    ada, ben = demo.contact("ada"), demo.contact("ben")
    for contact in (ada, ben):
        id = await asked(demo, contact)
        assert (await check(demo, id, code_in(said_to(demo, contact)[-1]))).status == 200
    await block_number(demo, ada.mobile)
    assert (await shield(demo, ben))["state"] == "green", "it is another number"
    assert (await shield(demo, ada))["state"] != "green"


@pytest.mark.feature("SEC-36", "SEC-14")
async def test_a_phone_that_rings_says_no_code_once_it_is_blocked(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    phone(demo, ada, "by_hand")
    await asked(demo, ada, "voice_call")
    await block_number(demo, ada.mobile)
    await press(demo, ada, "pick_up")
    assert not SPOKEN_DIGITS.search(calls_to(demo, ada)[0].spoken)


@pytest.mark.feature("SEC-11")
async def test_two_technicians_at_once_have_one_live_verification(demo: DemoHouse) -> None:
    """Ten times each: whoever comes second takes the place of the first or is told to wait; one text goes out."""
    ada = demo.contact("ada")
    answers = await asyncio.gather(*(ask(demo, ada, who=who) for _ in range(10) for who in ("dana", "theo")))
    made = [a.json["id"] for a in answers if a.status == 201]
    assert len(made) == 1, [a.json.get("error") for a in answers]
    assert {a.json["error"] for a in answers if a.status != 201} == {"too_many_sends"}
    assert len(demo.texts_to(ada)) == 1


@pytest.mark.feature("SEC-39")
async def test_a_storm_of_resends_is_one_text(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await asked(demo, ada)
    await demo.advance(31)
    answers = await asyncio.gather(*(act(demo, id, "resend") for _ in range(30)))
    assert [a.status for a in answers].count(200) == 1
    assert len(demo.texts_to(ada)) == 2


@pytest.mark.feature("SEC-11", "EV-44")
async def test_what_a_colleague_may_do_to_mine(demo: DemoHouse) -> None:
    """Nothing: whoever is on the phone with them asks for one of their own."""
    ada = demo.contact("ada")
    id = await asked(demo, ada)
    code = code_in(said_to(demo, ada)[-1])
    tries: tuple[tuple[str, object], ...] = (
        ("check", {"code": code}),
        ("resend", None),
        ("cancel", None),
        ("ticket", {"ticket": ada.open_ticket}),
    )
    for what, body in tries:
        answer = await act(demo, id, what, body, who="theo")
        assert (answer.status, answer.json["error"]) == (409, "not_your_verification"), what
    assert (await shown(demo, id))["state"] == "sent"
    assert (await check(demo, id, code)).status == 200


@pytest.mark.feature("SEC-12")
@pytest.mark.parametrize("how", ["twice", "refused", "withdrawn", "erased number", "rank"])
async def test_a_yes_that_came_too_late_lets_nothing_out(demo: DemoHouse, how: str) -> None:
    ada = demo.contact("ada")
    other = await second_number(demo, ada)
    await policy(demo, second_person=True)
    wanted = await ask_for(demo, ada, address_id=other)
    acts = demo.house.services.approval_acts
    if how == "twice":
        assert await grant(demo, wanted.id) == ""
        assert (await ask(demo, ada, address_id=other)).status == 201
        assert await grant(demo, wanted.id, who="theo") != ""
    elif how == "refused":
        await acts.refuse(acting(demo, "theo"), wanted.id, reason="Call them back first.")
        assert await grant(demo, wanted.id) != ""
    elif how == "withdrawn":
        await acts.withdraw(acting(demo, "dana"), wanted.id)
        assert await grant(demo, wanted.id) != ""
    elif how == "erased number":
        await take_away(demo, ada, other, "mobile", OTHER)
        assert await grant(demo, wanted.id) == "address_not_found"
    else:
        await policy(demo, approver="supervisor")
        assert await grant(demo, wanted.id, who="theo") == "approver_required"
    await demo.advance(31)
    before = len(demo.texts_to(ada))
    assert (await ask(demo, ada, address_id=other)).status != 201
    assert len(demo.texts_to(ada)) == before


@pytest.mark.feature("EV-44", "EV-40")
async def test_the_ticket_was_closed_meanwhile(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await asked(demo, ada, ticket=ada.open_ticket)
    closed = await demo.api("POST", f"/api/v1/tickets/{ada.open_ticket}/status", {"status": "closed"})
    assert closed.status == 200, closed.text
    assert (await check(demo, id, code_in(said_to(demo, ada)[-1]))).status == 200
    assert "VERIFIED" in (await demo.notes(ada.open_ticket))[-1], "what happened stands where it was asked for"


@pytest.mark.feature("EV-28", "SEC-11")
async def test_rules_that_change_meanwhile_let_nobody_in(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await asked(demo, ada)
    code = code_in(said_to(demo, ada)[-1])
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    for _ in range(3):
        assert (await check(demo, id, wrong)).status == 422
    await policy(demo, max_wrong_codes=3, methods=(Method.EMAIL_CODE,))
    last = await check(demo, id, wrong)
    assert (last.status, last.json["error"], last.json["tries_left"]) == (422, "wrong_code", 0)
    assert (await check(demo, id, code)).json["error"] == "verification_over"


@pytest.mark.feature("REL-05", "EV-44")
@pytest.mark.parametrize("method", ["sms_code", "voice_call"])
async def test_a_carrier_that_takes_its_time_is_not_said_to_have_sent_it(demo: DemoHouse, method: str) -> None:
    """Nothing is said to have left before it has, other people are texted meanwhile, and it goes out once."""
    ada, ben, slow = demo.contact("ada"), demo.contact("ben"), asyncio.Event()
    # Its numbers are known, so that looking them up takes no request of its own.
    mobiles = {one.id: await address_of(demo, one) for one in (ada, ben)}
    dana = await demo.token("dana")

    async def start(contact: SeededContact, method: str) -> str:
        body = {"contact_id": contact.id, "address_id": mobiles[contact.id], "method": method}
        answer = await demo.ask("POST", EUV, body, bearer=dana)
        assert answer.status == 201, answer.text
        return str(answer.json["id"])

    async def delivery(id: str) -> str:
        return str((await demo.ask("GET", f"{EUV}/{id}", bearer=dana)).json["delivery"])

    async def held() -> bool:
        return not demo.world.carrier.faults

    async def texted() -> bool:
        return bool(demo.texts_to(ben))

    demo.world.carrier.fail_next(Fault(slow=slow))
    id = await start(ada, method)
    await demo.until(held, "the carrier to be asked")
    await start(ben, "sms_code")
    await demo.until(texted, "the text to somebody else")
    assert await delivery(id) == "waiting"
    assert said_to(demo, ada) == []
    slow.set()
    await demo.idle()
    assert len(said_to(demo, ada)) == 1
    assert (await check(demo, id, code_in(said_to(demo, ada)[0]))).status == 200


@pytest.mark.feature("REL-05", "EV-44")
@pytest.mark.parametrize("fault", [Fault(reset=True), Fault(drop=True)], ids=["before", "after it was accepted"])
@pytest.mark.parametrize("times", [1, 2])
async def test_a_line_that_is_cut_never_brings_two_codes(demo: DemoHouse, fault: Fault, times: int) -> None:
    """The technician reads that nobody knows; whatever goes out again has the same code, or it is over."""
    ada = demo.contact("ada")
    demo.world.carrier.fail_next(*[fault] * times)
    id = await asked(demo, ada)
    assert (await shown(demo, id))["delivery"] == "unclear"
    for _ in range(6):
        await demo.advance(5)
    codes = {code_in(text) for text in demo.texts_to(ada)}
    seen = await shown(demo, id)
    if fault.drop:
        assert len(demo.texts_to(ada)) == 1, "it is found, and not sent again"
    if codes:
        assert len(codes) == 1
        assert seen["delivery"] in ("delivered", "sent")
        assert (await check(demo, id, codes.pop())).status == 200
    else:
        assert (seen["state"], seen["delivery"]) == ("error", "failed"), "and it says so"
