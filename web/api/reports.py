"""Figures of a month, for other programs."""

from __future__ import annotations

from aiohttp import web

from web.answers import answer
from web.api.shapes import Calls, CallsOf, DayOfReport, Report, ReportQuery
from web.reporting import Row, clients_of, methods_of, report_of, row_of, technicians_of
from web.routing import Access, Call, Route, Scope, Surface


async def read_report(call: Call) -> web.StreamResponse:
    """How many calls were verified, how long it took, what failed, and how many texts it took."""
    asked: ReportQuery = call.query
    report = await report_of(call, asked.month)
    figures = report.figures
    return answer(
        Report(
            month=str(report.month),
            timezone=report.zone,
            total=_calls(row_of("", "", figures.total)),
            running=figures.total.outcomes["running"],
            clients=[_calls_of(row) for row in await clients_of(call, report)],
            technicians=[_calls_of(row) for row in await technicians_of(call, report)],
            methods=[_calls_of(row) for row in methods_of(figures)],
            refused=dict(figures.refused),
            alerts=dict(figures.alerts),
            texts=figures.texts,
            segments=figures.segments,
            texts_not_delivered=figures.undelivered,
            days=[
                DayOfReport(
                    day=day.isoformat(),
                    calls=line.calls,
                    verified=line.verified,
                    denied=line.denied,
                    alarms=line.alarms,
                    texts=line.texts,
                    segments=line.segments,
                )
                for day, line in report.days
            ],
        )
    )


def _calls(row: Row) -> Calls:
    return Calls(
        calls=row.calls,
        verified=row.verified,
        share=row.share,
        median_seconds_to_code=row.readable,
        median_seconds_to_confirm=row.confirmed,
        outcomes=dict(row.outcomes),
    )


def _calls_of(row: Row) -> CallsOf:
    return CallsOf(id=row.id or None, name=row.name if row.id else None, **_calls(row).model_dump())


ROUTES = (
    Route(
        "GET",
        "/api/v1/reports/verifications",
        read_report,
        Access.TECHNICIAN,
        Surface.API,
        "Read a month's figures",
        query=ReportQuery,
        answers={200: Report},
        scope=Scope.REPORTS_READ,
    ),
)
