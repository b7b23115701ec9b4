"""Where settings begin: what there is to set, and what is still missing."""

from __future__ import annotations

from aiohttp import web

from web.pages.first_steps import first_steps
from web.pages.settings.microsoft_views import SourceView, source_view
from web.pages.settings.parts import parts_for, settings_page
from web.routing import Access, Call, Route, Surface


async def show_settings(call: Call) -> web.StreamResponse:
    """All parts, or those a search finds, and until the first check the way to it."""
    q = call.request.query.get("q", "").strip()[:60]
    values = {
        "steps": () if q else await first_steps(call),
        "sources": () if q else await _pressing(call),
        "q": q,
        "found": parts_for(q),
    }
    return settings_page(call, "", "settings.html", values)


async def _pressing(call: Call) -> list[SourceView]:
    """Sources of contacts that an admin should look at: a secret that ends, something wrong, changes that wait."""
    services, now = call.services, call.services.clock.now()
    sources = await services.contact_sources.all(call.who.tenant_id)
    organisations = await services.contact_sources.organisations(call.who.tenant_id) if sources else ()
    views = [source_view(source, organisations, now) for source in sources]
    return [view for view in views if view.ending or view.waiting or view.tone == "bad"]


ROUTES = (Route("GET", "/settings", show_settings, Access.ADMIN, Surface.PAGE, "Settings"),)
