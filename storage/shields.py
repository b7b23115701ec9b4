"""Writing down that shields have turned back by themselves.

They turn back without it, as whoever reads one compares its time with the clock. But a clock can be set back, and what
somebody saw turn red must not be green again then.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, tuple_, update

from storage.database import Database, Unscoped
from storage.tables import verifications
from storage.times import maybe_moment, micros

#: Rows in one transaction: a few milliseconds, between which turns go on.
BATCH = 200


async def keep_turned_back(database: Database, now: datetime) -> int:
    """End every shield whose time is over, of all tenants, for good; how many there were. Others may do the same
    meanwhile. Raises Unavailable."""
    c, ended = verifications.c, 0
    over = c.shield_ended_at.is_(None) & (c.green_until <= micros(now))
    query = select(c.tenant_id, c.id).where(over).order_by(c.green_until).limit(BATCH)
    while True:
        found = await database.read(Unscoped.OPERATOR, lambda conn: [tuple(row) for row in conn.execute(query)])
        if not found:
            return ended
        these = update(verifications).where(tuple_(c.tenant_id, c.id).in_(found), over)
        end = these.values(shield_ended_at=c.green_until)
        ended += await database.write(Unscoped.OPERATOR, lambda conn: conn.execute(end).rowcount)  # noqa: B023  awaited


async def next_to_turn_back(database: Database) -> datetime | None:
    """When the next shield of all tenants turns back by itself, None while none is green. Raises Unavailable."""
    c = verifications.c
    green = c.shield_ended_at.is_(None) & c.green_until.is_not(None)
    query = select(c.green_until).where(green).order_by(c.green_until).limit(1)
    return maybe_moment(await database.read(Unscoped.OPERATOR, lambda conn: conn.scalar(query)))
