"""Taking away words whose time is over, in small batches. Keys that make a repeat a duplicate stay for ever (SEC-23),
and so does the log.

Ids sort by time, so a batch is a stretch of ids. How far each tenant's words are gone is kept in `installation`, so
that a day's run looks at a day's rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select

from storage.accounts import FAILURES_KEPT
from storage.csp_reports import forget_reports
from storage.database import Database, Unscoped
from storage.idempotency import KEPT as ANSWERS_KEPT
from storage.outbox_rules import EARLY_REPORTS_KEPT
from storage.retention_rules import SWEEPS, Sweep
from storage.settings_json import load_settings
from storage.tables import (
    early_reports,
    idempotency,
    installation,
    log_in_failures,
    tenants,
)
from storage.times import id_from, micros

#: Rows in one transaction: a few milliseconds, between which turns go on.
BATCH_ROWS = 200
CSP_REPORTS_KEPT = timedelta(days=90)
_PROGRESS = "retention"


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
