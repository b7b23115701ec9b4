"""Is this copy alive, and may it be sent traffic? Answers name what is wrong and never why in detail (REL-17)."""

from __future__ import annotations

from aiohttp import web

from web.answers import Reply, answer
from web.routing import Access, Call, Route, Surface


class Alive(Reply):
    """The process answers."""

    status: str


class Ready(Reply):
    """`checks`: name of what was looked at -> `ok`, or what is wrong with it."""

    ready: bool
    checks: dict[str, str]


async def healthz(call: Call) -> web.StreamResponse:
    """Looks at nothing: a copy whose database is away must not be killed for it."""
    return answer(Alive(status="ok"))


async def readyz(call: Call) -> web.StreamResponse:
    """503 until everything a request needs is there."""
    found = await call.services.readiness()
    ready = not any(found.values())
    return answer(
        Ready(ready=ready, checks={name: wrong or "ok" for name, wrong in found.items()}), 200 if ready else 503
    )


ROUTES = (
    Route("GET", "/healthz", healthz, Access.PUBLIC, Surface.API, "Is the process alive?", answers={200: Alive}),
    Route(
        "GET",
        "/readyz",
        readyz,
        Access.PUBLIC,
        Surface.API,
        "May this copy be sent traffic?",
        answers={200: Ready, 503: Ready},
    ),
)
