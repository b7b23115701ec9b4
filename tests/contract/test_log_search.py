"""Looking something up in the log: every condition, page by page, however long the log is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialogs.turns import AuditEvent
from storage.log import Filters, Found, Log, LogRow
from storage.noting import append_audit
from storage.sealed.sequencer import Sequencer
from storage.sqlite import SqliteDatabase
from tests.fixtures.kept import Kept

pytestmark = pytest.mark.feature("TV-16")


@dataclass
class Written:
    """A log with lines about different people, 47 minutes apart, and the other tenant's lines in between."""

    kept: Kept
    sequencer: Sequencer | None
    events: list[AuditEvent]

    @property
    def tenant_id(self) -> str:
        return self.kept.world.tenant_id

    async def write(self, count: int) -> None:
        kept, world = self.kept, self.kept.world
        for n in range(len(self.events), len(self.events) + count):
            kept.clock.advance(timedelta(minutes=47))
            event = AuditEvent(
                id=kept.new_id(),
                at=kept.clock.now(),
                kind=("tv.issue_code", "tv.confirm", "desk.plain", "call.announced")[n % 4],
                check_id=f"check-{n % 5}" if n % 4 < 2 else "",
                contact_id=world.people[n % 6].id,
                technician_id=world.technicians[n % 2][0] if n % 3 else "",
                ticket_id=f"T-{n % 7}" if n % 2 else "",
                public={"n": n},
            )
            await self._put(world.tenant_id, event)
            await self._put(kept.other.tenant_id, replace(event, id=kept.new_id(), contact_id=""))
            self.events.append(event)
        while self.sequencer is not None and await self.sequencer.place():
            pass

    async def _put(self, tenant_id: str, event: AuditEvent) -> None:
        keyring = self.kept.keyring
        await self.kept.database.write(tenant_id, lambda conn: append_audit(conn, keyring, tenant_id, event))

    async def all(self, wanted: Filters, *, limit: int, log: Log) -> tuple[list[LogRow], list[Found]]:
        """Every page, one after the other."""
        rows: list[LogRow] = []
        pages: list[Found] = []
        before: int | None = None
        while True:
            found = await log.search(self.tenant_id, wanted, before, limit=limit)
            pages.append(found)
            rows += found.items
            if found.next is None:
                return rows, pages
            assert before is None or found.next < before, "each page leads further back"
            before = found.next


@pytest.fixture
async def written(kept: Kept) -> AsyncIterator[Written]:
    sequencer = None if isinstance(kept.database, SqliteDatabase) else Sequencer(kept.url)
    made = Written(kept, sequencer, [])
    await made.write(60)
    yield made
    if sequencer is not None:
        await sequencer.close()


def _fits(event: AuditEvent, wanted: Filters, clients: dict[str, str]) -> bool:
    return (
        (
            not wanted.kind
            or event.kind == wanted.kind
            or (wanted.kind[-1] == "." and event.kind.startswith(wanted.kind))
        )
        and wanted.technician_id in ("", event.technician_id)
        and wanted.contact_id in ("", event.contact_id)
        and wanted.client_id in ("", clients[event.contact_id])
        and wanted.ticket_id in ("", event.ticket_id)
        and wanted.check_id in ("", event.check_id)
        and (wanted.since is None or event.at >= wanted.since)
        and (wanted.until is None or event.at < wanted.until)
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(data=st.data())
async def test_every_line_that_fits_is_found_once_and_no_other(written: Written, data: st.DataObject) -> None:
    world, events = written.kept.world, written.events
    moments = st.none() | st.sampled_from([event.at for event in events])
    wanted = data.draw(
        st.builds(
            Filters,
            kind=st.sampled_from(["", "tv.", "tv.confirm", "desk.", "nothing."]),
            technician_id=st.sampled_from(["", world.dana, "nobody"]),
            contact_id=st.sampled_from(["", world.people[0].id, world.people[5].id]),
            client_id=st.sampled_from(["", world.people[0].client_id, world.people[5].client_id]),
            ticket_id=st.sampled_from(["", "T-1", "T-3"]),
            check_id=st.sampled_from(["", "check-0", "check-1"]),
            since=moments,
            until=moments,
        )
    )
    window, windows = data.draw(st.sampled_from([(7, 2), (1, 3), (1000, 1)]))
    log = Log(written.kept.database, window=window, windows=windows)
    rows, _ = await written.all(wanted, limit=data.draw(st.sampled_from([1, 3, 50])), log=log)
    clients = {person.id: person.client_id for person in world.people}
    expected = [event.id for event in reversed(events) if _fits(event, wanted, clients)]
    assert [row.id for row in rows] == expected


async def test_a_look_ends_after_so_many_lines_and_says_how_far_it_came(written: Written) -> None:
    log = Log(written.kept.database, window=10, windows=2)
    first = await log.search(written.tenant_id, Filters(contact_id="nobody"))
    assert first.items == ()
    assert first.stopped == written.events[40].at, "twenty lines were looked at"
    assert first.next is not None
    rows, pages = await written.all(Filters(contact_id="nobody"), limit=50, log=log)
    assert rows == []
    assert len(pages) == 3
    assert pages[-1].stopped is None


async def test_lines_that_come_meanwhile_neither_repeat_nor_hide_others(written: Written) -> None:
    log = Log(written.kept.database)
    first = await log.search(written.tenant_id, Filters(), limit=25)
    await written.write(4)
    second = await log.search(written.tenant_id, Filters(), first.next, limit=50)
    seen = [row.id for row in (*first.items, *second.items)]
    assert seen == [event.id for event in reversed(written.events[:60])]


@pytest.mark.feature("SEC-37")
async def test_another_tenant_finds_its_own_lines_alone(written: Written) -> None:
    own = {event.id for event in written.events}
    found = await Log(written.kept.database).search(written.kept.other.tenant_id, Filters(), limit=200)
    assert len(found.items) == 60
    assert not own & {row.id for row in found.items}


async def test_nothing_is_found_in_an_empty_log(kept: Kept) -> None:
    now = kept.clock.now()
    for wanted in (Filters(), Filters(kind="tv."), Filters(since=now), Filters(until=now), Filters(check_id="c")):
        assert await Log(kept.database).search(kept.world.tenant_id, wanted) == Found((), None)
