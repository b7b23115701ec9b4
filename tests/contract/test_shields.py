"""Shields, links, and what closing a ticket asks for, written by real turns, on every database."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

import pytest
from sqlalchemy import Connection, select

from bot.turning_back import turn_back
from dialogs.messages import Unavailable
from dialogs.tech_verify import Ticket
from dialogs.turns import AuditEvent
from storage.database import Database, T, Unscoped
from storage.shields import keep_turned_back
from storage.tables import audit
from storage.verifications import LinkTarget, Verifications
from tests.fixtures.turn_parts import new_id
from tests.fixtures.turn_stores import StoredHouse, only
from tests.fixtures.verification_parts import (
    GREEN,
    address_of,
    by_link,
    denied,
    expired,
    move,
    put,
    request,
    row_of,
    sent,
    verified,
)
from tests.fixtures.world import START

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Clock:
    """It stands still."""

    at: datetime

    def now(self) -> datetime:
        return self.at


@dataclass(slots=True)
class MovingClock:
    """It is set by whoever holds it."""

    at: datetime

    def now(self) -> datetime:
        return self.at


@dataclass(slots=True)
class Away:
    """A database that is away the first two times it is asked."""

    behind: Database
    outages: int = 2
    looks: int = 0

    async def read(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        if self.outages:
            self.outages -= 1
            raise Unavailable("away")
        self.looks += 1
        return await self.behind.read(scope, work)

    async def write(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        return await self.behind.write(scope, work)


#: The stores that others can read beside.
kind = only("sqlite", "postgres")


@pytest.mark.feature("SEC-15", "EV-28")
async def test_a_shield_is_green_until_its_time_and_for_its_ticket(stored: StoredHouse, reading: Verifications) -> None:
    world, ada = stored.world, stored.world.people[0]
    save = await put(stored, ada, sent(world, ada))
    assert await reading.shields(world.tenant_id, ada.id, START) == ()
    await move(stored, save.id, verified(sent(world, ada)))
    (shield,) = await reading.shields(world.tenant_id, ada.id, START + GREEN - MINUTE)
    assert (shield.address_id, shield.verification_id, shield.method) == (address_of(ada), save.id, "sms_code")
    assert (shield.assurance, shield.ticket_number, shield.at, shield.until) == ("code", "1234", START, START + GREEN)
    assert shield.technician is not None
    assert shield.technician.name == "Dana Test"
    assert shield.counts_for("T-1")
    assert not shield.counts_for("T-2")
    assert replace(shield, ticket_id="").counts_for("T-2"), "it was for no ticket in particular"
    assert await reading.shields(world.tenant_id, ada.id, START + GREEN) == ()
    assert await reading.shields(stored.other.tenant_id, ada.id, START) == ()


@pytest.mark.feature("SEC-15")
async def test_shields_of_several_people_come_together(stored: StoredHouse, reading: Verifications) -> None:
    world, ada, ben, cleo = stored.world, *stored.world.people[:3]
    for person, at in ((ada, START), (ben, START), (ada, START + MINUTE)):
        save = await put(stored, person, sent(world, person, at))
        await move(stored, save.id, verified(sent(world, person, at), at))
    found = await reading.shields_of(world.tenant_id, [ada.id, ben.id, cleo.id], START + MINUTE)
    assert {who: [s.at for s in shields] for who, shields in found.items()} == {
        ada.id: [START + MINUTE, START],
        ben.id: [START],
    }
    assert await reading.shields_of(world.tenant_id, [], START) == {}


@pytest.mark.feature("SEC-15", "REL-11")
async def test_a_shield_that_was_ended_is_never_green_again(stored: StoredHouse, reading: Verifications) -> None:
    """Neither by a later step of its verification nor by a clock that jumps back."""
    world, ada, ben = stored.world, *stored.world.people[:2]
    saves = {}
    for person in (ada, ben):
        saves[person.id] = await put(stored, person, sent(world, person))
        await move(stored, saves[person.id].id, verified(sent(world, person)))
    at = START + MINUTE
    other = await put(stored, ada, sent(world, ada, at))
    await move(stored, other.id, denied(sent(world, ada, at), at), at, end_shields=(ada.id,))
    for now in (at, START, START - 60 * MINUTE):
        assert await reading.shields(world.tenant_id, ada.id, now) == ()
    assert len(await reading.shields(world.tenant_id, ben.id, at)) == 1
    linked = replace(verified(sent(world, ada)), request=request(world, ada, ticket=Ticket("T-9", "9999")))
    await move(stored, saves[ada.id].id, linked, at)
    row = await reading.get(world.tenant_id, saves[ada.id].id)
    assert row is not None
    assert (row.word, row.ticket_number, row.green_until, row.shield_ended) == ("verified", "9999", at, True)
    assert not row.is_green(START)
    assert await reading.shields(world.tenant_id, ada.id, START) == ()


@pytest.mark.feature("SEC-15", "REL-11")
async def test_a_shield_that_had_turned_back_stays_so_after_an_end(stored: StoredHouse, reading: Verifications) -> None:
    world, ada = stored.world, stored.world.people[0]
    save = await put(stored, ada, sent(world, ada))
    await move(stored, save.id, verified(sent(world, ada)))
    late = START + 2 * GREEN
    other = await put(stored, ada, sent(world, ada, late))
    await move(stored, other.id, denied(sent(world, ada, late), late), late, end_shields=(ada.id,))
    assert await reading.shields(world.tenant_id, ada.id, START) == ()
    row = await reading.get(world.tenant_id, save.id)
    assert row is not None
    assert row.green_until == START + GREEN, "until when it was green is no later for that"


@pytest.mark.feature("SEC-15", "REL-11")
async def test_a_shield_that_has_turned_back_by_itself_stays_so_when_the_clock_is_set_back(
    stored: StoredHouse, reading: Verifications
) -> None:
    world, other = stored.world, stored.other
    ada, ben, theirs = world.people[0], world.people[1], other.people[0]
    over = await put(stored, ada, sent(world, ada))
    await move(stored, over.id, verified(sent(world, ada)))
    green = await put(stored, ben, sent(world, ben, START + MINUTE))
    await move(stored, green.id, verified(sent(world, ben, START + MINUTE), START + MINUTE), START + MINUTE)
    assert await keep_turned_back(stored.database, START + GREEN - MINUTE) == 0
    assert len(await reading.shields(world.tenant_id, ada.id, START)) == 1
    assert await keep_turned_back(stored.database, START + GREEN) == 1
    assert await keep_turned_back(stored.database, START + GREEN) == 0
    for now in (START + GREEN, START, START - 60 * MINUTE):
        assert await reading.shields(world.tenant_id, ada.id, now) == ()
        assert not (await row_of(stored, over.id)).is_green(now)
    assert (await row_of(stored, over.id)).green_until == START + GREEN, "until when it was green is no other for that"
    assert len(await reading.shields(world.tenant_id, ben.id, START + GREEN)) == 1
    # What is shown anew, by the clock as it is now, is green again.
    again = await put(stored, ada, sent(world, ada, START))
    await move(stored, again.id, verified(sent(world, ada)))
    assert [s.verification_id for s in await reading.shields(world.tenant_id, ada.id, START)] == [again.id]
    assert await reading.shields(other.tenant_id, theirs.id, START) == ()


class Enough(Exception):
    """It has looked often enough."""


@pytest.mark.feature("SEC-15", "REL-11")
async def test_turned_back_shields_are_kept_so_by_work_that_bears_an_outage(
    stored: StoredHouse, reading: Verifications
) -> None:
    world, ada = stored.world, stored.world.people[0]
    save = await put(stored, ada, sent(world, ada))
    await move(stored, save.id, verified(sent(world, ada)))
    clock, away = Clock(START + GREEN), Away(stored.database)

    async def pause(seconds: float) -> None:
        if away.looks:
            raise Enough

    with pytest.raises(Enough):
        await turn_back(away, clock, pause=pause)
    assert await reading.shields(world.tenant_id, ada.id, START) == ()


@pytest.mark.feature("SEC-15", "REL-11")
async def test_a_shield_is_kept_turned_back_from_the_moment_on_at_which_it_turns(
    stored: StoredHouse, reading: Verifications
) -> None:
    world, ada = stored.world, stored.world.people[0]
    save = await put(stored, ada, sent(world, ada))
    await move(stored, save.id, verified(sent(world, ada)))
    clock, waits = MovingClock(START + GREEN - timedelta(seconds=7.5)), list[float]()

    async def pause(seconds: float) -> None:
        waits.append(seconds)
        clock.at += timedelta(seconds=seconds)
        if len(waits) == 5:
            # Set back just after it has looked.
            assert await reading.shields(world.tenant_id, ada.id, START) == ()
            raise Enough

    with pytest.raises(Enough):
        await turn_back(stored.database, clock, pause=pause)
    assert waits == [2.0, 2.0, 2.0, 1.5, 2.0]


# --- links ----------------------------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-43")
async def test_a_link_leads_to_its_verification_also_when_that_is_over(
    stored: StoredHouse, reading: Verifications
) -> None:
    world, ada = stored.world, stored.world.people[0]
    save = await put(stored, ada, by_link(world, ada), token="t1")
    target = LinkTarget(world.tenant_id, save.id)
    assert await reading.by_link(sha256(b"t1").hexdigest()) == target
    await move(stored, save.id, expired(by_link(world, ada)))
    assert await reading.by_link(sha256(b"t1").hexdigest()) == target
    for token in ("t2", "", save.id):
        assert await reading.by_link(sha256(token.encode()).hexdigest()) is None
    assert await reading.by_link("") is None


# --- closing --------------------------------------------------------------------------------------------------------


@pytest.mark.feature("EV-40")
async def test_a_ticket_may_close_once_somebody_was_verified_about_it(
    stored: StoredHouse, reading: Verifications
) -> None:
    world, ada = stored.world, stored.world.people[0]
    assert await reading.needs_closing(world.tenant_id, "T-1")
    save = await put(stored, ada, sent(world, ada))
    assert await reading.needs_closing(world.tenant_id, "T-1"), "nobody has answered yet"
    await move(stored, save.id, verified(sent(world, ada)))
    assert not await reading.needs_closing(world.tenant_id, "T-1")
    assert await reading.needs_closing(world.tenant_id, "T-2")
    assert await reading.needs_closing(stored.other.tenant_id, "T-1")


@pytest.mark.feature("EV-40")
async def test_a_verification_that_was_moved_there_late_closes_nothing(
    stored: StoredHouse, reading: Verifications
) -> None:
    world, ada = stored.world, stored.world.people[0]
    save = await put(stored, ada, sent(world, ada))
    done = verified(sent(world, ada))
    await move(stored, save.id, done)
    await move(stored, save.id, replace(done, request=replace(done.request, linked_late=True)))
    assert await reading.needs_closing(world.tenant_id, "T-1")
    await move(stored, save.id, done)
    assert not await reading.needs_closing(world.tenant_id, "T-1"), "moved in time"


@pytest.mark.feature("EV-40")
async def test_closing_is_waived_once_with_its_line_in_the_log(stored: StoredHouse, reading: Verifications) -> None:
    world, ada = stored.world, stored.world.people[0]

    def line() -> AuditEvent:
        return AuditEvent(new_id(), START, "euv.waived", contact_id=ada.id, technician_id=world.dana, ticket_id="T-1")

    async def waive() -> bool:
        return await reading.waive(world.tenant_id, "T-1", contact_id=ada.id, note="spam, no person", event=line())

    assert await reading.waiver(world.tenant_id, "T-1") is None
    assert sorted(await asyncio.gather(waive(), waive(), waive())) == [False, False, True]
    found = await reading.waiver(world.tenant_id, "T-1")
    assert found is not None
    assert (found.note, found.technician_id, found.at) == ("spam, no person", world.dana, START)
    assert not await reading.needs_closing(world.tenant_id, "T-1")
    assert await reading.needs_closing(stored.other.tenant_id, "T-1")

    def lines(conn: Connection) -> int:
        return len(conn.execute(select(audit.c.id).where(audit.c.tenant_id == world.tenant_id)).all())

    assert await stored.database.read(world.tenant_id, lines) == 1
