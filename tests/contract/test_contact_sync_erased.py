"""Whoever was erased stays away, whatever becomes of their organisation, until an admin says otherwise; on both
databases."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from storage.database import Unscoped
from storage.erasure import erase_contact
from storage.tables import source_left
from tests.fixtures.people_directory import Company, change, put
from tests.fixtures.syncing import Office, values


@pytest.fixture
def northwind(office: Office) -> Company:
    company = office.outside.company("Northwind Traders", "northwind.example")
    put(company, "ann", "Ann Arbor", email="ann@northwind.example", mobile="+12125550151")
    put(company, "bob", "Bob Bell", email="bob@northwind.example", mobile="+12125550153")
    put(company, "cid", "Cid Cole", email="cid@northwind.example", mobile="+12125550154")
    return company


async def erase(office: Office, contact_id: str) -> None:
    kept, now = office.kept, office.kept.clock.now()
    done = await kept.database.write(
        Unscoped.OPERATOR,
        lambda conn: erase_contact(conn, kept.keyring, office.tenant_id, contact_id, now, kept.new_id),
    )
    assert done is not None


async def leave(office: Office, id: str, how: str = "disconnected") -> None:
    now = office.kept.clock.now()
    if how == "disconnected":
        assert await office.sources.disconnect(office.tenant_id, id, now)
    else:
        assert await office.sources.remove(office.tenant_id, office.source_id, now)
        office.source_id = ""


async def marks(office: Office) -> dict[str, str]:
    """Contacts by the digests that are kept of organisations that left."""
    c = source_left.c
    query = select(c.digest, c.contact_id).where(c.tenant_id == office.tenant_id, c.digest != "")
    rows = await office.kept.database.read(office.tenant_id, lambda conn: conn.execute(query).all())
    return {row.digest: row.contact_id for row in rows}


@pytest.mark.feature("SEC-56", "CO-02")
@pytest.mark.parametrize("how", ["disconnected", "source removed"])
async def test_whoever_is_erased_while_their_organisation_is_away_does_not_come_back(
    office: Office, northwind: Company, how: str
) -> None:
    id = await office.connect(northwind)
    await office.sync.work()
    client = (await office.organisation(id)).client_id
    people = await office.people(id)
    ann, bob = people["Ann Arbor"].id, people["Bob Bell"].id
    await erase(office, ann)
    await leave(office, id, how)
    assert {of for digest, of in (await marks(office)).items() if digest.startswith("linked:")} == {
        bob,
        people["Cid Cole"].id,
    }
    await erase(office, bob)
    left = await marks(office)
    assert bob not in left.values()
    assert sorted(digest.partition(":")[0] for digest in left) == ["erased", "erased", "linked"]
    assert not any(name in digest for digest in left for name in ("ann", "bob", "cid"))

    change(northwind, "bob", name="Robert Bell", email="robert@northwind.example", mobile="+12125550160")
    id = await office.connect(northwind, client)
    await office.sync.work()
    assert set(await office.people(id)) == {"Cid Cole"}, "by their id there, whatever they are called by now"
    assert (await office.organisation(id)).people["erased"] == 2, "and an admin sees that they are kept out"
    assert not any(digest.startswith("linked:") for digest in await marks(office)), "who is here has a link again"

    # Away and back once more, and once more erased in between.
    cid = (await office.people(id))["Cid Cole"].id
    await leave(office, id, how)
    await erase(office, cid)
    id = await office.connect(northwind, client)
    await office.sync.work()
    assert await office.people(id) == {}
    assert (await office.organisation(id)).people["erased"] == 3


@pytest.mark.feature("SEC-56", "CO-02")
async def test_an_admin_lets_them_back_and_they_come_as_new_contacts(office: Office, northwind: Company) -> None:
    id = await office.connect(northwind)
    await office.sync.work()
    client = (await office.organisation(id)).client_id
    people = await office.people(id)
    await erase(office, people["Ann Arbor"].id)
    await leave(office, id)
    await erase(office, people["Bob Bell"].id)
    id = await office.connect(northwind, client)
    await office.sync.work()
    assert set(await office.people(id)) == {"Cid Cole"}

    now = office.kept.clock.now()
    assert await office.sources.let_back(office.tenant_id, id, now) == 2
    await office.sync.work()
    found = await office.people(id)
    assert set(found) == {"Ann Arbor", "Bob Bell", "Cid Cole"}
    assert found["Bob Bell"].id != people["Bob Bell"].id
    assert values(found["Bob Bell"])["mobile"] == ("+12125550153", True), "new for seven days"
    assert values(found["Cid Cole"])["mobile"] == ("+12125550154", False)
    assert (await office.organisation(id)).people["erased"] == 0
    assert await office.sources.let_back(office.tenant_id, id, now) == 0, "nobody is left"
    assert await office.sources.let_back("another", id, now) is None

    await leave(office, id)
    id = await office.connect(northwind, client)
    await office.sync.work()
    assert set(await office.people(id)) == {"Ann Arbor", "Bob Bell", "Cid Cole"}, "also the next time"


@pytest.mark.feature("SEC-56", "CO-02")
async def test_a_second_record_of_somebody_stays_when_the_first_is_erased(office: Office, northwind: Company) -> None:
    """They were renamed there while away, so they came as another contact: erasing the old one freezes nobody."""
    id = await office.connect(northwind)
    await office.sync.work()
    client = (await office.organisation(id)).client_id
    old = (await office.people(id))["Ann Arbor"].id
    await leave(office, id)
    change(northwind, "ann", name="Ann Baker", email="baker@northwind.example")
    id = await office.connect(northwind, client)
    await office.sync.work()
    assert set(await office.people(id)) >= {"Ann Arbor", "Ann Baker"}
    await erase(office, old)
    change(northwind, "ann", phones=("+12125550152",))
    await office.again(id)
    assert values((await office.people(id))["Ann Baker"])["phone"][0] == "+12125550152"
