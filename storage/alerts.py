"""Alerts stay in the console until a person has acknowledged them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, insert, select, update

from dialogs.turns import Alert, AuditEvent
from storage.database import Database
from storage.keys import CannotOpen, Keyring, place
from storage.noting import Noting, append_audit
from storage.sealing import row_keys
from storage.tables import alerts, tenants
from storage.times import maybe_moment, micros, moment

#: What stands in place of words that were erased with their contact.
ERASED = "(erased)"


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert. `text` says what happened; names nobody but the contact and the technician it is about."""

    id: str
    kind: str
    at: datetime
    check_id: str
    contact_id: str
    text: str
    seen_by: str
    seen_at: datetime | None


class Alerts:
    """Reads and acknowledges alerts; they are raised by turns."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    def noting(self, tenant_id: str, event: AuditEvent) -> Alerts:
        """The same, but what it changes is put into the log in the same transaction; see `Noting`."""
        return Alerts(Noting(self._database, self._keyring, tenant_id, event), self._keyring)

    async def unseen(self, tenant_id: str, *, limit: int = 50) -> tuple[AlertRow, ...]:
        """Not yet acknowledged, newest first."""
        return await self._listed(tenant_id, _alerts(tenant_id).where(alerts.c.seen_at.is_(None)), limit)

    async def recent(self, tenant_id: str, *, limit: int = 50) -> tuple[AlertRow, ...]:
        """Acknowledged or not, newest first."""
        return await self._listed(tenant_id, _alerts(tenant_id), limit)

    async def count(self, tenant_id: str) -> int:
        """How many wait to be acknowledged."""
        query = (
            select(func.count()).select_from(alerts).where(alerts.c.tenant_id == tenant_id, alerts.c.seen_at.is_(None))
        )
        return await self._database.read(tenant_id, lambda conn: conn.scalar(query) or 0)

    async def acknowledge(self, tenant_id: str, alert_id: str, technician_id: str, now: datetime) -> bool:
        """The first to acknowledge stays on record; False when somebody was before, or there is no such alert."""
        seen = (
            update(alerts)
            .where(alerts.c.tenant_id == tenant_id, alerts.c.id == alert_id, alerts.c.seen_at.is_(None))
            .values(seen_by=technician_id, seen_at=micros(now))
        )
        return await self._database.write(tenant_id, lambda conn: conn.execute(seen).rowcount == 1)

    async def is_there(self, tenant_id: str, alert_id: str) -> bool:
        """Whether there is such an alert, seen or not."""
        query = select(alerts.c.id).where(alerts.c.tenant_id == tenant_id, alerts.c.id == alert_id)
        return await self._database.read(tenant_id, lambda conn: conn.scalar(query) is not None)

    async def _listed(self, tenant_id: str, query: Select[Any], limit: int) -> tuple[AlertRow, ...]:
        newest = query.order_by(alerts.c.at.desc(), alerts.c.id.desc()).limit(limit)

        def work(conn: Connection) -> tuple[AlertRow, ...]:
            return tuple(self._row(conn, row) for row in conn.execute(newest).mappings().all())

        return await self._database.read(tenant_id, work)

    def _row(self, conn: Connection, row: RowMapping) -> AlertRow:
        text = ""
        if row["body"] is not None:
            keys = row_keys(conn, self._keyring, row["tenant_id"], row["contact_id"])
            try:
                text = keys.open(row["body"], place("alerts", "body", row["tenant_id"], row["id"])).decode()
            except CannotOpen:
                text = ERASED
        return AlertRow(
            row["id"],
            row["kind"],
            moment(row["at"]),
            row["check_id"],
            row["contact_id"],
            text,
            row["seen_by"],
            maybe_moment(row["seen_at"]),
        )


def raise_for_all(conn: Connection, keyring: Keyring, kind: str, make: Callable[[], tuple[Alert, AuditEvent]]) -> None:
    """An alert of that kind, and its line in the log, for every tenant that has none unseen. `make` is called for each,
    since ids are used once. Needs the operator's scope."""
    for tenant_id in conn.scalars(select(tenants.c.id).order_by(tenants.c.id)).all():
        if not _waits(conn, tenant_id, kind):
            alert, event = make()
            append_audit(conn, keyring, tenant_id, event)
            _raise(conn, keyring, tenant_id, alert)


def raise_unless_unseen(conn: Connection, keyring: Keyring, tenant_id: str, alert: Alert) -> None:
    """An alert, unless one of its kind waits to be seen. Its line in the log is the caller's."""
    if not _waits(conn, tenant_id, alert.kind):
        _raise(conn, keyring, tenant_id, alert)


def reword_unseen(
    conn: Connection, keyring: Keyring, tenant_id: str, kind: str, text: str, now: datetime, by: str = ""
) -> None:
    """Alerts of that kind that wait to be seen say this from now on; with nothing left to say `by` has seen them."""
    c = alerts.c
    its = (c.tenant_id == tenant_id) & (c.kind == kind) & c.seen_at.is_(None)
    if not text:
        conn.execute(update(alerts).where(its).values(seen_by=by, seen_at=micros(now)))
        return
    for id in conn.scalars(select(c.id).where(its)).all():
        body = row_keys(conn, keyring, tenant_id, "").seal(text.encode(), place("alerts", "body", tenant_id, id))
        conn.execute(update(alerts).where(its, c.id == id).values(body=body))


def _waits(conn: Connection, tenant_id: str, kind: str) -> bool:
    unseen = select(alerts.c.id).where(
        alerts.c.tenant_id == tenant_id, alerts.c.kind == kind, alerts.c.seen_at.is_(None)
    )
    return conn.execute(unseen.limit(1)).first() is not None


def _raise(conn: Connection, keyring: Keyring, tenant_id: str, alert: Alert) -> None:
    body = row_keys(conn, keyring, tenant_id, alert.contact_id).seal(
        alert.text.encode(), place("alerts", "body", tenant_id, alert.id)
    )
    conn.execute(
        insert(alerts).values(
            tenant_id=tenant_id,
            id=alert.id,
            kind=alert.kind,
            at=micros(alert.at),
            check_id=alert.check_id,
            contact_id=alert.contact_id,
            body=body,
        )
    )


def _alerts(tenant_id: str) -> Select[Any]:
    return select(alerts).where(alerts.c.tenant_id == tenant_id)
