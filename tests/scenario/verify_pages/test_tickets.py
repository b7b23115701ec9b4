"""About which ticket somebody is verified: from the list, from the ticket, about another one, about one that is yet to
be opened."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urlencode

import pytest

from dialogs.user_verify import Policy
from tests.fixtures.demo_house import DemoHouse
from tests.fixtures.forms import send, words
from tests.fixtures.verify_desk import address_of, code_of, newest, read, set_policy, shields, start, ticket_of
from tests.fixtures.web_house import House


@pytest.mark.feature("EV-32", "EV-33")
@pytest.mark.parametrize("required", [True, False])
async def test_another_persons_ticket_needs_a_note_where_the_policy_says_so(house: House, required: bool) -> None:
    cookie, (ada, ben) = await house.log_in("technician", "cookie"), house.world.people[:2]
    await set_policy(house, Policy(note_required=required))
    ticket = await ticket_of(house, ben)
    page = await read(house, cookie, f"/contacts/{ada.id}/verify?ticket={ticket}")
    assert "This ticket is another person’s." in words(page)
    assert ("A note is needed, because the ticket is another person's" in words(page)) == required
    way, path = f"sms_code.{await address_of(house, ada.id, 'mobile')}", f"/contacts/{ada.id}/verify"
    for note in ("", "too short", " " * 20):
        if not required:
            break
        answer = await send(house, cookie, path, way=way, about=ticket, note=note)
        assert answer.status == 422
        assert "Write a note of 10 characters or more" in words(answer)
        assert note.strip() in answer.text
        assert await house.services.verifications.of_contact(house.world.tenant_id, ada.id) == ()
    note = "Ben is off sick; Ada asks for him." if required else ""
    sent = await send(house, cookie, path, way=way, about=ticket, note=note)
    assert (sent.status, sent.headers["Location"]) == (303, f"/contacts/{ada.id}/verify?ticket={ticket}")
    row = await newest(house, ada.id)
    assert (row.ticket_id, row.note, row.other_contact) == (ticket, note, True)


@pytest.mark.feature("EV-36", "EV-39")
async def test_the_list_of_tickets_has_the_lock_and_the_shield(house: House) -> None:
    cookie, (ada, ben) = await house.log_in("technician", "cookie"), house.world.people[:2]
    tickets = {who.name: await ticket_of(house, who) for who in (ada, ben)}
    listed = await read(house, cookie, "/tickets")
    for who in (ada, ben):
        assert f'href="/contacts/{who.id}/verify?ticket={tickets[who.name]}"' in listed.text
    assert words(listed).count("Not verified") == 2
    row = await start(house, cookie, ada, about=tickets[ada.name])
    await send(house, cookie, f"/verifications/{row.id}/check", code=await code_of(house, row.id))
    listed = await read(house, cookie, "/tickets")
    assert words(listed).count("Not verified") == 1
    api = await house.ask("GET", "/api/v1/tickets", bearer=await house.log_in("technician"))
    shown = {t["id"]: (t["verified"], t["verify_url"]) for t in api.json["items"]}
    base = house.services.public_url
    for who, verified in ((ada, True), (ben, False)):
        ticket = tickets[who.name]
        assert shown[ticket] == (verified, f"{base}/contacts/{who.id}/verify?ticket={ticket}")


@pytest.mark.feature("EV-39")
async def test_a_result_for_one_ticket_is_none_for_another(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    one, two = await ticket_of(house, ada, "Printer"), await ticket_of(house, ada, "Mail")
    row = await start(house, cookie, ada, about=one)
    await send(house, cookie, f"/verifications/{row.id}/check", code=await code_of(house, row.id))
    assert shields(await read(house, cookie, f"/tickets/{one}")) == ["green", "red"]
    elsewhere = await read(house, cookie, f"/tickets/{two}")
    assert shields(elsewhere) == ["red", "red"]
    number = (await house.services.psa(house.world.tenant_id).get_ticket(one)).number
    assert f"Not verified for this ticket; for #{number} they are" in words(elsewhere)
    listed = await read(house, cookie, "/tickets")
    assert words(listed).count("Not verified") == 1, "one of the two"
    api = await house.ask("GET", "/api/v1/tickets", bearer=await house.log_in("technician"))
    assert {t["id"]: t["verified"] for t in api.json["items"]} == {one: True, two: False}
    page = await read(house, cookie, f"/contacts/{ada.id}")
    assert f"Verified for #{number}: Code by text" in words(page)


@pytest.mark.feature("EV-37")
@pytest.mark.parametrize("what", ["number", "title", "name"])
async def test_a_ticket_is_found_by_number_title_and_person_and_verified_from_there(house: House, what: str) -> None:
    cookie, (ada, ben) = await house.log_in("technician", "cookie"), house.world.people[:2]
    ticket, other = await ticket_of(house, ada, "Scanner jams"), await ticket_of(house, ben, "Mail is slow")
    number = (await house.services.psa(house.world.tenant_id).get_ticket(ticket)).number
    q = {"number": number, "title": "scanner", "name": "Ada Bi"}[what]
    found = await read(house, cookie, f"/tickets?{urlencode({'q': q})}")
    assert f'href="/contacts/{ada.id}/verify?ticket={ticket}"' in found.text
    assert other not in found.text
    assert (f'href="/contacts/{ada.id}/verify"' in found.text) == (what == "name"), "the person is found as well"


@pytest.mark.feature("EV-38")
async def test_the_methods_say_what_a_ticket_is_worth(house: House) -> None:
    bearer, (ada, *others) = await house.log_in("technician"), house.world.people
    foreign = next(one for one in others if one.client_id != ada.client_id)
    mine, theirs = await ticket_of(house, ada), await ticket_of(house, foreign)
    psa = house.services.psa(house.world.tenant_id)

    async def whys(ticket: str) -> set[str | None]:
        asked = await house.ask("GET", f"/api/v1/contacts/{ada.id}/methods?ticket={ticket}", bearer=bearer)
        return {one["why"] for one in asked.json["items"] if one["state"] != "not_set_up"}

    assert await whys(mine) == await whys("new") == await whys("later") == await whys("") == {None}
    assert await whys(theirs) == {"ticket_of_other_client"}
    assert await whys("nonsense") == {"ticket_not_found"}
    await psa.set_status(mine, "closed")
    assert await whys(mine) == {"ticket_closed"}


@pytest.mark.feature("EV-37", "EV-44")
async def test_a_new_ticket_is_chosen_like_any_other(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    page = await read(house, cookie, f"/contacts/{ada.id}/verify")
    offered = re.search(r'<select name="ticket">(.*?)</select>', page.text, re.DOTALL)
    assert offered is not None
    assert '<option value="new">New ticket</option>' in offered[1]
    assert '<option value="" selected>No ticket yet</option>' in offered[1], "nothing is opened unasked"
    row = await start(house, cookie, ada, ticket="new")
    assert (row.ticket_id, row.ticket_asked) == ("", True)
    code = await code_of(house, row.id)
    done = await send(house, cookie, f"/verifications/{row.id}/check", code=code)
    assert done.status == 303
    page = await read(house, cookie, f"/contacts/{ada.id}/verify")
    assert "new ticket" in words(page)
    assert "Link this ticket" not in words(page), "nobody need do anything for it"
    # What is refused is drawn again as it was typed.
    again = await send(house, cookie, f"/contacts/{ada.id}/verify", way="sms_code.nonsense", ticket="new")
    assert '<option value="new" selected>New ticket</option>' in again.text


async def test_a_result_without_a_ticket_is_linked_afterwards(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    ticket = await ticket_of(house, ada)
    row = await start(house, cookie, ada, ticket="")
    await send(house, cookie, f"/verifications/{row.id}/check", code=await code_of(house, row.id))
    page = await read(house, cookie, f"/contacts/{ada.id}")
    assert f'action="/verifications/{row.id}/ticket"' in page.text
    linked = await send(house, cookie, f"/verifications/{row.id}/ticket", ticket=ticket)
    assert linked.status == 303
    assert (await newest(house, ada.id)).ticket_id == ticket
    assert "Code by text" in words(await read(house, cookie, f"/tickets/{ticket}"))


async def test_when_the_ticket_system_is_away_the_caller_need_not_wait(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    demo.world.tickets_down = True
    page = await demo.api("GET", f"/contacts/{ada.id}/verify?ticket={ada.open_ticket}")
    assert page.status == 200, page.text
    said = " ".join(unescape(re.sub(r"<[^>]+>", " ", page.text)).split())
    assert "The ticket system does not answer right now." in said
    assert "No ticket yet" in said
    way = re.search(r'<option value="(sms_code\.[\w-]+)" selected>', page.text)
    assert way is not None, "a way works all the same, about no ticket yet"
