"""What is left of verifications when somebody is forgotten or time has passed, and who comes in between."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Thread
from typing import Any, TypeVar

import pytest

from dialogs import user_verify as uv
from dialogs.settings import Retention
from dialogs.turns import (
    AuditEvent,
    Decision,
    Facts,
    Taken,
    Turn,
    VerificationAsk,
    VerificationFacts,
)
from storage.contact_changes import AddressEdit, ContactChanges
from storage.erasure import GONE, erase
from storage.import_pieces import referred
from storage.postgres import PostgresDatabase
from storage.retention import sweep
from storage.tables import closing_waivers, verification_links, verification_tries, verifications
from storage.verifications import Verifications
from tests.fixtures.turn_parts import new_id
from tests.fixtures.turn_stores import PostgresHouse, StoredHouse, only
from tests.fixtures.verification_parts import (
    address_of,
    asking,
    begin,
    both_kinds,
    found,
    look,
    move,
    row_of,
    sent,
    shields,
    verified,
)
from tests.fixtures.world import START

T = TypeVar("T")
MINUTE = timedelta(minutes=1)
AT = START + MINUTE
NEW = "+12125550188"


#: The stores that others can read beside.
kind = only("sqlite", "postgres")


@pytest.mark.feature("SEC-56")
async def test_nothing_of_a_person_stays_in_their_verifications(stored: StoredHouse) -> None:
    world, (ada, ben) = stored.world, stored.world.people[:2]
    noted = sent(world, ada, note="she broke her phone", override=uv.Override("nobody else is here", alone=True))
    told = asking(world, ada, noted)
    await begin(stored, told)
    await move(stored, told.id, verified(noted))
    reading = Verifications(stored.database, stored.keyring)
    waived = AuditEvent(new_id(), START, "euv.waived", contact_id=ada.id, technician_id=world.dana, ticket_id="T-5")
    await reading.waive(world.tenant_id, "T-5", contact_id=ada.id, note="her desk is empty", event=waived)
    _, live = await both_kinds(stored, ada)
    of_ben = asking(world, ben, sent(world, ben))
    await begin(stored, of_ben)
    done = await erase(stored.database, stored.keyring, world.tenant_id, ada.id, AT, new_id)
    assert done is not None
    assert (done.ended, done.checks) == (1, 3)
    row = await row_of(stored, live)
    assert (row.word, row.reason, row.contact, row.destination, row.trail) == ("expired", "erased", None, "", ())
    row = await row_of(stored, told.id)
    assert (row.word, row.method, row.assurance, row.ticket_number) == ("verified", "sms_code", "code", "1234")
    assert (row.note, row.override, row.contact) == ("", uv.Override("", alone=True), None)
    assert await shields(stored, ada, AT) == 0
    waiver = await reading.waiver(world.tenant_id, "T-5")
    assert waiver is not None
    assert waiver.note == ""
    c = verifications.c
    mine = [tuple(r) for r in await found(stored, c.contact_id, c.id, c.body, c.their_address) if r[0] == ada.id]
    assert [address for _, _, _, address in mine] == [GONE + id_ for _, id_, _, _ in mine]
    words = json.dumps(mine, ensure_ascii=False)
    for said in (ada.name, ada.mobile, "…" + ada.mobile[-2:], "broke", "nobody else", "sealed"):
        assert said not in words, said
    assert (await row_of(stored, of_ben.id)).word == "sent"


def elsewhere(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end on another thread's event loop, as another process would, while this one stands still."""
    done: list[T] = []
    thread = Thread(target=lambda: done.append(asyncio.run(work)))
    thread.start()
    thread.join()
    return done[0]


def interrupted(house: PostgresHouse, meanwhile: Callable[[], object]) -> Turn[str]:
    """Ada is asked; `meanwhile` happens between what the turn reads and what it writes, once."""
    world, ada = house.world, house.world.people[0]
    left = [meanwhile]

    def decide(facts: Facts) -> Decision[str]:
        assert isinstance(facts, VerificationFacts)
        if left:
            left.pop()()
        if facts.contact is None:
            return Decision("nobody")
        known = {address.value for address in facts.addresses}
        if ada.mobile not in known:
            return Decision("no such address")
        return Decision("asked", verifications=(asking(world, ada, sent(world, ada)),))

    return Turn(VerificationAsk(world.tenant_id, contact_id=ada.id), decide, AT)


@pytest.mark.feature("SEC-56")
async def test_nobody_is_asked_who_is_forgotten_meanwhile(on_server: PostgresHouse) -> None:
    async def forget() -> object:
        database = PostgresDatabase(on_server.url, size=1)
        try:
            ada = on_server.world.people[0]
            return await erase(database, on_server.keyring, on_server.world.tenant_id, ada.id, AT, new_id)
        finally:
            await database.close()

    result = await on_server.store.take(interrupted(on_server, lambda: elsewhere(forget())))
    assert result == Taken("nobody")
    assert await found(on_server, verifications.c.id) == []


@pytest.mark.feature("SEC-13")
@pytest.mark.parametrize("what", ["changed", "removed"])
async def test_nobody_is_asked_at_an_address_that_goes_meanwhile(on_server: PostgresHouse, what: Any) -> None:
    """The turn has read the old number and is written after the change."""
    ada = on_server.world.people[0]
    change = AddressEdit(what, address_of(ada), "mobile", ada.mobile, NEW if what == "changed" else "")

    async def change_it() -> None:
        database = PostgresDatabase(on_server.url, size=1)
        try:
            event = AuditEvent(new_id(), AT, f"contact.address_{what}", technician_id=on_server.world.dana)
            elsewhere_changes = ContactChanges(database, on_server.keyring, lambda now: new_id())
            await elsewhere_changes.edit_address(on_server.world.tenant_id, ada.id, change, event, [])
        finally:
            await database.close()

    result = await on_server.store.take(interrupted(on_server, lambda: elsewhere(change_it())))
    assert result == Taken("no such address")
    assert await found(on_server, verifications.c.id) == []


@pytest.mark.feature("SEC-56")
async def test_stories_go_when_their_time_is_over(stored: StoredHouse) -> None:
    world, (ada, ben) = stored.world, stored.world.people[:2]
    await stored.change_settings(replace(world.settings, retention=Retention(keep_checks=timedelta(days=30))))
    await both_kinds(stored, ada)
    old = asking(world, ben, sent(world, ben, note="he is on holiday"))
    await begin(stored, old)
    await move(stored, old.id, verified(sent(world, ben, note="he is on holiday")))
    waived = AuditEvent(new_id(), START, "euv.waived", contact_id=ben.id, technician_id=world.dana, ticket_id="T-5")
    reading = Verifications(stored.database, stored.keyring)
    await reading.waive(world.tenant_id, "T-5", contact_id=ben.id, note="spam", event=waived)
    ids_made = datetime(2030, 1, 1, tzinfo=START.tzinfo)
    swept = (await sweep(stored.database, ids_made)).tenants[f"tenant-{world.tenant_id[-4:]}"]
    assert swept["stories of ended verifications"] == 2, "the live one stays as it is"
    assert swept["reasons why tickets were closed without one"] == 1
    assert swept["links of verifications"] == 1
    assert swept["answers to verifications"] == 1
    row = await row_of(stored, old.id)
    assert (row.word, row.note, row.destination, row.trail) == ("verified", "", "", ())
    assert row.contact is not None, "who was verified, when and how stays"
    assert await found(stored, closing_waivers.c.note) == [(None,)]
    assert await found(stored, verification_links.c.digest) == await found(stored, verification_tries.c.id) == []
    assert len((await look(stored, contact_id=ada.id)).live) == 1
    again = (await sweep(stored.database, ids_made)).tenants[f"tenant-{world.tenant_id[-4:]}"]
    assert sum(again.values()) == 0


async def test_whoever_was_verified_stays_when_an_import_is_taken_back(stored: StoredHouse) -> None:
    world, (ada, ben) = stored.world, stored.world.people[:2]
    await begin(stored, asking(world, ada, sent(world, ada)))
    ids = [ada.id, ben.id]
    stays = await stored.database.read(world.tenant_id, lambda conn: referred(conn, world.tenant_id, ids))
    assert stays == {ada.id: "verification"}
