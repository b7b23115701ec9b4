"""The list of everything the API can do, as a page of our own: no foreign bundle, works without script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from aiohttp import web

from web.openapi import refusals_of
from web.plain import plain_page
from web.routing import Access, Call, Route, Surface

_WHO = {
    Access.PUBLIC: "anyone",
    Access.TECHNICIAN: "technicians",
    Access.SUPERVISOR: "supervisors",
    Access.ADMIN: "administrators",
}


def routes(described: Sequence[Route], version: str) -> tuple[Route, ...]:
    """The page at `/docs` about `described`; made once, because it is the same for everyone."""
    page = plain_page("Watchword API", _body(described, version)).encode()

    async def docs(call: Call) -> web.StreamResponse:
        """Anyone may read it: it says what the API is, not what is in it."""
        return web.Response(body=page, content_type="text/html", charset="utf-8", headers={"Cache-Control": "no-cache"})

    return (Route("GET", "/docs", docs, Access.PUBLIC, Surface.PAGE, "What the API can do"),)


def _body(described: Iterable[Route], version: str) -> str:
    return (
        f"<h1>Watchword API</h1><p>Version {escape(version)}. Machine-readable: "
        '<a href="/docs/openapi.json">openapi.json</a>. Sign in with <code>POST /api/v1/sessions</code> and send the '
        "token as <code>Authorization: Bearer …</code>.</p>" + "".join(_section(route) for route in described)
    )


def _section(route: Route) -> str:
    needs = ", with a fresh sign-in" if route.step_up else ""
    fields = "".join(
        f"<li><code>{escape(name)}</code>{'' if field.is_required() else ' (optional)'}</li>"
        for model in (route.query, route.body)
        if model is not None
        for name, field in model.model_fields.items()
    )
    statuses = ", ".join(str(s) for s in sorted({*route.answers, *refusals_of(route)}))
    about = " ".join((route.handler.__doc__ or "").split())
    return (
        f"<section><h2><code>{route.method} {escape(route.path)}</code></h2><p>{escape(route.summary)}. "
        f"For {_WHO[route.access]}{needs}. {escape(about)}</p>"
        + (f"<ul>{fields}</ul>" if fields else "")
        + f"<p>Answers: {statuses}</p></section>"
    )
