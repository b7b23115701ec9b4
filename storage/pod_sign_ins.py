"""Handing a sign-in from the window it was made in over to the pod's frame: one use, a minute or five, and only where
the person is (SEC-29, web rules 16 and 17).

What is handed over lies beside the other links into accounts, so whatever ends those ends it too. The log-in that comes
of it is one of its own, of the kind `pod`, and proven when the one it came from was.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, func, insert, select, update

from dialogs.turns import AuditEvent
from storage.database import Database, Unscoped
from storage.keys import Keyring
from storage.noting import Noting
from storage.tables import account_links, log_ins, technicians
from storage.times import micros, moment

#: A code that a script hands over, and a person's word that both windows show the same letters.
Way = Literal["pod_code", "pod_pairing"]
WAYS: tuple[Way, ...] = ("pod_code", "pod_pairing")
#: So many by one technician within so long; more is no person.
MOST = 10
WITHIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class StoredHandOver:
    """Something handed over and not taken yet. `log_in_id` is the log-in it comes from, `address_block` and `browser`
    are where that was made, `proven_at` when it was proven."""

    tenant_id: str
    id: str
    technician_id: str
    way: Way
    log_in_id: str
    address_block: str
    browser: str
    proven_at: datetime


class PodSignIns:
    """What is handed over to pods, and taken there."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    def noting(self, tenant_id: str, event: AuditEvent) -> PodSignIns:
        """The same, but what it changes is put into the log in the same transaction; see `Noting`."""
        return PodSignIns(Noting(self._database, self._keyring, tenant_id, event), self._keyring)

    async def hand_over(
        self,
        *,
        tenant_id: str,
        technician_id: str,
        id: str,
        digest: str,
        way: Way,
        log_in_id: str,
        now: datetime,
        expires_at: datetime,
    ) -> bool:
        """Lay it ready for whoever can show what the digest is of; False when that was done too often lately. The same
        digest twice is one."""
        lately = (
            select(func.count())
            .select_from(account_links)
            .where(account_links.c.tenant_id == tenant_id, account_links.c.technician_id == technician_id)
            .where(account_links.c.purpose.in_(WAYS), account_links.c.created_at > micros(now - WITHIN))
        )
        there = select(account_links.c.id).where(
            account_links.c.tenant_id == tenant_id, account_links.c.digest == digest
        )
        new = insert(account_links).values(
            tenant_id=tenant_id,
            id=id,
            technician_id=technician_id,
            digest=digest,
            purpose=way,
            made_by=log_in_id,
            created_at=micros(now),
            expires_at=micros(expires_at),
        )

        def work(conn: Connection) -> bool:
            if conn.scalar(there) is not None:
                return True
            if (conn.scalar(lately) or 0) >= MOST:
                return False
            conn.execute(new)
            return True

        return await self._database.write(tenant_id, work)

    async def find(self, digest: str, now: datetime) -> StoredHandOver | None:
        """What waits under this digest and may still be taken, over all tenants: not used, not run out, and the log-in
        it comes from still runs."""
        source = (log_ins.c.tenant_id == account_links.c.tenant_id) & (log_ins.c.id == account_links.c.made_by)
        owner = (technicians.c.tenant_id == account_links.c.tenant_id) & (
            technicians.c.id == account_links.c.technician_id
        )
        query = (
            select(account_links, log_ins.c.address_block, log_ins.c.browser, log_ins.c.proven_at)
            .join(log_ins, source)
            .join(technicians, owner)
            .where(account_links.c.digest == digest, account_links.c.purpose.in_(WAYS))
            .where(account_links.c.used_at.is_(None), account_links.c.expires_at > micros(now))
            .where(log_ins.c.revoked_at.is_(None), technicians.c.disabled_at.is_(None))
        )
        row = await self._database.read(Unscoped.ROUTING, lambda conn: conn.execute(query).mappings().first())
        if row is None:
            return None
        return StoredHandOver(
            tenant_id=row["tenant_id"],
            id=row["id"],
            technician_id=row["technician_id"],
            way="pod_code" if row["purpose"] == "pod_code" else "pod_pairing",
            log_in_id=row["made_by"],
            address_block=row["address_block"],
            browser=row["browser"],
            proven_at=moment(row["proven_at"]),
        )

    async def take(
        self,
        found: StoredHandOver,
        *,
        log_in_id: str,
        digest: str,
        now: datetime,
        expires_at: datetime,
        address_block: str,
        browser: str,
        replaces: str = "",
    ) -> bool:
        """Use it up and make the pod's log-in, with the token of this digest. False when somebody was faster, or what
        it came from has ended. `replaces`: the digest of a token the frame still holds, whose log-in ends."""
        tenant_id, at = found.tenant_id, micros(now)
        used = (
            update(account_links)
            .where(account_links.c.tenant_id == tenant_id, account_links.c.id == found.id)
            .where(account_links.c.used_at.is_(None), account_links.c.expires_at > at)
            .values(used_at=at)
        )
        still = (
            select(technicians.c.id)
            .where(technicians.c.tenant_id == tenant_id, technicians.c.id == found.technician_id)
            .where(technicians.c.disabled_at.is_(None))
            .with_for_update(key_share=True)
        )
        runs = select(log_ins.c.id).where(
            log_ins.c.tenant_id == tenant_id, log_ins.c.id == found.log_in_id, log_ins.c.revoked_at.is_(None)
        )
        ended = (
            update(log_ins)
            .where(log_ins.c.tenant_id == tenant_id, log_ins.c.digest == replaces)
            .where(log_ins.c.kind == "pod", log_ins.c.revoked_at.is_(None))
            .values(revoked_at=at)
        )
        new = insert(log_ins).values(
            tenant_id=tenant_id,
            id=log_in_id,
            technician_id=found.technician_id,
            digest=digest,
            kind="pod",
            created_at=at,
            last_seen_at=at,
            expires_at=micros(expires_at),
            proven_at=micros(found.proven_at),
            address_block=address_block,
            browser=browser,
        )

        def work(conn: Connection) -> bool:
            if conn.scalar(still) is None or conn.scalar(runs) is None:
                return False
            # Of two who take it at once, the second finds it used.
            if conn.execute(used).rowcount != 1:
                return False
            if replaces:
                conn.execute(ended)
            conn.execute(new)
            return True

        return await self._database.write(tenant_id, work)
