"""`audit verify` while the log grows: what it shows of the end, how it takes a long log, and that it only reads."""

from __future__ import annotations

import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from dialogs.turns import AuditEvent
from storage.audit_lines import audit_line
from storage.database import Unscoped
from storage.keys import RowKeys
from storage.noting import append_audit
from storage.sealed.verify import verify
from storage.sealing import row_keys
from tests.fixtures.sealed_log import SealedLog
from tests.fixtures.world import row_id

pytestmark = pytest.mark.feature("SEC-54", "SEC-55")


async def test_an_empty_log_is_whole(log: SealedLog) -> None:
    report = await log.check()
    assert report.whole
    assert (report.lines, report.tree, report.covered, report.first) == (0, 0, 0, None)
    assert len(report.notes) == 1


async def test_the_end_that_nothing_protects_yet_is_shown(log: SealedLog) -> None:
    await log.sealed(10)
    await log.write(4)
    await log.sealer.seal()
    await log.write(2)
    report = await log.check()
    assert report.whole
    assert (report.lines, report.tree, report.covered, report.unplaced) == (16, 14, 10, 0)


async def test_lines_without_a_place_are_counted(on_postgres: SealedLog) -> None:
    await on_postgres.sealed(3)
    kept = on_postgres.kept
    event = AuditEvent(row_id(5), kept.clock.now(), "tv.expire")
    await kept.database.write(
        Unscoped.OPERATOR, lambda conn: append_audit(conn, kept.keyring, kept.world.tenant_id, event)
    )
    report = await on_postgres.check()
    assert (report.whole, report.lines, report.unplaced) == (True, 3, 1)


async def test_lines_that_come_while_it_runs_do_not_disturb_it(log: SealedLog) -> None:
    await log.sealed(2500, 600)

    class Growing:
        """The log gains lines and a checkpoint before each look."""

        async def read(self, scope: Unscoped, work: Any) -> Any:
            await log.sealed(7)
            return await log.kept.database.read(scope, work)

        write = None

    done: list[tuple[int, int]] = []
    growing: Any = Growing()
    report = await verify(growing, log.kept.keyring, log.file, lambda at, of: done.append((at, of)))
    assert report.whole, report.findings
    assert [at for at, _ in done] == [0, 2048, done[-1][1]]
    assert report.lines == done[-1][1] == 3100 + 3 * 7


def _many(log: SealedLog, keys: RowKeys, numbers: range) -> None:
    """Lines straight into the file: a hundred thousand in a second or two."""
    kept = log.kept

    def lines() -> Iterator[tuple[Any, ...]]:
        for n in numbers:
            event = AuditEvent(row_id(n), kept.clock.now(), "tv.expire", public={"n": n})
            tenant, line_id, *rest = audit_line(kept.world.tenant_id, event, keys)
            yield (tenant, line_id, n, *rest)

    with closing(sqlite3.connect(log.admin)) as connection, connection:
        connection.executemany("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", lines())


async def test_a_long_log_takes_no_more_memory_than_a_short_one(on_file: SealedLog) -> None:
    kept = on_file.kept
    keys = await on_file.look(lambda conn: row_keys(conn, kept.keyring, kept.world.tenant_id, ""))
    peaks = []
    for numbers in (range(1, 5_001), range(5_001, 60_001)):
        _many(on_file, keys, numbers)
        await on_file.seal()
        tracemalloc.start()
        report = await on_file.check()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert report.whole, report.findings
    assert peaks[1] < 1.3 * peaks[0]


async def test_it_writes_nothing_and_waits_for_nobody(on_file: SealedLog) -> None:
    await on_file.sealed(300)
    busy = sqlite3.connect(on_file.admin)
    busy.execute("BEGIN IMMEDIATE")
    before = on_file.file.path.read_bytes()
    assert (await on_file.check()).whole
    busy.rollback()
    busy.close()
    assert on_file.file.path.read_bytes() == before
