"""Every statement of turn and outbox finds its rows by an index, so that a turn costs the same when tables are full."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage.sqlite import outbox_sql, read_sql, verification_sql, write_sql

STATEMENTS = {
    name: text
    for module in (read_sql, write_sql, outbox_sql, verification_sql)
    for name, text in vars(module).items()
    if name.isupper() and not name.startswith("_") and isinstance(text, str) and " " in text
}
#: Small by nature, or not in any turn: reports on messages of nobody, and what a worker holds when it leaves.
MAY_SCAN = {"END_STALE_EARLY", "RELEASE"}
#: A tenant has a few numbers.
MAY_READ_A_TENANT = {"PRIMARY_NUMBER"}


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_no_statement_reads_a_whole_table(seeded_file: Path, name: str) -> None:
    text = STATEMENTS[name]
    with closing(sqlite3.connect(seeded_file)) as connection:
        plan = connection.execute("EXPLAIN QUERY PLAN " + text, [None] * text.count("?")).fetchall()
    steps = [row[3] for row in plan]
    scans = [s for s in steps if s.startswith("SCAN") and "USING" not in s and "CONSTANT ROW" not in s]
    # The subquery of the newest ended check has at most one row.
    assert [s for s in scans if s != "SCAN anon_1"] == [] or name in MAY_SCAN, steps
    # Nor every row of a tenant.
    assert not [s for s in steps if s.endswith("(tenant_id=?)")] or name in MAY_READ_A_TENANT, steps


def test_there_are_statements_to_look_at() -> None:
    assert len(STATEMENTS) > 50
