"""Whoever may write to a company's directory wants a code on a phone of their own: every way there ends at an admin, or
at a number that is new for a week; on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from storage.database import Unscoped
from storage.directory import NewAddress, NewContact
from storage.erasure import erase_contact
from storage.sources.changes import OthersWait
from tests.fixtures.people_directory import Company, change, put, put_many, remove, renumber_many
from tests.fixtures.syncing import Office, values

THEIRS = "+12125550199"


@pytest.fixture
def northwind(office: Office) -> Company:
    company = office.outside.company("Northwind Traders", "northwind.example")
    put(company, "ann", "Ann Arbor", email="ann@northwind.example", mobile="+12125550151")
    put(company, "mal", "Mal Mallory", email="mal@northwind.example", mobile=THEIRS)
    return company


async def suspect(office: Office, id: str) -> set[tuple[str, bool]]:
    """Who is reached on the attacker's phone, and whether that number counts as new."""
    organisation = await office.organisation(id)
    found = await office.directory.find(office.tenant_id, client_id=organisation.client_id, limit=100)
    return {(c.name, a.changed_at is not None) for c in found.items for a in c.addresses if a.value == THEIRS}


@pytest.mark.feature("SEC-13", "CO-02")
async def test_small_rounds_one_after_the_other_get_no_further_than_one_big_one(
    office: Office, northwind: Company
) -> None:
    put_many(northwind, 8)
    id = await office.connect(northwind)
    await office.sync.work()
    for first, last in ((0, 5), (5, 8)):
        office.kept.clock.advance(timedelta(hours=1))
        renumber_many(northwind, range(first, last))
        after = await office.again(id)
    assert (after.waiting, await office.told()) == (3, 5)
    assert len(await office.alerts()) == 1
    office.kept.clock.advance(timedelta(hours=25))
    change(northwind, "ann", phones=("+12125550152",))
    assert (await office.again(id)).waiting == 3, "another day, another change"
    assert await office.told() == 6


@pytest.mark.feature("SEC-13", "CO-02")
async def test_what_an_admin_has_refused_does_not_come_in_by_a_detour(office: Office, northwind: Company) -> None:
    put_many(northwind, 6)
    id = await office.connect(northwind)
    await office.sync.work()
    renumber_many(northwind, range(6))
    await office.again(id)
    no = office.event("source.changes_refused")
    assert await office.changes.decide(office.tenant_id, "refuse", no, organisation_id=id) == 6
    change(northwind, "many0", mobile="")
    change(northwind, "ann", mobile="+12125550152")
    await office.again(id)
    (waiting,) = await office.waiting()
    assert (waiting.contact_name, waiting.what) == ("Many 0", "removed")
    change(northwind, "many0", mobile=THEIRS)
    assert (await office.again(id)).waiting == 1
    assert (await office.people(id)).keys() >= {"Many 0"}
    assert values((await office.people(id))["Many 0"])["mobile"] == ("+12125550170", False)


@pytest.mark.feature("SEC-13", "CO-02")
async def test_all_of_them_are_those_that_an_admin_has_seen(office: Office, northwind: Company) -> None:
    put_many(northwind, 6)
    id = await office.connect(northwind)
    await office.sync.work()
    renumber_many(northwind, range(6))
    await office.again(id)
    seen = await office.changes.mark(office.tenant_id, id)
    change(northwind, "many0", mobile=THEIRS)
    assert (await office.again(id)).waiting == 6, "as many as before"
    yes = office.event("source.changes_approved")
    with pytest.raises(OthersWait):
        await office.changes.decide(office.tenant_id, "apply", yes, organisation_id=id, seen=seen)
    seen = await office.changes.mark(office.tenant_id, id)
    assert await office.changes.decide(office.tenant_id, "apply", yes, organisation_id=id, seen=seen) == 6


@pytest.mark.feature("SEC-13", "CO-02")
async def test_a_record_made_anew_or_renamed_is_new_for_a_week(office: Office, northwind: Company) -> None:
    id = await office.connect(northwind)
    await office.sync.work()
    assert await suspect(office, id) == {("Mal Mallory", False)}
    change(northwind, "mal", name="Mallory, Mal")
    await office.again(id)
    assert await suspect(office, id) == {("Mallory, Mal", False)}, "another writing is no other name"
    # The two swap names: a known phone answers for somebody else.
    change(northwind, "mal", name="Ann Arbor")
    change(northwind, "ann", name="Mal Mallory")
    await office.again(id)
    assert await suspect(office, id) == {("Ann Arbor", True)}
    # Deleted and made again under nearly the same name.
    remove(northwind, "mal")
    await office.again(id)
    put(northwind, "new", "Ann  Arbor.", email="ann.arbor@northwind.example", mobile=THEIRS)
    await office.again(id)
    assert await suspect(office, id) == {("Ann Arbor.", True)}


@pytest.mark.feature("SEC-13", "CO-02")
async def test_a_namesake_in_the_very_first_round_is_new_too(office: Office, northwind: Company) -> None:
    here = (await office.directory.clients(office.tenant_id))[0].id
    for name, email in (("ann arbor", "a.arbor@northwind.example"), ("Malcolm", "mal@northwind.example")):
        new = (NewAddress(office.kept.new_id(), "email", email, True),)
        contact = NewContact(office.kept.new_id(), here, name, new)
        await office.directory.add_contact(office.tenant_id, contact, office.kept.clock.now())
    put(northwind, "ann", "Ann Arbor", email="ann@northwind.example", mobile=THEIRS)
    put(northwind, "eve", "Eve Ems", email="eve@northwind.example", mobile="+12125550155")
    id = await office.connect(northwind, here)
    await office.sync.work()
    assert await suspect(office, id) == {("Ann Arbor", True), ("Mal Mallory", True)}
    assert values((await office.people(id))["Eve Ems"])["mobile"] == ("+12125550155", False)


@pytest.mark.feature("SEC-13", "SEC-56", "CO-02")
@pytest.mark.parametrize("how", ["disconnected", "source removed"])
async def test_connecting_anew_is_no_first_time(office: Office, northwind: Company, how: str) -> None:
    put(northwind, "bob", "Bob Bell", email="bob@northwind.example", mobile="+12125550153")
    put(northwind, "eve", "Eve Ems", email="eve@northwind.example")
    id = await office.connect(northwind)
    await office.sync.work()
    client, now = (await office.organisation(id)).client_id, office.kept.clock.now()
    bob = (await office.people(id))["Bob Bell"].id
    kept = office.kept
    await kept.database.write(
        Unscoped.OPERATOR, lambda conn: erase_contact(conn, kept.keyring, office.tenant_id, bob, now, kept.new_id)
    )
    if how == "disconnected":
        assert await office.sources.disconnect(office.tenant_id, id, now)
    else:
        assert await office.sources.remove(office.tenant_id, office.source_id, now)
        office.source_id = ""
    change(northwind, "eve", mobile=THEIRS)
    put(northwind, "fay", "Fay Finn", email="fay@northwind.example", mobile="+12125550156")
    id = await office.connect(northwind, client)
    await office.sync.work()
    found = await office.people(id)
    assert "Bob Bell" not in found, "whoever was erased stays away"
    assert values(found["Eve Ems"])["mobile"] == (THEIRS, True)
    assert values(found["Fay Finn"])["mobile"] == ("+12125550156", True)
    assert values(found["Ann Arbor"])["mobile"] == ("+12125550151", False), "what stood here stays as it was"
    assert await office.sources.disconnect(office.tenant_id, id, now), "also a second time"
