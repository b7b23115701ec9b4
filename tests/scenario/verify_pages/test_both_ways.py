"""They check us and we check them, on one call: what stands in the way, and who may override it (SEC-06)."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.fixtures.forms import send, words
from tests.fixtures.verify_desk import address_of, code_of, newest, read, shields, start, ticket_of
from tests.fixtures.web_house import House, Who


async def test_one_page_leads_both_ways_on_one_call(house: House) -> None:
    """She checks me; then I check her, on the same call and about the same ticket, without an override (SEC-06)."""
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    ticket, api = await ticket_of(house, ada), await house.log_in("technician")
    await house.text(ada.mobile, "#verify")
    check = (await house.services.checks.page(house.world.tenant_id, live=True)).items[0]
    page = await read(house, cookie, f"/contacts/{ada.id}/verify")
    assert "They are checking a caller right now." in words(page)
    way = f"sms_code.{await address_of(house, ada.id, 'mobile')}"
    refused = await send(house, cookie, f"/contacts/{ada.id}/verify", way=way, ticket=ticket)
    assert refused.status == 409
    assert "They are checking a caller right now." in words(refused)
    claim = {"direction": "we_called_user", "ticket": ticket}
    claimed = await house.ask("POST", f"/api/v1/technician-verifications/{check.id}/claim", bearer=api, body=claim)
    assert claimed.status == 200, claimed.text
    mine = await read(house, cookie, f"/contacts/{ada.id}/verify")
    assert "They are checking you right now. Read them the code first." in words(mine)
    assert "They are checking a caller right now." not in words(mine), "the caller is whoever reads this"
    assert "They have texted #verify already. Go to their check" in words(mine)
    assert "Last time:" not in words(mine), "it is not over"
    for path in ("", "/verify"):
        shown = await read(house, cookie, f"/contacts/{ada.id}{path}")
        assert "I'm calling" not in words(shown), "it is theirs already"
    theirs = await read(house, await house.log_in("other_technician", "cookie"), f"/contacts/{ada.id}/verify")
    assert "They are checking a caller right now." in words(theirs)
    await house.text(ada.mobile, f"#confirm {claimed.json['code']}")
    board = await read(house, cookie, f"/codes/{check.id}")
    assert f'data-show="check_back" data-href="/contacts/{{contact_id}}/verify" href="/contacts/{ada.id}/verify"' in (
        board.text
    )
    page = await read(house, cookie, f"/contacts/{ada.id}/verify")
    assert "They have just checked you, about #" in words(page)
    assert re.search(rf'<select name="ticket">\s*<option value="{ticket}" selected>', page.text)
    row = await start(house, cookie, ada, ticket=ticket)
    assert row.lifted_by == check.id
    await send(house, cookie, f"/verifications/{row.id}/check", code=await code_of(house, row.id))
    page = await read(house, cookie, f"/contacts/{ada.id}/verify")
    assert shields(page) == ["green", "red"]
    assert "They want to check you too" not in words(page), "they have done it"
    assert "You never read a code to somebody who called you." not in words(page), "nothing is left to be read"
    assert "<summary>Before you call them again</summary>" in page.text
    assert "Last time: Confirmed" in words(page)
    stranger = await read(house, await house.log_in("other_technician", "cookie"), f"/contacts/{ada.id}/verify")
    assert "They have just checked you" not in words(stranger)


async def test_whoever_was_verified_and_has_not_checked_you_may_want_to(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    row = await start(house, cookie, ada)
    await send(house, cookie, f"/verifications/{row.id}/check", code=await code_of(house, row.id))
    page = await read(house, cookie, f"/contacts/{ada.id}/verify")
    assert shields(page) == ["green", "red"]
    assert "They want to check you too" in words(page)
    assert "You never read a code to somebody who called you." in words(page)


async def test_where_a_check_waits_announcing_says_what_it_does_now(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    calm = words(await read(house, cookie, f"/contacts/{ada.id}"))
    await house.text(ada.mobile, "#verify")
    waiting = words(await read(house, cookie, f"/contacts/{ada.id}"))
    later = "When they text #verify, the code appears under Codes at once"
    now = "If nobody has claimed their check, it becomes yours, and the code appears under Codes."
    assert (later in calm, now in calm, later in waiting, now in waiting) == (True, False, False, True)
    said = await send(house, cookie, "/announce", contact_id=ada.id, direction="we_called_user", ticket="later")
    assert said.headers["Location"] == "/codes?said=announced"
    board = words(await read(house, cookie, "/codes?said=announced"))
    assert "Announced. The code appears here as soon as they have texted #verify." in board
    assert "Read this only if YOU called them." in board, "it has appeared already"
    assert "Go to their check" in words(await read(house, cookie, f"/contacts/{ada.id}"))


@pytest.mark.feature("SEC-06")
async def test_a_check_of_a_caller_that_went_wrong_holds_for_ten_minutes(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    await house.text(ada.mobile, "#verify")
    await house.text(ada.mobile, "#deny")
    house.clock.advance(timedelta(minutes=4))
    page = await read(house, cookie, f"/contacts/{ada.id}")
    assert "They have just checked a caller" in words(page)
    assert "Codes go out again in 6 minutes." in words(page)
    house.clock.advance(timedelta(minutes=6))
    page = await read(house, cookie, f"/contacts/{ada.id}")
    assert "They have just checked a caller" not in words(page)
    assert '<button class="main big">' in page.text


async def test_an_override_takes_a_reason_and_a_fresh_sign_in(house: House) -> None:
    ada = house.world.people[0]
    await house.text(ada.mobile, "#verify")
    way, path = f"sms_code.{await address_of(house, ada.id, 'mobile')}", f"/contacts/{ada.id}/verify/override"
    cookie = await house.log_in("supervisor", "cookie")
    short = await send(house, cookie, path, way=way, reason="hurry")
    assert short.status == 422
    assert ">hurry</textarea>" in short.text
    reason = "Payroll is down, and her boss sits beside me."
    technician = await send(house, await house.log_in("technician", "cookie"), path, way=way, reason=reason)
    assert (technician.status, await house.services.verifications.of_contact(house.world.tenant_id, ada.id)) == (
        403,
        (),
    )
    house.clock.advance(timedelta(minutes=6))
    await house.text(ada.mobile, "#verify")
    asked = await send(house, cookie, path, way=way, reason=reason)
    assert asked.status == 401
    assert "Payroll is down" in asked.text, "the form waits for the proof"
    house.clock.advance(timedelta(seconds=31))
    done = await send(house, await house.log_in("supervisor", "cookie"), path, way=way, reason=reason)
    assert done.status == 303, words(done)
    row = await newest(house, ada.id)
    assert row.override is not None
    assert (row.override.reason, row.override.alone) == (reason, False)
    assert f"Override: {reason}" in words(await read(house, cookie, f"/contacts/{ada.id}/verify"))


@pytest.mark.feature("SEC-06")
async def test_an_override_is_offered_to_whoever_may_and_the_others_read_whom_to_ask(house: House) -> None:
    """The supervisor, the only one on duty; page, pod and API say the same."""
    ada, tenant_id = house.world.people[0], house.world.tenant_id
    await house.text(ada.mobile, "#verify")

    async def duty(*here: Who) -> None:
        for one in await house.services.people.technicians(tenant_id):
            on_duty = one.id in {house.people[who].id for who in here}
            await house.services.people.change(tenant_id, one.id, on_duty=on_duty)

    async def offered(who: Who) -> tuple[bool, bool, str]:
        """On the page, over the API, and what the page says of it."""
        page = await read(house, await house.log_in(who, "cookie"), f"/contacts/{ada.id}/verify")
        told = await house.ask("GET", f"/api/v1/contacts/{ada.id}/methods", bearer=await house.log_in(who))
        by_api = any(way["override"] for way in told.json["items"] if way["why"] == "direction_conflict")
        asked = re.search(r"It cannot wait\? (Ask [^.]+\.)", words(page))
        return "Ask them all the same" in page.text, by_api, asked[1] if asked else ""

    await duty("technician", "supervisor", "admin", "pod_only")
    assert await offered("supervisor") == (True, True, "")
    assert await offered("technician") == (False, False, "Ask Admin or Supervisor, on duty now, to override it.")
    await duty("technician", "supervisor")
    assert await offered("technician") == (False, False, "Ask Supervisor, on duty now, to override it.")
    assert await offered("admin") == (True, True, "")
    await duty("technician")
    assert await offered("technician") == (True, True, "")
    await duty()
    said = "Ask Admin or Supervisor to override it; nobody who may is on duty now."
    assert await offered("technician") == (False, False, said)
