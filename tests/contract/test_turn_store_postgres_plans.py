"""Every statement on PostgreSQL finds its rows by the right index, also in tables that nobody has analysed yet."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from storage.postgres import outbox_sql, read_sql, verification_sql, write_sql
from storage.postgres.line import Line, seeing
from storage.postgres.parts import together
from storage.postgres.row_security import Reason
from tests.fixtures.turn_stores import PostgresHouse

STATEMENTS = {
    **{
        name: text
        for module in (read_sql, outbox_sql, verification_sql)
        for name, text in vars(module).items()
        if name.isupper() and isinstance(text, str) and " " in text and name[0] != "_"
    },
    **{f"{part.name} {n}": together((part,)) for n, part in enumerate(write_sql.PARTS)},
}
#: Small by nature, or not in any turn: reports on messages of nobody, and what a worker holds when it leaves.
MAY_SCAN = {"END_STALE_EARLY", "RELEASE", "HELD"}
_FILL = (
    """
    INSERT INTO inbound (tenant_id, id, channel, conversation_id, once_key, replay_key, at)
    SELECT $1, 'i' || n, 'sms', 'c' || n, decode(md5(n::text), 'hex'), decode(md5('r' || n), 'hex'), n
    FROM generate_series(1, 5000) n
    """,
    """
    INSERT INTO conversations (tenant_id, id, channel, our_address, their_address, version, created_at, updated_at)
    SELECT $1, 'c' || n, 'sms', 'o', 't' || n, 1, n, n FROM generate_series(1, 5000) n
    """,
)


@pytest.fixture
async def full(on_server: PostgresHouse) -> AsyncIterator[Any]:
    """A connection of the store's kind; the tables that grow have rows, and no statistics."""
    line, tenant_id = Line(on_server.url), on_server.world.tenant_id
    connection = await line.connection()
    await connection.execute(line.begin(seeing(Reason.TENANTS, [tenant_id])))
    for text in _FILL:
        await connection.execute(text, tenant_id)
    yield connection
    line.drop()


async def plan(connection: Any, text: str) -> list[str]:
    await connection.execute(f"PREPARE looked_at AS {text}")
    count = await connection.fetchval(
        "SELECT coalesce(array_length(parameter_types, 1), 0) FROM pg_prepared_statements WHERE name = 'looked_at'"
    )
    values = f"({', '.join(['NULL'] * count)})" if count else ""
    rows = await connection.fetch(f"EXPLAIN EXECUTE looked_at{values}")
    return [row[0].strip() for row in rows]


@pytest.mark.parametrize("name", sorted(STATEMENTS))
async def test_no_statement_reads_a_whole_table(full: Any, name: str) -> None:
    steps = await plan(full, STATEMENTS[name])
    scans = [s for s in steps if "Seq Scan" in s or "Hash Join" in s or "hashed SubPlan" in s]
    assert scans == [] or name in MAY_SCAN, "\n".join(steps)


async def test_what_grows_is_found_by_its_whole_key(full: Any) -> None:
    """An index that merely begins with the tenant would read everything the tenant ever got."""
    steps = await plan(full, STATEMENTS["ROUTE"])
    conditions = [s for s in steps if s.startswith("Index Cond")]
    for column in ("once_key", "replay_key"):
        assert any(column in s for s in conditions), "\n".join(steps)
    assert any("their_address" in s and "our_address" in s for s in conditions), "\n".join(steps)


@pytest.mark.feature("SEC-39")
async def test_codes_to_a_prefix_are_found_by_prefix_and_time(full: Any) -> None:
    """How many there are, and which is the newest."""
    steps = await plan(full, STATEMENTS["SENDS"])
    conditions = [s for s in steps if s.startswith("Index Cond") and "prefix" in s]
    assert len(conditions) == 2, "\n".join(steps)
    assert all("tenant_id" in s and " at > " in s.replace("(at", " at") for s in conditions), "\n".join(steps)


def test_there_are_statements_to_look_at() -> None:
    assert len(STATEMENTS) > 40
