"""Which ways are offered: what cannot work says why, what is locked is opened again, what is not enough is refused."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from dialogs.user_verify import Policy
from tests.fixtures.forms import send, words
from tests.fixtures.verify_desk import address_of, code_of, other_than, read, set_policy, start
from tests.fixtures.web_house import House


@pytest.mark.feature("EV-38")
async def test_a_way_that_cannot_work_is_greyed_and_says_why(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    added = await house.ask(
        "POST",
        "/api/v1/contacts",
        bearer=await house.log_in("admin"),
        body={
            "name": "Gil Hart",
            "client_id": ada.client_id,
            "addresses": [{"kind": "email", "value": "gil@acme.example"}],
        },
    )
    assert added.status == 201, added.text
    page = await read(house, cookie, f"/contacts/{added.json['id']}")
    for text in ("Text a code", "Text a link"):
        assert f"<option disabled>{text}: no mobile number on record</option>" in page.text
    assert "<option disabled>Call and say a code: no phone number on record</option>" in page.text
    assert re.search(r"<option value=\"email_code\.[\w-]+\" selected>Mail a code to gil@acme.example", page.text)
    assert "Not set up: Passkey, Microsoft Authenticator, Duo push, Code in Teams" in words(page)


async def test_an_admin_opens_a_locked_method_again(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    for _ in range(2):
        row = await start(house, cookie, ada)
        wrong = other_than(await code_of(house, row.id))
        for _ in range(5):
            await send(house, cookie, f"/verifications/{row.id}/check", code=wrong)
        house.clock.advance(timedelta(minutes=1))
    page = await read(house, cookie, f"/contacts/{ada.id}")
    assert "Too many wrong codes by this method. Wait, or use another one." in words(page)
    assert "Text a code to +1 212-555-0111: locked after wrong codes" in words(page)
    path = f"/contacts/{ada.id}/methods/sms_code/unlock"
    assert path not in page.text
    assert (await send(house, cookie, path)).status == 403
    admin = await house.log_in("admin", "cookie")
    assert path in (await read(house, admin, f"/contacts/{ada.id}")).text
    assert (await send(house, admin, path)).status == 303
    assert re.search(
        r"sms_code\.[\w-]+\" selected>Text a code", (await read(house, cookie, f"/contacts/{ada.id}")).text
    )
    assert (await send(house, admin, f"/contacts/{ada.id}/methods/nonsense/unlock")).status == 404


@pytest.mark.feature("SEC-09")
async def test_high_risk_work_is_offered_only_where_a_way_is_enough_for_it(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    way, path = f"sms_code.{await address_of(house, ada.id, 'mobile')}", f"/contacts/{ada.id}/verify"

    async def offered() -> tuple[bool, bool]:
        """In the select, and said to be missing there."""
        page = await read(house, cookie, path)
        return 'value="high"' in page.text, "High-risk work is not in the list" in words(page)

    assert await offered() == (True, False), "by default it is only written down"
    await set_policy(house, Policy(high_is="enforced"))
    assert await offered() == (False, True)
    told = await house.ask(
        "GET", f"/api/v1/contacts/{ada.id}/methods?action=high", bearer=await house.log_in("technician")
    )
    whys = {one["why"] for one in told.json["items"] if one["state"] != "not_set_up"}
    assert whys == {"assurance_too_low"}
    refused = await send(house, cookie, path, way=way, action="high")
    assert refused.status == 409, "whoever sends it all the same is told so"
    assert (await send(house, cookie, path, way=way, action="standard")).status == 303


async def test_what_a_result_does_not_suffice_for_is_said_or_refused(house: House) -> None:
    """High-risk work by a code: written down at first, refused where the policy says so (SEC-09)."""
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    row = await start(house, cookie, ada, action="high")
    await send(house, cookie, f"/verifications/{row.id}/check", code=await code_of(house, row.id))
    assert "Not enough for high-risk work." in words(await read(house, cookie, f"/contacts/{ada.id}"))
    await set_policy(house, Policy(high_is="enforced"))
    way = f"email_code.{await address_of(house, ada.id, 'email')}"
    refused = await send(house, cookie, f"/contacts/{ada.id}/verify", way=way, action="high")
    assert refused.status == 409
    assert "This method is not enough for what you want to do." in words(refused)
    assert '<option value="high" selected>' in refused.text
    assert f'<option value="{way}" selected>' in refused.text
    house.clock.advance(timedelta(minutes=1))
    await start(house, cookie, ada, "email_code", action="standard")
