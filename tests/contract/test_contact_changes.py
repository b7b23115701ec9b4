"""Numbers and e-mail addresses that change: what ends, who is told, what the log says, on both databases."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, Executable, insert, select, update

from bot.contact_acts import ContactActs
from bot.wording import Wording
from dialogs.turns import AuditEvent
from storage.contact_changes import AddressEdit, ContactChanges, Edited
from storage.database import Unscoped
from storage.directory import Directory, NewAddress, NewContact, StoredAddress, StoredContact
from storage.erasure import erase
from storage.keys import place
from storage.namesakes import namesakes, sharing
from storage.sealing import row_keys
from storage.tables import addresses, announced_calls, audit, contacts, outbox
from storage.times import micros
from tests.fixtures.kept import Kept
from web.ports import AddressChanged

NEW = "+12125550188"


def _execute(statement: Executable, conn: Connection) -> None:
    conn.execute(statement)


class Desk:
    """The acts over one database. `mail`: whether mail has a way out."""

    def __init__(self, kept: Kept, *, mail: bool = False) -> None:
        async def can_mail(tenant_id: str) -> bool:
            return mail

        self.kept = kept
        self.directory = Directory(kept.database, kept.keyring)
        wording = Wording("https://watchword.example")
        self.acts = ContactActs(kept.database, kept.keyring, wording, can_mail, kept.clock, kept.randomness)

    async def contact(self, contact_id: str) -> StoredContact:
        found = await self.directory.contact(self.kept.world.tenant_id, contact_id)
        assert found is not None
        return found

    async def address(self, contact_id: str, kind: str) -> StoredAddress:
        return next(a for a in (await self.contact(contact_id)).addresses if a.kind == kind)

    async def edit(self, contact_id: str, edit: AddressEdit, *, tenant_id: str = "") -> AddressChanged:
        kind = "contact.address_default" if edit.what == "default" else f"contact.address_{edit.what}"
        return await self.acts.edit_address(
            tenant_id or self.kept.world.tenant_id, contact_id, edit, event(self.kept, kind)
        )

    async def notices(self) -> list[tuple[str, str, dict[str, str]]]:
        """Kind, template and payload of what waits to leave, oldest first."""
        kept, tenant_id = self.kept, self.kept.world.tenant_id

        def work(conn: Connection) -> list[tuple[str, str, dict[str, str]]]:
            found = []
            for row in conn.execute(select(outbox).where(outbox.c.tenant_id == tenant_id).order_by(outbox.c.id)):
                if row.payload is None:
                    continue
                keys = row_keys(conn, kept.keyring, tenant_id, row.contact_id)
                opened = keys.open(row.payload, place("outbox", "payload", tenant_id, row.id))
                found.append((row.kind, row.template, json.loads(opened)))
            return found

        return await kept.database.read(tenant_id, work)


def event(kept: Kept, kind: str) -> AuditEvent:
    return AuditEvent(kept.new_id(), kept.clock.now(), kind, technician_id=kept.world.dana, public={"address": "local"})


@pytest.fixture
def desk(kept: Kept) -> Desk:
    return Desk(kept)


@pytest.mark.feature("SEC-13")
async def test_a_changed_number_is_marked_and_the_old_one_is_told(desk: Desk) -> None:
    ada = desk.kept.world.people[0]
    assert {a.changed_at for a in (await desk.contact(ada.id)).addresses} == {None}, "what came with her is no change"
    mobile = await desk.address(ada.id, "mobile")
    desk.kept.clock.advance(timedelta(hours=1))
    done = await desk.edit(ada.id, AddressEdit("changed", mobile.id, "mobile", mobile.value, NEW))
    assert done == AddressChanged(told=True)
    after = await desk.address(ada.id, "mobile")
    assert (after.id, after.value, after.is_default, after.changed_at) == (mobile.id, NEW, True, desk.kept.clock.now())
    ((kind, template, payload),) = await desk.notices()
    assert (kind, template) == ("text", "contact.address_changed")
    assert (payload["to"], payload["from"]) == (mobile.value, desk.kept.world.number.address)
    assert "ending 0188" in payload["body"]
    assert NEW not in payload["body"], "the old number may be a stranger's by now"


@pytest.mark.feature("SEC-13")
async def test_a_change_of_writing_is_no_change_of_number(desk: Desk) -> None:
    ada = desk.kept.world.people[0]
    mobile = await desk.address(ada.id, "mobile")
    rewritten = AddressEdit("changed", mobile.id, "mobile", mobile.value, "+1 (212) 555-0111", rewritten=True)
    assert await desk.edit(ada.id, rewritten) == AddressChanged()
    after = await desk.address(ada.id, "mobile")
    assert (after.value, after.changed_at) == ("+1 (212) 555-0111", None)
    assert await desk.notices() == []


@pytest.mark.feature("SEC-13")
async def test_the_old_mail_address_is_told_where_mail_has_a_way_out(kept: Kept) -> None:
    ada = kept.world.people[0]
    without, desk = Desk(kept), Desk(kept, mail=True)
    mail = await desk.address(ada.id, "email")
    first = await without.edit(ada.id, AddressEdit("changed", mail.id, "email", mail.value, "a@acme.example"))
    assert first == AddressChanged(untold="no_mail_server")
    assert await desk.notices() == []
    second = await desk.edit(ada.id, AddressEdit("changed", mail.id, "email", "a@acme.example", "ada@bolt.example"))
    assert second == AddressChanged(told=True)
    ((kind, template, payload),) = await desk.notices()
    assert (kind, template, payload["to"]) == ("mail", "contact.address_changed", "a@acme.example")
    assert payload["subject"].endswith("your contact data was changed")
    assert "ending @bolt.example" in payload["body"]


@pytest.mark.feature("SEC-13")
async def test_whoever_gets_another_number_is_told_where_they_were_reached(desk: Desk) -> None:
    ada = desk.kept.world.people[0]
    other = desk.kept.new_id()
    done = await desk.edit(ada.id, AddressEdit("added", other, "mobile", "", NEW))
    assert done.told
    mobiles = [a for a in (await desk.contact(ada.id)).addresses if a.kind == "mobile"]
    shown = [(a.value, a.is_default, a.changed_at) for a in mobiles]
    assert shown == [(ada.mobile, True, None), (NEW, False, desk.kept.clock.now())], "added, and not used yet"
    again = await desk.edit(ada.id, AddressEdit("added", desk.kept.new_id(), "mobile", "", NEW))
    assert again.refused == "address_taken"
    assert (await desk.edit(ada.id, AddressEdit("default", other, "mobile", NEW, NEW))).told
    assert (await desk.contact(ada.id)).default("mobile") == NEW
    assert [(t, p["to"]) for _, t, p in await desk.notices()] == [("contact.address_added", ada.mobile)] * 2


@pytest.mark.feature("SEC-13")
async def test_what_is_taken_away_is_told_and_the_next_one_is_used(desk: Desk) -> None:
    ada = desk.kept.world.people[0]
    mobile = await desk.address(ada.id, "mobile")
    await desk.edit(ada.id, AddressEdit("added", desk.kept.new_id(), "mobile", "", NEW))
    assert (await desk.edit(ada.id, AddressEdit("removed", mobile.id, "mobile", mobile.value, ""))).told
    left = [(a.value, a.is_default) for a in (await desk.contact(ada.id)).addresses if a.kind == "mobile"]
    assert left == [(NEW, True)]
    assert (await desk.notices())[-1][2]["to"] == ada.mobile


@pytest.mark.feature("SEC-13")
async def test_two_who_change_the_same_number_do_not_both_win(desk: Desk) -> None:
    ada = desk.kept.world.people[0]
    mobile = await desk.address(ada.id, "mobile")
    assert not (await desk.edit(ada.id, AddressEdit("changed", mobile.id, "mobile", mobile.value, NEW))).refused
    for late in (
        AddressEdit("changed", mobile.id, "mobile", mobile.value, "+12125550177"),
        AddressEdit("removed", mobile.id, "mobile", mobile.value, ""),
        AddressEdit("default", mobile.id, "mobile", mobile.value, mobile.value),
    ):
        assert (await desk.edit(ada.id, late)).refused == "changed_meanwhile"
    after = await desk.address(ada.id, "mobile")
    assert (after.value, after.is_default) == (NEW, True), "nothing of what was refused has happened"
    assert len(await desk.notices()) == 1


@pytest.mark.feature("SEC-13")
async def test_announced_calls_end_with_the_number(desk: Desk) -> None:
    kept, (ada, ben) = desk.kept, desk.kept.world.people[:2]
    now = kept.clock.now()
    for one in (ada, ben):
        row = {
            "tenant_id": kept.world.tenant_id,
            "id": kept.new_id(),
            "contact_id": one.id,
            "technician_id": kept.world.dana,
            "technician_name": "Dana",
            "direction": "we_called_user",
            "ticket": "later",
            "created_at": micros(now),
            "expires_at": micros(now + timedelta(minutes=15)),
        }
        await kept.database.write(kept.world.tenant_id, partial(_execute, insert(announced_calls).values(row)))
    mobile = await desk.address(ada.id, "mobile")
    await desk.edit(ada.id, AddressEdit("changed", mobile.id, "mobile", mobile.value, NEW))
    query = select(announced_calls.c.contact_id).where(announced_calls.c.ended_at.is_(None))
    left = await kept.database.read(Unscoped.OPERATOR, lambda conn: conn.scalars(query).all())
    assert left == [ben.id]


@pytest.mark.feature("SEC-37")
async def test_nobody_changes_another_tenants_people(desk: Desk) -> None:
    kept = desk.kept
    ada = kept.world.people[0]
    mobile = await desk.address(ada.id, "mobile")
    edit = AddressEdit("changed", mobile.id, "mobile", mobile.value, NEW)
    assert (await desk.edit(ada.id, edit, tenant_id=kept.other.tenant_id)).refused == "not_found"
    theirs = await desk.edit(kept.other.people[0].id, edit, tenant_id=kept.other.tenant_id)
    assert theirs.refused == "changed_meanwhile"
    assert (await desk.address(ada.id, "mobile")).value == mobile.value
    changes = ContactChanges(kept.database, kept.keyring, kept.randomness.new_id)
    new = NewContact(kept.new_id(), ada.client_id, "X", (NewAddress(kept.new_id(), "mobile", NEW),))
    assert await changes.add_contact(kept.other.tenant_id, new, event(kept, "contact.added")) == "no_client"
    moved = await changes.change_contact(
        kept.world.tenant_id,
        ada.id,
        event(kept, "contact.changed"),
        name="Ada",
        client_id=kept.other.people[0].client_id,
        locale="",
    )
    assert moved.refused == "no_client"


@pytest.mark.feature("SEC-13", "SEC-12")
async def test_whoever_is_renamed_by_hand_has_new_numbers_and_whoever_is_written_rightly_has_not(desk: Desk) -> None:
    kept, ada = desk.kept, desk.kept.world.people[0]
    changes = ContactChanges(kept.database, kept.keyring, kept.randomness.new_id)

    async def rename(name: str, *, contact_id: str = ada.id) -> Edited:
        return await changes.change_contact(
            kept.world.tenant_id,
            contact_id,
            event(kept, "contact.changed"),
            name=name,
            client_id=ada.client_id,
            locale="",
        )

    async def new() -> set[bool]:
        now = kept.clock.now()
        return {a.changed_at == now for a in (await desk.contact(ada.id)).addresses}

    async def start_as(name: str) -> None:
        """Called so for long, with numbers that nobody changed."""
        this = (contacts.c.tenant_id == kept.world.tenant_id) & (contacts.c.id == ada.id)
        named = update(contacts).where(this).values(name=name, renamed_at=None)
        mine = (addresses.c.tenant_id == kept.world.tenant_id) & (addresses.c.contact_id == ada.id)
        old = update(addresses).where(mine).values(changed_at=None)
        for statement in (named, old):
            await kept.database.write(kept.world.tenant_id, partial(_execute, statement))

    await start_as("Ada Milller")
    assert await rename("Ada Milller") == Edited(), "nothing happens to a name that stays"
    assert (await rename("Ada Miller"), await new()) == (Edited(), {False}), "a letter that was mistyped"
    assert (await rename("Miller, Ada"), await new()) == (Edited(), {False})
    assert (await rename("Mitler, Ada")).as_new, "the second one within a week is how one becomes another"
    assert await new() == {True}

    await start_as("Ada Milller")
    assert not (await rename("Ada Miller")).as_new
    kept.clock.advance(timedelta(days=7))
    assert not (await rename("Ada Mitler")).as_new, "a week later it is a slip again"

    await start_as("Ada Miller")
    other = NewContact(kept.new_id(), ada.client_id, "Ada Mitler", ())
    await changes.add_contact(kept.world.tenant_id, other, event(kept, "contact.added"))
    assert (await rename("Ada Mitler")).as_new, "somebody is called so already"

    await start_as("Ada Miller")
    assert (await rename("Mal Mallory")).as_new
    assert await new() == {True}
    assert (await rename("X", contact_id=kept.new_id())).refused == "not_found"

    query = select(audit).where(audit.c.kind == "contact.changed").order_by(audit.c.id.desc()).limit(1)
    row = await kept.database.read(Unscoped.OPERATOR, lambda conn: conn.execute(query).mappings().one())
    assert json.loads(row["public"]) == {"address": "local", "as_new": 1, "ended": 0}
    assert row["technician_id"] == kept.world.dana

    def opened(conn: Connection) -> Any:
        keys = row_keys(conn, kept.keyring, kept.world.tenant_id, ada.id)
        return json.loads(keys.open(row["sealed"], place("audit", "sealed", kept.world.tenant_id, row["id"])))

    said = await kept.database.read(kept.world.tenant_id, opened)
    assert said == {"before": "Ada Miller", "after": "Mal Mallory"}


@pytest.mark.feature("SEC-56")
async def test_the_log_names_the_change_and_seals_the_numbers(desk: Desk) -> None:
    kept, ada = desk.kept, desk.kept.world.people[0]
    mobile = await desk.address(ada.id, "mobile")
    await desk.edit(ada.id, AddressEdit("changed", mobile.id, "mobile", mobile.value, NEW))
    query = select(audit).where(audit.c.kind == "contact.address_changed")
    row = await kept.database.read(Unscoped.OPERATOR, lambda conn: conn.execute(query).mappings().one())
    assert (row["contact_id"], row["technician_id"]) == (ada.id, kept.world.dana)
    assert json.loads(row["public"].encode()) == {
        "address": "local",
        "address_id": mobile.id,
        "kind": "mobile",
        "ended": 0,
    }
    assert NEW not in row["public"]

    def opened(conn: Connection) -> Any:
        keys = row_keys(conn, kept.keyring, kept.world.tenant_id, ada.id)
        return json.loads(keys.open(row["sealed"], place("audit", "sealed", kept.world.tenant_id, row["id"])))

    assert await kept.database.read(kept.world.tenant_id, opened) == {"before": mobile.value, "after": NEW}


@pytest.mark.feature("SEC-56")
async def test_erasing_takes_the_notices_too(desk: Desk) -> None:
    kept, ada = desk.kept, desk.kept.world.people[0]
    mobile = await desk.address(ada.id, "mobile")
    await desk.edit(ada.id, AddressEdit("changed", mobile.id, "mobile", mobile.value, NEW))
    assert len(await desk.notices()) == 1
    now = kept.clock.now()
    assert await erase(
        kept.database, kept.keyring, kept.world.tenant_id, ada.id, now, lambda: kept.randomness.new_id(now)
    )
    assert await desk.notices() == []
    row = await kept.database.read(Unscoped.OPERATOR, lambda conn: conn.execute(select(outbox)).mappings().one())
    assert (row["status"], row["payload"]) == ("dropped", None)
    assert mobile.value not in str(dict(row))


async def test_who_else_has_it(desk: Desk) -> None:
    kept = desk.kept
    tenant_id, (ada, ben) = kept.world.tenant_id, kept.world.people[:2]
    await desk.edit(ben.id, AddressEdit("added", kept.new_id(), "phone", "", ada.mobile))
    found = await kept.database.read(tenant_id, lambda conn: sharing(conn, tenant_id, [ada.mobile, NEW], but=ben.id))
    assert [(one.value, one.contact_id, one.client_name) for one in found] == [(ada.mobile, ada.id, "Acme Dental")]
    same = await kept.database.read(tenant_id, lambda conn: namesakes(conn, tenant_id, ben.client_id, "BEN cole"))
    assert [one.contact_id for one in same] == [ben.id]
    other = await kept.database.read(
        tenant_id, lambda conn: namesakes(conn, tenant_id, ben.client_id, "BEN cole", but=ben.id)
    )
    assert other == ()


async def test_what_is_changed_by_hand_is_no_imports_any_more(desk: Desk) -> None:
    kept, ada = desk.kept, desk.kept.world.people[0]
    this = contacts.c.id == ada.id
    mark = update(contacts).where(this).values(import_id="i")
    await kept.database.write(Unscoped.OPERATOR, partial(_execute, mark))
    mobile = await desk.address(ada.id, "mobile")
    await desk.edit(ada.id, AddressEdit("changed", mobile.id, "mobile", mobile.value, NEW))
    query = select(contacts.c.import_id).where(this)
    assert await kept.database.read(Unscoped.OPERATOR, lambda conn: conn.scalar(query)) == ""
