"""What a tenant tells its users beforehand: from where codes come, and how each side makes sure of the other. For the
intranet, or printed and pinned to a wall."""

from __future__ import annotations

import re

from aiohttp import web

from storage.phones import readable
from storage.tenants import StoredTenant
from web.look import _
from web.pages.context import page
from web.pages.visits import visit_frame
from web.problems import Problem
from web.routing import Access, Call, Route, Surface

PATH = "/for-users/{slug}"
_SLUG = re.compile(r"[a-z0-9-]{1,63}")


def address_of(public_url: str, tenant: StoredTenant) -> str:
    """Where everybody may read it."""
    return public_url + PATH.replace("{slug}", tenant.slug)


async def show_published(call: Call) -> web.StreamResponse:
    """For anybody: it holds nothing but what the tenant publishes anyway."""
    slug = call.request.match_info["slug"]
    tenant = await call.services.tenants.by_slug(slug) if _SLUG.fullmatch(slug) else None
    if tenant is None:
        raise Problem(404, "not_found", "There is no such page here. Ask whoever gave you the address.")
    own = [n.facts for n in await call.services.tenants.numbers(tenant.id)]
    texting = [n.address for n in own if n.purpose == "verification"]
    calling = [n.address for n in own if n.purpose == "voice"] or texting[:1]
    server = await call.services.mail_servers.get(tenant.id)
    values = {
        "host": tenant.name,
        "texting": [readable(number) for number in texting],
        "dial": texting[0] if texting else "",
        "calling": [readable(number) for number in calling],
        "mailing": server.server.sender if server is not None else "",
        "phone": readable(tenant.settings.phone),
        "dial_phone": tenant.settings.phone,
        "length": tenant.settings.code_length,
    }
    title = _("Is it really us?")
    return page(call, "published.html", visit_frame(call.request, call.services, title, tenant_id=tenant.id), values)


ROUTES = (Route("GET", PATH, show_published, Access.PUBLIC, Surface.PAGE, "How users know us"),)
