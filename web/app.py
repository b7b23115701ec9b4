"""The application: every declared route behind its guards, headers on everything, one form for every error."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache

from aiohttp import web

from web import bodies, csp, docs, health
from web.api import routes as api_routes
from web.guards import edge, guard
from web.headers import install_headers
from web.log_in import install_new_tokens
from web.openapi import document
from web.plain import plain_problem
from web.pods import install_pods
from web.problems import ShowProblem
from web.routing import Access, Call, Route, Surface
from web.services import Services
from web.stream import install_streams

#: Everything that was declared, for the role matrix of the tests and for pages that list it.
ROUTES: web.AppKey[tuple[Route, ...]] = web.AppKey("routes", tuple)


def build_web(
    services: Services, *, pages: Sequence[Route] = (), show_problem: ShowProblem = plain_problem
) -> web.Application:
    """An aiohttp application with the API, health and documentation, and the `pages` it is handed.

    `show_problem` renders refusals on pages. Routes of channels (webhooks) may be added to the application afterwards:
    they get the headers and the error form, and authenticate their senders themselves.
    """
    app = web.Application(middlewares=[edge(services, show_problem)], client_max_size=bodies.MAX_JSON)
    install_headers(app, services.public_url)
    install_new_tokens(app)
    install_streams(app)
    install_pods(app)
    routes = declared(services, pages)
    for route in routes:
        handler = guard(route, services)
        if route.method == "GET" and route.surface is not Surface.STREAM:
            # HEAD comes with it: link checkers ask that way, and it changes nothing (SEC-43).
            app.router.add_get(route.path, handler)
        else:
            app.router.add_route(route.method, route.path, handler)
    app[ROUTES] = routes
    return app


def declared(services: Services, pages: Sequence[Route] = ()) -> tuple[Route, ...]:
    """Every route of this installation; what belongs to the demo only where there is one."""
    everything = (
        *described(),
        *csp.routes(),
        *docs.routes(described()),
        _openapi(services.version),
        *pages,
    )
    return tuple(route for route in everything if services.demo is not None or not route.demo_only)


def described() -> tuple[Route, ...]:
    """Every route that the OpenAPI document is about."""
    return (*api_routes(), *health.ROUTES)


@cache
def _described_as_json(version: str) -> bytes:
    return json.dumps(document(described(), version)).encode()


def _openapi(version: str) -> Route:
    text = _described_as_json(version)

    async def openapi(call: Call) -> web.StreamResponse:
        """The same document that lies in docs/reference."""
        return web.Response(body=text, content_type="application/json", headers={"Cache-Control": "no-cache"})

    return Route(
        "GET", "/docs/openapi.json", openapi, Access.PUBLIC, Surface.API, "This description", answers={200: None}
    )
