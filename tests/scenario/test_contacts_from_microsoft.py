"""Contacts from Microsoft 365 in a running house: from the empty tenant to somebody who is verified, and what an admin
sees and decides when numbers change there."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from dialogs.settings import TenantSettings
from identity.sessions import address_block, token_digest
from storage.directory import StoredContact
from storage.people import NewTechnician
from tests.fixtures.demo_house import Answer, DemoHouse
from tests.fixtures.forms import words
from tests.fixtures.pages import hidden

PATH = "/settings/microsoft-365"
EUV = "/api/v1/end-user-verifications"


@dataclass(frozen=True, slots=True)
class Office:
    """An admin of a tenant, who has just signed in."""

    demo: DemoHouse
    tenant_id: str
    bearer: str

    async def press(self, path: str, **form: Any) -> Answer:
        return await self.demo.ask("POST", path, bearer=self.bearer, form=form)

    async def pressed(self, path: str, **form: Any) -> str:
        """The same, granted: where it leads."""
        answer = await self.press(path, **form)
        assert answer.status == 303, words(answer.text)
        return answer.headers["Location"].partition("?")[0]

    async def see(self, path: str) -> str:
        answer = await self.demo.ask("GET", path, bearer=self.bearer)
        assert answer.status == 200, answer.text
        return words(answer.text)

    async def source(self) -> str:
        """The demo's app registration, added: the path of its page."""
        there = self.demo.world.microsoft.application()
        ends = self.demo.house.clock.now().replace(year=self.demo.house.clock.now().year + 1, day=1).date()
        entry = {"application_id": there.id, "secret": there.secret, "expires_on": ends.isoformat()}
        return await self.pressed(PATH, name="Our clients", **entry)

    async def synced(self, organisation: str, state: str = "synced") -> str:
        """Wait until its people have been read, or cannot be, and all that follows from it has been done; its page."""
        id = organisation.rpartition("/")[2]

        async def is_over() -> bool:
            found = await self.demo.house.services.contact_sources.organisation(self.tenant_id, id)
            assert found is not None
            now = self.demo.house.clock.now()
            undone = await self.demo.rows("SELECT id FROM source_changes WHERE state IN ('gathered', 'approved')")
            return found.state == state and found.next_at is not None and found.next_at > now and not undone

        await self.demo.until(is_over, "the sync to be over")
        await self.demo.idle()
        return await self.see(organisation)

    async def contact(self, name: str) -> StoredContact:
        (found,) = (await self.demo.house.services.directory.find(self.tenant_id, q=name)).items
        return found


async def open_office(demo: DemoHouse, tenant_id: str, technician_id: str) -> Office:
    services, now = demo.house.services, demo.house.clock.now()
    token = services.random.token()
    await services.accounts.create_log_in(
        tenant_id=tenant_id,
        log_in_id=services.random.new_id(now),
        technician_id=technician_id,
        digest=token_digest(token),
        kind="bearer",
        now=now,
        expires_at=now.replace(year=now.year + 1, day=1),
        address_block=address_block("127.0.0.1"),
        browser="",
    )
    return Office(demo, tenant_id, token)


async def fresh_office(demo: DemoHouse) -> Office:
    """A tenant that was added a moment ago, with one admin, a mail server, and nobody else."""
    services, now = demo.house.services, demo.house.clock.now()
    tenant_id, admin = services.random.new_id(now), services.random.new_id(now)
    await services.tenants.create(tenant_id, "lighthouse", "Lighthouse IT", TenantSettings(phone="+12125550190"), now)
    await demo.world.notices.lead_here(demo.house, tenant_id)
    new = NewTechnician(admin, "lou@lighthouse.example", "Lou Grey", "admin", "no hash", "A" * 32, ())
    await services.people.add(tenant_id, new, now)
    return await open_office(demo, tenant_id, admin)


@pytest.mark.feature("EV-46", "CO-02", "CO-03", "CO-04", "CO-05", "CO-07", "CO-08", "CO-09", "CO-11", "CO-12", "SEC-43")
async def test_a_tenant_with_nothing_but_microsoft_365_verifies_one_of_its_people(demo: DemoHouse) -> None:
    office = await fresh_office(demo)
    source = await office.source()
    unasked = await office.press(source + "/organisations", organisation="northwind.example")
    assert unasked.status == 422
    assert "has not agreed" in words(unasked.text)

    # To Microsoft by the link, as an administrator of the organisation, and back.
    asked = await office.press(source + "/consent")
    link = re.search(r'href="(http[^"]*adminconsent[^"]*)"', asked.text)
    assert link is not None
    address = html.unescape(link[1])
    (northwind,) = demo.world.microsoft.organisations()
    form = {"answer": "accept", "organisation": northwind.id}
    async with demo.http.post(address, data=form, allow_redirects=False) as sent_back:
        location = urlsplit(sent_back.headers["Location"])
    assert location.path == source + "/connected", "to the letter what the page says is to be entered there"
    came_back = await demo.ask("GET", f"{location.path}?{location.query}", bearer=office.bearer)
    given = {name: hidden(came_back.text, name) for name in ("word", "organisation")}
    organisation = await office.pressed(source + "/connected", **given)
    assert (await office.press(source + "/connected", **given)).status == 409, "once"
    assert "no client yet" in await office.see(organisation)
    assert (await demo.house.services.directory.find(office.tenant_id)).items == (), "nobody is read before"

    await office.pressed(organisation, client="Northwind Traders", new_client="yes")
    shown = await office.synced(organisation)
    for words_shown in ("Contacts from there 5", "Guests, left out 1", "Accounts switched off, left out 1"):
        assert words_shown in shown
    assert "Contacts added 5" in shown

    # Verified with the built-in tickets, at the address that came from there.
    nora = await office.contact("Nora")
    page = await office.see(f"/contacts/{nora.id}")
    assert "From Microsoft 365: Northwind Traders" in page
    assert page.count("from Microsoft 365, set") == 2, "of the mobile and of the mailbox"
    assert "not overwritten from there" in await office.see(f"/contacts/{nora.id}/edit")
    made = await demo.ask("POST", "/api/v1/tickets", {"contact_id": nora.id, "title": "VPN"}, bearer=office.bearer)
    email = next(address for address in nora.addresses if address.kind == "email")
    body = {"contact_id": nora.id, "address_id": email.id, "method": "email_code", "ticket": made.json["id"]}
    begun = await demo.ask("POST", EUV, body, bearer=office.bearer)
    assert begun.status == 201, begun.text
    await demo.idle()
    (mail,) = [one for one in demo.world.notices.mailbox.outbox() if one["to"] == "nora@northwind.example"]
    code = re.search(r"(?<!\d)\d{6}(?!\d)", str(mail["text"]))
    assert code is not None
    checked = await demo.ask("POST", f"{EUV}/{begun.json['id']}/check", {"code": code[0]}, bearer=office.bearer)
    assert checked.json["state"] == "verified", checked.text
    known = await demo.ask("GET", f"/api/v1/contacts/{nora.id}", bearer=office.bearer)
    assert next(a["shield"]["state"] for a in known.json["addresses"] if a["id"] == email.id) == "green"

    # Another name there may be another person: the shield goes, and what it stood on is new.
    cloud = demo.world.microsoft.cloud
    (there,) = cloud.organisations.values()
    cloud.change_person(there, next(p.id for p in northwind.people if "Nora" in p.name), displayName="Noah Finch")
    await office.pressed(organisation + "/sync")
    await office.synced(organisation)
    known = await demo.ask("GET", f"/api/v1/contacts/{nora.id}", bearer=office.bearer)
    assert (known.json["name"], known.json["verified"]) == ("Noah Finch", False)
    assert all(a["changed_at"] for a in known.json["addresses"])


@pytest.mark.feature("SEC-13", "SEC-12", "CO-12", "SEC-56")
async def test_what_changes_there_is_taken_over_and_many_at_once_wait_for_an_admin(demo: DemoHouse) -> None:
    office = await open_office(demo, demo.seeded.tenant_id, demo.technician("alex").id)
    microsoft, source = demo.world.microsoft, await office.source()
    (northwind,) = microsoft.organisations()
    microsoft.set_consent(northwind.id, True)
    organisation = await office.pressed(source + "/organisations", organisation="Northwind.example.")
    await office.pressed(organisation, client="acme dental")
    await office.synced(organisation)
    assert (await office.contact("Nora")).client_name == "Acme Dental"
    people = {person.name: person for person in northwind.people}

    def changes(name: str, mobile: str = "", email: str = "") -> None:
        before = people[name]
        assert microsoft.change_person(before.id, mobile=mobile or before.mobile, email=email or before.email)

    async def sync() -> str:
        await office.pressed(organisation + "/sync")
        return await office.synced(organisation)

    # One: as if somebody had done it by hand.
    changes("Nora Quist", "+1 (253) 555-0141")
    await sync()
    nora = await office.contact("Nora")
    assert nora.default("mobile") == "+12535550141"
    assert any("0141" in text for text in demo.texts_to("+12535550131")), "the old number is told how the new one ends"
    assert "changed" in await office.see(f"/contacts/{nora.id}")

    # Six: nobody believes that unseen.
    moved = ("Nora Quist", "Omar Reed", "Pia Stone", "Quinn Tran")
    for at, name in enumerate(moved):
        changes(name, f"+1 253-555-015{at}", f"new{at}@northwind.example" if at < 2 else "")
    told = demo.left()
    shown = await sync()
    assert "Look at 6 changes" in shown
    assert "6 changes wait for you" in await office.see("/settings")
    assert (await office.contact("Nora")).default("mobile") == "+12535550141"
    assert demo.left() == told
    contact_page = await office.see(f"/contacts/{nora.id}")
    assert "Microsoft 365 has another one" in contact_page
    assert "2 changes there wait for an admin" in contact_page

    waiting = organisation + "/changes"
    page = await demo.ask("GET", waiting, bearer=office.bearer)
    assert "+1 253-555-0141 → becomes +1 253-555-0150" in words(page.text)
    rows = re.findall(r'name="change" value="([^"]*)"> <span>(.*?) <span class="quiet">(.*?)</span>', page.text)
    ids = {(name, kind): id for id, name, kind in rows}
    assert len(ids) == 6
    assert (await office.press(waiting, decision="apply")).status == 422, "nothing is ticked"
    (seen,) = re.findall(r'name="seen" value="([0-9a-f]{64})"', page.text)
    await office.pressed(waiting, decision="apply", change=ids["Nora Quist", "Mobile"])
    await office.pressed(waiting, decision="refuse", change=ids["Omar Reed", "Mobile"])
    again = await office.press(waiting, decision="apply", change=ids["Omar Reed", "Mobile"])
    assert "decided already" in words(again.text)
    await office.synced(organisation)
    assert (await office.contact("Nora")).default("mobile") == "+12535550150"
    assert (await office.contact("Omar")).default("mobile") == "+12085550132"
    assert (await office.contact("Pia")).default("mobile") == "+14065550133"
    assert (await office.press(waiting, decision="apply_all", seen=seen)).status == 422, "others than were seen"
    assert (await office.press(waiting, decision="apply_all")).status == 422
    page = await demo.ask("GET", waiting, bearer=office.bearer)
    (seen,) = re.findall(r'name="seen" value="([0-9a-f]{64})"', page.text)
    await office.pressed(waiting, decision="apply_all", seen=seen)
    await office.synced(organisation)
    assert (await office.contact("Pia")).default("mobile") == "+12535550152"
    assert "Nothing waits" in await office.see(waiting)
    assert "Look at" not in await sync(), "what was refused is not asked again"
    decided = await demo.audit("kind=source.changes_approved") + await demo.audit("kind=source.changes_refused")
    assert [row["facts"]["changes"] for row in decided] == [1, 4, 1]

    # Somebody leaves: their history stays.
    assert microsoft.remove_person(people["Quinn Tran"].id)
    await sync()
    quinn = await office.contact("Quinn")
    assert quinn.addresses == ()
    assert "no longer in Microsoft 365" in await office.see(f"/contacts/{quinn.id}")

    # They do not agree any more: said with what to do, and nobody is taken away.
    microsoft.set_consent(northwind.id, False)
    await office.pressed(organisation + "/sync")
    shown = await office.synced(organisation, "problem")
    assert "has withdrawn its consent" in shown
    assert "AADSTS" in shown
    assert "Sync now" in shown
    assert (await office.contact("Pia")).default("mobile") == "+12535550152"
