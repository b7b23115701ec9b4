"""From the log to deliveries: which lines other tools are to be told of, each made out once (SEC-47).

Where a webhook stands in the log moves on in the transaction that writes its deliveries, and only from where the writer
read it: whatever crashes, and however many replicas look at once, no line is left out and none is made out twice. Lines
are read by their sequence, so one that waits for its place is read once it has one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update

from storage.database import Database, Unscoped
from storage.log import LogRow, log_lines, read_lines
from storage.tables import audit, webhook_deliveries, webhooks
from storage.times import micros
from storage.webhook_events import BEGINNINGS, Told, event_of, told

#: Lines that are read at once.
BATCH = 200
#: A webhook that has not wanted a line for so long has its place written down all the same.
PLACE_EVERY = 1000


@dataclass(frozen=True, slots=True)
class Scanned:
    """How far each webhook of a tenant has been looked after. `more`: there are lines behind that."""

    places: Mapping[str, int]
    made: int
    more: bool


async def tenants_with_webhooks(database: Database) -> Sequence[str]:
    """Who has a webhook that is on."""
    query = select(webhooks.c.tenant_id).where(webhooks.c.disabled_at.is_(None)).distinct()
    return await database.read(Unscoped.OPERATOR, lambda conn: list(conn.scalars(query)))


async def make_out(
    database: Database, tenant_id: str, places: Mapping[str, int], now: datetime, new_id: Callable[[], str]
) -> Scanned:
    """Write the deliveries of the tenant's next lines. `places`: up to where the caller has seen that there was nothing
    for a webhook, which saves reading it again."""
    found = await database.read(tenant_id, lambda conn: _look(conn, tenant_id, places))
    due = [hook for hook in found.hooks if hook.wanted or found.upto - hook.after >= PLACE_EVERY]
    lost: Collection[str] = ()
    if due:
        lost = await database.write(tenant_id, lambda conn: _write(conn, tenant_id, due, found.upto, now, new_id))
    # Where another replica was faster, the next look begins where that one has left off.
    kept = {hook.id: max(found.upto, hook.after, places.get(hook.id, 0)) for hook in found.hooks if hook.id not in lost}
    made = sum(len(hook.wanted) for hook in due if hook.id not in lost)
    return Scanned(kept, made, found.more)


@dataclass(frozen=True, slots=True)
class _Hook:
    """A webhook, where it stands, and what the lines that were read mean to it."""

    id: str
    after: int
    wanted: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class _Look:
    hooks: tuple[_Hook, ...]
    upto: int
    more: bool


def _look(conn: Connection, tenant_id: str, places: Mapping[str, int]) -> _Look:
    own = select(webhooks.c.id, webhooks.c.events, webhooks.c.after).where(
        webhooks.c.tenant_id == tenant_id, webhooks.c.disabled_at.is_(None)
    )
    hooks = conn.execute(own.order_by(webhooks.c.id)).all()
    if not hooks:
        return _Look((), 0, more=False)
    since = {hook.id: max(hook.after, places.get(hook.id, 0)) for hook in hooks}
    # The end of the log comes first: a line that gets its place after this look lies behind it, and is read next time.
    newest = conn.scalar(select(func.max(audit.c.seq)).where(audit.c.tenant_id == tenant_id)) or 0
    told_of = or_(*(audit.c.kind.startswith(beginning, autoescape=True) for beginning in BEGINNINGS))
    query = log_lines(tenant_id).where(told_of, audit.c.seq > min(since.values())).order_by(audit.c.seq).limit(BATCH)
    lines = read_lines(conn, query)
    events = [(line, event) for line in lines if (event := event_of(line))]
    claimers = _claimers(conn, tenant_id, [line for line, _ in events])
    last = lines[-1].seq or 0 if lines else 0
    more = len(lines) == BATCH
    return _Look(
        tuple(
            _Hook(
                hook.id,
                hook.after,
                tuple(
                    told(line, event, claimer=claimers.get(line.id, ""))
                    for line, event in events
                    if event in hook.events.split() and (line.seq or 0) > since[hook.id]
                ),
            )
            for hook in hooks
        ),
        last if more else max(newest, last),
        more,
    )


def _claimers(conn: Connection, tenant_id: str, lines: Sequence[LogRow]) -> Mapping[str, str]:
    """Who was on the check of each line at that moment: line's id -> technician. The log says it where it changes."""
    about = {line.check_id for line in lines if line.check_id}
    if not about:
        return {}
    query = log_lines(tenant_id).where(audit.c.check_id.in_(about), audit.c.public.contains('"claimer"'))
    changes = read_lines(conn, query.order_by(audit.c.seq))
    found: dict[str, str] = {}
    for line in lines:
        for change in changes:
            if change.check_id == line.check_id and change.seq is not None and change.seq <= (line.seq or 0):
                found[line.id] = str(change.public["claimer"])
    return found


def _write(
    conn: Connection, tenant_id: str, hooks: Sequence[_Hook], upto: int, now: datetime, new_id: Callable[[], str]
) -> Collection[str]:
    """Webhooks that another replica has looked after meanwhile, or that were switched off: nothing was written."""
    lost = set()
    for hook in hooks:
        this = update(webhooks).where(
            webhooks.c.tenant_id == tenant_id,
            webhooks.c.id == hook.id,
            webhooks.c.after == hook.after,
            webhooks.c.disabled_at.is_(None),
        )
        if conn.execute(this.values(after=max(upto, hook.after))).rowcount != 1:
            lost.add(hook.id)
            continue
        rows = [delivery_values(tenant_id, new_id(), hook.id, one, now, due_at=now) for one in hook.wanted]
        if rows:
            conn.execute(insert(webhook_deliveries), rows)
    return lost


def delivery_values(
    tenant_id: str, delivery_id: str, webhook_id: str, one: Told, now: datetime, *, due_at: datetime
) -> dict[str, Any]:
    """The row of a delivery that has not been tried."""
    return {
        "tenant_id": tenant_id,
        "id": delivery_id,
        "webhook_id": webhook_id,
        "audit_id": one.audit_id,
        "event": one.event,
        "body": one.body,
        "created_at": micros(now),
        "due_at": micros(due_at),
        "status": "waiting",
    }
