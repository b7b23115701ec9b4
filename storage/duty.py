"""Whom alerts may go to: technicians whose accounts are in use, whether they are on duty, and how they are reached."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from storage.database import Database
from storage.tables import technicians

#: Ways of alerts, as `technicians.notify_by` has them.
WAYS = ("sms", "email")


@dataclass(frozen=True, slots=True)
class OnCall:
    """One technician. `email`: their own, else their login where that is one; `ways`: which of `WAYS` they chose.
    `supervises`: a supervisor or an admin."""

    id: str
    on_duty: bool
    mobile: str
    email: str
    ways: frozenset[str]
    supervises: bool = False


class Roll:
    """Reads it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def active(self, tenant_id: str) -> tuple[OnCall, ...]:
        """Everybody whose account is on and who has accepted the invitation, by id."""
        t = technicians.c
        query = (
            select(t.id, t.on_duty, t.mobile, t.email, t.login, t.notify_by, t.role, t.supervisor)
            .where(t.tenant_id == tenant_id, t.disabled_at.is_(None), t.password_hash != "")
            .order_by(t.id)
        )
        rows = await self._database.read(tenant_id, lambda conn: conn.execute(query).all())
        return tuple(
            OnCall(
                row.id,
                row.on_duty,
                row.mobile,
                row.email or (row.login if "@" in row.login else ""),
                frozenset(way for way in row.notify_by.split(",") if way in WAYS),
                row.supervisor or row.role == "admin",
            )
            for row in rows
        )
