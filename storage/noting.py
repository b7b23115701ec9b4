"""Putting a line into the log outside a turn, in the transaction of whatever it tells of: the operator's commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, func, insert, select

from dialogs.turns import AuditEvent
from storage.audit_lines import audit_line
from storage.database import Database, Unscoped
from storage.keys import Keyring
from storage.sealing import row_keys
from storage.tables import audit

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
