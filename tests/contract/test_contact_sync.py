"""Contacts from a directory: who comes, what counts as a change, who decides, and who does not come back; on both
databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar

import pytest
from sqlalchemy import Connection, Executable, delete, insert, select

from storage.alerts import Alerts
from storage.contact_changes import AddressEdit, ContactChanges
from storage.database import Database, Unscoped
from storage.directory import NewAddress, NewContact
from storage.erasure import erase_contact
from storage.sources.proposing import close
from storage.sources.rules import What
from storage.tables import announced_calls, contacts, source_people
from storage.times import micros
from tests.fixtures.people_directory import Company, change, put, put_many, remove, renumber_many
from tests.fixtures.syncing import Office, values
from tests.fixtures.world import START

T = TypeVar("T")


def execute(statement: Executable, conn: Connection) -> None:
    conn.execute(statement)


@pytest.fixture
def northwind(office: Office) -> Company:
    company = office.outside.company("Northwind Traders", "northwind.example")
    put(company, "ann", "Ann Arbor", email="Ann@Northwind.example", mobile="(212) 555-0151", phone="212 555 0152")
    put(company, "bob", "Bob Bell", email="bob@northwind.example", mobile="+1 212 555 0153")
    put(company, "cid", "Cid Cole", email="cid@northwind.example", phone="nonsense")
    put(company, "gus", "Gus Guest", email="gus@elsewhere.example", kind="guest")
    put(company, "dee", "Dee Disabled", email="dee@northwind.example", kind="disabled")
    put(company, "nil", "Nil Nobody")
    return company


@pytest.mark.feature("CO-02", "CO-12", "SEC-13")
async def test_people_become_contacts_and_nothing_of_it_is_a_change(office: Office, northwind: Company) -> None:
    id = await office.connect(northwind)
    assert (await office.organisation(id)).state == "queued"
    await office.sync.work()
    found = await office.people(id)
    assert {name: values(contact) for name, contact in found.items()} == {
        "Ann Arbor": {
            "email": ("ann@northwind.example", False),
            "mobile": ("+12125550151", False),
            "phone": ("+12125550152", False),
        },
        "Bob Bell": {"email": ("bob@northwind.example", False), "mobile": ("+12125550153", False)},
        "Cid Cole": {"email": ("cid@northwind.example", False)},
    }
    after = await office.organisation(id)
    assert (after.state, after.step, after.read, after.waiting) == ("synced", "", 6, 0)
    assert after.domains == ("northwind.example",)
    assert {name: count for name, count in after.people.items() if count} == {
        "members": 3,
        "guests": 1,
        "disabled": 1,
        "no_address": 1,
    }
    assert after.last == {"added": 3, "left_out_addresses": 1, "changes": 0}
    assert await office.told() == 0
    assert office.outside.asked == ["", "all 6 2", "all 6 4"], "each page once"
    assert [line.kind for line in await office.lines()] == ["source.added", "source.synced"]
    again = await office.again(id)
    assert (again.last, len(await office.people(id)), await office.told()) == ({"changes": 0}, 3, 0)
    assert office.outside.asked[3:] == ["new 6 0 0"], "only what is new"
    assert len(await office.lines()) == 2, "a round that brought nothing is not noted"


@pytest.mark.feature("CO-02", "SEC-13")
async def test_the_same_from_the_start_and_in_another_writing_is_nothing(office: Office, northwind: Company) -> None:
    id = await office.connect(northwind)
    await office.sync.work()
    before = await office.people(id)
    change(northwind, "ann", mobile="+1-212-555-0151", email="ANN@northwind.example")
    assert (await office.again(id)).last["changes"] == 0
    northwind.forgot = 99
    assert (await office.again(id)).last["changes"] == 0
    assert office.outside.asked[-3:] == ["", "all 7 2", "all 7 4"], "the cursor was too old, so everybody was read"
    assert await office.people(id) == before
    assert await office.told() == 0


async def announce(office: Office, contact_id: str) -> None:
    """A call to them, which a check of theirs would be claimed by."""
    now = office.kept.clock.now()
    row = {
        "tenant_id": office.tenant_id,
        "id": office.kept.new_id(),
        "contact_id": contact_id,
        "technician_id": office.kept.world.dana,
        "technician_name": "Dana",
        "direction": "we_called_user",
        "ticket": "later",
        "created_at": micros(now),
        "expires_at": micros(now + timedelta(days=1)),
    }
    await office.kept.database.write(office.tenant_id, partial(execute, insert(announced_calls).values(row)))


@pytest.mark.feature("SEC-13", "CO-02")
async def test_a_number_that_changes_there_is_a_change_as_by_hand(office: Office, northwind: Company) -> None:
    id = await office.connect(northwind)
    await office.sync.work()
    ann = (await office.people(id))["Ann Arbor"]
    await announce(office, ann.id)
    office.kept.clock.advance(timedelta(hours=1))
    change(northwind, "ann", mobile="+12125550159", phones=())
    change(northwind, "bob", phones=("+12125550158",))
    assert (await office.again(id)).last == {"changes": 3}
    found = await office.people(id)
    assert values(found["Ann Arbor"]) == {
        "email": ("ann@northwind.example", False),
        "mobile": ("+12125550159", True),
    }
    assert values(found["Bob Bell"])["phone"] == ("+12125550158", True), "new to them, so new for a week"
    assert [a.is_default for a in found["Ann Arbor"].addresses] == [True, True]
    notices = await office.notices()
    assert sorted((template, to) for template, to, _ in notices) == [
        ("contact.address_added", "+12125550153"),
        ("contact.address_changed", "+12125550151"),
        ("contact.address_removed", "+12125550152"),
    ]
    assert not any("0159" in body[:-10] and "+1212" in body for _, _, body in notices)
    ended = select(announced_calls.c.ended_at).where(announced_calls.c.contact_id == ann.id)
    assert await office.kept.database.read(Unscoped.OPERATOR, lambda conn: conn.scalar(ended)) is not None
    lines = await office.lines("contact.address_")
    assert {(line.kind, line.technician_id) for line in lines} == {
        ("contact.address_changed", ""),
        ("contact.address_removed", ""),
        ("contact.address_added", ""),
    }
    assert all(json.loads(line.public)["source"] == office.source_id for line in lines)


@pytest.mark.feature("SEC-13", "SEC-12")
async def test_many_changes_at_once_wait_for_an_admin(office: Office, northwind: Company) -> None:
    put_many(northwind, 6)
    id = await office.connect(northwind)
    await office.sync.work()
    renumber_many(northwind, range(5))
    assert (await office.again(id)).waiting == 0, "five come about by themselves"
    assert await office.told() == 5
    renumber_many(northwind, range(6), 9)
    after = await office.again(id)
    assert (after.waiting, await office.changes.count(office.tenant_id), await office.told()) == (6, 6, 5)
    (alert,) = await office.alerts()
    assert alert.startswith("Northwind Traders: 6 numbers or mail addresses changed in Microsoft 365")
    waiting = await office.waiting()
    assert {(w.contact_name, w.what, w.kind, w.before, w.after) for w in waiting} == {
        *((f"Many {n}", "changed", "mobile", f"+1212555018{n}", f"+1212555019{n}") for n in range(5)),
        ("Many 5", "changed", "mobile", "+12125550175", "+12125550195"),
    }
    by_name = {w.contact_name: w for w in waiting}
    origin = await office.sources.origin(office.tenant_id, by_name["Many 0"].contact_id)
    assert origin is not None
    assert (origin.waiting, sorted(a.said_otherwise for a in origin.addresses.values())) == (1, [False, True])
    no = office.event("source.changes_refused")
    assert await office.changes.decide(office.tenant_id, "refuse", no, change_ids=[by_name["Many 0"].id]) == 1
    one = office.event("source.changes_approved")
    assert await office.changes.decide(office.tenant_id, "apply", one, change_ids=[by_name["Many 1"].id]) == 1
    assert await office.changes.decide(office.tenant_id, "apply", one, change_ids=[by_name["Many 1"].id]) == 0
    other = office.kept.other.tenant_id
    assert await office.changes.decide(other, "apply", one, organisation_id=id) == 0, "nobody else's"
    rest = office.event("source.changes_approved")
    assert await office.changes.decide(office.tenant_id, "apply", rest, organisation_id=id) == 4
    await office.sync.work()
    found = await office.people(id)
    mobiles = [values(found[f"Many {n}"])["mobile"][0][-4:] for n in range(6)]
    assert mobiles == ["0180", "0191", "0192", "0193", "0194", "0195"], "what was refused stays as it is"
    assert await office.told() == 10
    lines = [(line.kind, json.loads(line.public).get("changes")) for line in await office.lines("source.change")]
    assert lines == [
        ("source.changes_wait", 6),
        ("source.changes_refused", 1),
        ("source.changes_approved", 1),
        ("source.changes_approved", 4),
    ]
    by = {line.technician_id for line in (await office.lines("contact.address_"))[5:]}
    assert by == {office.kept.world.dana}, "who approved it did it"
    assert (await office.again(id)).last["changes"] == 0, "what was refused does not come up again by itself"


@pytest.mark.feature("SEC-13")
async def test_the_alert_says_how_many_wait_now_until_somebody_has_seen_it(office: Office, northwind: Company) -> None:
    contoso = office.outside.company("Contoso", "contoso.example")
    put_many(northwind, 8)
    put_many(contoso, 9)
    here, there = await office.connect(northwind), await office.connect(contoso)
    await office.sync.work()
    renumber_many(northwind, range(6))
    await office.again(here)

    async def said() -> list[str]:
        return [alert.partition(" numbers or mail addresses")[0] for alert in await office.alerts()]

    assert await said() == ["Northwind Traders: 6"]
    for n in range(7):
        change(northwind, f"many{n}", email=f"m{n}@northwind.example")
    await office.again(here)
    assert await said() == ["Northwind Traders: 13"]
    renumber_many(contoso, range(7), 6)
    await office.again(there)
    assert await said() == ["Contoso, Northwind Traders: 20"]
    first = (await office.waiting())[0]
    one = office.event("source.changes_approved")
    assert await office.changes.decide(office.tenant_id, "apply", one, change_ids=[first.id]) == 1
    assert await said() == ["Contoso, Northwind Traders: 19"]
    # They take it back there.
    for n in range(7):
        change(contoso, f"many{n}", mobile=f"+1212555017{n}")
    await office.again(there)
    assert await said() == ["Northwind Traders: 12"]
    assert await office.sources.disconnect(office.tenant_id, here, office.kept.clock.now())
    assert await said() == [], "nothing is left to look at"

    # Seen once, it does not come up again before more of them wait.
    renumber_many(contoso, range(8), 6)
    await office.again(there)
    alerts = Alerts(office.kept.database, office.kept.keyring)
    (row,) = await alerts.unseen(office.tenant_id)
    assert await alerts.acknowledge(office.tenant_id, row.id, office.kept.world.dana, office.kept.clock.now())
    await office.again(there)
    assert await said() == []
    no = office.event("source.changes_refused")
    assert await office.changes.decide(office.tenant_id, "refuse", no, organisation_id=there) == 8
    assert (await alerts.recent(office.tenant_id))[0].seen_by == office.kept.world.dana


@pytest.mark.feature("SEC-13")
async def test_what_waits_is_never_another_thing_than_was_shown(office: Office, northwind: Company) -> None:
    put_many(northwind, 6)
    id = await office.connect(northwind)
    await office.sync.work()
    renumber_many(northwind, range(6))
    await office.again(id)
    shown = {w.contact_name: w for w in await office.waiting()}
    change(northwind, "many0", mobile="+12125550199")
    change(northwind, "many1", mobile="+12125550171")
    await office.again(id)
    now = {w.contact_name: w for w in await office.waiting()}
    assert now["Many 0"].after == "+12125550199"
    assert "Many 1" not in now, "it was taken back there"
    yes = office.event("source.changes_approved")
    stale = [shown["Many 0"].id, shown["Many 1"].id]
    assert await office.changes.decide(office.tenant_id, "apply", yes, change_ids=stale) == 0
    await office.sync.work()
    found = await office.people(id)
    assert [values(found[f"Many {n}"])["mobile"][0] for n in (0, 1)] == ["+12125550170", "+12125550171"]
    assert await office.told() == 0, "though the newer round had one change only"
    # What is given up while somebody is at it does not happen.
    assert await office.changes.decide(office.tenant_id, "apply", yes, organisation_id=id) == 5
    await office.carrying(Late(office.kept.database, office.tenant_id, now["Many 2"].id)).work()
    found = await office.people(id)
    ends = [values(found[f"Many {n}"])["mobile"][0][-4:] for n in range(6)]
    assert ends == ["0199", "0171", "0172", "0183", "0184", "0185"]
    assert await office.told() == 4


@dataclass
class Late:
    """A database in which a change is given up right before it is carried out: after everything was read for it."""

    database: Database
    tenant_id: str
    change_id: str

    async def read(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        return await self.database.read(scope, work)

    async def write(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        await self.database.write(
            self.tenant_id, lambda conn: close(conn, self.tenant_id, self.change_id, "void", START)
        )
        return await self.database.write(scope, work)


async def by_hand(office: Office, contact_id: str, what: What, address_id: str, before: str, after: str) -> None:
    """As somebody does on the contact's page."""
    kind = "email" if "@" in before + after else "mobile"
    changes = ContactChanges(office.kept.database, office.kept.keyring, office.kept.randomness.new_id)
    edit = AddressEdit(what, address_id, kind, before, after)
    edited = await changes.edit_address(office.tenant_id, contact_id, edit, office.event(f"contact.address_{what}"), [])
    assert not edited.refused


@pytest.mark.feature("CO-02", "SEC-13")
async def test_what_somebody_here_has_changed_stays(office: Office, northwind: Company) -> None:
    id = await office.connect(northwind)
    await office.sync.work()
    ann, bob = (await office.people(id))["Ann Arbor"], (await office.people(id))["Bob Bell"]
    mobile = {c.name: next(a for a in c.addresses if a.kind == "mobile") for c in (ann, bob)}
    await by_hand(office, ann.id, "changed", mobile["Ann Arbor"].id, mobile["Ann Arbor"].value, "+12125550188")
    await by_hand(office, bob.id, "removed", mobile["Bob Bell"].id, mobile["Bob Bell"].value, "")
    await by_hand(office, bob.id, "added", office.kept.new_id(), "", "+12125550189")
    change(northwind, "ann", mobile="+12125550177")
    change(northwind, "bob", mobile="+12125550178")
    assert (await office.again(id)).last["changes"] == 0
    change(northwind, "ann", mobile="")
    remove(northwind, "bob")
    assert (await office.again(id)).last == {"gone": 1, "changes": 1}
    found = await office.people(id)
    assert values(found["Ann Arbor"])["mobile"] == ("+12125550188", True)
    assert values(found["Bob Bell"]) == {"mobile": ("+12125550189", True)}, "only what came from there goes"


@pytest.mark.feature("CO-02")
async def test_somebody_who_is_here_is_known_by_mail_and_name_together(office: Office, northwind: Company) -> None:
    world, clients = office.kept.world, await office.directory.clients(office.tenant_id)
    here = clients[0].id
    ids = {}
    for name, email in (("ann arbor", "ann@northwind.example"), ("Robert Bell", "bob@northwind.example")):
        ids[name] = office.kept.new_id()
        new = (NewAddress(office.kept.new_id(), "email", email, True),)
        contact = NewContact(ids[name], here, name, new)
        await office.directory.add_contact(office.tenant_id, contact, office.kept.clock.now())
    mobile = office.kept.new_id()
    await by_hand(office, ids["ann arbor"], "added", mobile, "", "+12125550181")
    elsewhere = office.kept.new_id()
    new = (NewAddress(office.kept.new_id(), "email", "cid@northwind.example", True),)
    await office.directory.add_contact(
        office.tenant_id, NewContact(elsewhere, clients[1].id, "Cid Cole", new), office.kept.clock.now()
    )
    id = await office.connect(northwind, here)
    await office.sync.work()
    assert (await office.organisation(id)).last == {
        "added": 2,
        "matched": 1,
        "left_out_addresses": 1,
        "changes": 1,
    }
    ann = await office.directory.contact(office.tenant_id, ids["ann arbor"])
    assert ann is not None
    assert {(a.kind, a.value, a.changed_at is not None, a.is_default) for a in ann.addresses} == {
        ("email", "ann@northwind.example", False, True),
        ("mobile", "+12125550181", True, True),
        ("mobile", "+12125550151", True, False),
        ("phone", "+12125550152", False, True),
    }, "a number beside one that is there is a change; a first one is not, as with a file"
    origin = await office.sources.origin(office.tenant_id, ann.id)
    assert origin is not None
    theirs = {a.value for a in ann.addresses if a.id in origin.addresses}
    assert theirs == {"+12125550151", "+12125550152"}
    assert await office.sources.origin(office.tenant_id, ids["Robert Bell"]) is None
    assert await office.sources.origin(office.tenant_id, elsewhere) is None, "of another client"
    assert await office.sources.origin(office.tenant_id, world.people[0].id) is None
    # Once everybody was read, a number that comes with an account of the same name and mail is news.
    eve = office.kept.new_id()
    new = (NewAddress(office.kept.new_id(), "email", "eve@northwind.example", True),)
    await office.directory.add_contact(office.tenant_id, NewContact(eve, here, "Eve Ems", new), office.kept.clock.now())
    put(northwind, "eve", "Eve Ems", email="eve@northwind.example", mobile="+12125550161")
    assert (await office.again(id)).last == {"matched": 1, "changes": 1}
    found = await office.directory.contact(office.tenant_id, eve)
    assert found is not None
    assert values(found)["mobile"] == ("+12125550161", True)


@pytest.mark.feature("CO-02", "SEC-13")
async def test_whoever_leaves_keeps_the_history_and_loses_the_addresses(office: Office, northwind: Company) -> None:
    id = await office.connect(northwind)
    await office.sync.work()
    before = await office.people(id)
    remove(northwind, "ann")
    change(northwind, "bob", kind="disabled")
    office.kept.clock.advance(timedelta(days=1))
    after = await office.again(id)
    assert after.last == {"gone": 2, "changes": 5}
    assert (after.people["members"], after.people["gone"]) == (1, 2)
    found = await office.people(id)
    assert values(found["Ann Arbor"]) == {}
    assert found["Ann Arbor"].id == before["Ann Arbor"].id
    assert values(found["Bob Bell"]) == {}
    origin = await office.sources.origin(office.tenant_id, found["Ann Arbor"].id)
    assert origin is not None
    assert (origin.state, origin.since) == ("gone", office.kept.clock.now())
    assert await office.told() == 5
    office.kept.clock.advance(timedelta(days=1))
    change(northwind, "bob", kind="member")
    assert (await office.again(id)).last == {"changes": 2}
    found = await office.people(id)
    assert values(found["Bob Bell"]) == {
        "email": ("bob@northwind.example", True),
        "mobile": ("+12125550153", True),
    }, "back, and new for a week"


@pytest.mark.feature("CO-02")
async def test_a_round_from_the_start_misses_who_is_gone(office: Office, northwind: Company) -> None:
    id = await office.connect(northwind)
    await office.sync.work()
    del northwind.people["bob"]
    northwind.forgot, northwind.unreadable = 99, 1
    assert (await office.again(id)).last == {"left_out_addresses": 1, "changes": 0}, "it may be who is missing"
    northwind.forgot = northwind.unreadable = 0
    after = await office.again(id)
    assert office.outside.asked[-3:] == ["", "all 6 2", "all 6 4"], "from the start once more, until it is clear"
    assert after.last == {"gone": 1, "left_out_addresses": 1, "changes": 2}
    assert values((await office.people(id))["Bob Bell"]) == {}


@pytest.mark.feature("CO-02")
async def test_a_name_follows_unless_somebody_here_has_said_another(office: Office, northwind: Company) -> None:
    id = await office.connect(northwind)
    await office.sync.work()
    bob = (await office.people(id))["Bob Bell"]
    changes = ContactChanges(office.kept.database, office.kept.keyring, office.kept.randomness.new_id)
    event = office.event("contact.changed")
    await changes.change_contact(office.tenant_id, bob.id, event, name="Bobby", client_id=bob.client_id, locale="")
    change(northwind, "ann", name="Ann Baker", locale="en-GB")
    change(northwind, "bob", name="Robert Bell")
    assert (await office.again(id)).last == {"renamed": 1, "changes": 0}
    found = await office.people(id)
    assert set(found) == {"Ann Baker", "Bobby", "Cid Cole"}
    assert found["Ann Baker"].locale == "en"
    (line,) = [line for line in await office.lines("contact.changed") if not line.technician_id]
    assert json.loads(line.public) == {"changed": "locale, name", "source": office.source_id}


@pytest.mark.feature("CO-02", "SEC-13")
async def test_all_numbers_of_somebody_come_and_each_changes_by_itself(office: Office, northwind: Company) -> None:
    one, two, three, four = (f"+1212555016{n}" for n in range(4))
    put(northwind, "dee", "Dee Dun", email="dee@northwind.example", mobile="+12125550165", phones=(one, two, one))
    id = await office.connect(northwind)
    await office.sync.work()

    async def phones() -> dict[str, tuple[bool, bool]]:
        """Each with whether it is the usual one, and whether it is new."""
        mine = (await office.people(id))["Dee Dun"].addresses
        return {a.value: (a.is_default, a.changed_at is not None) for a in mine if a.kind == "phone"}

    assert await phones() == {one: (True, False), two: (False, False)}
    change(northwind, "dee", phones=(two, one))
    assert (await office.again(id)).last.get("changes") == 0, "another order is no change"
    change(northwind, "dee", phones=(three, two))
    await office.again(id)
    assert await phones() == {three: (True, True), two: (False, False)}, "in the place of the one that went"
    change(northwind, "dee", phones=(three, two, four))
    await office.again(id)
    assert await phones() == {three: (True, True), two: (False, False), four: (False, True)}
    change(northwind, "dee", phones=(four,))
    await office.again(id)
    assert await phones() == {four: (True, True)}
    office.kept.clock.advance(timedelta(hours=25))
    remove(northwind, "dee")
    await office.again(id)
    assert await phones() == {}


@pytest.mark.feature("CO-02", "SEC-13")
async def test_a_number_that_was_refused_does_not_come_in_as_a_further_one(office: Office, northwind: Company) -> None:
    for n in range(6):
        put(northwind, f"many{n}", f"Many {n}", email=f"many{n}@northwind.example", phones=(f"+1212555017{n}",))
    id = await office.connect(northwind)
    await office.sync.work()
    for n in range(6):
        change(northwind, f"many{n}", phones=(f"+1212555018{n}",))
    await office.again(id)
    no = office.event("source.changes_refused")
    assert await office.changes.decide(office.tenant_id, "refuse", no, organisation_id=id) == 6
    change(northwind, "many0", phones=("+12125550180", "+12125550190"))
    await office.again(id)
    (waiting,) = await office.waiting()
    assert (waiting.contact_name, waiting.what, waiting.kind, waiting.after) == (
        "Many 0",
        "added",
        "phone",
        "+12125550190",
    )


@pytest.mark.feature("SEC-56", "CO-02")
async def test_whoever_is_erased_does_not_come_back(office: Office, northwind: Company) -> None:
    for n in range(6):
        put(northwind, f"many{n}", f"Many {n}", email=f"many{n}@northwind.example")
    id = await office.connect(northwind)
    await office.sync.work()
    renumber_many(northwind, range(6))
    change(northwind, "ann", mobile="+12125550190")
    await office.again(id)
    assert {w.contact_name for w in await office.waiting()} >= {"Ann Arbor", "Many 0"}
    ann = (await office.people(id))["Ann Arbor"]
    kept = office.kept
    now, tenant_id = kept.clock.now(), office.tenant_id
    done = await kept.database.write(
        Unscoped.OPERATOR, lambda conn: erase_contact(conn, kept.keyring, tenant_id, ann.id, now, kept.new_id)
    )
    assert done is not None
    assert "Ann Arbor" not in {w.contact_name for w in await office.waiting()}
    links = select(source_people.c.external_id, source_people.c.contact_id, source_people.c.said)
    erased = links.where(source_people.c.state == "erased")
    ((external_id, contact_id, said),) = await kept.database.read(
        Unscoped.OPERATOR, lambda conn: conn.execute(erased).all()
    )
    assert (external_id.startswith("erased:"), "ann" in external_id, contact_id, said) == (True, False, "", None)
    change(northwind, "ann", mobile="+12125550191")
    await office.again(id)
    northwind.forgot = 99
    change(northwind, "ann", mobile="+12125550192")
    after = await office.again(id)
    assert after.people["erased"] == 1
    assert "Ann Arbor" not in await office.people(id)
    # A version that knows of no links has erased somebody: the link leads nowhere.
    bob = (await office.people(id))["Bob Bell"]
    gone = delete(contacts).where(contacts.c.id == bob.id)
    await kept.database.write(Unscoped.OPERATOR, partial(execute, gone))
    change(northwind, "bob", mobile="+12125550193")
    assert (await office.again(id)).people["erased"] == 2
    assert "Bob Bell" not in await office.people(id)


@pytest.mark.feature("SEC-37", "CO-05")
async def test_nobody_is_read_before_it_is_clear_whose_contacts_they_are(office: Office, northwind: Company) -> None:
    await office.open()
    kept, now = office.kept, office.kept.clock.now()
    connect = partial(office.sources.connect, office.tenant_id, office.source_id)
    id, again = await connect(kept.new_id(), northwind.proven, kept.world.dana, now)
    assert not again
    assert await connect(kept.new_id(), northwind.proven, kept.world.dana, now) == (id, True)
    await office.sync.work()
    assert office.outside.asked == []
    assert (await office.organisation(id)).state == "unmapped"
    assert not await office.sources.sync_now(office.tenant_id, id, kept.world.dana, now)
    theirs = (await office.directory.clients(kept.other.tenant_id))[0].id
    assert not await office.sources.map_to(office.tenant_id, id, theirs, now), "a client of another tenant"
    other = kept.other.tenant_id
    assert not await office.sources.map_to(other, id, theirs, now)
    assert not await office.sources.disconnect(other, id, office.kept.clock.now())
    assert not await office.sources.remove(other, office.source_id, office.kept.clock.now())
    assert await office.sources.access(other, office.source_id, "x") is None
    mine = await office.directory.clients(office.tenant_id)
    assert await office.sources.map_to(office.tenant_id, id, mine[0].id, now)
    await office.sync.work()
    assert {"Ann Arbor", "Bob Bell"} <= set(await office.people(id))
    assert await office.sources.map_to_new(office.tenant_id, id, kept.new_id(), "Northwind", now)
    assert set(await office.people(id)) == {"Ann Arbor", "Bob Bell", "Cid Cole"}, "they go along, and nobody else"
    assert await office.sources.remove(office.tenant_id, office.source_id, office.kept.clock.now())
    assert await office.sources.organisations(office.tenant_id) == ()
    found = (await office.directory.find(office.tenant_id, q="Ann Arbor")).items
    assert len(found[0].addresses) == 3, "contacts stay, with everything"
    assert await office.sources.origin(office.tenant_id, found[0].id) is None
