"""A page without looks, for what can go wrong before there are any: no style, no script, a few words and an id."""

from __future__ import annotations

from html import escape

from aiohttp import web

from web.ports import Acting
from web.problems import Problem
from web.services import Services


def plain_problem(
    request: web.Request, services: Services, problem: Problem, *, id: str, acting: Acting | None
) -> web.StreamResponse:
    """What happened and what to do, as the smallest page there is."""
    return web.Response(
        status=problem.status,
        text=(
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Watchword</title></head>'
            f"<body><main><h1>{escape(problem.message)}</h1><p>Id: {escape(id)}</p></main></body></html>"
        ),
        content_type="text/html",
    )
