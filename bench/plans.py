"""How PostgreSQL means to carry out the statements of a turn, among all that is stored: the very plans, made on a
connection like the store's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from bench.stored import OnServer
from storage.postgres import outbox_sql, read_sql, write_sql
from storage.postgres.line import Line, seeing
from storage.postgres.parts import together
from storage.postgres.row_security import Reason

#: What grows without end.
LARGE = frozenset(
    {"inbound", "audit", "outbox", "conversations", "dialogs", "addresses", "contacts", "challenge_sends"}
)
#: The queue is looked through for all tenants at once, and the log has one order for all.
_NOT_BY_TENANT = frozenset({"outbox", "audit"})
STATEMENTS = {
    **{
        name: text
        for module in (read_sql, outbox_sql)
        for name, text in vars(module).items()
        if name.isupper() and not name.startswith("_") and isinstance(text, str) and " " in text
    },
    **{f"{part.name} {n}": together((part,)) for n, part in enumerate(write_sql.PARTS)},
}


async def whole_table_scans(stored: OnServer) -> list[str]:
    """`statement: table by how`, for each step that reads a large table from end to end, or all of a tenant's rows."""
    tenant_id = (await stored.row("SELECT id FROM tenants"))[0]
    line = Line(stored.url)
    found = []
    try:
        connection = await line.connection()
        await connection.execute(line.begin(seeing(Reason.TENANTS, [tenant_id])))
        for name, text in STATEMENTS.items():
            found += [f"{name}: {why}" for why in suspicious(await _plan(connection, text))]
    finally:
        line.drop()
    return found


async def _plan(connection: Any, text: str) -> dict[str, Any]:
    await connection.execute(f"PREPARE looked_at AS {text}")
    many = await connection.fetchval(
        "SELECT coalesce(cardinality(parameter_types), 0) FROM pg_prepared_statements WHERE name = 'looked_at'"
    )
    values = f"({', '.join(['NULL'] * many)})" if many else ""
    plan = json.loads(await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE looked_at{values}"))
    await connection.execute("DEALLOCATE looked_at")
    made: dict[str, Any] = plan[0]["Plan"]
    return made


def suspicious(plan: dict[str, Any]) -> list[str]:
    """Steps on large tables without an index, or with one of which only the tenant is used, or none of it."""
    found = []
    for step in _steps(plan):
        table, kind = step.get("Relation Name"), step["Node Type"]
        if table not in LARGE:
            continue
        condition = step.get("Index Cond") or step.get("Recheck Cond") or ""
        if kind == "Seq Scan":
            found.append(f"{table} from end to end")
        elif "tenant_id" in condition and " AND " not in condition:
            found.append(f"{table}, all rows of a tenant")
        elif condition and "tenant_id" not in condition and table not in _NOT_BY_TENANT:
            found.append(f"{table}, once for each tenant")
    return found


def _steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _steps(below)
