"""Contacts and clients on pages: added during a call, changed with a fresh sign-in, told apart from those who share a
number."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from typing import TypeVar

import pytest
from sqlalchemy import Connection, select, update

from dialogs.turns import AuditEvent
from storage.contact_changes import AddressEdit, ContactChanges
from storage.contact_import import new_contact
from storage.contacts_csv import ContactRow
from storage.database import Database, Unscoped
from storage.directory import put_contacts
from storage.keys import Keyring
from storage.tables import audit, dialogs
from tests.fixtures.forms import send, words
from tests.fixtures.web_house import Answer, House, OpenWeb
from tests.fixtures.world import MASTER_KEY
from web.pages import page_routes
from web.pages.errors import show_problem

T = TypeVar("T")
TV = "/api/v1/technician-verifications"
NEW = "+1 212-555-0188"


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


async def read(house: House, cookie: str, path: str) -> str:
    answer = await house.ask("GET", path, cookie=cookie)
    assert answer.status == 200, answer.text
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def address_of(answer: Answer) -> str:
    """Where a redirect leads, without what is said there."""
    assert answer.status == 303, answer.text
    return answer.headers["Location"].partition("?")[0]


async def address_id(house: House, contact_id: str, kind: str) -> str:
    contact = await house.services.directory.contact(house.world.tenant_id, contact_id)
    assert contact is not None
    return next(a.id for a in contact.addresses if a.kind == kind)


@pytest.mark.feature("CO-13")
async def test_somebody_is_added_during_the_call(house: House) -> None:
    cookie = await house.log_in("technician", "cookie")
    none = await read(house, cookie, "/contacts?q=Gil+Hart")
    assert "No contact found" in none
    assert "Add them as a new contact" in none
    form = await house.ask("GET", "/contacts/new?q=Gil+Hart", cookie=cookie)
    assert 'name="name" value="Gil Hart"' in form.text
    number = await house.ask("GET", "/contacts/new?q=212+555+0131", cookie=cookie)
    assert 'name="mobile" type="tel" value="212 555 0131"' in number.text
    added = await send(
        house,
        cookie,
        "/contacts/new",
        name="Gil  Hart",
        client="acme dental",
        mobile="(212) 555-0131",
        email="Gil@Acme.example",
    )
    there = await read(house, cookie, address_of(added))
    assert "Gil Hart" in there
    assert "Acme Dental" in there, "the client that was there, whatever the case"
    assert "+1 212-555-0131" in there
    assert "gil@acme.example" in there
    assert (await house.text("+12125550131", "#verify")).outcome == "taken"
    assert "Gil Hart" in await read(house, cookie, "/codes")


@pytest.mark.feature("CO-13")
@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("mobile", "0171 22", "is not a number that exists in US. Write it like +1 201-555-0123."),
        ("phone", "call me", "is not a phone number. Write it like +1 201-555-0123."),
        ("email", "ada at acme", "is not an e-mail address. Write it like ada@company.example."),
        ("name", "=HYPERLINK(1)", "which spreadsheets run as a formula. Take the sign away."),
        ("name", "", "The name is missing. Fill it in."),
        ("client", "Nobody Inc", "There is no client of that name. Correct it, or tick that it is a new one."),
        ("locale", "xx", "There are no texts in that language."),
    ],
)
async def test_what_will_not_do_is_said_at_the_field_and_nothing_is_lost(
    house: House, field: str, typed: str, said: str
) -> None:
    cookie = await house.log_in("technician", "cookie")
    fields = {"name": "Gil Hart", "client": "Acme Dental", "email": "gil@acme.example", field: typed}
    answer = await send(house, cookie, "/contacts/new", **fields)
    assert answer.status == 422
    assert said in words(answer)
    assert f'aria-describedby="wrong-{field}' in answer.text or field == "locale"
    assert "gil@acme.example" in answer.text or field == "email"
    assert (await house.services.directory.find(house.world.tenant_id)).items[-1].name == "Finn Gray"


async def test_nobody_is_added_without_a_number_or_address(house: House) -> None:
    cookie = await house.log_in("technician", "cookie")
    answer = await send(house, cookie, "/contacts/new", name="Gil Hart", client="Acme Dental")
    assert answer.status == 422
    assert "Give at least one: nobody can be checked without." in words(answer)


async def test_a_new_client_takes_a_tick(house: House) -> None:
    cookie = await house.log_in("technician", "cookie")
    fields = {"name": "Gil Hart", "client": "Coda Design", "email": "gil@coda.example"}
    first = await send(house, cookie, "/contacts/new", **fields)
    assert "It is a new client: add it" in words(first)
    assert address_of(await send(house, cookie, "/contacts/new", **fields, new_client="yes"))
    listed = await read(house, cookie, "/clients?q=coda")
    assert "Coda Design 1 contact" in listed


async def test_a_shared_number_is_shown_and_takes_a_tick(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    fields = {"name": "Gil Hart", "client": "Bolt Freight", "mobile": ada.mobile}
    asked = await send(house, cookie, "/contacts/new", **fields)
    assert asked.status == 422
    assert "+1 212-555-0111 also belongs to Ada Bishop (Acme Dental)." in words(asked)
    assert "whoever claims it is asked which of them it is" in words(asked)
    assert address_of(await send(house, cookie, "/contacts/new", **fields, sure="yes"))
    same = await send(
        house, cookie, "/contacts/new", name="ada bishop", client="Acme Dental", email="other@acme.example"
    )
    assert "The same name is there: Ada Bishop (Acme Dental)." in words(same)


@pytest.mark.feature("SEC-34")
@pytest.mark.parametrize("path", ["", "/{address}", "/{address}/remove", "/{address}/use"])
async def test_a_number_changes_only_with_a_fresh_sign_in(house: House, path: str) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    where = f"/contacts/{ada.id}/addresses{path}".format(address=await address_id(house, ada.id, "mobile"))
    fields = {} if path.endswith(("remove", "use")) else {"value": NEW}
    house.clock.advance(timedelta(seconds=301))
    stale = await send(house, cookie, where, **fields)
    assert stale.status == 401
    contact = await house.services.directory.contact(house.world.tenant_id, ada.id)
    assert contact is not None
    assert contact.default("mobile") == ada.mobile
    details = await send(house, cookie, f"/contacts/{ada.id}/edit", name="Ada B", client="Acme Dental")
    assert details.status == 303, "a name is no number"


@pytest.mark.feature("SEC-13")
async def test_a_changed_number_ends_the_check_that_runs_on_it(house: House) -> None:
    cookie, (ada, ben) = await house.log_in("technician", "cookie"), house.world.people[:2]
    await house.text(ada.mobile, "#verify")
    await house.text(ben.mobile, "#verify")
    where = f"/contacts/{ada.id}/addresses/{await address_id(house, ada.id, 'mobile')}"
    done = await send(house, cookie, where, value=NEW)
    assert done.headers["Location"] == f"/contacts/{ada.id}?said=address_told_ended"
    shown = await read(house, cookie, done.headers["Location"])
    assert "The old number gets a notice, and the check that ran on it has ended." in shown
    assert f"{NEW} changed" in shown, "for seven days everybody sees that it is new"
    assert "Ended: their number was changed" in shown
    bearer = await house.log_in("technician")
    checks = {c["contact_id"]: c for c in (await house.ask("GET", TV, bearer=bearer)).json["items"]}
    assert (checks[ada.id]["state"], checks[ada.id]["reason"]) == ("expired", "number_changed")
    assert checks[ben.id]["state"] == "open"
    voided = select(audit.c.technician_id, audit.c.public).where(audit.c.kind == "tv.void")
    ((by, public),) = await house.database.read(Unscoped.OPERATOR, lambda conn: conn.execute(voided).all())
    assert (by, json.loads(public)["reason"]) == (house.people["technician"].id, "number_changed")
    house.clock.advance(timedelta(days=7))
    later = await read(house, await house.log_in("technician", "cookie"), f"/contacts/{ada.id}")
    assert f"{NEW} changed" not in later


@pytest.mark.feature("SEC-13")
async def test_a_late_confirm_from_the_old_number_counts_for_nothing(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    await house.text(ada.mobile, "#verify")
    where = f"/contacts/{ada.id}/addresses/{await address_id(house, ada.id, 'mobile')}"
    await send(house, cookie, where + "/remove")
    await house.text(ada.mobile, "#confirm")
    bearer = await house.log_in("technician")
    (check,) = (await house.ask("GET", TV, bearer=bearer)).json["items"]
    assert check["state"] == "expired"


async def test_changing_to_somebody_elses_number_takes_a_tick(house: House) -> None:
    cookie, (ada, ben) = await house.log_in("technician", "cookie"), house.world.people[:2]
    where = f"/contacts/{ada.id}/addresses/{await address_id(house, ada.id, 'mobile')}"
    asked = await send(house, cookie, where, value=ben.mobile)
    assert asked.status == 422
    assert "also belongs to Ben Cole (Acme Dental)." in words(asked)
    assert (await send(house, cookie, where, value=ben.mobile, sure="yes")).status == 303
    taken = await send(house, cookie, f"/contacts/{ada.id}/addresses", kind="mobile", value=ben.mobile, sure="yes")
    assert taken.status == 422
    assert "They have that very one already." in words(taken)
    bad = await send(house, cookie, where, value="12")
    assert bad.status == 422
    assert "Write it like +1" in words(bad)
    nothing = await send(house, cookie, where, value=ben.mobile, sure="yes")
    assert nothing.headers["Location"].endswith("said=saved"), "the same number is no change"


@pytest.mark.feature("SEC-56")
async def test_the_log_says_who_changed_what(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    await send(house, cookie, f"/contacts/{ada.id}/edit", name="Ada Lovelace", client="Bolt Freight", locale="en")
    same = await send(
        house, cookie, f"/contacts/{ada.id}/edit", name="Ada Lovelace", client="Bolt Freight", locale="en"
    )
    assert same.status == 303
    query = select(audit.c.contact_id, audit.c.technician_id, audit.c.public).where(audit.c.kind == "contact.changed")
    rows = await house.database.read(Unscoped.OPERATOR, lambda conn: conn.execute(query).all())
    assert [(row.contact_id, row.technician_id) for row in rows] == [(ada.id, house.people["technician"].id)]
    assert json.loads(rows[0].public)["changed"] == "name client locale"
    assert "Lovelace" not in rows[0].public


async def test_clients_are_listed_added_and_renamed(house: House) -> None:
    cookie = await house.log_in("technician", "cookie")
    assert "Acme Dental 3 contacts Bolt Freight 3 contacts" in await read(house, cookie, "/clients")
    added = await send(house, cookie, "/clients", name=" Coda   Design ")
    assert "Nobody yet" in await read(house, cookie, address_of(added))
    taken = await send(house, cookie, "/clients", name="coda design")
    assert taken.status == 422
    assert "There is a client of that name already." in words(taken)
    assert (await send(house, cookie, address_of(added), name="Coda Studio")).status == 303
    assert (await send(house, cookie, address_of(added), name="Acme Dental")).status == 422
    assert "Coda Studio 0 contacts" in await read(house, cookie, "/clients?q=STUDIO")
    assert "No client found" in await read(house, cookie, "/clients?q=nobody")
    theirs = (await house.services.directory.clients(house.other.tenant_id))[0].id
    for method in ("GET", "POST"):
        answer = await house.ask(
            method,
            f"/clients/{theirs}",
            cookie=cookie,
            raw=b"name=Mine" if method == "POST" else None,
            headers={"Content-Type": "application/x-www-form-urlencoded"} if method == "POST" else None,
        )
        assert answer.status == 404


async def test_5000_contacts_are_read_in_pages(house: House) -> None:
    """Each once, in order, with a search that finds the last one; no page reads more than its own rows."""
    world, now = house.world, house.clock.now()
    acme = world.people[0].client_id
    rows = [ContactRow(n, f"P {n:04d}", "Acme Dental", f"+1303555{n:04d}", "", "") for n in range(5000)]
    new_id = house.services.random.new_id
    people = [new_contact(row, acme, lambda: new_id(now)) for row in rows]
    keyring = Keyring([MASTER_KEY])
    await house.database.write(world.tenant_id, lambda conn: put_contacts(conn, keyring, world.tenant_id, people, now))
    cookie = await house.log_in("technician", "cookie")
    first = await house.ask("GET", "/contacts", cookie=cookie)
    assert "5,006 contacts" in words(first) or "5006 contacts" in words(first)
    assert first.text.count('class="button" href="/contacts/') == 51, "50 people and the button that adds one"
    assert len(first.raw) < 60_000
    assert "P 4999" in await read(house, cookie, "/contacts?q=p+4999")
    seen: list[str] = []
    path = "/clients/" + acme
    while path:
        page = await house.ask("GET", path, cookie=cookie)
        seen += re.findall(r"<strong><a href=\"/contacts/[^\"]*\">([^<]*)</a>", page.text)
        more = re.search(r'href="([^"]*)">Next page', page.text)
        path = unescape(more[1]) if more else ""
    assert len(seen) == 5003
    assert seen == sorted(set(seen))


@dataclass(frozen=True, slots=True)
class Between:
    """A database in which something is committed right after the first write of whoever holds it."""

    database: Database
    then: list[Callable[[Connection], None]]

    async def read(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        return await self.database.read(scope, work)

    async def write(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        done = await self.database.write(scope, work)
        while self.then:
            await self.database.write(Unscoped.OPERATOR, self.then.pop())
        return done


@pytest.mark.feature("SEC-13")
async def test_a_verify_that_was_under_way_during_the_change_ends_too(house: House) -> None:
    """Its turn has read the old number and commits after the change."""
    ada, tenant_id = house.world.people[0], house.world.tenant_id
    await house.text(ada.mobile, "#verify")
    row = dict(
        await house.database.read(Unscoped.OPERATOR, lambda conn: conn.execute(select(dialogs)).mappings().one())
    )

    def as_it_was(conn: Connection) -> None:
        conn.execute(update(dialogs).where(dialogs.c.id == row["id"]).values(row))

    changes = ContactChanges(Between(house.database, [as_it_was]), Keyring([MASTER_KEY]), house.services.random.new_id)
    mobile = await address_id(house, ada.id, "mobile")
    edit = AddressEdit("changed", mobile, "mobile", ada.mobile, "+12125550188")
    event = AuditEvent(house.services.random.new_id(house.clock.now()), house.clock.now(), "contact.address_changed")
    edited = await changes.edit_address(tenant_id, ada.id, edit, event, ())
    assert edited.ended == 2
    state = await house.database.read(
        Unscoped.OPERATOR, lambda conn: conn.execute(select(dialogs.c.state, dialogs.c.is_live)).one()
    )
    assert tuple(state) == ("expired", False)
