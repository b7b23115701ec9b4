"""Where browsers report that a page of ours broke its own content security policy. Counted, never read or kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from aiohttp import web

from web.routing import Access, Call, Route, Surface

#: Written at most this often; anyone can send reports, and none is worth a write of its own.
WRITE_EVERY = timedelta(seconds=10)
#: More than this between two writes is noise.
MAX_COUNTED = 100


class ReportCounter:
    """Counts reports in memory and writes the sum now and then. Two numbers, whoever sends and however many."""

    def __init__(self) -> None:
        self._waiting = 0
        self._written_at: datetime | None = None

    async def report(self, call: Call) -> web.StreamResponse:
        """204 whatever was sent; the body is not read."""
        now = call.services.clock.now()
        self._waiting = min(self._waiting + 1, MAX_COUNTED)
        if self._written_at is None or abs(now - self._written_at) >= WRITE_EVERY:
            reports, self._waiting, self._written_at = self._waiting, 0, now
            await call.services.csp_reports.add(reports, now)
        return web.Response(status=204)


def routes() -> tuple[Route, ...]:
    """An asset to the guards: no log-in is looked up and no body is read for it."""
    return (
        Route(
            "POST",
            "/csp-report",
            ReportCounter().report,
            Access.PUBLIC,
            Surface.ASSET,
            "A browser reports a page that broke its policy.",
            answers={204: None},
        ),
    )
