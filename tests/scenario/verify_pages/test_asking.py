"""A known caller is asked and answers: codes that are typed, links that are waited for, addresses that are chosen; by
forms alone."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from dialogs.user_verify import Policy
from tests.fixtures.forms import send, words
from tests.fixtures.verify_desk import add_address, code_of, newest, other_than, read, set_policy, shields, start
from tests.fixtures.web_house import House


@pytest.mark.feature("VP-06")
async def test_every_shield_begins_red_and_says_so(house: House) -> None:
    cookie = await house.log_in("technician", "cookie")
    for person in house.world.people:
        assert set(shields(await read(house, cookie, f"/contacts/{person.id}"))) == {"red"}


@pytest.mark.feature("EV-06", "EV-27", "EV-39")
async def test_a_known_caller_is_verified_from_their_page(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    page = await read(house, cookie, f"/contacts/{ada.id}")
    assert shields(page) == ["red", "red"]
    first = re.search(r'<option value="([\w.-]+)" selected>Text a code to ([^<]*)</option>', page.text)
    assert first is not None, "the first way that works is chosen already"
    assert first[2] == "+1 212-555-0111"
    sent = await send(house, cookie, f"/contacts/{ada.id}/verify", way=first[1], back=f"/contacts/{ada.id}")
    assert (sent.status, sent.headers["Location"]) == (303, f"/contacts/{ada.id}")
    waits = await read(house, cookie, f"/contacts/{ada.id}")
    assert "Ask them to read you the code" in words(waits)
    assert 'inputmode="numeric" autocomplete="one-time-code"' in waits.text
    assert "Waiting to be sent." in words(waits)
    row = await newest(house, ada.id)
    code = await code_of(house, row.id)
    assert code not in waits.text, "the technician has no code to give away"
    typed = f" {code[:3]}-{code[3:]} "
    done = await send(house, cookie, f"/verifications/{row.id}/check", code=typed, back=f"/contacts/{ada.id}")
    assert (done.status, done.headers["Location"]) == (303, f"/contacts/{ada.id}")
    page = await read(house, cookie, f"/contacts/{ada.id}")
    assert shields(page) == ["green", "red"], "the address that was asked, and no other"
    assert "Verified: Code by text 30:00 left" in words(page)
    assert "Good for: information, usual help." in words(page)
    api = await house.ask("GET", f"/api/v1/contacts/{ada.id}", bearer=await house.log_in("technician"))
    assert {a["kind"]: a["shield"]["state"] for a in api.json["addresses"]} == {"mobile": "green", "email": "red"}


@pytest.mark.feature("EV-28")
async def test_a_shield_turns_back_when_its_time_is_up(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    await set_policy(house, Policy(green_for=timedelta(minutes=10)))
    row = await start(house, cookie, ada)
    await send(house, cookie, f"/verifications/{row.id}/check", code=await code_of(house, row.id))
    house.clock.advance(timedelta(minutes=9, seconds=59))
    page = await read(house, cookie, f"/contacts/{ada.id}")
    assert shields(page) == ["green", "red"]
    assert "0:01 left" in words(page)
    house.clock.advance(timedelta(seconds=1))
    assert shields(await read(house, cookie, f"/contacts/{ada.id}")) == ["red", "red"]


@pytest.mark.feature("EV-06")
async def test_a_wrong_code_counts_and_stays_in_its_box(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    row = await start(house, cookie, ada)
    wrong, path = other_than(await code_of(house, row.id)), f"/verifications/{row.id}/check"
    for left in ("4 tries left.", "3 tries left.", "2 tries left.", "One try left."):
        answer = await send(house, cookie, path, code=wrong)
        assert answer.status == 422
        assert f"That is not the code. {left}" in words(answer)
        assert f'value="{wrong}" aria-invalid="true"' in answer.text, "what was typed is still there"
    for short in ("12345", "", "hello"):
        answer = await send(house, cookie, path, code=short)
        assert "Type the digits that the person reads to you." in words(answer)
    last = await send(house, cookie, path, code=wrong)
    assert "That is not the code either, and it is over now." in words(last)
    page = await read(house, cookie, f"/contacts/{ada.id}")
    assert "Not verified: too many wrong answers" in words(page)
    assert "Treat this caller as a stranger." in words(page)
    assert shields(page) == ["red", "red"]


async def test_a_script_hears_the_same_without_a_page(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    row = await start(house, cookie, ada)
    code, path = await code_of(house, row.id), f"/verifications/{row.id}"
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    raw = urlencode({"code": other_than(code)}).encode()
    wrong = await house.ask("POST", f"{path}/check", cookie=cookie, raw=raw, headers=headers)
    assert wrong.json == {
        "right": False,
        "refused": "wrong_code",
        "tries_left": 4,
        "message": "That is not the code. 4 tries left.",
    }
    state = await house.ask("GET", f"{path}/state", cookie=cookie)
    assert (state.json["state"], state.json["tries_left"]) == ("sent", 4)
    assert state.headers["Cache-Control"] == "no-store"
    raw = urlencode({"code": code}).encode()
    right = await house.ask("POST", f"{path}/check", cookie=cookie, raw=raw, headers=headers)
    assert right.json["right"] is True
    assert (await house.ask("GET", f"{path}/state", cookie=cookie)).json["state"] == "verified"


@pytest.mark.feature("EV-34")
async def test_the_number_that_was_chosen_is_the_one_that_is_asked(house: House) -> None:
    ada = house.world.people[0]
    other = await add_address(house, ada.id, "mobile", "+12125550177")
    cookie = await house.log_in("technician", "cookie")
    page = await read(house, cookie, f"/contacts/{ada.id}")
    assert f'<option value="sms_code.{other}" data-note>Text a code to +1 212-555-0177 (not the usual one)' in page.text
    path, note = f"/contacts/{ada.id}/verify", "Her phone is broken; her boss vouches."
    sent = await send(house, cookie, path, way=f"sms_code.{other}", note=note)
    assert sent.status == 303, words(sent)
    row = await newest(house, ada.id)
    assert (row.address_id, row.destination, row.note) == (other, "...0177", note)
    await send(house, cookie, f"/verifications/{row.id}/check", code=await code_of(house, row.id))
    shown = await house.services.verifications.shields(house.world.tenant_id, ada.id, house.clock.now())
    assert [s.address_id for s in shown] == [other], "the usual number was not asked and stays red"


async def test_a_link_is_waited_for_and_its_number_said(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    await set_policy(house, Policy(spoken_number=True))
    row = await start(house, cookie, ada, "sms_link")
    page = await read(house, cookie, f"/contacts/{ada.id}")
    assert "Waiting for them to press Validate" in words(page)
    assert re.search(r'<p class="code" role="img" aria-label="\d \d">\d\d</p>', page.text)
    assert 'name="code"' not in page.text
    assert "Send it again" not in words(page), "a link is never sent twice"
    colleague = await read(house, await house.log_in("other_technician", "cookie"), f"/contacts/{ada.id}")
    assert not re.search(r'aria-label="\d \d"', colleague.text)
    again = await send(house, cookie, f"/verifications/{row.id}/resend")
    assert "refused=nothing_to_resend" in again.headers["Location"]
