"""Ending checks and verifications from outside the turn, when the operator or a change of number makes them void. The
dialog's own machine takes the step; what goes with an ended one in a turn goes here too: its timers, its codes on their
way, its counts, and green shields."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, Connection, and_, case, delete, or_, select, update

from dialogs import user_verify as uv
from dialogs.tech_verify import CheckVoided, Env, Rules, machine
from dialogs.turns import AuditEvent
from storage.codec import KIND, dump_state, dump_verification, load_state, load_verification, outline, summary
from storage.keys import Keyring
from storage.noting import append_audit
from storage.outbox_rules import CHECK_CODE, VERIFICATION_CODE
from storage.tables import challenge_sends, dialogs, outbox, timers, verifications
from storage.times import micros

Reason = Literal["restored", "erased", "number_changed"]
#: A check of theirs that a block is about is rejected by the turn instead, which also tells its ticket.
VerificationReason = Reason | Literal["blocked", "asker_off"]


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
    who: str = "operator",
) -> int:
    """End the live checks of a tenant that `which` picks, each with its line in the log; how many there were. `by`: the
    technician whose doing it is; empty: it is that of `who`, such as the operator.

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
                **({} if by else {"who": who}),
            },
        )
        append_audit(conn, keyring, tenant_id, event)
    return len(rows)


def end_verifications(
    conn: Connection,
    keyring: Keyring,
    tenant_id: str,
    which: ColumnElement[bool],
    reason: VerificationReason,
    now: datetime,
    new_id: Callable[[], str],
    *,
    by: str = "",
    who: str = "operator",
) -> int:
    """The same for the verifications that `which` picks, live or green; how many were live. Raises `BadState`."""
    c, at = verifications.c, micros(now)
    counts = or_(c.is_live, and_(c.green_until > at, c.shield_ended_at.is_(None)))
    found = select(verifications).where(c.tenant_id == tenant_id, counts, which)
    rows = conn.execute(found.order_by(c.id).with_for_update()).mappings().all()
    for row in rows:
        before, event = load_verification(row["body"], lambda cell: b""), uv.Voided(reason)
        state = uv.machine.step(before, event, uv.Env(now, uv.Policy())).state
        known = outline(state)
        if row["is_live"]:
            values = {"state": known.state, "is_live": known.is_live, "expires_at": None, "ended_at": at}
            values |= {"version": row["version"] + 1, "body": dump_verification(state, lambda cell: cell)}
            this = (c.tenant_id == tenant_id) & (c.id == row["id"])
            conn.execute(update(verifications).where(this).values(updated_at=at, **values))
            _forget(conn, tenant_id, row["id"], now)
        line = AuditEvent(
            id=new_id(),
            at=now,
            kind="euv." + uv.machine.transition(before, event),
            check_id=row["id"],
            contact_id=row["contact_id"],
            technician_id=by,
            ticket_id=row["ticket_id"],
            public={
                "before": row["state"],
                "after": known.state,
                "reason": reason,
                "method": row["method"],
                **({} if by else {"who": who}),
            },
        )
        append_audit(conn, keyring, tenant_id, line)
    _end_shields(conn, tenant_id, which, at)
    return sum(row["is_live"] for row in rows)


def _end_shields(conn: Connection, tenant_id: str, which: ColumnElement[bool], now: int) -> None:
    """Also those that have turned back by themselves: a clock that jumps back must not make them green again."""
    green = verifications.c.green_until
    standing = (verifications.c.tenant_id == tenant_id) & green.is_not(None) & verifications.c.shield_ended_at.is_(None)
    ended = {"green_until": case((green < now, green), else_=now), "shield_ended_at": now}
    conn.execute(update(verifications).where(standing, which).values(ended))


def _forget(conn: Connection, tenant_id: str, check_id: str, now: datetime) -> None:
    conn.execute(delete(timers).where(timers.c.tenant_id == tenant_id, timers.c.check_id == check_id))
    waiting = (outbox.c.tenant_id == tenant_id) & (outbox.c.check_id == check_id) & outbox.c.done_at.is_(None)
    # Also what a worker holds: its fence is stale from here on.
    conn.execute(
        update(outbox)
        .where(waiting, or_(*(outbox.c.template.like(f"{begins}%") for begins in (CHECK_CODE, VERIFICATION_CODE))))
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
