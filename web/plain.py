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
        text=plain_page("Watchword", f"<h1>{escape(problem.message)}</h1><p>Id: {escape(id)}</p>"),
        content_type="text/html",
    )


def plain_page(title: str, body: str) -> str:
    """`body` is HTML whose values are escaped already."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title></head><body><main>{body}</main></body></html>"
    )
