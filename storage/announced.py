"""Announced calls that are still good: who is about to call whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, select

from storage.database import Database
from storage.tables import announced_calls, contacts, dialogs
from storage.times import maybe_moment, micros, moment


@dataclass(frozen=True, slots=True)
class AnnouncedRow:
    """One announced call as lists show it. `ticket` is ticket, new or later; the id and number go with `ticket`."""

    id: str
    contact_id: str
    contact_name: str
    technician_id: str
    technician_name: str
    direction: str
    ticket: str
    ticket_id: str
    ticket_number: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None

    def is_live(self, now: datetime) -> bool:
        return self.ended_at is None and now < self.expires_at


class AnnouncedCalls:
    """Reads announced calls; they are made and ended by turns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def live(
        self, tenant_id: str, now: datetime, *, contact_id: str = "", technician_id: str = ""
    ) -> tuple[AnnouncedRow, ...]:
        """Those that have not ended, newest first; of one contact or one technician when asked."""
        query = _announced(tenant_id).where(
            announced_calls.c.ended_at.is_(None), announced_calls.c.expires_at > micros(now)
        )
        if contact_id:
            query = query.where(announced_calls.c.contact_id == contact_id)
        if technician_id:
            query = query.where(announced_calls.c.technician_id == technician_id)
        query = query.order_by(announced_calls.c.created_at.desc(), announced_calls.c.id.desc())
        return await self._database.read(
            tenant_id, lambda conn: tuple(_row(row) for row in conn.execute(query).mappings())
        )

    async def get(self, tenant_id: str, announced_id: str) -> AnnouncedRow | None:
        return await self._database.read(tenant_id, lambda conn: get_announced(conn, tenant_id, announced_id))


def get_announced(conn: Connection, tenant_id: str, announced_id: str) -> AnnouncedRow | None:
    """One announced call, live or not."""
    row = conn.execute(_announced(tenant_id).where(announced_calls.c.id == announced_id)).mappings().first()
    return None if row is None else _row(row)


def _announced(tenant_id: str) -> Select[Any]:
    theirs = (contacts.c.tenant_id == announced_calls.c.tenant_id) & (contacts.c.id == announced_calls.c.contact_id)
    return (
        select(announced_calls, contacts.c.name.label("contact_name"))
        .join(contacts, theirs)
        .where(announced_calls.c.tenant_id == tenant_id)
    )


def _row(row: RowMapping) -> AnnouncedRow:
    return AnnouncedRow(
        row["id"],
        row["contact_id"],
        row["contact_name"],
        row["technician_id"],
        row["technician_name"],
        row["direction"],
        row["ticket"],
        row["ticket_id"],
        row["ticket_number"],
        moment(row["created_at"]),
        moment(row["expires_at"]),
        maybe_moment(row["ended_at"]),
    )


def waiting_check(conn: Connection, tenant_id: str, contact_id: str) -> str:
    """The id of the contact's check that nobody has claimed yet, empty when none waits."""
    found = conn.scalar(
        select(dialogs.c.id).where(
            dialogs.c.tenant_id == tenant_id,
            dialogs.c.contact_id == contact_id,
            dialogs.c.is_live,
            dialogs.c.state == "open",
        )
    )
    return found or ""
