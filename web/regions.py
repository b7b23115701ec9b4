"""Where numbers without a country code are taken to be."""

from __future__ import annotations

from storage.phones import region_of
from web.routing import Call


async def own_region(call: Call) -> str:
    """Where the tenant's own numbers are, the primary one first; empty while there is none."""
    numbers = sorted(await call.services.tenants.numbers(call.who.tenant_id), key=lambda n: not n.facts.primary)
    return next((region for n in numbers if (region := region_of(n.facts.address))), "")
