"""Taking a backup: every row of one snapshot, table by table, in the order of the primary key. Constant memory.

The tables are taken as the database has them: before an upgrade that is the schema of the version before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from sqlalchemy import Column, Connection, Table, func, inspect, select, tuple_

from storage.backup.archive import ArchiveWriter, Header
from storage.backup.records import Manifest, column_kind, end_line, manifest_line, row_line, table_line
from storage.database import Database, Unscoped
from storage.epochs import UNFINISHED, current_epoch
from storage.sealed.tiles import BrokenTree, Tiles
from storage.tables import audit, audit_tiles, fences, installation, metadata

#: Rows fetched at once.
PAGE_ROWS = 500
#: Called with the rows written so far and all there are.
Progress = Callable[[int, int], None]


def silent(done: int, of: int) -> None:
    """Shows nothing."""


async def back_up(
    database: Database, file: BinaryIO, header: Header, master: bytes, progress: Progress = silent
) -> Manifest:
    """Write one snapshot of everything into `file`, which must be empty or ours to empty. Raises OSError."""
    return await database.read(Unscoped.OPERATOR, lambda conn: dump(conn, file, header, master, progress))


def manifest_of(conn: Connection) -> Manifest:
    """What a backup of this snapshot would hold."""
    held = every_table(conn)
    tables = {table.name: conn.scalar(select(func.count()).select_from(table)) or 0 for table in held}
    tiles = Tiles(conn)
    size = tiles.size() if audit_tiles in held else 0
    return Manifest(
        tables,
        log_lines=conn.scalar(select(func.max(audit.c.seq))) or 0,
        log_size=size,
        log_root=_root(tiles, size),
        epoch=current_epoch(conn) if fences in held else 1,
    )


def _root(tiles: Tiles, size: int) -> str:
    """A log whose tree is damaged is to be backed up all the same; `audit verify` says what is wrong with it."""
    try:
        return tiles.root(size).hex() if size else ""
    except BrokenTree:
        return ""


def dump(conn: Connection, file: BinaryIO, header: Header, master: bytes, progress: Progress = silent) -> Manifest:
    """Write everything that `conn`, a transaction that sees one state of the database, sees. Needs the operator's
    scope. What `file` held before is gone: a database may run this again from the start."""
    file.seek(0)
    file.truncate()
    out = ArchiveWriter(file, header, master)
    manifest = manifest_of(conn)
    out.write(manifest_line(manifest))
    done = 0
    for table, columns in every_table(conn).items():
        out.write(table_line(table.name, [(column.name, column_kind(column)) for column in columns]))
        for page in _pages(conn, table, columns):
            out.write(b"".join(row_line(row) for row in page))
            done += len(page)
            progress(done, manifest.rows)
    out.write(end_line(done))
    out.finish()
    return manifest


def every_table(conn: Connection) -> Mapping[Table, Sequence[Column[Any]]]:
    """The tables and columns that the database has. Those that others point to come first."""
    inspector = inspect(conn)
    there = set(inspector.get_table_names())
    held: dict[Table, Sequence[Column[Any]]] = {}
    for table in metadata.sorted_tables:
        if table.name in there:
            names = {column["name"] for column in inspector.get_columns(table.name)}
            held[table] = [column for column in table.columns if column.name in names]
    return held


def _pages(conn: Connection, table: Table, columns: Sequence[Column[Any]]) -> Iterator[Sequence[Any]]:
    """By the primary key, each page after the last row of the one before, so that no database keeps a result open."""
    keys = list(table.primary_key.columns)
    places = [columns.index(key) for key in keys]
    query = select(*columns).order_by(*keys).limit(PAGE_ROWS)
    if table is installation:
        query = query.where(installation.c.name != UNFINISHED)
    page = conn.execute(query).all()
    while page:
        yield page
        if len(page) < PAGE_ROWS:
            return
        last = [page[-1][place] for place in places]
        after = keys[0] > last[0] if len(keys) == 1 else tuple_(*keys) > tuple_(*last)
        page = conn.execute(query.where(after)).all()
