"""Who has texted STOP, for pages that say so before anybody types."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from storage.tables import suppressions


def opted_out(conn: Connection, tenant_id: str, their_addresses: Sequence[str], our_address: str) -> frozenset[str]:
    """Those of these addresses that take no text from `our_address`: STOP counts for the number it was sent to, or
    for the whole tenant."""
    query = select(suppressions.c.their_address).where(
        suppressions.c.tenant_id == tenant_id,
        suppressions.c.their_address.in_(their_addresses),
        suppressions.c.our_address.in_(("", our_address)),
    )
    return frozenset(conn.scalars(query))
