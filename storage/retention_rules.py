"""What is kept for how long, kind by kind: which words go when a tenant's settings no longer keep them, and how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Table, delete, select, update

from dialogs.settings import Retention
from storage.forgetting import bare_body, bare_verification
from storage.tables import (
    account_links,
    alerts,
    announced_calls,
    approvals,
    challenge_sends,
    closing_waivers,
    dialogs,
    inbound,
    known_browsers,
    log_ins,
    outbox,
    source_changes,
    source_consents,
    verification_links,
    verification_tries,
    verifications,
    webhook_deliveries,
)
from storage.voiding_approvals import bare_these

#: Log-ins that have ended are kept this long, for whoever looks into one.
LOG_INS_KEPT = timedelta(days=90)
#: Changes from a directory that are done or given up, without their words.
DECIDED_KEPT = timedelta(days=90)
#: What other tools were told, and what they answered.
DELIVERIES_KEPT = timedelta(days=30)
#: How long a tenant keeps something, and which rows may go that are as old as a point of time.
Kept: TypeAlias = Callable[[Retention], timedelta]
Which: TypeAlias = Callable[[int], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Sweep:
    """One kind of words. `kept` says how long; `which` picks what may go; `change` does away with it for these ids of a
    tenant and says how many rows. Rows that are taken away are looked for from the beginning, others from where the
    last run ended (`goes_on`)."""

    name: str
    table: Table
    kept: Kept
    which: Which
    change: Callable[[Connection, str, Sequence[Any]], int]
    goes_on: bool = True


def _cleared(name: str, table: Table, column: str, kept: Kept, which: Which) -> Sweep:
    """The row stays, without what stands in this column."""

    def work(conn: Connection, tenant_id: str, ids: Sequence[Any]) -> int:
        these = (table.c.tenant_id == tenant_id) & table.c.id.in_(ids)
        return conn.execute(update(table).where(these).values({column: None})).rowcount

    return Sweep(name, table, kept, which, work)


def _deleted(name: str, table: Table, kept: Kept, which: Which) -> Sweep:
    """The row goes."""

    def work(conn: Connection, tenant_id: str, ids: Sequence[Any]) -> int:
        return conn.execute(delete(table).where(table.c.tenant_id == tenant_id, table.c.id.in_(ids))).rowcount

    return Sweep(name, table, kept, which, work, goes_on=False)


def _bared(name: str, table: Table, bare: Callable[[str], str]) -> Sweep:
    """What has ended stays without its story: who, when and how it ended."""

    def work(conn: Connection, tenant_id: str, ids: Sequence[Any]) -> int:
        theirs = table.c.tenant_id == tenant_id
        rows = conn.execute(select(table).where(theirs, table.c.id.in_(ids))).mappings().all()
        for row in rows:
            values = {"body": bare(row["body"]), "version": row["version"] + 1}
            conn.execute(update(table).where(theirs, table.c.id == row["id"]).values(values))
        return len(rows)

    return Sweep(name, table, lambda r: r.keep_checks, lambda until: table.c.is_live.is_(False), work)


SWEEPS: tuple[Sweep, ...] = (
    _cleared(
        "words of texts received", inbound, "body", lambda r: r.keep_messages, lambda until: inbound.c.body.is_not(None)
    ),
    _cleared(
        "words of texts and notes sent",
        outbox,
        "payload",
        lambda r: r.keep_messages,
        lambda until: outbox.c.payload.is_not(None) & outbox.c.done_at.is_not(None),
    ),
    _deleted(
        "numbers that codes were sent to",
        challenge_sends,
        lambda r: r.keep_messages,
        lambda until: challenge_sends.c.at < until,
    ),
    _deleted(
        "alerts that somebody has seen", alerts, lambda r: r.keep_alerts, lambda until: alerts.c.seen_at.is_not(None)
    ),
    _bared("stories of ended checks", dialogs, bare_body),
    _bared("stories of ended verifications", verifications, bare_verification),
    _cleared(
        "reasons why tickets were closed without one",
        closing_waivers,
        "note",
        lambda r: r.keep_checks,
        lambda until: closing_waivers.c.note.is_not(None),
    ),
    Sweep(
        "requests to a second person",
        approvals,
        lambda r: r.keep_checks,
        lambda until: approvals.c.is_live.is_(False) & approvals.c.body.is_not(None),
        bare_these,
    ),
    _deleted(
        "links of verifications",
        verification_links,
        lambda r: r.keep_messages,
        lambda until: verification_links.c.created_at < until,
    ),
    _deleted(
        "answers to verifications",
        verification_tries,
        lambda r: r.keep_checks,
        lambda until: verification_tries.c.at < until,
    ),
    _deleted(
        "announced calls", announced_calls, lambda r: r.keep_checks, lambda until: announced_calls.c.expires_at < until
    ),
    _deleted(
        "changes from a directory that are decided",
        source_changes,
        lambda r: DECIDED_KEPT,
        lambda until: source_changes.c.is_open.is_(False) & (source_changes.c.decided_at < until),
    ),
    _deleted(
        "words that went along for a consent",
        source_consents,
        lambda r: LOG_INS_KEPT,
        lambda until: source_consents.c.expires_at < until,
    ),
    _deleted("ended log-ins", log_ins, lambda r: LOG_INS_KEPT, lambda until: log_ins.c.expires_at < until),
    _deleted(
        "links into accounts that have run out",
        account_links,
        lambda r: LOG_INS_KEPT,
        lambda until: account_links.c.expires_at < until,
    ),
    _deleted(
        "browsers that are known no longer",
        known_browsers,
        lambda r: LOG_INS_KEPT,
        lambda until: known_browsers.c.expires_at < until,
    ),
    _deleted(
        "what other tools were told",
        webhook_deliveries,
        lambda r: DELIVERIES_KEPT,
        lambda until: webhook_deliveries.c.done_at < until,
    ),
)
