"""Reading a directory step by step: crashes between any two of them, two replicas, and directories that say no; on both
databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Column, Connection, select

from bot.sources.sync import ContactSync
from dialogs.people_source import Refusal, SourceError, SourceExpired, SourceLater, SourceRefused
from storage.database import Database, Unscoped
from storage.epochs import fence
from storage.sources.contact_sources import NameTaken, NewSource, TooMany, readiness_of, remedy_of
from storage.sources.lease import LASTS, claim
from storage.tables import contact_sources, source_changes, source_organisations, source_people
from tests.fixtures.kept import kept_in_file
from tests.fixtures.people_directory import Company, change, put, remove
from tests.fixtures.syncing import APPLICATION, SECRET, Office, values

T = TypeVar("T")
MINUTE = timedelta(minutes=1)


class Killed(BaseException):
    """The process is gone."""


class Undone(Exception):
    """What was under way is rolled back."""


@dataclass
class Dying:
    """A database that goes away with its process right before the nth commit, which is right after the one before."""

    database: Database
    left: int

    async def read(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        return await self.database.read(scope, work)

    async def write(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        self.left -= 1
        if self.left > 0:
            return await self.database.write(scope, work)

        def dies(conn: Connection) -> T:
            work(conn)
            raise Undone

        with suppress(Undone):
            await self.database.write(scope, dies)
        raise Killed


@pytest.fixture
async def filed(template_database: Path, tmp_path: Path) -> AsyncIterator[Office]:
    """For what no database does in its own way."""
    async with kept_in_file(template_database, tmp_path) as kept:
        yield Office(kept)


def staffed(office: Office, name: str, many: int = 5) -> Company:
    company = office.outside.company(name, f"{name.lower()}.example")
    for n in range(many):
        id = f"{name.lower()}{n}"
        put(company, id, f"{name} {n}", email=f"{id}@example.com", mobile=f"+1212555011{n}")
    return company


@pytest.mark.feature("CO-12", "REL-01")
async def test_a_crash_anywhere_loses_nobody_and_adds_nobody_twice(office: Office) -> None:
    """A round of two pages, then one with changes: killed at each commit in turn."""
    # In a file at each; on a server, where all of it takes longer, at every third.
    each, writes = (3 if office.kept.url else 1), 0
    while True:
        writes += each
        company = staffed(office, f"Org{writes}", 3)
        id = await office.connect(company)
        died = await until_killed(office.worker("dying", Dying(office.kept.database, writes)))
        # Its lease runs out, and another goes on.
        office.kept.clock.advance(LASTS)
        await office.sync.work()
        found = await office.people(id)
        assert {name: values(contact)["email"] for name, contact in found.items()} == {
            f"Org{writes} {n}": (f"org{writes}{n}@example.com", False) for n in range(3)
        }
        change(company, f"org{writes}0", mobile="+12125550190")
        remove(company, f"org{writes}1")
        office.kept.clock.advance(timedelta(hours=2))
        told = await office.told()
        died |= await until_killed(office.worker("dying", Dying(office.kept.database, writes)))
        office.kept.clock.advance(LASTS)
        await office.sync.work()
        found = await office.people(id)
        assert values(found[f"Org{writes} 0"])["mobile"] == ("+12125550190", True)
        assert values(found[f"Org{writes} 1"]) == {}
        assert await office.told() - told == 3, "each change is told once"
        if not died:
            break
        assert await office.sources.disconnect(office.tenant_id, id, office.kept.clock.now())
    assert writes > 8, "every step was tried"


async def until_killed(sync: ContactSync) -> bool:
    """Whether it died on the way."""
    try:
        await sync.work()
    except Killed:
        return True
    return False


@pytest.mark.feature("CO-12")
async def test_two_replicas_never_take_over_the_same_page(office: Office) -> None:
    company = staffed(office, "Org")
    id = await office.connect(company)
    first, second = Gate(at=1), Gate(at=2)

    def hold(directory_id: str) -> asyncio.Event | None:
        return first.held(office.outside.asked) or second.held(office.outside.asked)

    office.outside.hold = hold
    slow = asyncio.create_task(office.worker("slow").work())
    await first.reached.wait()
    await office.sync.work()
    assert not await claimed(office, id, "late")
    assert (await office.organisation(id)).step == "people", "it is another's"
    assert len(office.outside.asked) == 1
    office.kept.clock.advance(LASTS)
    quick = asyncio.create_task(office.sync.work())
    await second.reached.wait()
    assert office.outside.asked == ["", "all 5 2"], "it goes on where the other stopped"
    first.opened.set()
    await slow
    assert (await office.organisation(id)).read == 4, "the page that the other has taken over comes too late"
    second.opened.set()
    await quick
    assert office.outside.asked == ["", "all 5 2", "all 5 2", "all 5 4"]
    assert len(await office.people(id)) == 5
    after = await office.organisation(id)
    assert (after.state, after.read, after.last["added"]) == ("synced", 5, 5)


@pytest.mark.feature("CO-12")
async def test_whose_contacts_they_are_may_be_said_anew_in_the_middle(filed: Office) -> None:
    id = await filed.connect(staffed(filed, "Org"))
    gate = Gate(at=1)
    filed.outside.hold = lambda directory_id: gate.held(filed.outside.asked)
    reading = asyncio.create_task(filed.sync.work())
    await gate.reached.wait()
    now = filed.kept.clock.now()
    assert await filed.sources.map_to_new(filed.tenant_id, id, filed.kept.new_id(), "Somebody else", now)
    gate.opened.set()
    await reading
    after = await filed.organisation(id)
    assert (after.state, after.client_name, after.last["added"]) == ("synced", "Somebody else", 5)
    assert len(await filed.people(id)) == 5, "all of them, and at once"


async def claimed(office: Office, id: str, worker: str) -> bool:
    """Whether that worker got the organisation; then it does nothing with it."""
    kept, tenant_id, now = office.kept, office.tenant_id, office.kept.clock.now()
    lease = await kept.database.write(
        tenant_id, lambda conn: claim(conn, kept.keyring, tenant_id, id, worker, now, kept.new_id)
    )
    return lease is not None


class Gate:
    """Whoever comes first once `at` pages were asked for stands still here until it is opened."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    def held(self, asked: Sequence[str]) -> asyncio.Event | None:
        if len(asked) != self.at or self.reached.is_set():
            return None
        self.reached.set()
        return self.opened


@pytest.mark.feature("CO-02", "REL-06")
async def test_one_that_does_not_answer_holds_up_no_other(office: Office) -> None:
    stuck, well = staffed(office, "Stuck"), staffed(office, "Well")
    stuck_id, well_id = await office.connect(stuck), await office.connect(well)
    never, through = asyncio.Event(), asyncio.Event()
    office.outside.hold = lambda directory_id: never if directory_id == stuck.proven.id else None
    office.kept.database.on_commit(through.set)
    # A process that is gone holds the other one: whoever is alone does not wait for its lease to end.
    await claimed(office, well_id, "dead")
    running = asyncio.create_task(office.worker("alone", is_alone=True).run())
    try:
        while True:
            through.clear()
            if (await office.organisation(well_id)).state == "synced":
                break
            await through.wait()
        assert len(await office.people(well_id)) == 5
        assert (await office.organisation(stuck_id)).step == "companies"
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    office.outside.hold = lambda directory_id: None
    await office.sync.work()
    assert (await office.organisation(stuck_id)).state == "synced", "what it held was given back at once"


@pytest.mark.feature("CO-10", "CO-12")
async def test_a_refusal_is_shown_and_tried_again_ever_more_slowly(filed: Office) -> None:
    code: Refusal = "wrong_secret"
    id = await filed.connect(staffed(filed, "Org"))
    filed.outside.answers.append(SourceRefused(code, "AADSTS7000215"))
    await filed.sync.work()
    found = await filed.organisation(id)
    assert (found.state, found.problem, found.problem_detail, found.failures) == ("problem", code, "AADSTS7000215", 1)
    assert remedy_of(found.problem)
    assert found.next_at is not None
    assert timedelta(minutes=2) <= found.next_at - filed.kept.clock.now() <= 8 * MINUTE
    await filed.sync.work()
    assert filed.outside.asked == [], "not before its time"
    assert await filed.sources.sync_now(filed.tenant_id, id, filed.kept.world.dana, filed.kept.clock.now())
    assert (await filed.organisation(id)).state == "queued"
    filed.outside.answers += [SourceRefused(code)] * 4
    await filed.sync.work()
    assert (await filed.organisation(id)).state == "problem", "whoever asked sees why not"
    for _ in range(3):
        filed.kept.clock.advance(timedelta(hours=2))
        await filed.sync.work()
    found = await filed.organisation(id)
    assert found.next_at is not None
    assert found.next_at - filed.kept.clock.now() >= timedelta(minutes=30)
    assert [line.kind for line in await filed.lines()] == ["source.added", "source.problem"], "said once"
    # A new secret is tried at once.
    now = filed.kept.clock.now()
    assert await filed.sources.change(
        filed.tenant_id, filed.source_id, now, name="M365", application_id=APPLICATION, secret="another"
    )
    await filed.sync.work()
    found = await filed.organisation(id)
    assert (found.state, found.problem, found.failures, len(await filed.people(id))) == ("synced", "", 0, 5)
    assert filed.outside.secrets == {SECRET, "another"}


@pytest.mark.feature("CO-12")
async def test_a_pause_that_is_asked_for_is_kept_and_nothing_is_lost(filed: Office) -> None:
    id = await filed.connect(staffed(filed, "Org"))
    begin: list[SourceError] = [SourceLater("throttled", 900.0)]

    def hold(directory_id: str) -> None:
        if len(filed.outside.asked) == 2 and begin:
            filed.outside.answers.append(begin.pop())

    filed.outside.hold = hold
    await filed.sync.work()
    found = await filed.organisation(id)
    assert (found.problem, found.state, found.read) == ("throttled", "syncing", 4), "nothing to look at yet"
    filed.kept.clock.advance(timedelta(seconds=899))
    await filed.sync.work()
    assert len(filed.outside.asked) == 2
    filed.kept.clock.advance(timedelta(seconds=1))
    await filed.sync.work()
    assert filed.outside.asked == ["", "all 5 2", "all 5 4"]
    assert (await filed.organisation(id)).state == "synced"
    for _ in range(3):
        filed.outside.answers.append(SourceLater("http_503"))
        await filed.again(id)
    found = await filed.organisation(id)
    assert (found.state, found.problem) == ("problem", "http_503"), "three times in a row is one"


@pytest.mark.feature("CO-12")
async def test_a_cursor_that_is_always_too_old_does_not_go_round_for_ever(filed: Office) -> None:
    company = staffed(filed, "Org")
    id = await filed.connect(company)
    await filed.sync.work()
    filed.outside.answers.clear()
    # After the company itself: too old; from the start: too old again.
    expired: list[SourceError] = [SourceExpired(), SourceExpired()]
    asked = 0

    def hold(directory_id: str) -> None:
        nonlocal asked
        asked += 1
        if asked > 1 and expired:
            filed.outside.answers.append(expired.pop())

    filed.outside.hold = hold
    found = await filed.again(id)
    assert (found.state, found.problem, found.problem_detail, asked) == ("problem", "bad_answer", "expired", 3)
    found = await filed.again(id)
    assert (found.state, found.problem) == ("synced", "")


def cells_of(column: Column[bytes], conn: Connection) -> list[bytes]:
    return list(conn.scalars(select(column).where(column.is_not(None))))


@pytest.mark.feature("CO-10", "SEC-56")
async def test_secrets_and_cursors_are_sealed(office: Office) -> None:
    id = await office.connect(staffed(office, "Org"))
    await office.sync.work()
    cells: list[bytes] = []
    for column in (
        *(contact_sources.c.secret, source_organisations.c.cursor, source_people.c.said, source_changes.c.body),
    ):
        cells += await office.kept.database.read(Unscoped.OPERATOR, partial(cells_of, column))
    assert len(cells) == 7
    for plain in (SECRET, "new 5", "example.com", "+1212"):
        assert not any(plain.encode() in cell for cell in cells)
    assert SECRET not in repr(await office.sources.access(office.tenant_id, office.source_id, "x"))
    assert (await office.organisation(id)).last["added"] == 5


@pytest.mark.feature("CO-03", "CO-10")
async def test_sources_are_added_changed_and_taken_away(office: Office) -> None:
    await office.open()
    kept, now = office.kept, office.kept.clock.now()
    (source,) = await office.sources.all(office.tenant_id)
    assert (source.name, source.application_id, source.organisations) == ("Microsoft 365", APPLICATION, 0)
    assert await office.sources.all(kept.other.tenant_id) == ()
    assert readiness_of(source, (), now) == "not_connected"
    again = NewSource(kept.new_id(), "Microsoft 365", APPLICATION, "x", None, kept.world.dana)
    with pytest.raises(NameTaken):
        await office.sources.add(office.tenant_id, again, now)
    for days, word in ((31, "ready"), (30, "secret_ends_soon"), (0, "secret_ends_soon"), (-1, "secret_ended")):
        ends = now + timedelta(days=days, seconds=1)
        assert await office.sources.change(
            office.tenant_id, source.id, now, name="M365", application_id=APPLICATION, secret_ends_at=ends
        )
        found = await office.sources.get(office.tenant_id, source.id)
        assert found is not None
        assert found.secret_days(now) == days
        if days == 31:
            await office.connect(staffed(office, "Org"))
            await office.sync.work()
        assert readiness_of(found, await office.sources.organisations(office.tenant_id), now) == word
    access = await office.sources.access(office.tenant_id, source.id, "x")
    assert access is not None
    assert access.secret == SECRET, "no new one was given"
    for n in range(19):
        new = NewSource(kept.new_id(), f"Source {n}", APPLICATION, "x", None, kept.world.dana)
        await office.sources.add(office.tenant_id, new, now)
    with pytest.raises(TooMany):
        await office.sources.add(office.tenant_id, again, now)
    assert await office.sources.remove(office.tenant_id, source.id, office.kept.clock.now())
    assert not await office.sources.remove(office.tenant_id, source.id, office.kept.clock.now())


@pytest.mark.feature("CO-05", "REL-13")
async def test_a_consent_comes_back_once_in_time_to_whoever_asked(office: Office) -> None:
    await office.open()
    kept, tenant_id, source_id = office.kept, office.tenant_id, office.source_id
    dana, log_in = kept.world.dana, kept.new_id()

    async def begin(word: str) -> bool:
        now = kept.clock.now()
        return await office.sources.begin_consent(tenant_id, source_id, log_in, dana, word, now, kept.new_id())

    async def take(word: str, *, tenant: str = tenant_id, source: str = source_id, by: str = log_in) -> bool:
        return await office.sources.take_consent(tenant, source, by, word, kept.clock.now())

    assert await begin("first")
    assert not await take("another")
    assert not await take("first", tenant=kept.other.tenant_id)
    assert not await take("first", source=kept.new_id())
    assert not await take("first", by=kept.new_id())
    assert await asyncio.gather(*(take("first") for _ in range(5))) in (
        [[*[False] * n, True, *[False] * (4 - n)] for n in range(5)]
    )
    assert await begin("before a restore")
    await fence(kept.database, kept.keyring, kept.clock.now(), kept.new_id, seen=lambda signer: None)
    assert not await take("before a restore")
    assert await begin("second")
    kept.clock.advance(timedelta(minutes=10))
    assert not await take("second"), "its time is over"
    assert not await office.sources.begin_consent(
        kept.other.tenant_id, source_id, log_in, dana, "third", kept.clock.now(), kept.new_id()
    )
