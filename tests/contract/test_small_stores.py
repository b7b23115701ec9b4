"""The small ones on both databases: API keys, the count of reports, what `doctor` counts, lines that stand once."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select

from dialogs.turns import AuditEvent
from storage.csp_reports import CspReports
from storage.database import Unscoped
from storage.health import note_backup, read_health, read_load
from storage.idempotency import GIVEN_UP_AFTER, KEPT, Entered, Idempotency
from storage.noting import Once, append_audit, append_once
from storage.opt_outs import opted_out
from storage.tables import audit, suppressions
from storage.times import micros
from tests.fixtures.kept import Kept

KEY, REQUEST = b"k" * 32, b"r" * 32


async def noted(kept: Kept, tenant_id: str, event: AuditEvent) -> None:
    await kept.database.write(tenant_id, lambda c: append_audit(c, kept.keyring, tenant_id, event))


@pytest.mark.feature("REL-02")
async def test_a_repeated_call_gets_the_first_answer_and_each_tenant_has_its_own_keys(kept: Kept) -> None:
    calls, now, mine = Idempotency(kept.database), kept.clock.now(), kept.world.tenant_id
    assert await calls.enter(mine, KEY, REQUEST, now) == Entered("new")
    assert await calls.enter(mine, KEY, REQUEST, now) == Entered("busy")
    assert await calls.enter(mine, KEY, b"other" * 6 + b"..", now) == Entered("other_request")
    assert await calls.enter(kept.other.tenant_id, KEY, REQUEST, now) == Entered("new")
    await calls.finish(mine, KEY, 201, '{"id": 1}')
    assert await calls.enter(mine, KEY, REQUEST, now) == Entered("done", 201, '{"id": 1}')
    assert await calls.enter(kept.other.tenant_id, KEY, REQUEST, now) == Entered("busy")
    assert await calls.enter(kept.other.tenant_id, KEY, REQUEST, now + GIVEN_UP_AFTER) == Entered("new")
    await calls.forget(kept.other.tenant_id, KEY)
    assert await calls.enter(kept.other.tenant_id, KEY, REQUEST, now) == Entered("new")
    assert await calls.enter(mine, KEY, REQUEST, now + KEPT) == Entered("new")


@pytest.mark.feature("REL-02")
async def test_of_calls_with_one_key_at_one_moment_one_is_worked_on(kept: Kept) -> None:
    calls, now = Idempotency(kept.database), kept.clock.now()
    entered = await asyncio.gather(*(calls.enter(kept.world.tenant_id, KEY, REQUEST, now) for _ in range(12)))
    assert Counter(one.outcome for one in entered) == {"new": 1, "busy": 11}


async def test_reports_are_counted_however_many_come_at_once(kept: Kept) -> None:
    reports, now = CspReports(kept.database), kept.clock.now()
    assert (await reports.read()).count == 0
    await asyncio.gather(*(reports.add(2, now) for _ in range(10)))
    found = await reports.read()
    assert (found.count, found.last_at) == (20, now)


async def test_who_has_texted_stop_is_known_by_number_and_for_the_whole_tenant(kept: Kept) -> None:
    mine, now = kept.world.tenant_id, micros(kept.clock.now())
    rows = [
        {"tenant_id": mine, "their_address": their, "our_address": our, "by": "user", "at": now}
        for their, our in (("+1", "+9"), ("+2", ""), ("+3", "+8"))
    ]
    await kept.database.write(mine, lambda c: c.execute(insert(suppressions), rows))
    every = ("+1", "+2", "+3", "+4")
    assert await kept.database.read(mine, lambda c: opted_out(c, mine, every, "+9")) == {"+1", "+2"}
    other = kept.other.tenant_id
    assert await kept.database.read(other, lambda c: opted_out(c, other, every, "+9")) == frozenset()


@pytest.mark.feature("SEC-56")
async def test_a_line_for_the_same_moment_stands_once_also_when_many_write_it(kept: Kept) -> None:
    mine, now = kept.world.tenant_id, kept.clock.now()

    async def note(n: int) -> bool:
        event = AuditEvent(kept.new_id(), now, "sign_in.refused", technician_id=kept.world.dana, public={"n": n})
        return await kept.database.write(
            mine, lambda c: append_once(c, kept.keyring, mine, event, Once("closed", now + timedelta(minutes=5)))
        )

    assert sorted(await asyncio.gather(*(note(n) for n in range(10)))) == [False] * 9 + [True]
    lines = select(func.count()).select_from(audit).where(audit.c.tenant_id == mine)
    assert await kept.database.read(mine, lambda c: c.scalar(lines)) == 1


@pytest.mark.feature("SEC-54")
async def test_lines_have_their_place_at_once_or_wait_for_the_one_who_gives_it(kept: Kept) -> None:
    mine, now = kept.world.tenant_id, kept.clock.now()
    for _ in range(3):
        event = AuditEvent(kept.new_id(), now, "operator.client_added")
        await noted(kept, mine, event)
    seqs = select(audit.c.seq).where(audit.c.tenant_id == mine).order_by(audit.c.seq)
    found = await kept.database.read(mine, lambda c: (c.dialect.name, list(c.scalars(seqs))))
    assert found in [("sqlite", [1, 2, 3]), ("postgresql", [None, None, None])]


async def test_what_doctor_and_monitors_count_is_counted_over_all_tenants(kept: Kept) -> None:
    now = kept.clock.now()
    event = AuditEvent(kept.new_id(), now - timedelta(hours=1), "operator.client_added")
    for tenant_id in (kept.world.tenant_id, kept.other.tenant_id):
        await noted(kept, tenant_id, event)
    await kept.database.write(Unscoped.OPERATOR, lambda c: note_backup(c, now))
    health = await kept.database.read(Unscoped.OPERATOR, lambda c: read_health(c, kept.keyring, now))
    load = await kept.database.read(Unscoped.OPERATOR, lambda c: read_load(c, kept.clock.now))
    assert (health.locked, health.admins, health.newest) == ((), {}, now - timedelta(hours=1))
    assert health.unplaced == load.unplaced
    assert load.unplaced in (0, 2)
    assert load.backup_at == now
