"""Style, scripts and icons."""

from __future__ import annotations

from aiohttp import web

from web.pages.context import look
from web.routing import Access, Call, Route, Surface


async def asset(call: Call) -> web.StreamResponse:
    """One file of the current release."""
    found = call.request.match_info
    return look().assets.answer(call.request, found["release"], found["path"])


ROUTES = (Route("GET", "/static/{release}/{path:.+}", asset, Access.PUBLIC, Surface.ASSET, "A static file"),)
