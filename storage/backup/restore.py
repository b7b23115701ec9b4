"""Filling an empty database from a backup. A mark stands in the database from the first row to the last, so that one
that was filled by half is never mistaken for a whole one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    LargeBinary,
    String,
    TableClause,
    column,
    delete,
    func,
    insert,
    select,
    table,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

from storage.backup.dump import Progress, silent
from storage.backup.records import ColumnKind, Contents, Manifest, TableStart, read_records
from storage.database import Database, Unscoped
from storage.epochs import UNFINISHED, mark_unfinished, unfinished_restore
from storage.sealed.placing import place_waiting
from storage.tables import installation

#: Rows written in one transaction.
BATCH_ROWS = 500
_TYPES: Mapping[ColumnKind, TypeEngine[Any]] = {
    "text": String(),
    "int": BigInteger(),
    "bool": Boolean(),
    "bytes": LargeBinary(),
}


class NotEmpty(Exception):
    """The database holds something; nothing was changed. The message says what."""


class RestoreFailed(Exception):
    """A row could not be written; the database stays marked as filled by half."""


async def restore_into(
    database: Database,
    source: BinaryIO,
    masters: Sequence[bytes],
    contents: Contents,
    *,
    upgrade: Callable[[], Awaitable[None]],
    progress: Progress = silent,
) -> None:
    """Fill `database`, whose tables are those of the backup's revision and are empty.

    `contents`: what `read_contents` found in this `source`, which is read a second time. `upgrade` brings the tables up
    to this version once all rows are there. Raises `NotEmpty`, `RestoreFailed`.
    """
    names = list(contents.manifest.tables)
    await database.write(Unscoped.OPERATOR, lambda conn: _begin(conn, names, contents))
    done, target = 0, _Target()
    for name, kinds, rows in _batches(source, masters):
        into = target.of(name, kinds)
        values = [dict(zip((n for n, _ in kinds), row, strict=True)) for row in rows]
        await _put(database, into, values)
        done += len(rows)
        progress(done, contents.manifest.rows)
    await database.write(Unscoped.OPERATOR, lambda conn: _check(conn, contents.manifest))
    await upgrade()
    await database.write(Unscoped.OPERATOR, place_waiting)
    gone = delete(installation).where(installation.c.name == UNFINISHED)
    await database.write(Unscoped.OPERATOR, lambda conn: conn.execute(gone))


async def _put(database: Database, into: TableClause, values: list[dict[str, Any]]) -> None:
    def work(conn: Connection) -> None:
        conn.execute(insert(into), values)

    try:
        await database.write(Unscoped.OPERATOR, work)
    except DBAPIError as why:
        # Only what kind of error: the statement would quote the row.
        raise RestoreFailed(f"a row of the table {into.name} does not fit ({type(why.orig).__name__})") from None


def _begin(conn: Connection, names: Sequence[str], contents: Contents) -> None:
    if unfinished_restore(conn):
        raise NotEmpty("an earlier restore into it did not finish")
    for name in (name for name in names if name != installation.name):
        if conn.execute(select(1).select_from(table(name)).limit(1)).first() is not None:
            raise NotEmpty(f"its table {name} has rows")
    # A new database may have an id of its own by now; it becomes the one that is restored.
    conn.execute(delete(installation))
    mark_unfinished(conn, contents.header.made_at)


def _check(conn: Connection, manifest: Manifest) -> None:
    for name, rows in manifest.tables.items():
        found = conn.scalar(select(func.count()).select_from(table(name))) or 0
        found -= name == installation.name  # the mark itself
        if found != rows:
            raise RestoreFailed(f"the table {name} has {found} rows and should have {rows}; is a server running?")


class _Target:
    """Tables as the backup describes them, which may be those of an older version."""

    def __init__(self) -> None:
        self._known: dict[str, TableClause] = {}

    def of(self, name: str, kinds: Sequence[tuple[str, ColumnKind]]) -> TableClause:
        if name not in self._known:
            self._known[name] = table(name, *(column(n, _TYPES[kind]) for n, kind in kinds))
        return self._known[name]


def _batches(
    source: BinaryIO, masters: Sequence[bytes]
) -> Iterator[tuple[str, Sequence[tuple[str, ColumnKind]], list[list[Any]]]]:
    start, rows = TableStart("", ()), list[list[Any]]()
    for record in read_records(source, masters):
        if isinstance(record, Manifest):
            continue
        if isinstance(record, TableStart):
            if rows:
                yield start.name, start.columns, rows
            start, rows = record, []
            continue
        rows.append(record)
        if len(rows) == BATCH_ROWS:
            yield start.name, start.columns, rows
            rows = []
    if rows:
        yield start.name, start.columns, rows
