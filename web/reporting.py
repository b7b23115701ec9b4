"""Figures with names on them, for the page of reports, its files and the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from storage.months import day_of, month_of, read_month
from storage.reports import MonthReport
from storage.tallies import COUNTED, Figures, Tally, median
from web.guards import may
from web.look import _
from web.problems import Problem
from web.routing import Access, Call

NOBODY = _("Nobody: not claimed")
NO_CLIENT = _("No client: shared number, or erased since")
GONE = _("Not there any more")
METHODS: Mapping[str, str] = {
    "sms": _("By text message"),
    "email": _("By e-mail"),
    "teams": _("In Teams"),
    "slack": _("In Slack"),
    "phone": _("By phone"),
    "portal": _("In the portal"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A client, a technician, or a way of checking. `share` is from 0 to 1, None where there was no call."""

    id: str
    name: str
    calls: int
    verified: int
    share: float | None
    readable: float | None
    confirmed: float | None
    outcomes: Mapping[str, int]


def row_of(id: str, name: str, tally: Tally) -> Row:
    return Row(
        id,
        name,
        tally.calls,
        tally.verified,
        tally.share,
        median(tally.readable),
        median(tally.confirmed),
        {outcome: tally.outcomes[outcome] for outcome in COUNTED},
    )


def rows_of(tallies: Mapping[str, Tally], names: Mapping[str, str], nobody: str, gone: str) -> tuple[Row, ...]:
    """Those with calls, most calls first, nobody's last. `gone`: what stands for one without a name any more."""
    rows = [row_of(id, names.get(id, gone) if id else nobody, tally) for id, tally in tallies.items() if tally.calls]
    return tuple(sorted(rows, key=lambda row: (not row.id, -row.calls, row.name, row.id)))


def methods_of(figures: Figures) -> tuple[Row, ...]:
    """By how the check came in, most calls first."""
    rows = [row_of(id, METHODS.get(id, id), tally) for id, tally in figures.methods.items() if tally.calls]
    return tuple(sorted(rows, key=lambda row: (-row.calls, row.id)))


def sees_everybody(call: Call) -> bool:
    """Whether they see how each technician did; the others see themselves alone."""
    return call.who.kind == "key" or may(Access.SUPERVISOR, call.who)


async def clients_of(call: Call, report: MonthReport) -> tuple[Row, ...]:
    """Clients with calls in the month."""
    names = {client.id: client.name for client in await call.services.directory.clients(call.who.tenant_id)}
    return rows_of(report.figures.clients, names, NO_CLIENT, GONE)


async def technicians_of(call: Call, report: MonthReport) -> tuple[Row, ...]:
    """Technicians with calls in the month, as far as whoever asks may see them."""
    people = await call.services.people.technicians(call.who.tenant_id)
    names = {technician.id: technician.name for technician in people}
    tallies = report.figures.technicians
    if not sees_everybody(call):
        tallies = {id: tally for id, tally in tallies.items() if id == call.who.technician_id}
    return rows_of(tallies, names, NOBODY, GONE)


async def report_of(call: Call, asked: str) -> MonthReport:
    """The month asked for, or the running one. Raises Problem for what is no month."""
    zone, now = await zone_of(call), call.services.clock.now()
    month = read_month(asked) if asked else month_of(day_of(now, zone))
    if month is None:
        raise Problem(422, "bad_month", _("This is no month. Write it as 2026-03."))
    if month > month_of(day_of(now, zone)):
        raise Problem(422, "bad_month", _("That month has not begun. Ask for one that has."))
    return await call.services.reports.month(call.who.tenant_id, zone, month, now)


async def zone_of(call: Call) -> str:
    """The time zone in which the tenant counts days and months."""
    tenant = await call.services.tenants.get(call.who.tenant_id)
    return tenant.settings.timezone if tenant is not None else "UTC"
