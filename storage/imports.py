"""Files of contacts on their way in: looked at, brought in piece by piece, and taken back (the table `imports`).

A piece is one transaction that also moves `done`, and only from where it began: two replicas at the same import, or one
that begins again after a crash, bring nobody in twice. What stood in the file is sealed, and goes with the last piece.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Update, insert, select, update

from dialogs.turns import AuditEvent
from storage.database import Database, Unscoped
from storage.import_files import ReadFile, pack, unpack
from storage.keys import Keyring, place
from storage.noting import append_audit
from storage.paging import PAGE, Page, newest_first, page_of, page_size
from storage.sealing import tenant_key
from storage.tables import imports
from storage.times import maybe_moment, micros, moment

State = Literal["preview", "running", "done", "undoing", "undone", "failed"]
#: A file that nobody has brought in is kept no longer than this.
LEFT_LYING = timedelta(days=1)
WORKING: tuple[State, ...] = ("running", "undoing")


@dataclass(frozen=True, slots=True)
class StoredImport:
    """One import. `total` rows are to be worked through and `done` of them are. `counts` by name: of the preview
    `contacts`, `clients`, `unchanged`, `errors`, `warnings`; of the run `added`, `added_clients`, `there_already`; of
    taking back `removed`, `removed_clients`, `stayed`. `stayed_out`: lines that were not brought in. `is_there`:
    whether what stood in the file is still kept."""

    id: str
    technician_id: str
    file_name: str
    state: State
    total: int
    done: int
    counts: Mapping[str, int]
    stayed_out: tuple[int, ...]
    at: datetime
    ended_at: datetime | None
    is_there: bool


@dataclass(frozen=True, slots=True)
class NewImport:
    """A file that has been read and looked at."""

    id: str
    technician_id: str
    file_name: str
    read: ReadFile = field(repr=False)
    counts: Mapping[str, int] = field(default_factory=dict)
    stayed_out: tuple[int, ...] = ()


class Imports:
    """The imports of a tenant."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def put(self, tenant_id: str, new: NewImport, event: AuditEvent) -> None:
        """Keep a file for its preview."""
        # Tens of thousands of rows take a while: not inside the transaction, and not on the event loop.
        packed = await asyncio.to_thread(pack, new.read)

        def work(conn: Connection) -> None:
            sealed = tenant_key(conn, self._keyring, tenant_id).key.seal(packed, _place(tenant_id, new.id))
            conn.execute(
                insert(imports).values(
                    tenant_id=tenant_id,
                    id=new.id,
                    technician_id=new.technician_id,
                    file_name=new.file_name,
                    state="preview",
                    total=len(new.read.rows),
                    counts=_dump(new.counts, new.stayed_out),
                    body=sealed,
                    at=micros(event.at),
                )
            )
            append_audit(conn, self._keyring, tenant_id, event)

        await self._database.write(tenant_id, work)

    async def get(self, tenant_id: str, import_id: str) -> StoredImport | None:
        """One of them, without what stood in the file."""
        query = _imports(tenant_id).where(imports.c.id == import_id)
        row = await self._database.read(tenant_id, lambda conn: conn.execute(query).mappings().first())
        return None if row is None else _stored(row)

    async def page(self, tenant_id: str, *, cursor: str = "", limit: int = PAGE) -> Page[StoredImport]:
        """All of them, newest first. Raises `BadCursor`."""
        size = page_size(limit)
        query = newest_first(_imports(tenant_id), imports.c.at, imports.c.id, cursor, size)
        rows = await self._database.read(tenant_id, lambda conn: conn.execute(query).mappings().all())
        return page_of([_stored(row) for row in rows], size, lambda one: (micros(one.at), one.id))

    async def content(self, tenant_id: str, import_id: str) -> ReadFile | None:
        """What stood in the file, None once it is gone."""
        query = select(imports.c.body).where(imports.c.tenant_id == tenant_id, imports.c.id == import_id)

        def work(conn: Connection) -> bytes | None:
            sealed = conn.scalar(query)
            if sealed is None:
                return None
            return tenant_key(conn, self._keyring, tenant_id).key.open(sealed, _place(tenant_id, import_id))

        opened = await self._database.read(tenant_id, work)
        return None if opened is None else await asyncio.to_thread(unpack, opened)

    async def begin(self, tenant_id: str, import_id: str, event: AuditEvent) -> bool:
        """From its preview on to bringing it in; False when it is past that, or its file is gone."""
        this = _this(tenant_id, import_id, "preview").where(imports.c.body.is_not(None))
        return await self._move(tenant_id, this.values(state="running", done=0), event)

    async def discard(self, tenant_id: str, import_id: str, event: AuditEvent) -> bool:
        """Forget a file that is not to be brought in; False when it is past its preview."""
        gone = {"state": "failed", "body": None, "ended_at": micros(event.at)}
        return await self._move(tenant_id, _this(tenant_id, import_id, "preview").values(gone), event)

    async def begin_undo(self, tenant_id: str, import_id: str, total: int, event: AuditEvent) -> bool:
        """Begin to take it back: `total` contacts to look at; False when it is not one that has been brought in."""
        values = {"state": "undoing", "done": 0, "total": total, "ended_at": None}
        return await self._move(tenant_id, _this(tenant_id, import_id, "done").values(values), event)

    async def _move(self, tenant_id: str, statement: Update, event: AuditEvent) -> bool:
        def work(conn: Connection) -> bool:
            moved = conn.execute(statement).rowcount == 1
            if moved:
                append_audit(conn, self._keyring, tenant_id, event)
            return moved

        return await self._database.write(tenant_id, work)


async def waiting(database: Database) -> Sequence[tuple[str, str, State]]:
    """Tenant, id and state of every import that is being worked through, oldest first."""
    query = select(imports.c.tenant_id, imports.c.id, imports.c.state).where(imports.c.state.in_(WORKING))
    rows = await database.read(Unscoped.OPERATOR, lambda conn: conn.execute(query.order_by(imports.c.at)).all())
    return [(row.tenant_id, row.id, row.state) for row in rows]


async def forget_left_lying(database: Database, now: datetime) -> int:
    """What stood in files that nobody brought in within a day; how many."""
    old = (imports.c.state == "preview") & (imports.c.at <= micros(now - LEFT_LYING)) & imports.c.body.is_not(None)
    return await database.write(
        Unscoped.OPERATOR, lambda conn: conn.execute(update(imports).where(old).values(body=None)).rowcount
    )


def advance(
    conn: Connection,
    tenant_id: str,
    import_id: str,
    state: State,
    before: int,
    after: int,
    more: Mapping[str, object] | None = None,
) -> bool:
    """Move `done` on, from where this piece began, and set `more`; False when somebody else has done the piece."""
    this = _this(tenant_id, import_id, state).where(imports.c.done == before)
    return conn.execute(this.values({"done": after, **(more or {})})).rowcount == 1


def add_counts(conn: Connection, tenant_id: str, import_id: str, **more: int) -> Mapping[str, int]:
    """Add to its counts, inside a piece; the counts as they are then."""
    query = select(imports.c.counts).where(imports.c.tenant_id == tenant_id, imports.c.id == import_id)
    counts, stayed_out = _load(conn.scalar(query) or "{}")
    after = {**counts, **{name: counts.get(name, 0) + count for name, count in more.items()}}
    these = (imports.c.tenant_id == tenant_id) & (imports.c.id == import_id)
    conn.execute(update(imports).where(these).values(counts=_dump(after, stayed_out)))
    return after


def _this(tenant_id: str, import_id: str, state: State) -> Update:
    return update(imports).where(imports.c.tenant_id == tenant_id, imports.c.id == import_id, imports.c.state == state)


def _imports(tenant_id: str) -> Any:
    columns = [column for column in imports.c if column.name != "body"]
    return select(*columns, imports.c.body.is_not(None).label("is_there")).where(imports.c.tenant_id == tenant_id)


def _stored(row: Any) -> StoredImport:
    counts, stayed_out = _load(row["counts"])
    return StoredImport(
        id=row["id"],
        technician_id=row["technician_id"],
        file_name=row["file_name"],
        state=row["state"],
        total=row["total"],
        done=row["done"],
        counts=counts,
        stayed_out=stayed_out,
        at=moment(row["at"]),
        ended_at=maybe_moment(row["ended_at"]),
        is_there=bool(row["is_there"]),
    )


def _dump(counts: Mapping[str, int], stayed_out: Sequence[int]) -> str:
    return json.dumps({"counts": dict(counts), "stayed_out": list(stayed_out)})


def _load(text: str) -> tuple[dict[str, int], tuple[int, ...]]:
    found = json.loads(text)
    return dict(found.get("counts", {})), tuple(found.get("stayed_out", ()))


def _place(tenant_id: str, import_id: str) -> bytes:
    return place("imports", "body", tenant_id, import_id)
