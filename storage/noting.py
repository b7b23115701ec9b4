"""Putting a line into the log outside a turn, in the transaction of whatever it tells of: signing in, settings, the
operator's commands. The kinds are listed in `audit_kinds.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import TypeVar

from sqlalchemy import Connection, func, insert, select

from dialogs.turns import AuditEvent
from storage.audit_lines import audit_line
from storage.database import Database, Unscoped
from storage.keys import Keyring
from storage.sealing import row_keys
from storage.tables import audit, tenants
from storage.times import id_from, micros

T = TypeVar("T")

_COLUMNS = (
    *("tenant_id", "id", "at", "kind", "check_id", "contact_id", "technician_id", "ticket_id", "conversation_id"),
    *("channel", "public", "sealed", "leaf"),
)


@dataclass(frozen=True, slots=True)
class Noting:
    """A `Database` whose every write puts `event` into the tenant's log, or happens not at all.

    A write that answers False has changed nothing and is not noted.
    """

    database: Database
    keyring: Keyring
    tenant_id: str
    event: AuditEvent

    async def read(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        return await self.database.read(scope, work)

    async def write(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        def and_note(conn: Connection) -> T:
            done = work(conn)
            if done is not False:
                append_audit(conn, self.keyring, self.tenant_id, self.event)
            return done

        return await self.database.write(scope, and_note)


def append_audit(conn: Connection, keyring: Keyring, tenant_id: str, event: AuditEvent) -> None:
    """Write the line. A store with one writer gives it its place at once; elsewhere the sequencer does."""
    line = audit_line(tenant_id, event, row_keys(conn, keyring, tenant_id, event.contact_id))
    values = dict(zip(_COLUMNS, line, strict=True))
    if conn.dialect.name == "sqlite":
        # The log's order is that of the whole installation, so its end is the one thing looked up past the tenant.
        last = conn.execute(select(func.max(audit.c.seq)), execution_options={"watchword_scope": Unscoped.OPERATOR})
        values["seq"] = (last.scalar() or 0) + 1
    conn.execute(insert(audit).values(**values))


def append_for_all(
    conn: Connection,
    keyring: Keyring,
    now: datetime,
    new_id: Callable[[], str],
    kind: str,
    public: Mapping[str, str | int],
) -> None:
    """Write a line into every tenant's log, about what concerns the whole installation."""
    for tenant_id in conn.scalars(select(tenants.c.id).order_by(tenants.c.id)).all():
        event = AuditEvent(id=new_id(), at=now, kind=kind, public={"who": "operator", **public})
        append_audit(conn, keyring, tenant_id, event)


@dataclass(frozen=True, slots=True)
class Once:
    """What makes a line the same as one that is there already: it is about the same, and for the same moment."""

    about: str
    since: datetime


def append_once(conn: Connection, keyring: Keyring, tenant_id: str, event: AuditEvent, once: Once) -> bool:
    """Write the line unless it stands there already; whether it was written. Its id is made of `once`."""
    about = f"{event.kind}|{event.technician_id}|{once.about}"
    line_id = id_from(micros(once.since), sha256(about.encode()).digest()[:10])
    if conn.scalar(select(audit.c.id).where(audit.c.tenant_id == tenant_id, audit.c.id == line_id)) is not None:
        return False
    append_audit(conn, keyring, tenant_id, replace(event, id=line_id))
    return True
