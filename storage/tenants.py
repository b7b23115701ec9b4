"""Tenants with their settings, the numbers that are theirs, and their accounts at the carrier."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, Select, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from dialogs.settings import TenantSettings, check_settings
from dialogs.turns import AuditEvent, NumberFacts
from storage.database import Database, Unscoped
from storage.keys import Keyring, place
from storage.noting import Noting
from storage.sealing import NoSuchTenant, tenant_key
from storage.settings_json import dump_settings, load_settings
from storage.tables import carrier_accounts, numbers, tenants
from storage.times import micros

Purpose = Literal["verification", "channel", "voice"]
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def could_be_slug(text: str) -> bool:
    """Whether it could be a tenant's short name; what could not is nobody's."""
    return _SLUG.fullmatch(text) is not None


class SlugTaken(Exception):
    """Another tenant has this short name."""


class NumberTaken(Exception):
    """The number belongs to a tenant already, perhaps to this one."""


class AccountTaken(Exception):
    """The carrier account belongs to another tenant."""


@dataclass(frozen=True, slots=True)
class StoredTenant:
    """A tenant. `version` goes up with every change of its settings."""

    id: str
    slug: str
    name: str
    settings: TenantSettings
    version: int


@dataclass(frozen=True, slots=True)
class StoredNumber:
    """One of a tenant's own numbers or addresses, and what it is for."""

    tenant_id: str
    channel: str
    facts: NumberFacts


@dataclass(frozen=True, slots=True)
class CarrierAccount:
    """A tenant's account at the carrier with what signs its webhooks.

    `secondary_token` follows `auth_token` in a rotation, empty outside one. `shared_keys`: secrets of webhooks that are
    signed with a shared key, by key id. `numbers`: the tenant's own numbers.
    """

    tenant_id: str
    account_sid: str
    auth_token: str = field(repr=False)
    secondary_token: str = field(default="", repr=False)
    shared_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    numbers: frozenset[str] = frozenset()

    def owns(self, number: str) -> bool:
        """Whether this E.164 number is the tenant's."""
        return number in self.numbers


class Tenants:
    """Reads and writes tenants, numbers and carrier accounts."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    def noting(self, tenant_id: str, event: AuditEvent) -> Tenants:
        """The same, but what it changes is put into the log in the same transaction; see `Noting`."""
        return Tenants(Noting(self._database, self._keyring, tenant_id, event), self._keyring)

    async def create(self, tenant_id: str, slug: str, name: str, settings: TenantSettings, now: datetime) -> None:
        """Raises `SlugTaken`, `SettingsError`, and ValueError for a slug that could not stand in an address."""
        if not could_be_slug(slug):
            raise ValueError(f"{slug!r} cannot be a short name: use small letters, digits and hyphens, at most 63")
        check_settings(settings)
        new = insert(tenants).values(
            id=tenant_id,
            slug=slug,
            name=name,
            settings=dump_settings(settings),
            key=self._keyring.new_tenant_key(tenant_id),
            created_at=micros(now),
        )
        try:
            await self._database.write(Unscoped.OPERATOR, lambda conn: conn.execute(new))
        except IntegrityError as cause:
            raise SlugTaken(slug) from cause

    async def get(self, tenant_id: str) -> StoredTenant | None:
        return await self._one(select(tenants).where(tenants.c.id == tenant_id))

    async def by_slug(self, slug: str) -> StoredTenant | None:
        return await self._one(select(tenants).where(tenants.c.slug == slug))

    async def all(self) -> tuple[StoredTenant, ...]:
        query = select(tenants).order_by(tenants.c.slug)
        return await self._database.read(
            Unscoped.ROUTING, lambda conn: tuple(_tenant(row) for row in conn.execute(query).mappings())
        )

    async def change_settings(self, tenant_id: str, change: Callable[[TenantSettings], TenantSettings]) -> StoredTenant:
        """Apply a change to the settings as they are now and check the outcome; nobody's change is overwritten unseen.

        Raises `NoSuchTenant` and `SettingsError`.
        """

        def work(conn: Connection) -> StoredTenant:
            query = select(tenants).where(tenants.c.id == tenant_id).with_for_update()
            row = conn.execute(query).mappings().first()
            if row is None:
                raise NoSuchTenant(tenant_id)
            settings = change(load_settings(row["settings"]))
            check_settings(settings)
            version = row["version"] + 1
            conn.execute(
                update(tenants)
                .where(tenants.c.id == tenant_id)
                .values(settings=dump_settings(settings), version=version)
            )
            return StoredTenant(row["id"], row["slug"], row["name"], settings, version)

        return await self._database.write(tenant_id, work)

    async def rename(self, tenant_id: str, name: str) -> bool:
        """Give the tenant another name, the one that texts and pages show; False when there is no such tenant."""
        named = update(tenants).where(tenants.c.id == tenant_id).values(name=name, version=tenants.c.version + 1)
        return await self._database.write(tenant_id, lambda conn: conn.execute(named).rowcount == 1)

    # --- numbers

    async def add_number(
        self,
        tenant_id: str,
        number_id: str,
        address: str,
        purpose: Purpose,
        now: datetime,
        *,
        channel: str = "sms",
        opt_out_by: Literal["carrier", "watchword"] = "carrier",
    ) -> None:
        """`address` is canonical: E.164 for texts. The first of its purpose is primary. Raises `NumberTaken`."""

        def work(conn: Connection) -> None:
            first = conn.scalar(_numbers(tenant_id).where(numbers.c.purpose == purpose).limit(1)) is None
            conn.execute(
                insert(numbers).values(
                    tenant_id=tenant_id,
                    id=number_id,
                    channel=channel,
                    address=address,
                    purpose=purpose,
                    is_primary=first,
                    opt_out_by=opt_out_by,
                    created_at=micros(now),
                )
            )

        try:
            await self._database.write(tenant_id, work)
        except IntegrityError as cause:
            raise NumberTaken(address) from cause

    async def numbers(self, tenant_id: str) -> tuple[StoredNumber, ...]:
        """By purpose, the primary one first."""
        query = _numbers(tenant_id).order_by(numbers.c.purpose, numbers.c.is_primary.desc(), numbers.c.address)
        return await self._database.read(
            tenant_id, lambda conn: tuple(_number(row) for row in conn.execute(query).mappings())
        )

    async def set_primary(self, tenant_id: str, number_id: str) -> bool:
        """Make this number the primary one of its purpose; False when the tenant has no such number."""

        def work(conn: Connection) -> bool:
            row = conn.execute(_numbers(tenant_id).where(numbers.c.id == number_id)).mappings().first()
            if row is None:
                return False
            mine = (numbers.c.tenant_id == tenant_id) & (numbers.c.purpose == row["purpose"])
            conn.execute(update(numbers).where(mine).values(is_primary=numbers.c.id == number_id))
            return True

        return await self._database.write(tenant_id, work)

    async def find_number(self, address: str, channel: str = "sms") -> StoredNumber | None:
        """Whose number this is, over all tenants."""
        query = select(numbers).where(numbers.c.channel == channel, numbers.c.address == address)
        row = await self._database.read(Unscoped.ROUTING, lambda conn: conn.execute(query).mappings().first())
        return None if row is None else _number(row)

    # --- accounts at the carrier

    async def put_carrier_account(self, account: CarrierAccount, now: datetime) -> None:
        """Add the account, or give it new secrets; `numbers` is not read. Raises `AccountTaken` when it is another
        tenant's."""
        tenant_id, sid = account.tenant_id, account.account_sid
        plain = {
            "auth_token": account.auth_token,
            "secondary_token": account.secondary_token,
            "shared_keys": dict(account.shared_keys),
        }

        def work(conn: Connection) -> None:
            key = tenant_key(conn, self._keyring, tenant_id).key
            sealed = key.seal(json.dumps(plain).encode(), _secrets_place(tenant_id, sid))
            dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
            new = dialect.insert(carrier_accounts).values(
                tenant_id=tenant_id, account_sid=sid, secrets=sealed, created_at=micros(now)
            )
            conn.execute(
                new.on_conflict_do_update(index_elements=["tenant_id", "account_sid"], set_={"secrets": sealed})
            )

        try:
            await self._database.write(tenant_id, work)
        except IntegrityError as cause:
            raise AccountTaken(sid) from cause

    async def find_carrier_account(self, account_sid: str) -> CarrierAccount | None:
        """Whose account this is, over all tenants, with its secrets."""
        query = select(carrier_accounts).where(carrier_accounts.c.account_sid == account_sid)
        return await self._database.read(Unscoped.ROUTING, lambda conn: self._carrier_account(conn, query))

    async def carrier_account_for(self, number: str) -> CarrierAccount | None:
        """The account of the tenant whose number this is; the oldest one where there are several."""
        owner = select(numbers.c.tenant_id).where(numbers.c.channel == "sms", numbers.c.address == number)
        query = (
            select(carrier_accounts)
            .where(carrier_accounts.c.tenant_id == owner.scalar_subquery())
            .order_by(carrier_accounts.c.created_at, carrier_accounts.c.account_sid)
            .limit(1)
        )
        return await self._database.read(Unscoped.ROUTING, lambda conn: self._carrier_account(conn, query))

    def _carrier_account(self, conn: Connection, query: Select[Any]) -> CarrierAccount | None:
        row = conn.execute(query).mappings().first()
        if row is None:
            return None
        tenant_id, sid = row["tenant_id"], row["account_sid"]
        key = tenant_key(conn, self._keyring, tenant_id).key
        plain: dict[str, Any] = json.loads(key.open(row["secrets"], _secrets_place(tenant_id, sid)))
        own = conn.scalars(_numbers(tenant_id).with_only_columns(numbers.c.address).where(numbers.c.channel == "sms"))
        return CarrierAccount(
            tenant_id, sid, plain["auth_token"], plain["secondary_token"], plain["shared_keys"], frozenset(own)
        )

    async def _one(self, query: Select[Any]) -> StoredTenant | None:
        row = await self._database.read(Unscoped.ROUTING, lambda conn: conn.execute(query).mappings().first())
        return None if row is None else _tenant(row)


def _secrets_place(tenant_id: str, account_sid: str) -> bytes:
    return place("carrier_accounts", "secrets", tenant_id, account_sid)


def _numbers(tenant_id: str) -> Select[Any]:
    return select(numbers).where(numbers.c.tenant_id == tenant_id)


def _tenant(row: RowMapping) -> StoredTenant:
    return StoredTenant(row["id"], row["slug"], row["name"], load_settings(row["settings"]), row["version"])


def _number(row: RowMapping) -> StoredNumber:
    facts = NumberFacts(row["id"], row["address"], row["purpose"], row["is_primary"], row["opt_out_by"])
    return StoredNumber(row["tenant_id"], row["channel"], facts)
