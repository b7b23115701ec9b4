"""What this replica has placed in the log, read once for all tenants and handed out here and at the other replicas.

Without it every replica reads the log for every tenant that somebody watches, at every commit.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, TypeAlias

from sqlalchemy import Connection, func, select

from dialogs.messages import Unavailable
from storage.database import Database, Unscoped
from storage.stream import Event, EventStream
from storage.tables import audit

#: How far back a look goes, at most and for the first one. What others have placed meanwhile they have handed out;
#: what is handed out twice does no harm, and what is not is read by every replica.
_BATCH = 2000
_FIRST = 100
_READ = ("tenant_id", "seq", "kind", "check_id", "contact_id", "technician_id", "public")
#: Tenant, the place of its event before, the event.
_Placed: TypeAlias = tuple[str, int, Event]


class Feed:
    """`run` is one task of the program; `placed` tells it that there is something."""

    def __init__(self, database: Database, stream: EventStream) -> None:
        self._database = database
        self._stream = stream
        self._due = asyncio.Event()
        self._known: int | None = None

    def placed(self) -> None:
        """Lines have got their places, and that is committed. On the event loop; does not wait."""
        self._due.set()

    async def run(self) -> None:
        """Hand out until cancelled. While the database is away nothing is: whoever missed it looks for itself."""
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                rows = await self._database.read(Unscoped.OPERATOR, self._read)
            except Unavailable:
                continue
            if rows:
                self._known = rows[-1][2].seq
                self._hand_out(rows)

    def _read(self, conn: Connection) -> Sequence[_Placed]:
        """What is new, in order, each with the place of the same tenant's event before it."""
        newest = conn.scalar(select(func.max(audit.c.seq))) or 0
        known = newest - _FIRST if self._known is None else max(self._known, newest - _BATCH)
        before = audit.alias("before")
        since = (
            select(func.max(before.c.seq))
            .where(before.c.tenant_id == audit.c.tenant_id, before.c.seq < audit.c.seq)
            .scalar_subquery()
            .label("since")
        )
        query = select(*(audit.c[name] for name in _READ), since).where(audit.c.seq > known)
        rows = conn.execute(query.order_by(audit.c.seq)).all()
        return [(row.tenant_id, row.since or 0, _event(row)) for row in rows]

    def _hand_out(self, rows: Sequence[_Placed]) -> None:
        by_tenant: dict[str, list[_Placed]] = {}
        for row in rows:
            by_tenant.setdefault(row[0], []).append(row)
        for tenant_id, placed in by_tenant.items():
            self._stream.placed(tenant_id, placed[0][1], [event for _, _, event in placed])


def _event(row: Any) -> Event:
    """From a row of the query above."""
    public: dict[str, str | int] = json.loads(row.public)
    return Event(row.seq, row.kind, row.check_id, row.contact_id, row.technician_id, public)
