"""Whose verification it is: another tenant has none of it, a colleague sees it, and no page runs what a name says."""

from __future__ import annotations

from tests.fixtures.forms import send, words
from tests.fixtures.verify_desk import address_of, code_of, read, start, ticket_of
from tests.fixtures.web_house import House


async def test_what_is_not_ours_is_not_there(house: House) -> None:
    cookie = await house.log_in("technician", "cookie")
    ada, foreign = house.world.people[0], house.other.people[0]
    mobile = await address_of(house, ada.id, "mobile")
    for contact in (foreign.id, "01900000-0000-7000-8000-00000000dead", "no-id"):
        assert (await house.ask("GET", f"/contacts/{contact}/verify", cookie=cookie)).status == 404
        assert (await send(house, cookie, f"/contacts/{contact}/verify", way=f"sms_code.{mobile}")).status == 404
    ben_mobile = await address_of(house, house.world.people[1].id, "mobile")
    for way, status in (
        (f"sms_code.{ben_mobile}", 422),
        ("sms_code.+12125550199", 422),
        (f"no_method.{mobile}", 422),
        (f"passkey.{mobile}", 409),
        ("sms_code", 422),
    ):
        assert (await send(house, cookie, f"/contacts/{ada.id}/verify", way=way)).status == status, way
    assert (await house.ask("GET", f"/contacts/{ada.id}/verify?ticket=nope", cookie=cookie)).status == 404
    row = await start(house, cookie, ada)
    other = await house.log_in("other_admin", "cookie")
    for act in ("check", "resend", "cancel", "ticket"):
        fields = {"check": {"code": "123456"}, "ticket": {"ticket": "1"}}.get(act, {})
        assert (await send(house, other, f"/verifications/{row.id}/{act}", **fields)).status == 404, act
    assert (await house.ask("GET", f"/verifications/{row.id}/state", cookie=other)).status == 404
    away = await send(house, cookie, f"/verifications/{row.id}/cancel", back="https://evil.example/")
    assert away.headers["Location"] == f"/contacts/{ada.id}/verify?said=euv_cancelled"


async def test_a_colleague_sees_it_and_cannot_type_into_it(house: House) -> None:
    ada = house.world.people[0]
    row = await start(house, await house.log_in("technician", "cookie"), ada)
    cookie = await house.log_in("other_technician", "cookie")
    page = await read(house, cookie, f"/contacts/{ada.id}")
    assert "Technician has asked them" in words(page)
    assert 'name="code"' not in page.text
    answer = await send(house, cookie, f"/verifications/{row.id}/check", code=await code_of(house, row.id))
    assert answer.status == 409
    assert "Another technician has asked for this code." in words(answer)


async def test_no_page_asks_for_more_than_it_needs(house: House) -> None:
    """A hostile template: whatever stands in a name or a title is text on the page and nothing else."""
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    ticket = await ticket_of(house, ada, "<img src=x onerror=alert(1)> {{ 7*7 }}")
    page = await read(house, cookie, f"/contacts/{ada.id}/verify?ticket={ticket}")
    assert "<img src=x" not in page.text
    assert "{{ 7*7 }}" in words(page)
    sent = await send(
        house, cookie, f"/contacts/{ada.id}/verify", way="sms_code.none", note="<script>x</script>", about=ticket
    )
    assert sent.status == 422
    assert "<script>x" not in sent.text
