"""Putting every tenant's key, and the log's, under the current master key, while servers read and write (SEC-18).

Only the wrapping changes; what the keys have sealed stays as it is. A server that holds both master keys reads a tenant
before, during and after. Each tenant is a transaction of its own, and one that is done already is left alone, so a
rotation that was stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from storage.database import Database, Unscoped
from storage.keys import Keyring
from storage.sealed.signing import rewrap_signing_key
from storage.tables import tenants

#: Called with the tenants done so far and all that there were to do.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Rotated:
    """`tenants`: keys that were wrapped anew; `kept`: those that were current already; `log`: whether the log's signing
    key was sealed anew."""

    tenants: int
    kept: int
    log: bool


async def rotate(database: Database, keyring: Keyring, progress: Progress) -> Rotated:
    """Raises `CannotOpen` for a tenant whose key is under a master key that was not given; those before it are done."""
    every = select(tenants.c.id, tenants.c.key).order_by(tenants.c.id)
    rows = await database.read(Unscoped.OPERATOR, lambda conn: conn.execute(every).all())
    due = [row.id for row in rows if not keyring.is_current(row.key)]
    done = 0
    for number, tenant_id in enumerate(due, 1):
        done += await database.write(tenant_id, _rewrapping(keyring, tenant_id))
        progress(number, len(due))
    log = await database.write(Unscoped.OPERATOR, lambda conn: rewrap_signing_key(conn, keyring))
    return Rotated(done, len(rows) - done, log)


def _rewrapping(keyring: Keyring, tenant_id: str) -> Callable[[Connection], bool]:
    def work(conn: Connection) -> bool:
        query = select(tenants.c.key).where(tenants.c.id == tenant_id).with_for_update()
        wrapped = conn.scalar(query)
        if wrapped is None or keyring.is_current(wrapped):
            return False
        # The version goes up, so that every server reads the tenant anew and forgets the old wrapping.
        anew = {"key": keyring.rewrap(tenant_id, wrapped), "version": tenants.c.version + 1}
        conn.execute(update(tenants).where(tenants.c.id == tenant_id).values(anew))
        return True

    return work
