"""The log as technicians read it: what happened, when, to which check, by whom. What people said stays sealed.

The log's order is nearly that of time, so a stretch of days is a stretch of places. What has no index of its own is
looked for in windows of places, so many to a page at most: no look takes longer because the log is long.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, func, select

from storage.database import Database
from storage.paging import PAGE, page_size
from storage.tables import audit, contacts
from storage.times import micros, moment

#: Places to one window, and windows to one look.
WINDOW, WINDOWS = 20_000, 20
#: A line's place may be given this much later than its time: whoever looks for a time looks so far around it.
SLACK = timedelta(hours=1)


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


@dataclass(frozen=True, slots=True)
class Filters:
    """Which lines; what is empty or None does not narrow. `kind` may end in `.` for all that start so. `client_id`: of
    any of its contacts. From `since`, before `until`."""

    kind: str = ""
    technician_id: str = ""
    contact_id: str = ""
    client_id: str = ""
    ticket_id: str = ""
    check_id: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self, tenant_id: str) -> list[ColumnElement[bool]]:
        """What a line must fulfil."""
        pairs = (
            (audit.c.technician_id, self.technician_id),
            (audit.c.contact_id, self.contact_id),
            (audit.c.ticket_id, self.ticket_id),
            (audit.c.check_id, self.check_id),
        )
        wanted: list[ColumnElement[bool]] = [column == value for column, value in pairs if value]
        if self.kind:
            wanted.append(_of_kind(self.kind))
        if self.client_id:
            theirs = select(contacts.c.id).where(
                contacts.c.tenant_id == tenant_id, contacts.c.client_id == self.client_id
            )
            wanted.append(audit.c.contact_id.in_(theirs))
        if self.since is not None:
            wanted.append(audit.c.at >= micros(self.since))
        if self.until is not None:
            wanted.append(audit.c.at < micros(self.until))
        return wanted


@dataclass(frozen=True, slots=True)
class Found:
    """Some lines, newest first, and the sequence to look on from; None when that was all. `stopped`: the look ended
    before the page was full, at this moment, because it had gone through as many lines as one look may."""

    items: tuple[LogRow, ...]
    next: int | None
    stopped: datetime | None = None


class Log:
    """Reads the log; it is written by turns."""

    def __init__(self, database: Database, *, window: int = WINDOW, windows: int = WINDOWS) -> None:
        """`window`: lines that are looked at at once, `windows`: how many of them in one look."""
        self._database = database
        self._window = window
        self._windows = windows

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

    async def search(self, tenant_id: str, wanted: Filters, before: int | None = None, *, limit: int = PAGE) -> Found:
        """The newest lines that fit, or those before that sequence."""
        size = page_size(limit)
        bounds = (self._window, self._windows)
        return await self._database.read(tenant_id, lambda conn: _search(conn, tenant_id, wanted, before, size, bounds))

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
        wanted.append(_of_kind(kind))
    return query.where(*wanted)


def _of_kind(kind: str) -> ColumnElement[bool]:
    return audit.c.kind.startswith(kind, autoescape=True) if kind.endswith(".") else audit.c.kind == kind


def _search(
    conn: Connection, tenant_id: str, wanted: Filters, before: int | None, size: int, bounds: tuple[int, int]
) -> Found:
    window, windows = bounds
    top, bottom = _stretch(conn, tenant_id, wanted, before)
    conditions = wanted.conditions(tenant_id)
    query = _lines(tenant_id).where(*conditions).order_by(audit.c.seq.desc())
    # A check has an index of its own, and without a condition every line fits: then no window is needed.
    if wanted.check_id or not conditions:
        rows = _rows(conn, query.where(audit.c.seq < top, audit.c.seq > bottom).limit(size + 1))
        return _found(rows, size)
    rows = ()
    for _ in range(windows):
        floor = _floor(conn, tenant_id, top, bottom, window)
        within = query.where(audit.c.seq < top, audit.c.seq >= floor)
        rows += _rows(conn, within.limit(size + 1 - len(rows)))
        if len(rows) > size or floor <= bottom + 1:
            return _found(rows, size)
        top = floor
    return Found(rows, top, _at(conn, tenant_id, top))


def _found(rows: tuple[LogRow, ...], size: int) -> Found:
    return Found(rows[:size], rows[size - 1].seq if len(rows) > size else None)


def _stretch(conn: Connection, tenant_id: str, wanted: Filters, before: int | None) -> tuple[int, int]:
    """Below which place to look, and above which."""
    end = conn.scalar(select(func.max(audit.c.seq)).where(audit.c.tenant_id == tenant_id)) or 0
    top = end + 1 if before is None else min(before, end + 1)
    bottom = 0
    if wanted.until is not None:
        top = min(top, _last_before(conn, tenant_id, wanted.until + SLACK, end) + 1)
    if wanted.since is not None:
        bottom = _last_before(conn, tenant_id, wanted.since - SLACK, end)
    return top, bottom


def _last_before(conn: Connection, tenant_id: str, at: datetime, end: int) -> int:
    """The last place whose line is older than `at`, 0 for none: halving, some twenty lines are looked at."""
    low, high = 0, end
    while low < high:
        middle = (low + high + 1) // 2
        line = conn.execute(_newest_up_to(tenant_id, middle)).first()
        if line is None or line.at < micros(at):
            low = middle
        else:
            high = line.seq - 1
    return low


def _floor(conn: Connection, tenant_id: str, top: int, bottom: int, window: int) -> int:
    """The lowest place of a window below `top`; above `bottom`."""
    places = select(audit.c.seq).where(audit.c.tenant_id == tenant_id, audit.c.seq < top, audit.c.seq > bottom)
    floor = conn.scalar(places.order_by(audit.c.seq.desc()).offset(window - 1).limit(1))
    return bottom + 1 if floor is None else floor


def _at(conn: Connection, tenant_id: str, seq: int) -> datetime | None:
    line = conn.execute(_newest_up_to(tenant_id, seq)).first()
    return None if line is None else moment(line.at)


def _newest_up_to(tenant_id: str, seq: int) -> Select[Any]:
    lines = select(audit.c.seq, audit.c.at).where(audit.c.tenant_id == tenant_id, audit.c.seq <= seq)
    return lines.order_by(audit.c.seq.desc()).limit(1)


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


def log_lines(tenant_id: str) -> Select[Any]:
    """The tenant's lines without their sealed part, to be narrowed and ordered, and then read by `read_lines`."""
    return _lines(tenant_id)


def read_lines(conn: Connection, query: Select[Any]) -> tuple[LogRow, ...]:
    """What a query made from `log_lines` finds."""
    return _rows(conn, query)
