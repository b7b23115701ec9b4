"""Tickets on pages: mine first, made with one click, noted, closed, taken, and the checks they have seen."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from psa.base import NewTicketFields
from tests.fixtures.pages import press
from tests.fixtures.pages import see as seen
from tests.fixtures.web_house import House, OpenWeb, Who
from web.pages import page_routes
from web.pages.errors import show_problem

TV = "/api/v1/technician-verifications"


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


async def see(house: House, path: str, who: Who = "technician") -> str:
    """What stands on a page."""
    answer = await seen(house, path, who)
    assert answer.status == 200, answer.text
    return answer.text


async def open_one(house: House, title: str, key: str, technician: str = "") -> str:
    ada = house.world.people[0]
    fields = NewTicketFields(title, "", contact_id=ada.id, technician_id=technician)
    return (await house.services.psa(house.world.tenant_id).create_ticket(fields, key=key)).id


async def test_my_own_open_tickets_come_first(house: House) -> None:
    mine = house.people["technician"].id
    await open_one(house, "Printer mine", "k1", mine)
    await open_one(house, "Screen nobody's", "k2")
    await open_one(house, "Mouse Theo's", "k3", house.people["other_technician"].id)
    page = await see(house, "/tickets")
    yours, others = page.split('id="others"')
    assert "Yours" in yours
    assert "Printer mine" in yours
    assert "Printer mine" not in others
    assert others.index("Mouse Theo") < others.index("Screen nobody"), "newest first"
    theirs = await see(house, "/tickets", "supervisor")
    assert "Yours" not in theirs
    found = await see(house, "/tickets?q=printer")
    assert "Printer mine" in found
    assert "Screen" not in found


async def test_one_click_opens_a_ticket_and_twice_is_one(house: House) -> None:
    ada = house.world.people[0]
    key = "01900000-0000-7000-8000-00000000c11c"
    made = [await press(house, "/tickets", contact_id=ada.id, key=key) for _ in range(2)]
    assert {a.status for a in made} == {303}
    assert made[0].headers["Location"] == made[1].headers["Location"]
    path = made[0].headers["Location"].split("?")[0]
    page = await see(house, path)
    assert f"Call with {ada.name}" in page
    assert "yours" in page
    assert (await press(house, "/tickets", "other_admin", contact_id=ada.id)).status == 404


async def test_notes_bear_the_name_of_who_wrote_them(house: House) -> None:
    path = f"/tickets/{await open_one(house, 'Printer', 'k1')}"
    key = re.search(r'name="key" value="([^"]+)"', await see(house, path))
    assert key is not None
    for _ in range(2):
        await press(house, f"{path}/note", note="Paper is <b>in</b> tray 2", key=key[1])
    await press(house, f"{path}/note", note="For all to read", public="yes")
    page = await see(house, path)
    assert page.count("Paper is &lt;b&gt;in&lt;/b&gt; tray 2") == 1
    assert "Technician, <time" in page
    notes = await house.services.psa(house.world.tenant_id).notes(path.removeprefix("/tickets/"))
    assert [(n.body, n.is_internal) for n in notes] == [("Paper is <b>in</b> tray 2", True), ("For all to read", False)]
    empty = await press(house, f"{path}/note", note="   ")
    assert (empty.status, "Write something first" in empty.text) == (422, True)


async def test_a_ticket_is_taken_closed_and_opened_again(house: House) -> None:
    path = f"/tickets/{await open_one(house, 'Printer', 'k1')}"
    assert "nobody’s yet" in await see(house, path)
    assert (await press(house, f"{path}/take")).headers["Location"] == f"{path}?said=ticket_taken"
    assert "yours" in await see(house, path)
    await press(house, f"{path}/status", status="closed")
    assert "Open it again" in await see(house, path)
    assert "Printer" not in await see(house, "/tickets")
    assert (await press(house, f"{path}/status", status="frozen")).status == 422
    await press(house, f"{path}/status", status="open")
    assert "Printer" in await see(house, "/tickets")
    for act in ("take", "note", "status"):
        answer = await press(house, f"{path}/{act}", "other_admin", **({"status": "open"} if act == "status" else {}))
        assert answer.status in (404, 422), act
        assert "Printer" not in answer.text


async def test_a_ticket_shows_the_checks_that_were_made_for_it(house: House) -> None:
    ada = house.world.people[0]
    ticket = await open_one(house, "Printer", "k1")
    assert "None so far. Say that you are calling about this ticket" in await see(house, f"/tickets/{ticket}")
    await house.text(ada.mobile, "#verify")
    bearer = await house.log_in("technician")
    (check,) = (await house.ask("GET", TV, bearer=bearer)).json["items"]
    body = {"direction": "we_called_user", "ticket": ticket}
    assert (await house.ask("POST", f"{TV}/{check['id']}/claim", bearer=bearer, body=body)).status == 200
    page = await see(house, f"/tickets/{ticket}")
    assert f'href="/codes/{check["id"]}"' in page
    assert ada.name in page


async def test_the_api_notes_closes_and_takes_tickets(house: House) -> None:
    ticket = await open_one(house, "Printer", "k1")
    bearer, me = await house.log_in("technician"), house.people["technician"].id
    path = f"/api/v1/tickets/{ticket}"
    assert (await house.ask("POST", f"{path}/take", bearer=bearer, body={})).json["technician_id"] == me
    mine = await house.ask("GET", f"/api/v1/tickets?technician_id={me}", bearer=bearer)
    assert [t["id"] for t in mine.json["items"]] == [ticket]
    note = {"text": "Paper is in", "internal": False}
    key = {"Idempotency-Key": "note-1"}
    for _ in range(2):
        assert (await house.ask("POST", f"{path}/notes", bearer=bearer, body=note, headers=key)).status == 204
    (written,) = (await house.ask("GET", path, bearer=bearer)).json["notes"]
    assert (written["author"], written["internal"]) == ("Technician", False)
    closed = await house.ask("POST", f"{path}/status", bearer=bearer, body={"status": "closed"})
    assert (closed.status, closed.json["open"]) == (200, False)
    theirs = await house.log_in("other_admin")
    for act, body in (("take", {}), ("notes", note), ("status", {"status": "open"})):
        assert (await house.ask("POST", f"{path}/{act}", bearer=theirs, body=body)).status == 404
