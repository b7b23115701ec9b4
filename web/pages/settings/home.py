"""Where settings begin: what there is to set, and what is still missing."""

from __future__ import annotations

from aiohttp import web

from web.pages.first_steps import first_steps
from web.pages.settings.parts import parts_for, settings_page
from web.routing import Access, Call, Route, Surface


async def show_settings(call: Call) -> web.StreamResponse:
    """All parts, or those a search finds, and until the first check the way to it."""
    q = call.request.query.get("q", "").strip()[:60]
    values = {"steps": () if q else await first_steps(call), "q": q, "found": parts_for(q)}
    return settings_page(call, "", "settings.html", values)


ROUTES = (Route("GET", "/settings", show_settings, Access.ADMIN, Surface.PAGE, "Settings"),)
