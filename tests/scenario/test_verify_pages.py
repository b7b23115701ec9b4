"""Verifying a caller in the console: from the contact, from the ticket, from the list, by forms alone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from urllib.parse import urlencode

import pytest
from sqlalchemy import Connection, select

from dialogs.turns import AuditEvent
from dialogs.user_verify import Live, Policy
from psa.base import NewTicketFields
from storage.codec import load_verification
from storage.contact_changes import AddressEdit
from storage.keys import Keyring, place
from storage.mail_servers import MailServer
from storage.sealing import row_keys
from storage.tables import verifications
from storage.tenants import CarrierAccount
from storage.verifications import VerificationRow
from tests.fixtures.demo_house import DemoHouse
from tests.fixtures.web_house import Answer, House, OpenWeb, Who
from tests.fixtures.world import MASTER_KEY, Person
from tests.scenario.route_ground import new_integration_key
from web.pages import page_routes
from web.pages.errors import show_problem
from web.routing import Scope


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    """With a carrier and a mail server on record, so that texts, calls and mails can be sent; nothing delivers them."""
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        tenant_id, services, now = opened.world.tenant_id, opened.services, opened.clock.now()
        await services.tenants.put_carrier_account(CarrierAccount(tenant_id, "AC" + "0" * 32, "0" * 32), now)
        server = MailServer("smtp.acme.example", 587, "starttls", "", "", "desk@acme.example", "Acme")
        await services.mail_servers.put(tenant_id, server, now)
        yield opened


async def send(house: House, cookie: str, path: str, **fields: str) -> Answer:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return await house.ask("POST", path, cookie=cookie, raw=urlencode(fields).encode() or None, headers=form)


def words(answer: Answer) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


async def read(house: House, cookie: str, path: str) -> Answer:
    answer = await house.ask("GET", path, cookie=cookie)
    assert answer.status == 200, words(answer)
    return answer


async def address_of(house: House, contact_id: str, kind: str) -> str:
    """The id of their usual one."""
    contact = await house.services.directory.contact(house.world.tenant_id, contact_id)
    assert contact is not None
    return next(a.id for a in contact.addresses if a.kind == kind and a.is_default)


async def add_address(house: House, contact_id: str, kind: str, value: str) -> str:
    """Another one, beside the usual one, and so long ago that it is no new one."""
    id = house.services.random.new_id(house.clock.now())
    edit = AddressEdit("added", id, kind, "", value)
    event = AuditEvent(house.services.random.new_id(house.clock.now()), house.clock.now(), "contact.changed")
    assert not (await house.services.contact_acts.edit_address(house.world.tenant_id, contact_id, edit, event)).refused
    house.clock.advance(timedelta(days=8))
    return id


async def ticket_of(house: House, person: Person, title: str = "Printer") -> str:
    fields = NewTicketFields(title, "", contact_id=person.id, client_id=person.client_id)
    return (await house.services.psa(house.world.tenant_id).create_ticket(fields, key=f"{person.id} {title}")).id


async def set_policy(house: House, policy: Policy) -> None:
    await house.services.tenants.change_settings(house.world.tenant_id, lambda now: replace(now, policy=policy))


async def newest(house: House, contact_id: str) -> VerificationRow:
    return (await house.services.verifications.of_contact(house.world.tenant_id, contact_id, limit=1))[0]


async def code_of(house: House, verification_id: str) -> str:
    """What their phone would show."""
    tenant_id, keyring = house.world.tenant_id, Keyring([MASTER_KEY])
    this = (verifications.c.tenant_id == tenant_id) & (verifications.c.id == verification_id)

    def look(conn: Connection) -> str:
        row = conn.execute(select(verifications).where(this)).mappings().one()
        keys, bound = (
            row_keys(conn, keyring, tenant_id, row["contact_id"]),
            place("verifications", "body", tenant_id, row["id"]),
        )
        state = load_verification(row["body"], lambda cell: keys.open(cell, bound))
        assert isinstance(state, Live)
        assert state.challenge.code is not None
        return state.challenge.code.digits

    return await house.database.read(tenant_id, look)


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}d}"


async def start(house: House, cookie: str, person: Person, method: str = "sms_code", **fields: str) -> VerificationRow:
    kind = "email" if method.startswith("email") else "mobile"
    way = f"{method}.{await address_of(house, person.id, kind)}"
    answer = await send(house, cookie, f"/contacts/{person.id}/verify", way=way, **fields)
    assert answer.status == 303, words(answer)
    return await newest(house, person.id)


def shields(answer: Answer) -> list[str]:
    """`red` or `green`, address by address, and the words beside each."""
    found = re.findall(r'<li data-shield="(\w+)">(.*?)</li>', answer.text, re.DOTALL)
    for colour, shown in found:
        said = unescape(re.sub(r"<[^>]+>", " ", shown))
        assert ("Not verified" in said) == (colour == "red"), "the words say what the colour says"
        assert ("tag good" in shown) == (colour == "green")
    return [colour for colour, _ in found]


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


@pytest.mark.feature("EV-29", "EV-30", "EV-31")
async def test_the_history_is_as_long_as_the_policy_says_newest_first(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    await set_policy(house, Policy(history_length=2))
    for method in ("sms_code", "sms_link", "email_code"):
        row = await start(house, cookie, ada, method)
        await send(house, cookie, f"/verifications/{row.id}/cancel")
        house.clock.advance(timedelta(minutes=5))
    page = await read(house, cookie, f"/contacts/{ada.id}")
    panel = re.search(r'<details class="history" id="verifications"><summary>(.*?)</details>', page.text, re.DOTALL)
    assert panel is not None, "a panel that opens and closes, closed at first"
    said = unescape(re.sub(r"<[^>]+>", " ", panel[1]))
    assert "Verifications (2)" in said
    assert said.index("Code by mail") < said.index("Link by text")
    assert "Code by text" not in said, "the oldest is beyond the length"
    assert said.count("Taken back") == 2
    assert said.count("by Technician") == 2
    opened = await read(house, cookie, f"/contacts/{ada.id}/verify")
    assert '<details class="history" id="verifications" open>' in opened.text


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


@pytest.mark.feature("EV-40")
async def test_a_ticket_closes_only_after_its_person_was_verified_where_the_policy_wants_that(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    free = await ticket_of(house, ada, "Before")
    assert (await send(house, cookie, f"/tickets/{free}/status", status="closed")).status == 303
    await set_policy(house, Policy(closing="verified_or_waived"))
    ticket, psa = await ticket_of(house, ada), house.services.psa(house.world.tenant_id)
    refused = await send(house, cookie, f"/tickets/{ticket}/status", status="closed")
    assert refused.status == 409
    assert "Nobody was verified for this ticket" in words(refused)
    api = await house.log_in("technician")
    path = f"/api/v1/tickets/{ticket}/status"
    answer = await house.ask("POST", path, bearer=api, body={"status": "closed"})
    assert (answer.status, answer.json["error"]) == (409, "verification_required")
    answer = await house.ask("POST", path, bearer=api, body={"status": "closed", "waiver": "no time"})
    assert (answer.status, answer.json["error"]) == (422, "waiver_note_short")
    assert (await psa.get_ticket(ticket)).is_open
    row = await start(house, cookie, ada, about=ticket)
    await send(house, cookie, f"/verifications/{row.id}/check", code=await code_of(house, row.id))
    assert (await send(house, cookie, f"/tickets/{ticket}/status", status="closed")).status == 303
    assert not (await psa.get_ticket(ticket)).is_open


@pytest.mark.feature("EV-40")
async def test_a_waiver_says_why_in_the_ticket_and_on_record(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    await set_policy(house, Policy(closing="verified_or_waived"))
    ticket, psa = await ticket_of(house, ada), house.services.psa(house.world.tenant_id)
    short = await send(house, cookie, f"/tickets/{ticket}/status", status="closed", waiver="no time")
    assert short.status == 422
    assert ">no time</textarea>" in short.text
    why = "She stood at my desk, we know each other for years."
    done = await send(house, cookie, f"/tickets/{ticket}/status", status="closed", waiver=why)
    assert done.status == 303
    assert not (await psa.get_ticket(ticket)).is_open
    assert [n.body for n in await psa.notes(ticket)] == [
        f"Closed without a verification of the person. Technician: {why}"
    ]
    waiver = await house.services.verifications.waiver(house.world.tenant_id, ticket)
    assert waiver is not None
    assert (waiver.note, waiver.technician_id) == (why, house.people["technician"].id)
    await house.place_lines()
    lines = (await house.services.log.before(house.world.tenant_id, kind="ticket.closing_waived", limit=5)).items
    assert len(lines) == 1


@pytest.mark.feature("EV-40", "SEC-35")
async def test_no_program_waives_it_and_nobody_with_words_that_cannot_be_read(house: House) -> None:
    await set_policy(house, Policy(closing="verified_or_waived"))
    ticket, psa = await ticket_of(house, house.world.people[0]), house.services.psa(house.world.tenant_id)
    key, _ = await new_integration_key(house, set(Scope))
    for by, why in ((key, "Closed by the night run"), (await house.log_in("technician"), "\u200b" * 20)):
        body = {"status": "closed", "waiver": why}
        answer = await house.ask("POST", f"/api/v1/tickets/{ticket}/status", bearer=by, body=body)
        assert (answer.status, answer.json["error"]) == (409, "verification_required")
    assert (await psa.get_ticket(ticket)).is_open
    assert await house.services.verifications.waiver(house.world.tenant_id, ticket) is None


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
    assert "They want to check you too" in words(page)
    assert "You never read a code to somebody who called you." in words(page)
    stranger = await read(house, await house.log_in("other_technician", "cookie"), f"/contacts/{ada.id}/verify")
    assert "They have just checked you" not in words(stranger)


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


async def test_what_a_result_does_not_suffice_for_is_said_or_refused(house: House) -> None:
    """High-risk changes by a code: written down at first, refused where the policy says so (SEC-09)."""
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    row = await start(house, cookie, ada, action="high")
    await send(house, cookie, f"/verifications/{row.id}/check", code=await code_of(house, row.id))
    assert "Not enough for high-risk changes." in words(await read(house, cookie, f"/contacts/{ada.id}"))
    await set_policy(house, Policy(high_is="enforced"))
    way = f"email_code.{await address_of(house, ada.id, 'email')}"
    refused = await send(house, cookie, f"/contacts/{ada.id}/verify", way=way, action="high")
    assert refused.status == 409
    assert "This method is not enough for what you want to do." in words(refused)
    assert '<option value="high" selected>' in refused.text
    assert f'<option value="{way}" selected>' in refused.text
    house.clock.advance(timedelta(minutes=1))
    await start(house, cookie, ada, "email_code", action="standard")


@pytest.mark.feature("EV-44")
async def test_the_history_tells_it_in_sentences_and_leads_to_the_panel(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    row = await start(house, cookie, ada)
    code = await code_of(house, row.id)
    for typed in (other_than(code), code):
        await send(house, cookie, f"/verifications/{row.id}/check", code=typed)
    await house.place_lines()
    page = await read(house, cookie, "/history")
    for said in (
        "Technician asked Ada Bishop to show who they are",
        "by: Code by text",
        "for: usual help",
        "Technician typed a wrong code of Ada Bishop",
        "Ada Bishop is verified: Technician typed the right code",
    ):
        assert said in words(page), said
    assert code not in page.text
    story = await house.ask("GET", f"/history/checks/{row.id}", cookie=cookie)
    assert (story.status, story.headers["Location"]) == (303, f"/verifications/{row.id}")
    there = await house.ask("GET", f"/verifications/{row.id}", cookie=cookie)
    assert (there.status, there.headers["Location"]) == (303, f"/contacts/{ada.id}/verify")
    other = await house.log_in("other_admin", "cookie")
    assert (await house.ask("GET", f"/history/checks/{row.id}", cookie=other)).status == 404


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


@pytest.mark.feature("VP-06")
async def test_every_shield_begins_red_and_says_so(house: House) -> None:
    cookie = await house.log_in("technician", "cookie")
    for person in house.world.people:
        assert set(shields(await read(house, cookie, f"/contacts/{person.id}"))) == {"red"}


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
