"""Ending requests to a second person from outside the turn, after a restore or because the contact is to be forgotten,
and taking away their words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, delete, select, update

from dialogs import approvals as ap
from dialogs.turns import AuditEvent
from storage.approval_codec import dump_approval, load_approval
from storage.keys import CannotOpen, Keyring, place
from storage.noting import append_audit
from storage.sealing import row_keys
from storage.tables import approvals, timers
from storage.times import micros


def end_approvals(
    conn: Connection,
    keyring: Keyring,
    tenant_id: str,
    which: ColumnElement[bool],
    reason: Literal["restored", "erased"],
    now: datetime,
    new_id: Callable[[], str],
) -> int:
    """End the live ones of a tenant that `which` picks, each with its line in the log; how many there were.

    Whoever steps one of them at the same time loses the race and decides anew. Raises `BadState`.
    """
    c = approvals.c
    live = select(approvals).where(c.tenant_id == tenant_id, c.is_live, which)
    rows = conn.execute(live.order_by(c.id).with_for_update()).mappings().all()
    for row in rows:
        bound_to = place("approvals", "body", tenant_id, row["id"])
        keys = row_keys(conn, keyring, tenant_id, row["contact_id"])
        body: bytes | None = None
        try:
            before = load_approval(keys.open(row["body"], bound_to))
            after = ap.machine.step(before, ap.Void(reason), ap.Env(now)).state
            body = keys.seal(dump_approval(after), bound_to)
        except CannotOpen:
            # Its contact went while it was asked for; nothing but the row is left.
            pass
        values = {"state": "expired", "is_live": False, "expires_at": None, "version": row["version"] + 1}
        this = (c.tenant_id == tenant_id) & (c.id == row["id"])
        conn.execute(update(approvals).where(this).values(body=body, updated_at=micros(now), **values))
        conn.execute(delete(timers).where(timers.c.tenant_id == tenant_id, timers.c.check_id == row["id"]))
        event = AuditEvent(
            id=new_id(),
            at=now,
            kind="approval.void",
            check_id=row["id"],
            contact_id=row["contact_id"],
            ticket_id=row["ticket_id"],
            public={
                "before": row["state"],
                "after": "expired",
                "reason": reason,
                "approval": row["kind"],
                "who": "operator",
            },
        )
        append_audit(conn, keyring, tenant_id, event)
    return len(rows)


def bare_approvals(conn: Connection, tenant_id: str, which: ColumnElement[bool]) -> int:
    """Take the words of those that `which` picks away: who asked whom, when, and what came of it stays."""
    c = approvals.c
    these = (c.tenant_id == tenant_id) & which & c.body.is_not(None)
    values = {"body": None, "their_address": "", "version": c.version + 1}
    return conn.execute(update(approvals).where(these).values(values)).rowcount


def bare_these(conn: Connection, tenant_id: str, ids: Sequence[Any]) -> int:
    """The same by id."""
    return bare_approvals(conn, tenant_id, approvals.c.id.in_(ids))
