"""Whose pod a request is for, who may show it in a frame, and which log-in of the pod it carries.

The address of a pod names its tenant. What is answered there may stand in frames of that tenant's ticket systems and of
nobody else's, also while nobody is signed in (SEC-31). Everything else in the address is a hint: it chooses what is
shown to somebody who may see it, and lets nobody in.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from dialogs.messages import Unavailable
from identity.sessions import token_digest
from storage.tenants import StoredTenant, could_be_slug
from web.csrf import origin_of
from web.headers import AROUND, Around
from web.log_in import FOR_POD, MAX_TOKEN, POD_COOKIE, Recognised, recognise
from web.services import Services

#: The tenant whose pod this is; not set when the address names none that exists.
POD_OF: web.RequestKey[StoredTenant] = web.RequestKey("pod_of", StoredTenant)
#: By short name, who may frame a tenant's pod as it was last read. For saying what is wrong, and nothing else.
SEEN: web.AppKey[dict[str, tuple[str, ...]]] = web.AppKey("pods_seen", dict)
REMEMBERED = 1000
_TWINS = {"127.0.0.1": "localhost", "localhost": "127.0.0.1"}


def install_pods(app: web.Application) -> None:
    """Remember who may frame which pod, for when that cannot be read."""
    app[SEEN] = {}


async def enter(request: web.Request, services: Services) -> Recognised | None:
    """Set up a request for a page of the pod, and recognise its log-in. A log-in of another tenant than the one that
    the address names counts as none: its technician signs in here with an account of this tenant."""
    request[FOR_POD] = True
    request[AROUND] = Around()
    slug = request.query.get("tenant", "")
    seen = request.app[SEEN]
    try:
        tenant = await services.tenants.by_slug(slug) if could_be_slug(slug) else None
    except Unavailable:
        # The frame can at least say that nothing works just now; without this it would stay blank.
        request[AROUND] = Around(seen.get(slug, ()))
        raise
    if tenant is not None:
        _belongs_to(request, services, tenant)
        seen[slug] = request[AROUND].ancestors
        while len(seen) > REMEMBERED:
            del seen[next(iter(seen))]
    known = await recognise(request, services)
    if not slug:
        await _without_a_name(request, services)
    elif known is not None and (tenant is None or tenant.id != known.acting.tenant_id):
        return None
    return known


async def _without_a_name(request: web.Request, services: Services) -> None:
    """Take the tenant of the log-in the frame holds, also of one that is over: a frame that could not even say so would
    stay blank."""
    token = request.cookies.get(POD_COOKIE, "")
    held = None
    if 0 < len(token) <= MAX_TOKEN:
        held = await services.accounts.find_log_in(token_digest(token), services.clock.now())
    tenant = await services.tenants.get(held.tenant_id) if held is not None and held.kind == "pod" else None
    if tenant is not None:
        _belongs_to(request, services, tenant)


def _belongs_to(request: web.Request, services: Services, tenant: StoredTenant) -> None:
    request[POD_OF] = tenant
    request[AROUND] = Around((*tenant.settings.pod_origins, *demo_origins(services)))


def demo_origins(services: Services) -> tuple[str, ...]:
    """In the demo: this computer by its other name, where the simulated ticket system is. To browsers it is another
    site."""
    twin = loopback_twin(services.public_url) if services.demo is not None else ""
    return (twin,) if twin else ()


def loopback_twin(url: str) -> str:
    """The origin of the same computer by its other name: `http://localhost:8080` for `http://127.0.0.1:8080` and the
    other way round; empty for any other host."""
    host = urlsplit(url).hostname or ""
    return origin_of(url).replace(f"//{host}", f"//{_TWINS[host]}", 1) if host in _TWINS else ""
