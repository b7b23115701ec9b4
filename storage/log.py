"""The log as technicians read it: what happened, when, to which check, by whom. What people said stays sealed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, select

from storage.database import Database
from storage.paging import PAGE, page_size
from storage.tables import audit
from storage.times import moment


@dataclass(frozen=True, slots=True)
class LogRow:
    """One line of the log without its sealed part. `seq` is None while the line waits for its place in the log."""

    id: str
    seq: int | None
    at: datetime
    kind: str
    check_id: str
    contact_id: str
    technician_id: str
    ticket_id: str
    conversation_id: str
    channel: str
    public: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class LogPage:
    """Some lines, and the sequence to read on from; None when these are all."""

    items: tuple[LogRow, ...]
    next: int | None


class Log:
    """Reads the log; it is written by turns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def after(
        self,
        tenant_id: str,
        seq: int = 0,
        *,
        check_id: str = "",
        contact_id: str = "",
        kind: str = "",
        limit: int = PAGE,
    ) -> LogPage:
        """Lines behind `seq`, oldest first. `kind` may end in `.` for all that start so."""
        query = _narrowed(_lines(tenant_id), check_id, contact_id, kind).where(audit.c.seq > seq)
        return await self._page(tenant_id, query.order_by(audit.c.seq), limit)

    async def before(
        self,
        tenant_id: str,
        seq: int | None = None,
        *,
        check_id: str = "",
        contact_id: str = "",
        kind: str = "",
        limit: int = PAGE,
    ) -> LogPage:
        """The newest lines, or those before `seq`, newest first."""
        query = _narrowed(_lines(tenant_id), check_id, contact_id, kind).where(audit.c.seq.is_not(None))
        if seq is not None:
            query = query.where(audit.c.seq < seq)
        return await self._page(tenant_id, query.order_by(audit.c.seq.desc()), limit)

    async def unsealed(self, tenant_id: str) -> tuple[LogRow, ...]:
        """Lines that wait for their place in the log; most stores give it at once."""
        query = _lines(tenant_id).where(audit.c.seq.is_(None)).order_by(audit.c.at, audit.c.id)
        return await self._database.read(tenant_id, lambda conn: _rows(conn, query))

    async def newest(self, tenant_id: str) -> int:
        """The sequence of the tenant's newest line, 0 when there is none."""
        query = select(func.max(audit.c.seq)).where(audit.c.tenant_id == tenant_id)
        return await self._database.read(tenant_id, lambda conn: conn.scalar(query) or 0)

    async def _page(self, tenant_id: str, query: Select[Any], limit: int) -> LogPage:
        size = page_size(limit)
        found = await self._database.read(tenant_id, lambda conn: _rows(conn, query.limit(size + 1)))
        return LogPage(found[:size], found[size - 1].seq if len(found) > size else None)


def _lines(tenant_id: str) -> Select[Any]:
    columns = [column for column in audit.c if column.name not in ("sealed", "leaf", "tenant_id")]
    return select(*columns).where(audit.c.tenant_id == tenant_id)


def _narrowed(query: Select[Any], check_id: str, contact_id: str, kind: str) -> Select[Any]:
    wanted = [audit.c.check_id == check_id] if check_id else []
    wanted += [audit.c.contact_id == contact_id] if contact_id else []
    if kind:
        wanted.append(audit.c.kind.startswith(kind, autoescape=True) if kind.endswith(".") else audit.c.kind == kind)
    return query.where(*wanted)


def _rows(conn: Connection, query: Select[Any]) -> tuple[LogRow, ...]:
    return tuple(_row(row) for row in conn.execute(query).mappings())


def _row(row: RowMapping) -> LogRow:
    public: dict[str, str | int] = json.loads(row["public"])
    return LogRow(
        row["id"],
        row["seq"],
        moment(row["at"]),
        row["kind"],
        row["check_id"],
        row["contact_id"],
        row["technician_id"],
        row["ticket_id"],
        row["conversation_id"],
        row["channel"],
        public,
    )
