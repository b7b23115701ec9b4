"""How things are called in Redis. Every name but one carries its tenant (SEC-37)."""

from __future__ import annotations

#: The one name of no tenant: a bare "something was committed", which says nothing about whom.
WAKE = "watchword:wake"


def of_tenant(tenant_id: str, what: str) -> str:
    """`what` of this tenant. Raises ValueError without a tenant: a name that all share would mix them up."""
    if not tenant_id or ":" in tenant_id:
        raise ValueError("a name in Redis needs a tenant")
    return f"watchword:{tenant_id}:{what}"
