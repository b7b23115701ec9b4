"""Tenants, numbers, clients, contacts and imports against the real tables."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from channels.twilio.account import AccountFor, FindAccount
from dialogs.settings import SettingsError, TenantSettings
from dialogs.tech_verify import Mode
from storage.contact_import import ContactImport
from storage.contacts_csv import parse_contacts_csv
from storage.database import Unscoped
from storage.directory import Directory, NameTaken, NewContact
from storage.paging import BadCursor
from storage.sealing import NoSuchTenant
from storage.tables import carrier_accounts
from storage.tenants import AccountTaken, CarrierAccount, NumberTaken, SlugTaken, Tenants
from tests.fixtures.kept import Kept


@pytest.fixture
def directory(kept: Kept) -> Directory:
    return Directory(kept.database, kept.keyring)


@pytest.fixture
def tenants(kept: Kept) -> Tenants:
    return Tenants(kept.database, kept.keyring)


# --- tenants


async def test_a_tenant_is_created_once_under_its_short_name(kept: Kept, tenants: Tenants) -> None:
    tenant_id = kept.new_id()
    await tenants.create(tenant_id, "bright-it", "Bright IT", TenantSettings(phone="+12125550100"), kept.clock.now())
    found = await tenants.by_slug("bright-it")
    assert found is not None
    assert (found.id, found.name, found.settings.phone, found.version) == (tenant_id, "Bright IT", "+12125550100", 1)
    assert await tenants.get(tenant_id) == found
    with pytest.raises(SlugTaken):
        await tenants.create(kept.new_id(), "bright-it", "Another", TenantSettings(), kept.clock.now())
    for slug in ("", "Bright", "a b", "-a", "a" * 64):
        with pytest.raises(ValueError, match="short name"):
            await tenants.create(kept.new_id(), slug, "x", TenantSettings(), kept.clock.now())
    assert [t.slug for t in await tenants.all()] == ["bright-it", "tenant-1000", "tenant-2000"]


@pytest.mark.feature("TV-04")
async def test_settings_change_together_with_their_version(kept: Kept, tenants: Tenants) -> None:
    tenant_id = kept.world.tenant_id
    changed = await tenants.change_settings(
        tenant_id, lambda s: replace(s, code_length=8, rules=replace(s.rules, mode=Mode.TRANSFER))
    )
    assert changed.version == 2
    found = await tenants.get(tenant_id)
    assert found == changed
    assert (found.settings.code_length, found.settings.rules.mode) == (8, Mode.TRANSFER)
    with pytest.raises(SettingsError):
        await tenants.change_settings(tenant_id, lambda s: replace(s, code_length=4))
    assert await tenants.get(tenant_id) == changed
    with pytest.raises(NoSuchTenant):
        await tenants.change_settings("nobody", lambda s: s)


@pytest.mark.feature("TV-28", "TV-29")
async def test_a_tenant_has_several_numbers_and_one_primary(kept: Kept, tenants: Tenants) -> None:
    tenant_id, second = kept.world.tenant_id, kept.new_id()
    await tenants.add_number(tenant_id, second, "+13035550170", "verification", kept.clock.now())
    for taker in (tenant_id, kept.other.tenant_id):
        with pytest.raises(NumberTaken):
            await tenants.add_number(taker, kept.new_id(), "+13035550170", "channel", kept.clock.now())
    found = await tenants.find_number("+13035550170")
    assert found is not None
    assert (found.tenant_id, found.facts.id, found.facts.primary) == (tenant_id, second, False)
    assert await tenants.set_primary(tenant_id, second)
    assert not await tenants.set_primary(kept.other.tenant_id, second)
    shown = [(n.facts.purpose, n.facts.address, n.facts.primary) for n in await tenants.numbers(tenant_id)]
    assert shown == [
        ("channel", "+16465550100", False),
        ("verification", "+13035550170", True),
        ("verification", "+12125550100", False),
    ]
    voice = kept.new_id()
    await tenants.add_number(tenant_id, voice, "+13035550171", "voice", kept.clock.now())
    found = await tenants.find_number("+13035550171")
    assert found is not None
    assert found.facts.primary, "the first of its purpose is the primary one"
    assert await tenants.find_number("+19999999999") is None


@pytest.mark.feature("SEC-18", "SEC-21")
async def test_carrier_accounts_are_sealed_and_found_by_sid_and_number(kept: Kept, tenants: Tenants) -> None:
    sid, world = "AC" + "1" * 32, kept.world
    account = CarrierAccount(world.tenant_id, sid, "token-canary", "next-canary", {"k1": "shared-canary"})
    await tenants.put_carrier_account(account, kept.clock.now())
    find: FindAccount = tenants.find_carrier_account
    owner: AccountFor = tenants.carrier_account_for
    found = await find(sid)
    assert found is not None
    assert (found.auth_token, found.secondary_token, found.shared_keys) == (
        "token-canary",
        "next-canary",
        {"k1": "shared-canary"},
    )
    assert found.owns(world.number.address)
    assert not found.owns(kept.other.number.address)
    assert await owner(world.second.address) == found
    assert await owner(kept.other.number.address) is None
    assert await find("AC" + "2" * 32) is None
    stored = await kept.database.read(Unscoped.ROUTING, lambda c: c.execute(select(carrier_accounts)).all())
    assert b"canary" not in stored[0].secrets
    assert "canary" not in repr(found)
    await tenants.put_carrier_account(replace(account, auth_token="second"), kept.clock.now())
    renewed = await find(sid)
    assert renewed is not None
    assert renewed.auth_token == "second"
    with pytest.raises(AccountTaken):
        await tenants.put_carrier_account(replace(account, tenant_id=kept.other.tenant_id), kept.clock.now())


# --- contacts


async def test_contacts_are_found_by_number_however_it_is_typed(kept: Kept, directory: Directory) -> None:
    ada = kept.world.people[0]
    for typed in ("+12125550111", "(212) 555-0111", "212.555.0111", "1 212 555 0111", "5550111", "001 212 555 0111"):
        found = await directory.find(kept.world.tenant_id, phone=typed, region="US")
        assert [c.id for c in found.items] == [ada.id], typed
    for typed in ("0111", "(212) 555-0112", "nonsense", "%"):
        assert (await directory.find(kept.world.tenant_id, phone=typed, region="US")).items == (), typed


@pytest.mark.feature("CO-13")
async def test_contacts_are_found_by_mail_name_and_client(kept: Kept, directory: Directory) -> None:
    tenant_id = kept.world.tenant_id
    umlaut = NewContact(kept.new_id(), kept.world.people[0].client_id, "Özil Ümit")
    await directory.add_contact(tenant_id, umlaut, kept.clock.now())

    async def names(**wanted: str) -> list[str]:
        return [c.name for c in (await directory.find(tenant_id, **wanted)).items]  # type: ignore[arg-type]

    assert await names(email=" ADA@acme.example") == ["Ada Bishop"]
    assert await names(q="bolt fr") == ["Dev Eder", "Eve Fox", "Finn Gray"]
    assert await names(q="EVE") == ["Eve Fox"]
    assert await names(q="özil") == ["Özil Ümit"]
    assert await names(q="finn@") == ["Finn Gray"]
    assert await names(q="%") == []
    assert await names(q="a", client_id=kept.world.people[3].client_id) == ["Dev Eder", "Eve Fox", "Finn Gray"]
    assert await names(email="ada@acme.example", q="ben") == []


async def test_pages_neither_repeat_nor_skip(kept: Kept, directory: Directory) -> None:
    tenant_id, seen, cursor = kept.world.tenant_id, [], ""
    twin = NewContact(kept.new_id(), kept.world.people[0].client_id, "Ben Cole")
    await directory.add_contact(tenant_id, twin, kept.clock.now())
    while True:
        page = await directory.find(tenant_id, cursor=cursor, limit=2)
        seen += [c.name for c in page.items]
        if page.next is None:
            break
        cursor = page.next
    assert seen == sorted(["Ben Cole", *(p.name for p in kept.world.people)])
    for bad in ("x", "bm9wZQ", "WzEsIngiXQ"):
        with pytest.raises(BadCursor):
            await directory.find(tenant_id, cursor=bad)


@pytest.mark.feature("SEC-37")
async def test_two_tenants_with_the_same_people_see_their_own(kept: Kept, directory: Directory) -> None:
    mine, theirs = kept.world, kept.other
    found = await directory.find(theirs.tenant_id, phone=mine.people[0].mobile)
    assert [c.id for c in found.items] == [theirs.people[0].id]
    assert await directory.contact(theirs.tenant_id, mine.people[0].id) is None
    named = await directory.contacts_with(theirs.tenant_id, [mine.people[0].id, theirs.people[1].id])
    assert [c.id for c in named] == [theirs.people[1].id]


async def test_client_names_are_unique_in_a_tenant(kept: Kept, directory: Directory) -> None:
    await directory.add_client(kept.world.tenant_id, kept.new_id(), "Coda", kept.clock.now())
    with pytest.raises(NameTaken):
        await directory.add_client(kept.world.tenant_id, kept.new_id(), "Coda", kept.clock.now())
    await directory.add_client(kept.other.tenant_id, kept.new_id(), "Coda", kept.clock.now())
    assert [c.name for c in await directory.clients(kept.other.tenant_id)] == ["Acme Dental", "Bolt Freight", "Coda"]


# --- import

FILE = """name;client;mobile;email
Gil Hart;Coda Design;212 555 0131;gil@coda.example
Hope Ives;Coda Design;(212) 555-0132;hope@coda.example
Ada Bishop;acme dental;212 555 0111;
Ben Cole;Acme Dental;212 555 0199;
Ira Jung;Acme Dental;212 555 0111;
"""


@pytest.mark.feature("CO-01")
async def test_an_import_adds_who_is_new_and_changes_nobody(kept: Kept, directory: Directory) -> None:
    tenant_id = kept.world.tenant_id
    imports = ContactImport(kept.database, kept.keyring, kept.randomness)
    parsed = parse_contacts_csv(FILE, "US")
    assert parsed.problems[0].what.startswith("+12125550111 also belongs to Ada Bishop")
    plan = await imports.plan(tenant_id, parsed)
    assert (await directory.find(tenant_id, q="Coda")).items == (), "planning writes nothing"
    assert await imports.apply(tenant_id, parsed, kept.clock.now()) == plan
    assert plan.new_clients == ("Coda Design",)
    assert [row.name for row in plan.new_contacts] == ["Gil Hart", "Hope Ives", "Ira Jung"]
    assert plan.unchanged == 2
    warned = [(p.line, p.what) for p in plan.problems if "here already" in p.what]
    assert warned == [
        (5, "Ben Cole of Acme Dental is here already, with other addresses; left as they are."),
        (6, "+12125550111 also belongs to Ada Bishop, who is here already."),
    ]
    (gil,) = (await directory.find(tenant_id, q="Gil")).items
    assert (gil.client_name, gil.default("mobile"), gil.default("email")) == (
        "Coda Design",
        "+12125550131",
        "gil@coda.example",
    )
    assert {a.changed_at for a in gil.addresses} == {None}
    ben = await directory.contact(tenant_id, kept.world.people[1].id)
    assert ben is not None
    assert ben.default("mobile") == "+13125550112"
    both = await directory.find(tenant_id, phone="+12125550111")
    assert [c.name for c in both.items] == ["Ada Bishop", "Ira Jung"]


@pytest.mark.feature("REL-02")
async def test_the_same_file_twice_adds_nothing(kept: Kept, directory: Directory) -> None:
    tenant_id = kept.world.tenant_id
    imports = ContactImport(kept.database, kept.keyring, kept.randomness)
    await imports.apply(tenant_id, parse_contacts_csv(FILE, "US"), kept.clock.now())
    before = await directory.find(tenant_id)
    again = await imports.apply(tenant_id, parse_contacts_csv(FILE, "US"), kept.clock.now())
    assert (again.new_clients, again.new_contacts, again.unchanged) == ((), (), 5)
    assert await directory.find(tenant_id) == before
    assert (await directory.find(kept.other.tenant_id, q="Coda")).items == ()
