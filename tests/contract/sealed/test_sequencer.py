"""Places in the log on PostgreSQL: no gap, no line twice, whoever gives them, and soon."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Connection

from dialogs.turns import AuditEvent
from storage.database import Unscoped
from storage.noting import append_audit
from storage.postgres.listening import CHANNEL
from storage.sealed.sequencer import BATCH, LOCK, Sequencer
from tests.fixtures.sealed_log import SealedLog
from tests.fixtures.world import row_id

pytestmark = pytest.mark.feature("SEC-54")


def placer(log: SealedLog) -> Sequencer:
    assert log.sequencer is not None
    return log.sequencer


async def write(log: SealedLog, *numbers: int) -> None:
    """Lines that wait for a place, in one transaction; a line's time goes by its number."""
    kept = log.kept

    def work(conn: Connection) -> None:
        for n in numbers:
            at = kept.clock.now() + timedelta(milliseconds=n)
            append_audit(conn, kept.keyring, kept.world.tenant_id, AuditEvent(row_id(n), at, "tv.expire"))

    await kept.database.write(Unscoped.OPERATOR, work)


async def places(log: SealedLog) -> list[tuple[int | None, str]]:
    return [(row.seq, row.id) for row in await log.rows()]


@asynccontextmanager
async def admin(log: SealedLog) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(log.admin)
    try:
        yield connection
    finally:
        await connection.close()


async def test_lines_get_their_places_in_the_order_of_their_times(on_postgres: SealedLog) -> None:
    await write(on_postgres, 5, 3, 4)
    assert await placer(on_postgres).place() == 3
    await write(on_postgres, 2, 1)
    assert await placer(on_postgres).place() == 2
    expected = [(1, row_id(3)), (2, row_id(4)), (3, row_id(5)), (4, row_id(1)), (5, row_id(2))]
    assert await places(on_postgres) == expected, "a place that was given is final"
    assert await placer(on_postgres).place() == 0


async def test_many_at_once_give_each_line_one_place_without_a_gap(on_postgres: SealedLog) -> None:
    """Four sequencers, while four writers commit transactions of many sizes, some of which come to nothing."""
    lots = random.Random(7)
    numbers = list(range(1, 1201))
    lots.shuffle(numbers)
    parts = [numbers[i : i + 300] for i in range(0, 1200, 300)]
    url = placer(on_postgres)._url
    written = asyncio.Event()

    async def writer(part: list[int]) -> None:
        while part:
            count = min(len(part), lots.choice((1, 2, 5, 30)))
            await write(on_postgres, *(part.pop() for _ in range(count)))
            with pytest.raises(asyncpg.PostgresError):
                async with admin(on_postgres) as connection, connection.transaction():
                    await connection.execute("INSERT INTO audit SELECT * FROM audit LIMIT 1")

    async def keep_placing(sequencer: Sequencer) -> None:
        while not written.is_set():
            await sequencer.place()

    async with AsyncExitStack() as stack:
        others = [Sequencer(url) for _ in range(4)]
        for other in others:
            stack.push_async_callback(other.close)
        placing = [asyncio.create_task(keep_placing(other)) for other in others]
        await asyncio.gather(*(writer(part) for part in parts))
        written.set()
        await asyncio.gather(*placing)
        while await others[0].place():
            pass
        assert sum(other.placed for other in others) == 1200
        assert sum(other.placed > 0 for other in others) > 1, "more than one had its turn"
    found = await places(on_postgres)
    assert [seq for seq, _ in found] == list(range(1, 1201))
    assert len({line for _, line in found}) == 1200


async def test_whoever_comes_second_waits_and_goes_on_where_the_first_ended(on_postgres: SealedLog) -> None:
    """A server in the middle of its batch, held up; another finds the same line waiting, and two of before it."""
    await write(on_postgres, 1, 2, 3)
    async with admin(on_postgres) as first, admin(on_postgres) as looking:
        batch = first.transaction()
        await batch.start()
        await first.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        await first.execute("UPDATE audit SET seq = 1 WHERE id = $1", row_id(3))
        second = asyncio.create_task(placer(on_postgres).place())
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        async with asyncio.timeout(10):
            while not await looking.fetchval(waits):
                assert not second.done()
        await batch.commit()
        assert await second == 2
    assert await places(on_postgres) == [(1, row_id(3)), (2, row_id(1)), (3, row_id(2))]


async def test_a_line_under_way_neither_holds_up_nor_is_skipped(on_postgres: SealedLog) -> None:
    await write(on_postgres, 1)
    async with admin(on_postgres) as connection:
        under_way = connection.transaction()
        await under_way.start()
        await connection.execute(
            "INSERT INTO audit (tenant_id, id, at, kind, leaf) SELECT tenant_id, 'slow', at - 1, kind, leaf FROM audit"
        )
        assert await placer(on_postgres).place() == 1
        await write(on_postgres, 2)
        assert await placer(on_postgres).place() == 1
        await under_way.commit()
    assert await placer(on_postgres).place() == 1
    assert await places(on_postgres) == [(1, row_id(1)), (2, row_id(2)), (3, "slow")]


async def test_what_waited_long_is_placed_batch_by_batch(on_postgres: SealedLog) -> None:
    await write(on_postgres, *range(1, BATCH + 11))
    assert await placer(on_postgres).place() == BATCH
    assert await placer(on_postgres).place() == 10
    assert [line for _, line in await places(on_postgres)] == [row_id(n) for n in range(1, BATCH + 11)]


async def test_it_is_woken_places_and_wakes_everybody(on_postgres: SealedLog) -> None:
    """Milliseconds after the commit, on another connection's word; the next after the server closed its connection."""
    heard: asyncio.Queue[None] = asyncio.Queue()
    sequencer = Sequencer(placer(on_postgres)._url, look_every=60.0)
    async with admin(on_postgres) as listening, admin(on_postgres) as killing:
        await listening.add_listener(CHANNEL, lambda *_: heard.put_nowait(None))
        running = asyncio.create_task(sequencer.run())
        for n in (1, 2, 3):
            await write(on_postgres, n)
            sequencer.wake()
            async with asyncio.timeout(10):
                while (await places(on_postgres))[-1][0] is None:
                    await heard.get()
            assert [seq for seq, _ in await places(on_postgres)] == list(range(1, n + 1))
            await killing.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'watchword'")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_it_takes_the_index_of_waiting_lines_however_long_the_log(on_postgres: SealedLog) -> None:
    """The whole log is never read, neither for the lines nor to find the last place."""
    async with admin(on_postgres) as connection:
        await write(on_postgres, 1)
        await connection.execute(
            "INSERT INTO audit (tenant_id, id, at, kind, leaf, seq) SELECT tenant_id, 'x' || n, at, kind, leaf, n FROM "
            "audit, generate_series(1, 60000) AS n"
        )
        await connection.execute("ANALYZE audit")
        await write(on_postgres, *range(2, 300))
        await connection.execute("SELECT pg_stat_reset()")
        assert await placer(on_postgres).place() == 299
        await placer(on_postgres).close()
        await connection.execute("SELECT pg_stat_force_next_flush()")
        read = "SELECT coalesce(seq_tup_read, 0) FROM pg_stat_user_tables WHERE relname = 'audit'"
        assert await connection.fetchval(read) < 100
        assert await connection.fetchval("SELECT max(seq) FROM audit") == 60299
