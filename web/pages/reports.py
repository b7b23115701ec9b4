"""How it went, by month: the share of calls that were verified, how long it took, what failed, how many texts."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from storage.months import Month, day_of, month_of
from storage.reports import MonthReport
from storage.tallies import COUNTED, Line
from web.look import _
from web.pages.context import frame, page
from web.pages.report_views import (
    ALERTS,
    MEANINGS,
    OUTCOMES,
    REFUSED,
    days_chart,
    named,
    percent,
    seconds,
    shares_chart,
)
from web.pages.views import Choice
from web.problems import not_found
from web.reporting import Row, clients_of, methods_of, report_of, row_of, sees_everybody, technicians_of, zone_of
from web.routing import Access, Call, Route, Surface
from web.spreadsheets import csv_file

#: The files there are, and the columns of their rows.
_LINE = ("calls", "verified", "share", "denied", "alarms", "texts", "segments")
_ROW = ("calls", "verified", "share", "median_seconds_to_code", "median_seconds_to_confirm")


async def show_reports(call: Call) -> web.StreamResponse:
    """One month, beside the twelve up to it."""
    report, months, first = await _asked(call)
    figures = report.figures
    values = {
        "month": report.month,
        "month_named": named(report.month),
        "zone": report.zone,
        "months": await _months(call, first, report.month),
        "whole": row_of("", "", figures.total),
        "figures": figures,
        "running": figures.total.outcomes["running"],
        "clients": await clients_of(call, report),
        "technicians": await technicians_of(call, report),
        "everybody": sees_everybody(call),
        "methods": methods_of(figures),
        "outcomes": OUTCOMES,
        "refused": [(REFUSED[why], figures.refused[why]) for why in REFUSED if figures.refused[why]],
        "alerts": [(ALERTS.get(kind, kind), count) for kind, count in sorted(figures.alerts.items()) if count],
        "days": report.days,
        "year": months,
        "days_chart": days_chart(report.month, report.days),
        "shares_chart": shares_chart(months),
        "meanings": MEANINGS,
        "percent": percent,
        "seconds": seconds,
        "nothing": not any(line != Line() for _, line in months),
    }
    return page(call, "reports.html", frame(call, _("Reports"), "reports"), values)


async def give_file(call: Call) -> web.StreamResponse:
    """The same as a file: by client, technician, method, day or month."""
    by = call.request.match_info["by"]
    report, months, _first = await _asked(call)
    name = f"watchword-{report.month}-by-{by}.csv"
    match by:
        case "client":
            return _rows_file(name, await clients_of(call, report))
        case "technician":
            return _rows_file(name, await technicians_of(call, report))
        case "method":
            return _rows_file(name, methods_of(report.figures))
        case "day":
            return csv_file(name, ("day", *_LINE), [(day.isoformat(), *_cells(line)) for day, line in report.days])
        case "month":
            return csv_file(name, ("month", *_LINE), [(str(month), *_cells(line)) for month, line in months])
        case _:
            raise not_found()


async def _asked(call: Call) -> tuple[MonthReport, Sequence[tuple[Month, Line]], Month]:
    """The month of the page's address, the year up to it, and the first month there is."""
    tenant_id, reports = call.who.tenant_id, call.services.reports
    report = await report_of(call, call.request.query.get("month", ""))
    now = call.services.clock.now()
    months = await reports.year(tenant_id, report.zone, report.month, now)
    return report, months, await reports.first_month(tenant_id, report.zone)


async def _months(call: Call, first: Month, shown: Month) -> tuple[Choice, ...]:
    """Every month there is something of, newest first."""
    month = month_of(day_of(call.services.clock.now(), await zone_of(call)))
    found = []
    while month >= min(first, shown):
        found.append(Choice(str(month), named(month), month == shown))
        month = month.moved(-1)
    return tuple(found)


def _rows_file(name: str, rows: Sequence[Row]) -> web.Response:
    columns = ("id", "name", *_ROW, *COUNTED[1:])
    return csv_file(
        name,
        columns,
        [
            (
                row.id,
                row.name,
                row.calls,
                row.verified,
                _rounded(row.share),
                row.readable,
                row.confirmed,
                *(row.outcomes[outcome] for outcome in COUNTED[1:]),
            )
            for row in rows
        ],
    )


def _cells(line: Line) -> tuple[int | float | None, ...]:
    return (line.calls, line.verified, _rounded(line.share), line.denied, line.alarms, line.texts, line.segments)


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


ROUTES = (
    Route("GET", "/reports", show_reports, Access.TECHNICIAN, Surface.PAGE, "Reports"),
    Route("GET", "/reports/by-{by}.csv", give_file, Access.TECHNICIAN, Surface.PAGE, "Reports as files"),
)
