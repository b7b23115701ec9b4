"""How tenants look: logo and colours. Every page shows some of it, so which there are is kept at hand."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection, RowMapping, delete, insert, select

from dialogs.messages import Unavailable
from dialogs.turns import AuditEvent
from storage.database import Database, Unscoped
from storage.keys import Keyring
from storage.noting import Noting
from storage.tables import brands, tenants
from storage.times import micros

#: Another copy's change shows here this much later at most.
LOOK_EVERY_S = 20.0


@dataclass(frozen=True, slots=True)
class Brand:
    """A tenant's looks. `logo` is a PNG of our own making, empty for none; `colours`: `light` and `dark` as `#rrggbb`,
    or neither. `hash` changes with all of it."""

    logo: bytes = field(default=b"", repr=False)
    width: int = 0
    height: int = 0
    colours: Mapping[str, str] = field(default_factory=dict)
    logo_in_email: bool = True

    @property
    def hash(self) -> str:
        """Names these very looks, so that a browser may keep them for ever."""
        told = json.dumps([self.width, self.height, dict(sorted(self.colours.items()))]).encode()
        return hashlib.sha256(told + self.logo).hexdigest()[:16]

    @property
    def is_plain(self) -> bool:
        """Nothing of their own."""
        return not self.logo and not self.colours


@dataclass(frozen=True, slots=True)
class Mark:
    """What every page must know: the hash of the looks, and whether there is a logo."""

    hash: str
    has_logo: bool


class Brands:
    """Reads and writes looks; `at_hand` answers without asking the database."""

    def __init__(self, database: Database, keyring: Keyring, marks: dict[str, Mark] | None = None) -> None:
        self._database = database
        self._keyring = keyring
        self._marks: dict[str, Mark] = marks if marks is not None else {}

    def noting(self, tenant_id: str, event: AuditEvent) -> Brands:
        """The same, but what it changes is put into the log in the same transaction; see `Noting`."""
        return Brands(Noting(self._database, self._keyring, tenant_id, event), self._keyring, self._marks)

    def at_hand(self, tenant_id: str) -> Mark | None:
        """What pages of this tenant carry; None for our own looks. At most `LOOK_EVERY_S` old."""
        return self._marks.get(tenant_id)

    async def get(self, tenant_id: str) -> Brand:
        """Plain for a tenant that has set nothing, or does not exist."""
        query = select(brands).where(brands.c.tenant_id == tenant_id)
        row = await self._database.read(tenant_id, lambda conn: conn.execute(query).mappings().first())
        return Brand() if row is None else _brand(row)

    async def find(self, tenant_id: str, hash: str) -> Brand | None:
        """These very looks, for whoever shows their address: no one need be signed in to see a logo."""
        query = select(brands).where(brands.c.tenant_id == tenant_id, brands.c.hash == hash)
        row = await self._database.read(Unscoped.ROUTING, lambda conn: conn.execute(query).mappings().first())
        return None if row is None else _brand(row)

    async def change(self, tenant_id: str, change: Callable[[Brand], Brand], now: datetime) -> None:
        """Change what is there by then: two people who change different things at once undo nothing of each other."""

        def work(conn: Connection) -> Brand:
            # The tenant's row, since there may be none of the looks that could be locked.
            conn.execute(select(tenants.c.id).where(tenants.c.id == tenant_id).with_for_update(key_share=True))
            row = conn.execute(select(brands).where(brands.c.tenant_id == tenant_id)).mappings().first()
            brand = change(Brand() if row is None else _brand(row))
            conn.execute(delete(brands).where(brands.c.tenant_id == tenant_id))
            conn.execute(
                insert(brands).values(
                    tenant_id=tenant_id,
                    logo=brand.logo or None,
                    logo_type="png" if brand.logo else "",
                    logo_width=brand.width,
                    logo_height=brand.height,
                    colours=json.dumps(dict(brand.colours)),
                    logo_in_email=brand.logo_in_email,
                    hash="" if brand.is_plain else brand.hash,
                    updated_at=micros(now),
                )
            )
            return brand

        brand = await self._database.write(tenant_id, work)
        self._keep(tenant_id, Mark("" if brand.is_plain else brand.hash, bool(brand.logo)))

    async def look(self) -> None:
        """Read the marks of every tenant."""
        query = select(brands.c.tenant_id, brands.c.hash, brands.c.logo_type)
        rows = await self._database.read(Unscoped.ROUTING, lambda conn: conn.execute(query).all())
        for tenant_id in self._marks.keys() - {row[0] for row in rows}:
            del self._marks[tenant_id]
        for tenant_id, hash, logo_type in rows:
            self._keep(tenant_id, Mark(hash, bool(logo_type)))

    async def run(self) -> None:
        """Go on looking. What other copies change shows here a little later, and while the database is away nothing
        changes."""
        while True:
            with contextlib.suppress(Unavailable):
                await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    def _keep(self, tenant_id: str, mark: Mark) -> None:
        if mark.hash:
            self._marks[tenant_id] = mark
        else:
            self._marks.pop(tenant_id, None)


def with_logo(brand: Brand, png: bytes, width: int, height: int) -> Brand:
    """Another logo, or none."""
    return replace(brand, logo=png, width=width, height=height)


def _brand(row: RowMapping) -> Brand:
    return Brand(
        bytes(row["logo"] or b""),
        row["logo_width"],
        row["logo_height"],
        json.loads(row["colours"]),
        row["logo_in_email"],
    )
