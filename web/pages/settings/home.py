"""Where settings begin: what there is to set, and what is still missing."""

from __future__ import annotations

from aiohttp import web

from web.pages.settings.parts import settings_page
from web.routing import Access, Call, Route, Surface


async def show_settings(call: Call) -> web.StreamResponse:
    """All parts."""
    return settings_page(call, "", "settings.html", {})


ROUTES = (Route("GET", "/settings", show_settings, Access.ADMIN, Surface.PAGE, "Settings"),)
