"""Taking away words whose time is over, in small batches. Keys that make a repeat a duplicate stay for ever (SEC-23),
and so does the log.

Ids sort by time, so a batch is a stretch of ids. How far each tenant's words are gone is kept in `installation`, so
that a day's run looks at a day's rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, func, insert, select, update

from dialogs.settings import Retention
from storage.accounts import FAILURES_KEPT
from storage.csp_reports import forget_reports
from storage.database import Database, Unscoped
from storage.forgetting import bare_body, bare_verification
from storage.idempotency import KEPT as ANSWERS_KEPT
from storage.outbox_rules import EARLY_REPORTS_KEPT
from storage.settings_json import load_settings
from storage.tables import (
    account_links,
    alerts,
    announced_calls,
    approvals,
    challenge_sends,
    closing_waivers,
    dialogs,
    early_reports,
    idempotency,
    inbound,
    installation,
    known_browsers,
    log_in_failures,
    log_ins,
    outbox,
    source_changes,
    source_consents,
    tenants,
    verification_links,
    verification_tries,
    verifications,
    webhook_deliveries,
)
from storage.times import id_from, micros
from storage.voiding_approvals import bare_these

#: Rows in one transaction: a few milliseconds, between which turns go on.
BATCH_ROWS = 200
#: Log-ins that have ended are kept this long, for whoever looks into one.
LOG_INS_KEPT = timedelta(days=90)
#: Changes from a directory that are done or given up, without their words.
DECIDED_KEPT = timedelta(days=90)
CSP_REPORTS_KEPT = timedelta(days=90)
#: What other tools were told, and what they answered.
DELIVERIES_KEPT = timedelta(days=30)
_PROGRESS = "retention"


@dataclass(frozen=True, slots=True)
class Sweep:
    """One kind of words. `kept` says how long; `which` picks what may go, `done` (None: the row itself) what is set.
    Rows that are taken away are looked for from the beginning, others from where the last run ended."""

    name: str
    table: Table
    kept: Callable[[Retention], timedelta]
    which: Callable[[int], ColumnElement[bool]]
    change: Callable[[Connection, str, Sequence[Any]], int]
    goes_on: bool = True


def _cleared(table: Table, column: str) -> Callable[[Connection, str, Sequence[Any]], int]:
    def work(conn: Connection, tenant_id: str, ids: Sequence[Any]) -> int:
        these = (table.c.tenant_id == tenant_id) & table.c.id.in_(ids)
        return conn.execute(update(table).where(these).values({column: None})).rowcount

    return work


def _deleted(table: Table) -> Callable[[Connection, str, Sequence[Any]], int]:
    def work(conn: Connection, tenant_id: str, ids: Sequence[Any]) -> int:
        return conn.execute(delete(table).where(table.c.tenant_id == tenant_id, table.c.id.in_(ids))).rowcount

    return work


def _bared(table: Table, bare: Callable[[str], str]) -> Callable[[Connection, str, Sequence[Any]], int]:
    def work(conn: Connection, tenant_id: str, ids: Sequence[Any]) -> int:
        theirs = table.c.tenant_id == tenant_id
        rows = conn.execute(select(table).where(theirs, table.c.id.in_(ids))).mappings().all()
        for row in rows:
            values = {"body": bare(row["body"]), "version": row["version"] + 1}
            conn.execute(update(table).where(theirs, table.c.id == row["id"]).values(values))
        return len(rows)

    return work


SWEEPS: tuple[Sweep, ...] = (
    Sweep(
        "words of texts received",
        inbound,
        lambda r: r.keep_messages,
        lambda until: inbound.c.body.is_not(None),
        _cleared(inbound, "body"),
    ),
    Sweep(
        "words of texts and notes sent",
        outbox,
        lambda r: r.keep_messages,
        lambda until: outbox.c.payload.is_not(None) & outbox.c.done_at.is_not(None),
        _cleared(outbox, "payload"),
    ),
    Sweep(
        "numbers that codes were sent to",
        challenge_sends,
        lambda r: r.keep_messages,
        lambda until: challenge_sends.c.at < until,
        _deleted(challenge_sends),
        goes_on=False,
    ),
    Sweep(
        "alerts that somebody has seen",
        alerts,
        lambda r: r.keep_alerts,
        lambda until: alerts.c.seen_at.is_not(None),
        _deleted(alerts),
        goes_on=False,
    ),
    Sweep(
        "stories of ended checks",
        dialogs,
        lambda r: r.keep_checks,
        lambda until: dialogs.c.is_live.is_(False),
        _bared(dialogs, bare_body),
    ),
    Sweep(
        "stories of ended verifications",
        verifications,
        lambda r: r.keep_checks,
        lambda until: verifications.c.is_live.is_(False),
        _bared(verifications, bare_verification),
    ),
    Sweep(
        "reasons why tickets were closed without one",
        closing_waivers,
        lambda r: r.keep_checks,
        lambda until: closing_waivers.c.note.is_not(None),
        _cleared(closing_waivers, "note"),
    ),
    Sweep(
        "requests to a second person",
        approvals,
        lambda r: r.keep_checks,
        lambda until: approvals.c.is_live.is_(False) & approvals.c.body.is_not(None),
        bare_these,
    ),
    Sweep(
        "links of verifications",
        verification_links,
        lambda r: r.keep_messages,
        lambda until: verification_links.c.created_at < until,
        _deleted(verification_links),
        goes_on=False,
    ),
    Sweep(
        "answers to verifications",
        verification_tries,
        lambda r: r.keep_checks,
        lambda until: verification_tries.c.at < until,
        _deleted(verification_tries),
        goes_on=False,
    ),
    Sweep(
        "announced calls",
        announced_calls,
        lambda r: r.keep_checks,
        lambda until: announced_calls.c.expires_at < until,
        _deleted(announced_calls),
        goes_on=False,
    ),
    Sweep(
        "changes from a directory that are decided",
        source_changes,
        lambda r: DECIDED_KEPT,
        lambda until: source_changes.c.is_open.is_(False) & (source_changes.c.decided_at < until),
        _deleted(source_changes),
        goes_on=False,
    ),
    Sweep(
        "words that went along for a consent",
        source_consents,
        lambda r: LOG_INS_KEPT,
        lambda until: source_consents.c.expires_at < until,
        _deleted(source_consents),
        goes_on=False,
    ),
    Sweep(
        "ended log-ins",
        log_ins,
        lambda r: LOG_INS_KEPT,
        lambda until: log_ins.c.expires_at < until,
        _deleted(log_ins),
        goes_on=False,
    ),
    Sweep(
        "links into accounts that have run out",
        account_links,
        lambda r: LOG_INS_KEPT,
        lambda until: account_links.c.expires_at < until,
        _deleted(account_links),
        goes_on=False,
    ),
    Sweep(
        "browsers that are known no longer",
        known_browsers,
        lambda r: LOG_INS_KEPT,
        lambda until: known_browsers.c.expires_at < until,
        _deleted(known_browsers),
        goes_on=False,
    ),
    Sweep(
        "what other tools were told",
        webhook_deliveries,
        lambda r: DELIVERIES_KEPT,
        lambda until: webhook_deliveries.c.done_at < until,
        _deleted(webhook_deliveries),
        goes_on=False,
    ),
)


@dataclass(frozen=True, slots=True)
class Swept:
    """What went, or would go: tenant's short name -> kind of words -> rows. `others`: what belongs to no tenant."""

    tenants: Mapping[str, Mapping[str, int]]
    others: Mapping[str, int] = field(default_factory=dict)


async def sweep(database: Database, now: datetime, *, dry_run: bool = False) -> Swept:
    """Take away what each tenant's settings no longer keep. `dry_run`: only count. May be stopped and run again."""
    progress = await database.read(Unscoped.OPERATOR, _read_progress)
    query = select(tenants.c.id, tenants.c.slug, tenants.c.settings).order_by(tenants.c.slug)
    found: dict[str, Mapping[str, int]] = {}
    for row in await database.read(Unscoped.ROUTING, lambda conn: conn.execute(query).all()):
        kept, counts = load_settings(row.settings).retention, dict[str, int]()
        gone = dict(progress.get(row.id, {}))
        for each in SWEEPS:
            until = micros(now - each.kept(kept))
            since = gone.get(each.name, 0) if each.goes_on else 0
            counts[each.name] = await _sweep_one(database, row.id, each, since, until, dry_run=dry_run)
            if each.goes_on:
                gone[each.name] = max(since, until)
        found[row.slug] = counts
        progress[row.id] = gone
        if not dry_run:
            await database.write(Unscoped.OPERATOR, lambda conn: _write_progress(conn, progress))
    others = await _others(database, now, dry_run=dry_run)
    return Swept(found, others)


async def _sweep_one(database: Database, tenant_id: str, each: Sweep, since: int, until: int, *, dry_run: bool) -> int:
    # A millisecond earlier: ids name the millisecond they were made in.
    first, end = id_from(max(0, since - 1000), bytes(10)), id_from(max(0, until), bytes(10))
    column = each.table.c.id
    stretch = (each.table.c.tenant_id == tenant_id) & (column < end) & each.which(until)
    if dry_run:
        counted = select(func.count()).select_from(each.table).where(stretch, column >= first)
        return await database.read(tenant_id, lambda conn: conn.scalar(counted) or 0)
    total, behind = 0, column >= first
    while True:
        page = select(column).where(stretch, behind).order_by(column).limit(BATCH_ROWS)

        def work(conn: Connection, page: Any = page) -> tuple[int, list[str]]:
            ids = list(conn.scalars(page))
            return (each.change(conn, tenant_id, ids) if ids else 0), ids

        changed, ids = await database.write(tenant_id, work)
        total += changed
        if len(ids) < BATCH_ROWS:
            return total
        behind = column > ids[-1]


async def _others(database: Database, now: datetime, *, dry_run: bool) -> Mapping[str, int]:
    """What belongs to no tenant, or is old after a day whatever the settings say."""
    old: tuple[tuple[str, Table, datetime], ...] = (
        ("failed sign-ins", log_in_failures, now - FAILURES_KEPT),
        ("early delivery reports", early_reports, now - EARLY_REPORTS_KEPT),
        ("answers to API calls", idempotency, now - ANSWERS_KEPT),
    )
    counts = {}
    for name, table, until in old:
        which = table.c.at <= micros(until)
        if dry_run:
            counted = select(func.count()).select_from(table).where(which)
            counts[name] = await database.read(Unscoped.OPERATOR, _counting(counted))
        else:
            counts[name] = await database.write(Unscoped.OPERATOR, _executing(delete(table).where(which)))
    if not dry_run:
        await database.write(Unscoped.OPERATOR, lambda conn: forget_reports(conn, now - CSP_REPORTS_KEPT))
    return counts


def _counting(query: Any) -> Callable[[Connection], int]:
    return lambda conn: conn.scalar(query) or 0


def _executing(statement: Any) -> Callable[[Connection], int]:
    return lambda conn: conn.execute(statement).rowcount


def _read_progress(conn: Connection) -> dict[str, Mapping[str, int]]:
    value = conn.scalar(select(installation.c.value).where(installation.c.name == _PROGRESS))
    return dict(json.loads(value)) if value else {}


def _write_progress(conn: Connection, progress: Mapping[str, Mapping[str, int]]) -> None:
    conn.execute(delete(installation).where(installation.c.name == _PROGRESS))
    conn.execute(insert(installation).values(name=_PROGRESS, value=json.dumps(progress)))
