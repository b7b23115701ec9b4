"""Is this copy alive, may it be sent traffic, and how is it doing? Answers name what is wrong and never why in detail,
and no tenant (REL-17)."""

from __future__ import annotations

import hmac
from ipaddress import ip_address

from aiohttp import web

from web.answers import Reply, Trouble, answer
from web.log_in import shown_token
from web.problems import Problem, not_found
from web.routing import Access, Call, Route, Surface

#: What proxies add: a request that carries one came from elsewhere, whoever hands it over.
PASSED_ON = ("X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "Via")


class Alive(Reply):
    """This copy answers."""

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


async def metrics(call: Call) -> web.StreamResponse:
    """Prometheus text. For this machine alone, and behind a proxy for nobody; with `WATCHWORD_METRICS_TOKEN` set, for
    whoever sends it as bearer."""
    page = call.services.metrics
    if page is None:
        raise not_found()
    wanted = call.services.metrics_token
    if wanted:
        kind, given = shown_token(call.request)
        if kind != "bearer" or not hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode()):
            raise Problem(401, "token_required", "Send the metrics token as 'Authorization: Bearer ...'.")
    elif call.services.behind_proxy or not _from_here(call.request):
        # Not every proxy says that it is one: behind nginx as it comes, strangers look like this machine.
        raise not_found()
    return web.Response(body=await page(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


def _from_here(request: web.Request) -> bool:
    """Whether a program on this machine asks, and no proxy of ours for somebody else."""
    try:
        loopback = ip_address((request.remote or "").removeprefix("::ffff:")).is_loopback
    except ValueError:
        return False
    return loopback and not any(name in request.headers for name in PASSED_ON)


ROUTES = (
    Route(
        "GET",
        "/healthz",
        healthz,
        Access.PUBLIC,
        Surface.API,
        "Is this copy alive?",
        answers={200: Alive},
        anonymous=True,
    ),
    Route(
        "GET",
        "/readyz",
        readyz,
        Access.PUBLIC,
        Surface.API,
        "May this copy be sent traffic?",
        answers={200: Ready, 503: Ready},
        anonymous=True,
    ),
    Route(
        "GET",
        "/metrics",
        metrics,
        Access.PUBLIC,
        Surface.API,
        "How is this copy doing?",
        answers={200: None, 401: Trouble, 404: Trouble},
        anonymous=True,
    ),
)
