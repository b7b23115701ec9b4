"""Files of contacts: kept for a preview, brought in piece by piece, taken back; on both databases."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import Connection, Executable, Table, func, insert, select, update

from bot.importing import Importing
from dialogs.turns import AuditEvent
from storage.contact_import import look_at
from storage.contacts_csv import parse_contacts_csv
from storage.database import Unscoped
from storage.directory import Directory, put_client
from storage.erasure import erase
from storage.import_files import ReadFile
from storage.import_pieces import PIECE, Work, bring_in, brought_in, left_over
from storage.imports import Imports, NewImport, StoredImport, forget_left_lying
from storage.tables import audit, clients, contacts, imports, tickets
from storage.times import micros
from tests.fixtures.kept import Kept


def execute(statement: Executable, conn: Connection) -> None:
    conn.execute(statement)


class Office:
    """Imports over one database, and who works through them."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self.tenant_id = kept.world.tenant_id
        self.imports = Imports(kept.database, kept.keyring)
        self.directory = Directory(kept.database, kept.keyring)
        self.importing = Importing(kept.database, kept.keyring, kept.clock, kept.randomness)

    def event(self, kind: str) -> AuditEvent:
        return AuditEvent(self.kept.new_id(), self.kept.clock.now(), kind, technician_id=self.kept.world.dana)

    async def look(self, file: str) -> str:
        parsed = parse_contacts_csv(file, "US")
        plan = await self.kept.database.read(self.tenant_id, lambda conn: look_at(conn, self.tenant_id, parsed))
        new = NewImport(
            self.kept.new_id(),
            self.kept.world.dana,
            "people.csv",
            ReadFile(parsed.rows, plan.problems),
            {"contacts": len(plan.new_contacts)},
            (7, 9),
        )
        await self.imports.put(self.tenant_id, new, self.event("import.looked_at"))
        return new.id

    async def begin(self, import_id: str) -> bool:
        return await self.imports.begin(self.tenant_id, import_id, self.event("import.begun"))

    async def get(self, import_id: str) -> StoredImport:
        found = await self.imports.get(self.tenant_id, import_id)
        assert found is not None
        return found

    async def brought(self, file: str) -> str:
        import_id = await self.look(file)
        assert await self.begin(import_id)
        await self.importing.work()
        return import_id

    async def undone(self, import_id: str) -> StoredImport:
        tenant_id = self.tenant_id
        total = await self.kept.database.read(tenant_id, lambda conn: brought_in(conn, tenant_id, import_id))
        assert await self.imports.begin_undo(tenant_id, import_id, total, self.event("import.undo_begun"))
        await self.importing.work()
        return await self.get(import_id)

    async def count(self, table: Table = contacts) -> int:
        query = select(func.count()).select_from(table).where(table.c.tenant_id == self.tenant_id)
        return await self.kept.database.read(self.tenant_id, lambda conn: conn.scalar(query) or 0)

    async def body(self, import_id: str) -> bytes | None:
        query = select(imports.c.body).where(imports.c.id == import_id)
        return await self.kept.database.read(Unscoped.OPERATOR, lambda conn: conn.scalar(query))


@pytest.fixture
def office(kept: Kept) -> Office:
    return Office(kept)


def file_of(count: int, client: str = "Coda") -> str:
    rows = (f"Person {n},{client} {n % 7},person{n}@coda.example\n" for n in range(count))
    return "name,client,email\n" + "".join(rows)


@pytest.mark.feature("CO-01", "SEC-56")
async def test_a_file_is_brought_in_and_what_stood_in_it_is_gone(office: Office) -> None:
    import_id = await office.look(file_of(2 * PIECE + 3))
    sealed = await office.body(import_id)
    assert sealed is not None
    assert b"Person" not in sealed
    kept = await office.imports.content(office.tenant_id, import_id)
    assert kept is not None
    assert (len(kept.rows), kept.rows[0].name) == (2 * PIECE + 3, "Person 0")
    assert await office.count() == 6, "looking adds nobody"
    await office.importing.work()
    assert (await office.get(import_id)).state == "preview", "nobody has said that it is to be brought in"
    assert await office.begin(import_id)
    assert not await office.begin(import_id), "once"
    await office.importing.work()
    found = await office.get(import_id)
    assert (found.state, found.done, found.total, found.is_there) == ("done", 203, 203, False)
    assert found.counts == {"contacts": 203, "added": 203, "added_clients": 7, "there_already": 0}
    assert found.stayed_out == (7, 9)
    assert await office.count() == 209
    assert await office.imports.content(office.tenant_id, import_id) is None
    query = select(audit.c.kind, audit.c.technician_id, audit.c.public).where(audit.c.kind == "import.done")
    rows = await office.kept.database.read(Unscoped.OPERATOR, lambda conn: conn.execute(query).all())
    ((_kind, by, public),) = rows
    assert by == office.kept.world.dana
    assert json.loads(public) == {"import": import_id, "added": 203, "added_clients": 7, "there_already": 0}


@pytest.mark.feature("REL-02")
async def test_the_same_file_again_brings_nobody_in(office: Office) -> None:
    await office.brought(file_of(30))
    again = await office.get(await office.brought(file_of(30)))
    assert again.counts == {"contacts": 0, "added": 0, "added_clients": 0, "there_already": 30}
    assert await office.count() == 36


@pytest.mark.feature("REL-02")
async def test_a_piece_is_done_once_whoever_is_at_it(office: Office) -> None:
    """Another replica has read the same state, or this one has crashed and begins again."""
    import_id = await office.look(file_of(PIECE + 5))
    await office.begin(import_id)
    read = await office.imports.content(office.tenant_id, import_id)
    assert read is not None
    now = office.kept.clock.now()
    piece = partial(
        bring_in,
        work=Work(
            office.kept.keyring,
            office.tenant_id,
            import_id,
            office.kept.world.dana,
            now,
            lambda: office.kept.randomness.new_id(now),
        ),
        rows=read.rows[:PIECE],
        before=0,
        here=set(),
        last=False,
    )
    assert await office.kept.database.write(office.tenant_id, piece)
    assert not await office.kept.database.write(office.tenant_id, piece)
    assert await office.count() == 6 + PIECE
    assert (await office.get(import_id)).done == PIECE
    await office.importing.work()
    found = await office.get(import_id)
    assert (found.state, found.counts["added"], await office.count()) == ("done", PIECE + 5, 11 + PIECE)


async def test_a_company_and_a_person_added_meanwhile_are_not_added_twice(office: Office) -> None:
    import_id = await office.look("name,client,email\nGil,Coda,gil@coda.example\nHope,Coda,hope@coda.example\n")
    await office.begin(import_id)
    now = office.kept.clock.now()
    coda = office.kept.new_id()
    await office.kept.database.write(
        office.tenant_id, lambda conn: put_client(conn, office.tenant_id, coda, "CODA", now)
    )
    await office.importing.work()
    found = (await office.directory.find(office.tenant_id, client_id=coda)).items
    assert [one.name for one in found] == ["Gil", "Hope"]
    assert (await office.get(import_id)).counts["added_clients"] == 0


@pytest.mark.feature("CO-01")
async def test_taking_back_leaves_whom_something_refers_to(office: Office) -> None:
    kept, tenant_id = office.kept, office.tenant_id
    import_id = await office.brought(file_of(2 * PIECE + 10))
    found = (await office.directory.find(tenant_id, q="Person 1", limit=200)).items
    with_ticket, by_hand = found[0], found[1]
    now = micros(kept.clock.now())
    ticket = {"tenant_id": tenant_id, "id": "T", "number": 999, "client_id": with_ticket.client_id}
    ticket |= {"contact_id": with_ticket.id, "title": "x", "status": "closed", "key": "k"}
    put = insert(tickets).values(**ticket, created_at=now, updated_at=now)
    await kept.database.write(tenant_id, partial(execute, put))
    hand = update(contacts).where(contacts.c.tenant_id == tenant_id, contacts.c.id == by_hand.id).values(import_id="")
    await kept.database.write(tenant_id, partial(execute, hand))
    after = await office.undone(import_id)
    assert (after.state, after.done, after.total) == ("undone", 2 * PIECE + 9, 2 * PIECE + 9)
    assert (after.counts["removed"], after.counts["stayed"]) == (2 * PIECE + 8, 1)
    assert after.counts["removed_clients"] == 7 - len({with_ticket.client_id, by_hand.client_id})
    assert await office.count() == 8
    left = await kept.database.read(tenant_id, lambda conn: left_over(conn, tenant_id, import_id, 10))
    assert left == [(with_ticket.id, with_ticket.name, "ticket")]
    kinds = select(audit.c.kind).where(audit.c.kind.like("import.%")).order_by(audit.c.id)
    assert "import.undone" in await kept.database.read(Unscoped.OPERATOR, lambda conn: list(conn.scalars(kinds)))
    assert not await office.imports.begin_undo(tenant_id, import_id, 0, office.event("import.undo_begun"))


async def test_what_was_here_before_stays_when_an_import_is_taken_back(office: Office) -> None:
    import_id = await office.brought("name,client,email\nGil,Acme Dental,gil@acme.example\n")
    after = await office.undone(import_id)
    assert (after.counts["removed"], after.counts["removed_clients"], await office.count()) == (1, 0, 6)
    assert await office.count(clients) == 2


@pytest.mark.feature("SEC-56")
async def test_a_file_left_lying_is_forgotten_after_a_day(office: Office) -> None:
    import_id = await office.look(file_of(3))
    now = office.kept.clock.now()
    assert await forget_left_lying(office.kept.database, now + timedelta(hours=23)) == 0
    assert await office.body(import_id) is not None
    office.kept.clock.advance(timedelta(hours=24))
    await office.importing.work()
    assert await office.body(import_id) is None
    assert not await office.begin(import_id), "there is nothing to bring in"


@pytest.mark.feature("SEC-56")
async def test_erasing_a_person_forgets_the_files_that_wait(office: Office) -> None:
    """They may name the person."""
    kept, now = office.kept, office.kept.clock.now()
    import_id = await office.look(file_of(3))
    ada = kept.world.people[0]
    assert await erase(kept.database, kept.keyring, kept.other.tenant_id, kept.other.people[0].id, now, kept.new_id)
    assert await office.body(import_id) is not None, "another tenant's person"
    assert await erase(kept.database, kept.keyring, office.tenant_id, ada.id, now, kept.new_id)
    assert await office.body(import_id) is None
    assert (await office.get(import_id)).state == "preview"


async def test_somebody_brought_in_can_be_erased_and_the_rest_taken_back(office: Office) -> None:
    kept = office.kept
    import_id = await office.brought(file_of(3))
    one = (await office.directory.find(office.tenant_id, q="Person 1")).items[0]
    assert await erase(kept.database, kept.keyring, office.tenant_id, one.id, kept.clock.now(), kept.new_id)
    after = await office.undone(import_id)
    assert (after.counts["added"], after.counts["removed"], await office.count()) == (3, 2, 6)


async def test_put_away_is_put_away(office: Office) -> None:
    import_id = await office.look(file_of(3))
    assert await office.imports.discard(office.tenant_id, import_id, office.event("import.discarded"))
    assert not await office.begin(import_id)
    assert (await office.get(import_id)).state == "failed"
    assert await office.body(import_id) is None


@pytest.mark.feature("SEC-37")
async def test_another_tenant_sees_and_moves_nothing(office: Office) -> None:
    import_id = await office.look(file_of(3))
    theirs = office.kept.other.tenant_id
    assert await office.imports.get(theirs, import_id) is None
    assert await office.imports.content(theirs, import_id) is None
    assert (await office.imports.page(theirs)).items == ()
    assert not await office.imports.begin(theirs, import_id, office.event("import.begun"))
    assert not await office.imports.discard(theirs, import_id, office.event("import.discarded"))
    assert (await office.get(import_id)).state == "preview"


async def test_the_list_is_newest_first_in_pages(office: Office) -> None:
    ids = []
    for _ in range(3):
        office.kept.clock.advance(timedelta(minutes=1))
        ids.append(await office.look(file_of(1)))
    first = await office.imports.page(office.tenant_id, limit=2)
    assert [one.id for one in first.items] == [ids[2], ids[1]]
    assert first.next is not None
    rest = await office.imports.page(office.tenant_id, cursor=first.next, limit=2)
    assert ([one.id for one in rest.items], rest.next) == ([ids[0]], None)


@pytest.mark.feature("CO-01", "SEC-38")
async def test_an_import_that_cannot_go_on_keeps_nobody_elses_waiting(office: Office) -> None:
    """What stood in its file was damaged, or sealed with a key that is gone."""
    spoilt = await office.look(file_of(3))
    damage = (
        update(imports).where(imports.c.tenant_id == office.tenant_id, imports.c.id == spoilt).values(body=b"\x00" * 64)
    )
    await office.kept.database.write(office.tenant_id, partial(execute, damage))
    assert await office.begin(spoilt)
    office.kept.clock.advance(timedelta(seconds=1))
    other = await office.look(file_of(4, "Delta"))
    assert await office.begin(other)
    await office.importing.work()
    assert (await office.get(other)).state == "done"
    assert (await office.get(spoilt)).state == "running", "it waits for a key that fits"
