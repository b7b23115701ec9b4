"""What has happened: the log as technicians may read it, and alerts that wait for a person."""

from __future__ import annotations

from aiohttp import web

from storage.alerts import AlertRow
from storage.log import Filters, LogRow
from web.answers import answer, no_content
from web.api.ids import our_id
from web.api.shapes import AlertShown, AuditQuery, AuditRow, Listed
from web.noting import line
from web.problems import bad_cursor, not_found
from web.routing import Access, Call, Route, Scope, Surface

_LAST_SEQ = 2**63 - 1


async def read_log(call: Call) -> web.StreamResponse:
    """Newest first: ids, kinds and counts. What people said or wrote stays sealed. `kind` may end in a dot for all that
    start so (`tv.`). A page may hold fewer rows than asked for, even none, while `next` leads on: one call looks at so
    many rows at most."""
    asked: AuditQuery = call.query
    wanted = Filters(
        kind=asked.kind,
        technician_id=asked.technician_id,
        contact_id=asked.contact_id,
        client_id=asked.client_id,
        ticket_id=asked.ticket,
        check_id=asked.check_id,
        since=asked.since,
        until=asked.until,
    )
    page = await call.services.log.search(call.who.tenant_id, wanted, _seq(asked.after), limit=asked.limit)
    following = None if page.next is None else str(page.next)
    return answer(Listed[AuditRow](items=[_row(row) for row in page.items], next=following))


async def waiting(call: Call) -> web.StreamResponse:
    """Alerts that nobody has acknowledged, newest first."""
    rows = await call.services.alerts.unseen(call.who.tenant_id)
    return answer(Listed[AlertShown](items=[_alert(row) for row in rows]))


async def acknowledge(call: Call) -> web.StreamResponse:
    """You have seen it; your name stays with it. 404 when somebody else was faster."""
    who = call.who
    alert_id = our_id(call)
    alerts = call.services.alerts.noting(who.tenant_id, line(call, "alert.acknowledged", alert=alert_id))
    if not await alerts.acknowledge(who.tenant_id, alert_id, who.technician_id, call.services.clock.now()):
        raise not_found()
    return no_content()


def _seq(after: str) -> int | None:
    if not after:
        return None
    if not (after.isascii() and after.isdecimal() and len(after) < 20 and int(after) <= _LAST_SEQ):
        raise bad_cursor()
    return int(after)


def _row(row: LogRow) -> AuditRow:
    return AuditRow(
        id=row.id,
        seq=row.seq,
        at=row.at,
        kind=row.kind,
        check_id=row.check_id or None,
        contact_id=row.contact_id or None,
        technician_id=row.technician_id or None,
        ticket_id=row.ticket_id or None,
        conversation_id=row.conversation_id or None,
        channel=row.channel or None,
        facts=dict(row.public),
    )


def _alert(row: AlertRow) -> AlertShown:
    return AlertShown(
        id=row.id,
        kind=row.kind,
        at=row.at,
        text=row.text,
        check_id=row.check_id or None,
        contact_id=row.contact_id or None,
    )


ROUTES = (
    Route(
        "GET",
        "/api/v1/audit",
        read_log,
        Access.TECHNICIAN,
        Surface.API,
        "Read the log",
        query=AuditQuery,
        answers={200: Listed[AuditRow]},
        scope=Scope.AUDIT_READ,
    ),
    Route(
        "GET",
        "/api/v1/alerts",
        waiting,
        Access.TECHNICIAN,
        Surface.API,
        "List alerts",
        answers={200: Listed[AlertShown]},
    ),
    Route(
        "POST",
        "/api/v1/alerts/{id}/seen",
        acknowledge,
        Access.TECHNICIAN,
        Surface.API,
        "Acknowledge an alert",
        answers={204: None},
    ),
)
