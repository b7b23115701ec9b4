"""Keys of other programs at rest: a hash, what it is called, what it may do, until when (SEC-35)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, insert, select, update

from dialogs.turns import AuditEvent
from storage.database import Database, Unscoped
from storage.keys import Keyring
from storage.noting import Noting
from storage.tables import integration_keys, technicians, tenants
from storage.times import maybe_moment, micros, moment

#: The last use is written at most this often: it would be a write with every request otherwise.
TOUCH_EVERY = timedelta(minutes=1)
#: Keys that work at one time. More than a team can keep an eye on is a mistake or an attack.
MOST_KEYS = 50


class NameTaken(ValueError):
    """A key of this name works already."""


class TooManyKeys(ValueError):
    """The tenant has `MOST_KEYS` that work."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """One key. `begins` is how it starts; `made_by` the technician's id and `maker` their name; no time of last use
    while it has never been used."""

    tenant_id: str
    id: str
    name: str
    begins: str
    scopes: frozenset[str]
    made_by: str
    maker: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeyToKeep:
    """What is kept of a new key."""

    id: str
    name: str
    begins: str
    digest: str
    scopes: frozenset[str]
    made_by: str
    expires_at: datetime


class IntegrationKeys:
    """The keys of every tenant."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    def noting(self, tenant_id: str, event: AuditEvent) -> IntegrationKeys:
        """The same, but what it changes is put into the log in the same transaction; see `Noting`."""
        return IntegrationKeys(Noting(self._database, self._keyring, tenant_id, event), self._keyring)

    async def add(self, tenant_id: str, key: KeyToKeep, now: datetime) -> None:
        """Keep a new key. Raises `NameTaken` (a button pressed twice makes one key), `TooManyKeys`."""

        def work(conn: Connection) -> None:
            # One at a time for each tenant, or two at the same moment would both find the name free.
            conn.execute(select(tenants.c.id).where(tenants.c.id == tenant_id).with_for_update())
            works = (
                (integration_keys.c.tenant_id == tenant_id)
                & integration_keys.c.revoked_at.is_(None)
                & (integration_keys.c.expires_at > micros(now))
            )
            names = [name.casefold() for name in conn.scalars(select(integration_keys.c.name).where(works))]
            if key.name.casefold() in names:
                raise NameTaken(key.name)
            if len(names) >= MOST_KEYS:
                raise TooManyKeys
            conn.execute(
                insert(integration_keys).values(
                    tenant_id=tenant_id,
                    id=key.id,
                    name=key.name,
                    begins=key.begins,
                    digest=key.digest,
                    scopes=" ".join(sorted(key.scopes)),
                    made_by=key.made_by,
                    created_at=micros(now),
                    expires_at=micros(key.expires_at),
                )
            )

        await self._database.write(tenant_id, work)

    async def find(self, digest: str) -> StoredKey | None:
        """The key with this hash, of any tenant and whatever its state: `identity.integration_keys.is_over` must be
        asked before it is used."""
        query = _keys().where(integration_keys.c.digest == digest)
        row = await self._database.read(Unscoped.ROUTING, lambda conn: conn.execute(query).mappings().first())
        return None if row is None else _key(row)

    async def touch(self, key: StoredKey, now: datetime) -> None:
        """Note that the key was used, at most once a minute."""
        if key.last_used_at is not None and now - key.last_used_at < TOUCH_EVERY:
            return
        last = integration_keys.c.last_used_at
        used = (
            update(integration_keys)
            .where(integration_keys.c.tenant_id == key.tenant_id, integration_keys.c.id == key.id)
            .where(integration_keys.c.revoked_at.is_(None), last.is_(None) | (last < micros(now)))
            .values(last_used_at=micros(now))
        )
        await self._database.write(key.tenant_id, lambda conn: conn.execute(used))

    async def all(self, tenant_id: str) -> tuple[StoredKey, ...]:
        """Every key there ever was, newest first."""
        query = _keys().where(integration_keys.c.tenant_id == tenant_id)
        newest = query.order_by(integration_keys.c.created_at.desc(), integration_keys.c.id.desc())
        return await self._database.read(
            tenant_id, lambda conn: tuple(_key(row) for row in conn.execute(newest).mappings())
        )

    async def names(self, tenant_id: str, ids: Iterable[str]) -> dict[str, str]:
        """Key id -> its name, for lines of the log that name keys; ids that are no key's are left out."""
        wanted = sorted(set(ids))
        query = select(integration_keys.c.id, integration_keys.c.name).where(
            integration_keys.c.tenant_id == tenant_id, integration_keys.c.id.in_(wanted)
        )
        return await self._database.read(tenant_id, lambda conn: {row.id: row.name for row in conn.execute(query)})

    async def revoke(self, tenant_id: str, key_id: str, now: datetime) -> bool:
        """The key works no more, from the next request on; False when there is none that works."""
        revoked = (
            update(integration_keys)
            .where(integration_keys.c.tenant_id == tenant_id, integration_keys.c.id == key_id)
            .where(integration_keys.c.revoked_at.is_(None), integration_keys.c.expires_at > micros(now))
            .values(revoked_at=micros(now))
        )
        return await self._database.write(tenant_id, lambda conn: conn.execute(revoked).rowcount == 1)


def _keys() -> Select[Any]:
    """Keys with the name of whoever made them."""
    maker = (technicians.c.tenant_id == integration_keys.c.tenant_id) & (technicians.c.id == integration_keys.c.made_by)
    joined = integration_keys.join(technicians, maker, isouter=True)
    return select(integration_keys, func.coalesce(technicians.c.name, "").label("maker")).select_from(joined)


def _key(row: RowMapping) -> StoredKey:
    return StoredKey(
        tenant_id=row["tenant_id"],
        id=row["id"],
        name=row["name"],
        begins=row["begins"],
        scopes=frozenset(row["scopes"].split()),
        made_by=row["made_by"],
        maker=row["maker"],
        created_at=moment(row["created_at"]),
        expires_at=moment(row["expires_at"]),
        last_used_at=maybe_moment(row["last_used_at"]),
        revoked_at=maybe_moment(row["revoked_at"]),
    )
