"""Where settings begin: what there is to set, and what is still missing."""

from __future__ import annotations

from aiohttp import web

from web.pages.first_steps import first_steps
from web.pages.settings.parts import settings_page
from web.routing import Access, Call, Route, Surface


async def show_settings(call: Call) -> web.StreamResponse:
    """All parts, and until the first check the way to it."""
    return settings_page(call, "", "settings.html", {"steps": await first_steps(call)})


ROUTES = (Route("GET", "/settings", show_settings, Access.ADMIN, Surface.PAGE, "Settings"),)
