"""A code by a phone call: who hears it and who never does, what the technician sees, and what faults lead to."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from bot.seeds import LANDLINES, VERIFICATION_NUMBER, SeededContact
from simulator.call_records import MANNERS, Call, Manner
from simulator.carrier_records import Fault
from tests.fixtures.demo_house import DemoHouse
from tests.fixtures.running_demo import Answer
from tests.fixtures.verifying import EUV, act, address_of, ask, asked, check, code_in, said_to, shield, shown

VOICE = "/webhooks/twilio/voice"
READ_TWICE = re.compile(r"Your code is: ((?:\d, ){5}\d)\. Once more: \1\.")
SPOKEN_DIGITS = re.compile(r"\d, \d")


def phone(demo: DemoHouse, contact: SeededContact | str, manner: Manner, *, second: float = 1.0) -> None:
    """How this phone answers; `second` is how long one lasts there."""
    demo.world.carrier.calls.answer(contact if isinstance(contact, str) else contact.mobile, manner)
    demo.world.carrier.calls.course.second = second


def calls_to(demo: DemoHouse, contact: SeededContact | str) -> list[Call]:
    """Newest first."""
    return demo.world.carrier.calls.to(contact if isinstance(contact, str) else contact.mobile)


async def press(demo: DemoHouse, contact: SeededContact, what: str) -> None:
    """A button of the simulated phone, by the way a person at the page takes."""
    answer = await demo.ask("POST", "/simulator/phone", {"phone": contact.mobile, "act": what})
    assert answer.status == 200, answer.text
    await demo.idle()


async def over(demo: DemoHouse) -> None:
    """Every call has ended, and what that leads to has happened."""
    await demo.world.carrier.calls.over()
    await demo.idle()


async def said_by_us(demo: DemoHouse) -> int:
    """How often a code was handed over to be spoken."""
    return len(await demo.rows("SELECT id FROM outbox WHERE kind = 'call_say'"))


@pytest.mark.feature("EV-14", "EV-15", "EV-17")
async def test_a_call_reads_the_digits_one_by_one_twice_and_again_for_1(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await asked(demo, ada, "voice_call", ticket=ada.open_ticket)
    (call,) = calls_to(demo, ada)
    assert (call.order.sender, call.status) == (VERIFICATION_NUMBER, "in-progress")
    (spoken,) = said_to(demo, ada)
    found = READ_TWICE.search(spoken)
    assert found is not None, spoken
    assert len(SPOKEN_DIGITS.findall(spoken)) == 2 * 3, "the digits exactly twice"
    assert "press 1" in spoken
    assert "hang up" in spoken[:200], "whoever was called by somebody else is warned before any digit"
    assert (await shown(demo, id))["delivery"] == "delivered"

    await press(demo, ada, "1")
    readings = READ_TWICE.findall(said_to(demo, ada)[0])
    assert readings == [found[1], found[1]], "the same code, twice more"
    await press(demo, ada, "hang_up")
    live = await shown(demo, id)
    assert live["state"] == "sent", "who has heard the code may still tell it"

    code = found[1].replace(", ", "")
    assert (await check(demo, id, code)).status == 200
    assert (await shown(demo, id))["assurance"] == "code"
    assert (await shield(demo, ada))["state"] == "green"
    again = await check(demo, id, code)
    assert (again.status, again.json["error"]) == (409, "verification_over")
    (note,) = await demo.notes(ada.open_ticket)
    assert "phone call" in note
    assert code not in note
    assert found[1] not in note
    for secret in (code, found[1]):
        assert secret.encode() not in await demo.contents(), "nothing of it stays (SEC-17)"


@pytest.mark.feature("EV-17")
async def test_a_code_of_an_earlier_call_is_worth_nothing(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    first = await asked(demo, ada, "voice_call")
    earlier = code_in(said_to(demo, ada)[-1])
    await press(demo, ada, "hang_up")
    await demo.advance(31)
    second = await asked(demo, ada, "voice_call")
    newer = code_in(calls_to(demo, ada)[0].spoken)
    assert (await check(demo, first, earlier)).json["error"] == "verification_over"
    if earlier != newer:
        assert (await check(demo, second, earlier)).json["error"] == "wrong_code"
    assert (await check(demo, second, newer)).status == 200


@pytest.mark.feature("EV-14", "EV-15")
async def test_the_same_call_reads_it_a_few_times_and_no_more(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    await asked(demo, ada, "voice_call")
    call = calls_to(demo, ada)[0]
    while not call.is_over:
        await press(demo, ada, "1")
    assert len(READ_TWICE.findall(call.spoken)) == 5
    assert call.spoken.endswith("Goodbye.")
    answer = await demo.ask("POST", "/simulator/phone", {"phone": ada.mobile, "act": "1"})
    assert (answer.status, answer.json["error"]) == (409, "no_call")


# --- who never hears it ---------------------------------------------------------------------------------------------


@pytest.mark.feature("EV-14", "SEC-17")
async def test_a_machine_hears_no_code_and_the_technician_is_told(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    phone(demo, ada, "voicemail")
    id = await asked(demo, ada, "voice_call", ticket=ada.open_ticket)
    await over(demo)
    (call,) = calls_to(demo, ada)
    assert call.answered_by == "machine_start"
    assert not re.search(r"\d", call.spoken)
    assert "code" not in call.spoken
    assert demo.contact("ada").name.split()[0] not in call.spoken
    ended = await shown(demo, id)
    assert (ended["state"], ended["reason"]) == ("error", "machine")
    assert await said_by_us(demo) == 0
    (note,) = await demo.notes(ada.open_ticket)
    assert "machine" in note


@pytest.mark.feature("EV-14")
async def test_who_cannot_be_told_from_a_machine_presses_a_key_first(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    phone(demo, ada, "unknown")
    id = await asked(demo, ada, "voice_call")
    call = calls_to(demo, ada)[0]
    assert not SPOKEN_DIGITS.search(call.spoken)
    assert "press 1" in call.spoken
    await press(demo, ada, "7")
    assert not SPOKEN_DIGITS.search(call.spoken), "another key is no answer"
    await press(demo, ada, "1")
    assert READ_TWICE.search(call.spoken)
    assert (await check(demo, id, code_in(call.spoken))).status == 200


@pytest.mark.feature("EV-14", "Y-06")
@pytest.mark.parametrize(
    ("manner", "reason", "status"),
    [
        ("busy", "busy", "busy"),
        ("no_answer", "no-answer", "no-answer"),
        ("unreachable", "failed", "failed"),
        ("unknown", "not_heard", "completed"),
    ],
)
async def test_nobody_heard_it_and_the_technician_sees_why(
    demo: DemoHouse, manner: Manner, reason: str, status: str
) -> None:
    ada = demo.contact("ada")
    phone(demo, ada, manner, second=0.002)
    id = await asked(demo, ada, "voice_call", ticket=ada.open_ticket)
    await over(demo)
    assert calls_to(demo, ada)[0].status == status
    ended = await shown(demo, id)
    assert (ended["state"], ended["reason"]) == ("error", reason)
    assert ended["delivery"] == ("delivered" if status == "completed" else "failed")
    assert ended["delivery_words"]
    assert not SPOKEN_DIGITS.search(calls_to(demo, ada)[0].spoken)
    (note,) = await demo.notes(ada.open_ticket)
    assert "not verified, it never arrived" in note
    other = await ask(demo, ada, "email_code")
    assert other.status == 201, "another way is free at once"


@pytest.mark.feature("EV-14")
async def test_a_phone_that_rings_for_half_a_minute_is_waited_for(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    phone(demo, ada, "slow", second=0.01)
    id = await asked(demo, ada, "voice_call")
    assert (await shown(demo, id))["delivery_words"] == "The phone rings."
    call = calls_to(demo, ada)[0]
    await demo.until(lambda: _true(bool(READ_TWICE.search(call.spoken))), "the code to be spoken")
    assert (await check(demo, id, code_in(call.spoken))).status == 200


async def _true(is_so: bool) -> bool:
    return is_so


@pytest.mark.feature("EV-14", "EV-21")
async def test_a_call_that_is_answered_too_late_says_no_code(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    phone(demo, ada, "by_hand")
    id = await asked(demo, ada, "voice_call")
    await demo.advance(301)
    await press(demo, ada, "pick_up")
    (call,) = calls_to(demo, ada)
    assert call.status == "completed"
    assert "no longer needed" in call.spoken
    assert not re.search(r"\d", call.spoken)
    assert (await shown(demo, id))["reason"] == "deadline"


@pytest.mark.feature("EV-14", "SEC-08")
@pytest.mark.parametrize("ends", ["cancel", "deny"])
async def test_what_has_ended_is_not_read_again(demo: DemoHouse, ends: str) -> None:
    ada = demo.contact("ada")
    id = await asked(demo, ada, "voice_call")
    call = calls_to(demo, ada)[0]
    before = call.spoken
    if ends == "cancel":
        assert (await demo.api("POST", f"{EUV}/{id}/cancel")).status == 200
    else:
        await demo.text(ada, "#deny")
    await press(demo, ada, "1")
    assert not SPOKEN_DIGITS.search(call.spoken.removeprefix(before))
    assert "no longer needed" in call.spoken
    assert call.status == "completed"


@pytest.mark.feature("EV-14")
async def test_a_call_that_is_declined_is_busy(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    phone(demo, ada, "by_hand")
    id = await asked(demo, ada, "voice_call")
    await press(demo, ada, "hang_up")
    assert (await shown(demo, id))["reason"] == "busy"


# --- which number ---------------------------------------------------------------------------------------------------


@pytest.mark.feature("EV-16")
async def test_a_call_is_the_last_choice_and_a_landline_takes_nothing_else(demo: DemoHouse) -> None:
    async def ready(contact_id: str) -> list[tuple[str, str]]:
        answer = await demo.api("GET", f"/api/v1/contacts/{contact_id}/methods")
        return [(way["method"], way["address_id"]) for way in answer.json["items"] if way["state"] == "ready"]

    gita = demo.contact("gita")
    mobile, desk = await address_of(demo, gita), await address_of(demo, gita, "phone")
    ways = await ready(gita.id)
    calls = [way for way in ways if way[0] == "voice_call"]
    assert ways[-len(calls) :] == calls, "calls stand behind everything else"
    assert {address for _, address in calls} <= {mobile, desk}
    assert ("voice_call", desk) in calls
    assert {method for method, address in ways if address == desk} == {"voice_call"}

    made = await _with_number(demo, "+13055550128")
    assert {method for method, _ in await ready(made["id"])} == {"voice_call"}


@pytest.mark.feature("EV-14", "EV-16")
async def test_a_landline_is_called_and_its_own_shield_turns_green(demo: DemoHouse) -> None:
    gita = demo.contact("gita")
    id = await asked(demo, gita, "voice_call", address_id=await address_of(demo, gita, "phone"))
    desk = LANDLINES["Gita Hale"]
    (call,) = calls_to(demo, desk)
    assert calls_to(demo, gita) == []
    assert (await check(demo, id, code_in(call.spoken))).status == 200
    assert (await shield(demo, gita, "phone"))["state"] == "green"
    assert (await shield(demo, gita))["state"] == "red"


async def _with_number(demo: DemoHouse, number: str, kind: str = "phone") -> dict[str, Any]:
    """A new contact with nothing but this number."""
    client_id = (await demo.api("GET", f"/api/v1/contacts/{demo.contact('gita').id}")).json["client_id"]
    body = {"name": "Lou Kay", "client_id": client_id, "addresses": [{"kind": kind, "value": number, "default": True}]}
    made = await demo.api("POST", "/api/v1/contacts", body, who="alex")
    assert made.status == 201, made.text
    contact: dict[str, Any] = made.json
    return contact


@pytest.mark.feature("EV-14", "SEC-39")
@pytest.mark.parametrize(
    ("number", "kind", "method", "why"),
    [
        ("+442071838750", "phone", "voice_call", "country_not_allowed"),
        ("+18005550123", "phone", "voice_call", "not_callable"),
        ("+18005550123", "mobile", "sms_code", "not_textable"),
        ("+447400123456", "mobile", "sms_link", "country_not_allowed"),
    ],
)
async def test_dear_and_foreign_numbers_are_no_way_and_it_says_why(
    demo: DemoHouse, number: str, kind: str, method: str, why: str
) -> None:
    contact = await _with_number(demo, number, kind)
    ways = (await demo.api("GET", f"/api/v1/contacts/{contact['id']}/methods")).json["items"]
    (way,) = [way for way in ways if way["method"] == method]
    assert (way["state"], way["why"]) == ("not_possible", why)
    assert way["message"].endswith(".")
    asking = {"contact_id": contact["id"], "address_id": contact["addresses"][0]["id"], "method": method}
    answer = await demo.api("POST", EUV, asking)
    assert (answer.status, answer.json["error"]) == (409, why)
    assert (calls_to(demo, number), demo.texts_to(number)) == ([], [])


@pytest.mark.feature("EV-14", "SEC-39")
async def test_a_country_that_is_switched_off_meanwhile_is_not_called(demo: DemoHouse) -> None:
    """What waited for the carrier is looked at once more before it goes out."""
    ada = demo.contact("ada")
    demo.world.carrier.fail_next(Fault(500))
    id = await asked(demo, ada, "voice_call")
    await demo.settings(lambda settings: replace(settings, countries=("CA",)))
    await demo.advance(6)
    ended = await shown(demo, id)
    assert (ended["state"], ended["reason"], ended["delivery"]) == ("error", "country_not_allowed", "failed")
    assert "Error" not in ended["delivery_words"], "said in words that help"
    assert calls_to(demo, ada) == []


# --- what is not believed -------------------------------------------------------------------------------------------


async def posted(
    demo: DemoHouse, id: str, call: Call, *, key: str = "", account_token: str = "", **more: str
) -> Answer:
    """What the carrier posts about a call, by hand, signed as the account unless told otherwise."""
    form = {
        "AccountSid": demo.seeded.account_sid,
        "CallSid": call.sid,
        "From": VERIFICATION_NUMBER,
        "To": call.order.to,
        "CallStatus": "in-progress",
        "AnsweredBy": "human",
        **({"Digits": key} if key else {}),
        **more,
    }
    path = f"{VOICE}?v={id}" + ("&step=key" if key else "")
    answer = await demo.post(form, account_token or demo.sign(form, path), path=path)
    await demo.idle()
    return answer


@pytest.mark.feature("EV-14", "SEC-22", "SEC-23")
async def test_the_same_webhook_again_reads_nothing_again_and_no_answer_holds_a_digit(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    phone(demo, ada, "by_hand")
    id = await asked(demo, ada, "voice_call")
    (call,) = calls_to(demo, ada)
    await press(demo, ada, "pick_up")
    assert await said_by_us(demo) == 1
    first, again = await posted(demo, id, call), await posted(demo, id, call)
    assert first.status == again.status == 200
    assert "Pause" in first.text
    assert first.text == again.text, "an answer that was lost on its way is given once more"
    assert await said_by_us(demo) == 1
    pressed = await posted(demo, id, call, key="1")
    for answer in (first, pressed):
        without_urls = re.sub(
            r'(action="[^"]*"|length="\d+"|timeout="\d+"|numDigits="1"|version="1.0"|UTF-8)', "", answer.text
        )
        assert not re.search(r"\d", without_urls), answer.text


@pytest.mark.feature("EV-14")
async def test_a_second_call_about_the_same_hears_nothing_of_the_first(demo: DemoHouse) -> None:
    """Two calls can ring at once, when one was asked for again while the carrier was slow."""
    ada = demo.contact("ada")
    phone(demo, ada, "by_hand")
    id = await asked(demo, ada, "voice_call")
    (call,) = calls_to(demo, ada)
    other = {"CallSid": "CA" + "5" * 32}
    machine = await posted(demo, id, call, **other, AnsweredBy="machine_start")
    assert "Pause" not in machine.text
    assert (await shown(demo, id))["state"] == "sent", "the other one still rings"
    assert "Gather" in (await posted(demo, id, call, **other, AnsweredBy="unknown")).text
    await press(demo, ada, "pick_up")
    code = code_in(call.spoken)
    for late in (await posted(demo, id, call, **other), await posted(demo, id, call, **other, key="1")):
        assert "Goodbye" in late.text
        assert not re.search("Pause|Gather", late.text), "it was said on the first, and is waited for in vain here"
    assert await said_by_us(demo) == 1
    assert (await check(demo, id, code)).status == 200


@pytest.mark.feature("EV-14", "SEC-21", "SEC-22", "SEC-37")
async def test_a_forged_webhook_moves_nothing(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    phone(demo, ada, "by_hand")
    id = await asked(demo, ada, "voice_call")
    (call,) = calls_to(demo, ada)
    assert (await posted(demo, id, call, account_token="bm90IGEgc2lnbmF0dXJl")).status == 403
    assert (await posted(demo, id, call, From="+13325550999")).status == 403
    unknown = "0190a5c8-0000-7000-8000-000000000001"
    nobody = await posted(demo, unknown, call)
    assert nobody.status == 200
    assert "Pause" not in nobody.text
    assert await said_by_us(demo) == 0
    assert (await shown(demo, id))["state"] == "sent"


@pytest.mark.feature("EV-14", "REL-08")
async def test_words_about_the_call_come_in_any_order(demo: DemoHouse) -> None:
    """That it is over before that it was picked up; the end of a call long gone."""
    ada = demo.contact("ada")
    phone(demo, ada, "busy")
    id = await asked(demo, ada, "voice_call")
    (call,) = calls_to(demo, ada)
    late = await posted(demo, id, call)
    assert "Pause" not in late.text
    assert await said_by_us(demo) == 0
    ended = await shown(demo, id)
    assert (ended["state"], ended["reason"]) == ("error", "busy")


# --- when the carrier fails -----------------------------------------------------------------------------------------


async def _eventually(demo: DemoHouse, id: str, state: str) -> Any:
    for _ in range(20):
        found = await shown(demo, id)
        if found["state"] == state:
            return found
        await demo.advance(20)
    raise AssertionError(f"still {found['state']}: {found['delivery_words']}")


@pytest.mark.feature("EV-14", "REL-04")
async def test_accepted_and_cut_off_rings_once(demo: DemoHouse) -> None:
    """The carrier took the call and its answer was lost: it is found, and nobody is called twice."""
    ada = demo.contact("ada")
    phone(demo, ada, "by_hand")
    demo.world.carrier.fail_next(Fault(drop=True))
    id = await asked(demo, ada, "voice_call")
    assert (await shown(demo, id))["delivery"] == "unclear"
    await demo.advance(3)
    assert (await shown(demo, id))["delivery"] == "sent"
    assert len(calls_to(demo, ada)) == 1
    await press(demo, ada, "pick_up")
    assert (await check(demo, id, code_in(calls_to(demo, ada)[0].spoken))).status == 200


@pytest.mark.feature("EV-14", "REL-04", "REL-08")
async def test_who_picks_up_before_we_know_of_the_call_hears_the_code_once(demo: DemoHouse) -> None:
    """The answer with the call's id is lost, and the webhook of the call itself is the first to name it."""
    ada = demo.contact("ada")
    demo.world.carrier.fail_next(Fault(drop=True))
    id = await asked(demo, ada, "voice_call")
    await demo.advance(3)
    (call,) = calls_to(demo, ada)
    assert len(READ_TWICE.findall(call.spoken)) == 1
    assert await said_by_us(demo) == 1
    assert (await check(demo, id, code_in(call.spoken))).status == 200


@pytest.mark.feature("EV-14", "Y-06")
async def test_who_hangs_up_while_the_carrier_stumbles_has_heard_nothing(demo: DemoHouse) -> None:
    """What was to be said is not said to the next one who is called, and the technician sees that nobody heard it."""
    ada = demo.contact("ada")
    phone(demo, ada, "by_hand")
    id = await asked(demo, ada, "voice_call")
    demo.world.carrier.fail_next(Fault(500))
    await press(demo, ada, "pick_up")
    await press(demo, ada, "hang_up")
    await demo.advance(6)
    await demo.advance(6)
    (call,) = calls_to(demo, ada)
    assert not SPOKEN_DIGITS.search(call.spoken)
    ended = await shown(demo, id)
    assert (ended["state"], ended["reason"]) == ("error", "not_heard")
    assert "before the code could be said" in ended["delivery_words"]
    assert "not_delivered" not in await demo.alerts(), "a person who hangs up is no failure of ours"


@pytest.mark.feature("EV-14", "REL-08")
async def test_a_carrier_that_takes_no_words_yet_is_asked_once_more(demo: DemoHouse) -> None:
    """It still waits for our first words, and says that the call is not in progress."""
    ada = demo.contact("ada")
    phone(demo, ada, "by_hand")
    id = await asked(demo, ada, "voice_call")
    demo.world.carrier.fail_next(Fault(400, 21220))
    await press(demo, ada, "pick_up")
    call = calls_to(demo, ada)[0]
    assert not SPOKEN_DIGITS.search(call.spoken)
    await demo.advance(2)
    assert (await check(demo, id, code_in(call.spoken))).status == 200


@pytest.mark.feature("EV-14", "REL-04", "REL-05")
@pytest.mark.parametrize(
    "fault", [Fault(429, 20429, retry_after="1"), Fault(500), Fault(503)], ids=["429", "500", "503"]
)
async def test_a_carrier_that_cannot_now_is_asked_again_and_rings_once(demo: DemoHouse, fault: Fault) -> None:
    ada = demo.contact("ada")
    demo.world.carrier.fail_next(fault, fault)
    id = await asked(demo, ada, "voice_call")
    waiting = await shown(demo, id)
    assert waiting["state"] == "sent"
    for _ in range(5):
        if calls_to(demo, ada):
            break
        assert (await shown(demo, id))["delivery"] == "waiting"
        await demo.advance(6)
    (call,) = calls_to(demo, ada)
    assert (await check(demo, id, code_in(call.spoken))).status == 200


@pytest.mark.feature("EV-14", "REL-04", "REL-08")
async def test_a_second_call_waits_until_the_first_is_over(demo: DemoHouse) -> None:
    """Whoever waits for the carrier presses once more; two phones that ring with one code only confuse."""
    ada = demo.contact("ada")
    phone(demo, ada, "by_hand")
    demo.world.carrier.fail_next(*[Fault(429, 20429, retry_after="40")] * 2)
    id = await asked(demo, ada, "voice_call")
    assert calls_to(demo, ada) == []
    await demo.advance(35)
    waits = await act(demo, id, "resend")
    assert (waits.status, waits.json["error"]) == (409, "call_under_way")
    assert "choose another way" in waits.json["message"]
    for _ in range(4):
        if calls_to(demo, ada):
            break
        await demo.advance(20)
    (call,) = calls_to(demo, ada)
    assert (await act(demo, id, "resend")).json["error"] == "call_under_way", "it rings"
    await press(demo, ada, "pick_up")
    code = code_in(call.spoken)
    await press(demo, ada, "hang_up")
    await over(demo)
    assert (await act(demo, id, "resend")).status == 200, "they did not get it all"
    assert (await act(demo, id, "resend")).status in (409, 429)
    assert len(calls_to(demo, ada)) == 2
    await press(demo, ada, "pick_up")
    assert code_in(calls_to(demo, ada)[0].spoken) == code, "the same code"
    assert (await check(demo, id, code)).status == 200


@pytest.mark.feature("EV-14", "REL-05")
@pytest.mark.parametrize(("code", "words"), [(21211, "not a phone number"), (21215, "country")])
async def test_a_call_that_is_refused_is_an_error_at_once(demo: DemoHouse, code: int, words: str) -> None:
    ada = demo.contact("ada")
    demo.world.carrier.fail_next(Fault(400, code))
    id = await asked(demo, ada, "voice_call", ticket=ada.open_ticket)
    ended = await shown(demo, id)
    assert (ended["state"], ended["reason"], ended["delivery"]) == ("error", str(code), "failed")
    assert words in ended["delivery_words"]
    assert calls_to(demo, ada) == []


@pytest.mark.feature("EV-14", "REL-04")
@pytest.mark.parametrize(
    "fault", [Fault(drop=True), Fault(502), Fault(500), Fault(429)], ids=["cut", "502", "500", "429"]
)
async def test_words_that_were_lost_are_said_once_more_and_are_the_same(demo: DemoHouse, fault: Fault) -> None:
    """Somebody waits on the line while the carrier stumbles over the request with the code."""
    ada = demo.contact("ada")
    phone(demo, ada, "by_hand")
    id = await asked(demo, ada, "voice_call")
    demo.world.carrier.fail_next(fault)
    await press(demo, ada, "pick_up")
    call = calls_to(demo, ada)[0]
    for _ in range(4):
        if READ_TWICE.search(call.spoken) and fault.status:
            break
        await demo.advance(3)
    readings = set(READ_TWICE.findall(call.spoken))
    assert len(readings) == 1, "one content, however often"
    assert await said_by_us(demo) == 1
    assert (await check(demo, id, readings.pop().replace(", ", ""))).status == 200


@pytest.mark.feature("EV-14", "REL-04")
async def test_words_that_stay_unclear_are_said_twice_at_most(demo: DemoHouse) -> None:
    """Each try may have begun the reading anew, so a third one would only confuse."""
    ada = demo.contact("ada")
    phone(demo, ada, "by_hand")
    id = await asked(demo, ada, "voice_call")
    demo.world.carrier.fail_next(*[Fault(drop=True)] * 9)
    await press(demo, ada, "pick_up")
    for _ in range(5):
        await demo.advance(10)
    assert len(demo.world.carrier.faults) == 7
    readings = READ_TWICE.findall(calls_to(demo, ada)[0].spoken)
    assert len(readings) == 2
    assert len(set(readings)) == 1
    ended = await shown(demo, id)
    assert (ended["state"], ended["reason"]) == ("error", "unclear")


@pytest.mark.feature("EV-14", "REL-05")
async def test_a_carrier_that_stays_away_is_an_error_when_the_time_is_over(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    demo.world.carrier.fail_next(*[Fault(500)] * 200)
    id = await asked(demo, ada, "voice_call")
    ended = await _eventually(demo, id, "expired")
    assert ended["reason"] == "deadline"
    demo.world.carrier.faults.clear()
    await demo.advance(600)
    assert calls_to(demo, ada) == [], "no phone rings for a code that is over"


# --- the simulator --------------------------------------------------------------------------------------------------


async def test_how_a_phone_answers_is_set_on_the_simulator(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    for manner in MANNERS:
        answer = await demo.ask("POST", "/simulator/phone", {"phone": ada.mobile, "answers": manner})
        assert (answer.status, answer.json) == (200, {"answers": manner, "line": "usual", "calls": []})
        page = await demo.ask("GET", f"/simulator?phone={ada.mobile.replace('+', '%2B')}")
        assert f'<option value="{manner}" selected>' in page.text
    wrong = await demo.ask("POST", "/simulator/phone", {"phone": ada.mobile, "answers": "loudly"})
    assert (wrong.status, wrong.json["error"]) == (422, "unknown_manner")
    odd = await demo.ask("POST", "/simulator/phone", {"phone": ada.mobile, "act": "shout"})
    assert odd.status == 422


@pytest.mark.feature("EV-14")
async def test_the_outbox_shows_every_word_of_a_call_and_the_page_too(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    await asked(demo, ada, "voice_call")
    items = (await demo.ask("GET", "/simulator/outbox")).json["items"]
    assert [(item["channel"], item["to"]) for item in items] == [("phone", ada.mobile)]
    assert READ_TWICE.search(items[0]["text"])
    state = (await demo.ask("GET", f"/simulator/state?phone={ada.mobile.replace('+', '%2B')}")).json
    assert [(call["state"], call["words"]) for call in state["calls"]] == [("On the line", items[0]["text"])]
    assert state["talk"] == []
    page = await demo.ask("GET", f"/simulator?phone={ada.mobile.replace('+', '%2B')}")
    assert items[0]["text"] in page.text
