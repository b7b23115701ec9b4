"""Counting one day of a tenant, from the rows themselves, a few hundred at a time.

A request belongs to the day on which it was made, whenever it ended. Ids sort by time, so what has no index by time is
found by a stretch of ids; the row's own time decides.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, and_, case, func, or_, select

from dialogs import tech_verify as tv
from storage.audit_kinds import KINDS
from storage.codec import KIND, load_state
from storage.database import Database
from storage.months import begins, ends
from storage.tables import announced_calls, audit, contacts, dialogs, outbox
from storage.tallies import NOT_COUNTED, Figures, Tally, outcome_of
from storage.times import id_from, micros

#: Rows to a read: a few milliseconds, between which other work goes on.
BATCH = 250
#: A check is shown to its claimer within its life, which is ten minutes at most.
_SHOWN_WITHIN = timedelta(hours=1)
_SHOWN = "tv.code_shown"
_ALERTS = sorted(set(KINDS["alert."]) - {"alert.acknowledged"})
#: Lines of the log about a `#verify` that started nothing -> why.
_REFUSED: Mapping[str, str] = {
    "tv.refused_by_limit": "limit",
    "desk.stranger": "unknown_number",
    "desk.opted_out": "opted_out",
    "desk.blocked": "blocked",
}
#: What the carrier says of a text that did not arrive.
_FAILED = ("undelivered", "failed", "canceled")
_TENTH = 100_000


async def count_day(database: Database, tenant_id: str, zone: str, day: date, now: datetime) -> Figures:
    """Everything that is counted of that day, as it stands now."""
    start, end = begins(day, zone), ends(day, zone)
    found = Figures()
    shown = await _from_log(database, tenant_id, start, end, found)
    await _checks(database, tenant_id, start, end, shown, found)
    await database.read(tenant_id, lambda conn: _announced(conn, tenant_id, start, end, now, found))
    await database.read(tenant_id, lambda conn: _texts(conn, tenant_id, start, end, found))
    return found


async def _checks(
    database: Database, tenant_id: str, start: datetime, end: datetime, shown: Mapping[str, int], found: Figures
) -> None:
    last: tuple[int, str] | None = None
    while True:
        query = _next_checks(tenant_id, start, end, last)
        rows = await database.read(tenant_id, lambda conn: conn.execute(query).all())  # noqa: B023  awaited here
        for row in rows:
            call = _call(row, shown.get(row.id))
            found.count(call, client_id=row.client_id or "", technician_id=row.technician_id, method=row.channel)
        if len(rows) < BATCH:
            return
        last = (rows[-1].created_at, rows[-1].id)
        # Reading a state is work for this thread; whoever waits for it has a turn in between.
        await asyncio.sleep(0)


def _call(row: Any, shown_at: int | None) -> Tally:
    """One check, counted alone."""
    state = load_state(row.body, lambda cell: b"")
    outcome = outcome_of(state)
    call = Tally(Counter((outcome,)))
    if shown_at is not None and outcome not in NOT_COUNTED:
        call.readable[_tenths(row.created_at, shown_at)] = 1
    if outcome == "verified" and isinstance(state, tv.Confirmed):
        call.confirmed[_tenths(row.created_at, micros(state.at))] = 1
    return call


def _tenths(since: int, until: int) -> int:
    return max(0, until - since) // _TENTH


def _next_checks(tenant_id: str, start: datetime, end: datetime, last: tuple[int, str] | None) -> Select[Any]:
    """Checks asked for in the stretch, behind `last`, each with its contact's client."""
    theirs = (contacts.c.tenant_id == dialogs.c.tenant_id) & (contacts.c.id == dialogs.c.contact_id)
    d = dialogs.c
    query = (
        select(d.id, d.channel, d.created_at, d.technician_id, d.body, contacts.c.client_id)
        .select_from(dialogs.outerjoin(contacts, theirs))
        .where(d.tenant_id == tenant_id, d.kind == KIND, d.created_at >= micros(start), d.created_at < micros(end))
        .order_by(d.created_at, d.id)
        .limit(BATCH)
    )
    if last is None:
        return query
    at, id_ = last
    return query.where(d.created_at >= at, or_(d.created_at > at, and_(d.created_at == at, d.id > id_)))


async def _from_log(
    database: Database, tenant_id: str, start: datetime, end: datetime, found: Figures
) -> dict[str, int]:
    """Count alerts and refused requests; when each check's code was first shown, in microseconds."""
    shown: dict[str, int] = {}
    last = _id_at(start)
    until = _id_at(end + _SHOWN_WITHIN)
    kinds = [_SHOWN, *_REFUSED, *_ALERTS]
    while True:
        a = audit.c
        query = (
            select(a.id, a.at, a.kind, a.check_id, a.public)
            .where(a.tenant_id == tenant_id, a.id > last, a.id < until, a.kind.in_(kinds))
            .order_by(a.id)
            .limit(BATCH)
        )
        rows = await database.read(tenant_id, lambda conn: conn.execute(query).all())  # noqa: B023  awaited here
        _note_lines(rows, range(micros(start), micros(end)), found, shown)
        if len(rows) < BATCH:
            return shown
        last = rows[-1].id
        await asyncio.sleep(0)


def _note_lines(rows: Sequence[Any], day: range, found: Figures, shown: dict[str, int]) -> None:
    for row in rows:
        if row.kind == _SHOWN:
            shown[row.check_id] = min(row.at, shown.get(row.check_id, row.at))
        elif row.at not in day:
            continue
        elif row.kind not in _REFUSED:
            found.alerts[row.kind.removeprefix("alert.")] += 1
        elif json.loads(row.public).get("said") == "verify":
            found.refused[_REFUSED[row.kind]] += 1


def _announced(conn: Connection, tenant_id: str, start: datetime, end: datetime, now: datetime, found: Figures) -> None:
    """Calls that were announced, not taken back and not announced anew, and whose time ran out without a check."""
    a = announced_calls.c
    asked = select(dialogs.c.id).where(
        dialogs.c.tenant_id == tenant_id,
        dialogs.c.kind == KIND,
        dialogs.c.contact_id == a.contact_id,
        dialogs.c.created_at >= a.created_at,
        dialogs.c.created_at < a.expires_at,
    )
    theirs = (contacts.c.tenant_id == announced_calls.c.tenant_id) & (contacts.c.id == announced_calls.c.contact_id)
    query = (
        select(a.technician_id, contacts.c.client_id, func.count().label("calls"))
        .select_from(announced_calls.outerjoin(contacts, theirs))
        .where(
            a.tenant_id == tenant_id,
            a.id >= _id_at(start),
            a.id < _id_at(end),
            a.created_at >= micros(start),
            a.created_at < micros(end),
            a.expires_at <= micros(now),
            func.coalesce(a.ended_at, a.expires_at) >= a.expires_at,
            ~asked.exists(),
        )
        .group_by(a.technician_id, contacts.c.client_id)
    )
    for row in conn.execute(query).all():
        calls = Tally(Counter({"no_check": row.calls}))
        found.count(calls, client_id=row.client_id or "", technician_id=row.technician_id, method="")


def _texts(conn: Connection, tenant_id: str, start: datetime, end: datetime, found: Figures) -> None:
    """Texts of that day which the carrier took."""
    o = outbox.c
    failed = case((o.delivery.in_(_FAILED), 1), else_=0)
    query = select(func.count(), func.sum(o.segments), func.sum(failed)).where(
        o.tenant_id == tenant_id,
        o.id >= _id_at(start),
        o.id < _id_at(end),
        o.created_at >= micros(start),
        o.created_at < micros(end),
        o.kind == "text",
        o.status == "sent",
    )
    texts, segments, undelivered = conn.execute(query).one()
    found.texts, found.segments, found.undelivered = int(texts), int(segments or 0), int(undelivered or 0)


def _id_at(at: datetime) -> str:
    """Ids that were made from that millisecond on are greater."""
    return id_from(micros(at), bytes(10))
