"""A panel says each thing once, and nothing that is no longer true of what comes next."""

from __future__ import annotations

import pytest

from dialogs.user_verify import Policy
from tests.fixtures.forms import send, words
from tests.fixtures.verify_desk import add_address, read, set_policy, start
from tests.fixtures.web_house import House


@pytest.mark.feature("SEC-06")
async def test_why_nothing_goes_out_during_a_check_is_said_once(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    await house.text(ada.mobile, "#verify")
    page = words(await read(house, cookie, f"/contacts/{ada.id}/verify"))
    assert "They are checking a caller right now." in page
    assert "they are checking a caller right now" not in page


@pytest.mark.feature("SEC-12")
async def test_what_was_taken_back_does_not_stand_beside_a_request_about_the_next_one(house: House) -> None:
    """It would say "Ask once more" while a colleague is being asked."""
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    other = await add_address(house, ada.id, "mobile", "+12125550199")
    await set_policy(house, Policy(second_person=True))
    cookie, panel = await house.log_in("technician", "cookie"), f"/contacts/{ada.id}/verify"
    row = await start(house, cookie, ada)
    await send(house, cookie, f"/verifications/{row.id}/cancel")
    assert "Ask once more below" in words(await read(house, cookie, panel))
    why = "She lost her phone; her boss is with me."
    asked = await send(
        house, cookie, f"/contacts/{ada.id}/approvals", kind="address", way=f"sms_code.{other}", note=why
    )
    assert asked.status == 303, words(asked)
    page = words(await read(house, cookie, panel))
    assert "You have asked; nobody has decided yet" in page
    assert "Ask once more below" not in page
    theirs = await house.log_in("other_technician", "cookie")
    assert "Taken back" in words(await read(house, theirs, panel)), "it still stands in the history"
