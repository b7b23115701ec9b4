"""Ending checks from outside the turn, when the operator or a change of number makes them void. The dialog's own
machine takes the step; what goes with an ended check in a turn goes here too: its timers, its codes on their way, its
counts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, Connection, delete, select, update

from dialogs.tech_verify import CheckVoided, Env, Rules, machine
from dialogs.turns import AuditEvent
from storage.codec import KIND, dump_state, load_state, summary
from storage.keys import Keyring
from storage.noting import append_audit
from storage.tables import challenge_sends, dialogs, outbox, timers
from storage.times import micros

Reason = Literal["restored", "erased", "number_changed"]


def end_checks(
    conn: Connection,
    keyring: Keyring,
    tenant_id: str,
    which: ColumnElement[bool],
    reason: Reason,
    now: datetime,
    new_id: Callable[[], str],
    *,
    by: str = "",
) -> int:
    """End the live checks of a tenant that `which` picks, each with its line in the log; how many there were. `by`: the
    technician whose doing it is, empty for the operator.

    Whoever steps one of them at the same time loses the race and decides anew. Raises `BadState`.
    """
    live = select(dialogs).where(dialogs.c.tenant_id == tenant_id, dialogs.c.kind == KIND, dialogs.c.is_live, which)
    rows = conn.execute(live.order_by(dialogs.c.id).with_for_update()).mappings().all()
    for row in rows:
        # The code inside stays sealed: an ended state has none.
        before = load_state(row["body"], lambda cell: b"")
        step = machine.step(before, CheckVoided(reason), Env(now, Rules()))
        known = summary(step.state)
        this = (dialogs.c.tenant_id == tenant_id) & (dialogs.c.id == row["id"])
        conn.execute(
            update(dialogs)
            .where(this)
            .values(
                version=row["version"] + 1,
                state=known.state,
                is_live=known.is_live,
                body=dump_state(step.state, lambda cell: cell),
                expires_at=None,
                updated_at=micros(now),
            )
        )
        _forget(conn, tenant_id, row["id"], now)
        event = AuditEvent(
            id=new_id(),
            at=now,
            kind="tv." + machine.transition(before, CheckVoided(reason)),
            check_id=row["id"],
            contact_id=row["contact_id"],
            technician_id=by,
            conversation_id=row["conversation_id"],
            channel=row["channel"],
            public={
                "before": type(before).__name__.lower(),
                "after": known.state,
                "reason": reason,
                **({} if by else {"who": "operator"}),
            },
        )
        append_audit(conn, keyring, tenant_id, event)
    return len(rows)


def _forget(conn: Connection, tenant_id: str, check_id: str, now: datetime) -> None:
    conn.execute(delete(timers).where(timers.c.tenant_id == tenant_id, timers.c.check_id == check_id))
    waiting = (outbox.c.tenant_id == tenant_id) & (outbox.c.check_id == check_id) & outbox.c.done_at.is_(None)
    # Also what a worker holds: its fence is stale from here on.
    conn.execute(
        update(outbox)
        .where(waiting, outbox.c.template.like("tv.code%"))
        .values(
            payload=None,
            status="dropped",
            done_at=micros(now),
            fence=outbox.c.fence + 1,
            worker="",
            lease_until=None,
            error="the check has ended",
        )
    )
    conn.execute(
        update(challenge_sends)
        .where(
            challenge_sends.c.tenant_id == tenant_id,
            challenge_sends.c.check_id == check_id,
            challenge_sends.c.given_back_at.is_(None),
        )
        .values(given_back_at=micros(now))
    )
