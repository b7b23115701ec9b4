"""Clients, contacts and their addresses: added and found. Changing them is `contact_changes.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, func, insert, or_, select
from sqlalchemy.exc import IntegrityError

from storage.database import Database
from storage.keys import Keyring
from storage.paging import PAGE, Page, by_name, page_of, page_size
from storage.phones import LAST_DIGITS, BadNumber, digits_to_match, to_e164
from storage.sealing import tenant_key
from storage.tables import addresses, clients, contacts
from storage.times import maybe_moment, micros

Kind = Literal["mobile", "phone", "email"]
#: So long a changed address is shown as changed, and is not to be trusted with much (SEC-12, SEC-13).
NEW_FOR = timedelta(days=7)


class NameTaken(Exception):
    """The tenant has a client of this name already."""


class AddressTaken(Exception):
    """The contact has this very address already."""


@dataclass(frozen=True, slots=True)
class StoredClient:
    """A company the tenant serves."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class NewAddress:
    """An address to add; `value` is canonical: E.164, or an e-mail address in small letters. `is_new`: it counts as
    changed, though it comes with the contact."""

    id: str
    kind: Kind
    value: str
    is_default: bool = False
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class NewContact:
    """A contact to add with their addresses."""

    id: str
    client_id: str
    name: str
    addresses: tuple[NewAddress, ...] = ()
    locale: str = ""


@dataclass(frozen=True, slots=True)
class StoredAddress:
    """One way to reach a contact. `changed_at` is None for one that came with the contact, else when a person set it:
    a changed address is suspect for a week."""

    id: str
    contact_id: str
    kind: str
    value: str
    is_default: bool
    changed_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoredContact:
    """A person at a client, with all addresses: defaults first, then by kind."""

    id: str
    name: str
    client_id: str
    client_name: str
    locale: str
    addresses: tuple[StoredAddress, ...]

    def default(self, kind: Kind) -> str:
        """The value to use for this kind, empty when there is none."""
        return next((a.value for a in self.addresses if a.kind == kind), "")


class Directory:
    """The clients and contacts of a tenant."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    # --- clients

    async def add_client(self, tenant_id: str, client_id: str, name: str, now: datetime) -> None:
        """Raises `NameTaken`."""
        try:
            await self._database.write(tenant_id, lambda conn: put_client(conn, tenant_id, client_id, name, now))
        except IntegrityError as cause:
            raise NameTaken(name) from cause

    async def clients(self, tenant_id: str) -> tuple[StoredClient, ...]:
        """By name."""
        query = select(clients.c.id, clients.c.name).where(clients.c.tenant_id == tenant_id)
        query = query.order_by(clients.c.name, clients.c.id)
        return await self._database.read(
            tenant_id, lambda conn: tuple(StoredClient(*row) for row in conn.execute(query))
        )

    # --- contacts

    async def add_contact(self, tenant_id: str, new: NewContact, now: datetime) -> None:
        """First entry of a contact; its addresses are not changes. Raises IntegrityError for an unknown client."""
        await self._database.write(tenant_id, lambda conn: put_contacts(conn, self._keyring, tenant_id, [new], now))

    async def count(self, tenant_id: str) -> int:
        """How many contacts there are."""
        query = select(func.count()).select_from(contacts).where(contacts.c.tenant_id == tenant_id)
        return await self._database.read(tenant_id, lambda conn: conn.scalar(query) or 0)

    async def contact(self, tenant_id: str, contact_id: str) -> StoredContact | None:
        query = _contacts(tenant_id).where(contacts.c.id == contact_id)
        found = await self._database.read(tenant_id, lambda conn: _with_addresses(conn, tenant_id, query))
        return found[0] if found else None

    async def contacts_with(self, tenant_id: str, contact_ids: Sequence[str]) -> tuple[StoredContact, ...]:
        """Those of these contacts that exist, by name."""
        query = _contacts(tenant_id).where(contacts.c.id.in_(contact_ids)).order_by(contacts.c.name, contacts.c.id)
        return await self._database.read(tenant_id, lambda conn: _with_addresses(conn, tenant_id, query))

    async def find(
        self,
        tenant_id: str,
        *,
        phone: str = "",
        email: str = "",
        q: str = "",
        client_id: str = "",
        region: str = "",
        cursor: str = "",
        limit: int = PAGE,
    ) -> Page[StoredContact]:
        """Contacts that fit everything given, by name; nothing given is all of them.

        `phone` is as typed and is read in `region`; what is no whole number is compared by its last digits. `q` is
        part of a name, a client's name or an e-mail address. Raises `BadCursor`.
        """
        size = page_size(limit)
        query = by_name(_contacts(tenant_id), contacts.c.name, contacts.c.id, cursor, size)
        if client_id:
            query = query.where(contacts.c.client_id == client_id)
        if email:
            query = query.where(_has(tenant_id, addresses.c.kind == "email", addresses.c.value == tidy_email(email)))
        if q.strip():
            mail = _has(
                tenant_id, addresses.c.kind == "email", addresses.c.value.contains(q.casefold(), autoescape=True)
            )
            query = query.where(or_(contains(contacts.c.name, q), contains(clients.c.name, q), mail))
        if phone:
            matching = _phone_matches(phone, region)
            if matching is None:
                return Page((), None)
            query = query.where(_has(tenant_id, addresses.c.kind.in_(("mobile", "phone")), matching))
        found = await self._database.read(tenant_id, lambda conn: _with_addresses(conn, tenant_id, query))
        return page_of(found, size, lambda contact: (contact.name, contact.id))


# --- what the import shares ---------------------------------------------------------------------------------------


def put_client(
    conn: Connection, tenant_id: str, client_id: str, name: str, now: datetime, *, import_id: str = ""
) -> None:
    """Insert a client."""
    row = {"tenant_id": tenant_id, "id": client_id, "name": name, "created_at": micros(now), "import_id": import_id}
    conn.execute(insert(clients).values(row))


def put_contacts(
    conn: Connection,
    keyring: Keyring,
    tenant_id: str,
    new: Sequence[NewContact],
    now: datetime,
    *,
    import_id: str = "",
) -> None:
    """Insert contacts, each with a key of its own, and their addresses. In bulk: an import must not hold up texts."""
    key = tenant_key(conn, keyring, tenant_id)
    people = [
        {
            "tenant_id": tenant_id,
            "id": contact.id,
            "client_id": contact.client_id,
            "name": contact.name,
            "locale": contact.locale,
            "key": keyring.new_contact_key(key, contact.id),
            "created_at": micros(now),
            "import_id": import_id,
        }
        for contact in new
    ]
    rows = [
        _address_row(tenant_id, contact.id, address, micros(now) if address.is_new else None)
        for contact in new
        for address in contact.addresses
    ]
    if people:
        conn.execute(insert(contacts), people)
    if rows:
        conn.execute(insert(addresses), rows)


def tidy_email(typed: str) -> str:
    """The canonical form of an e-mail address here."""
    return typed.strip().casefold()


# --- queries --------------------------------------------------------------------------------------------------------


def _contacts(tenant_id: str) -> Select[Any]:
    at = (clients.c.tenant_id == contacts.c.tenant_id) & (clients.c.id == contacts.c.client_id)
    columns = (contacts.c.id, contacts.c.name, contacts.c.client_id, contacts.c.locale, clients.c.name.label("client"))
    return select(*columns).join(clients, at).where(contacts.c.tenant_id == tenant_id)


def _with_addresses(conn: Connection, tenant_id: str, query: Select[Any]) -> tuple[StoredContact, ...]:
    rows = conn.execute(query).mappings().all()
    theirs = select(addresses).where(
        addresses.c.tenant_id == tenant_id, addresses.c.contact_id.in_([row["id"] for row in rows])
    )
    ordered = theirs.order_by(addresses.c.is_default.desc(), addresses.c.kind, addresses.c.value)
    by_contact: dict[str, list[StoredAddress]] = {}
    for row in conn.execute(ordered).mappings():
        by_contact.setdefault(row["contact_id"], []).append(_address(row))
    return tuple(
        StoredContact(
            row["id"],
            row["name"],
            row["client_id"],
            row["client"],
            row["locale"],
            tuple(by_contact.get(row["id"], ())),
        )
        for row in rows
    )


def _has(tenant_id: str, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a contact has an address that fits; the tenant stands in the inner query too, for the guard."""
    inner = select(addresses.c.contact_id).where(addresses.c.tenant_id == tenant_id, *conditions)
    return contacts.c.id.in_(inner)


def contains(column: ColumnElement[str], part: str) -> ColumnElement[bool]:
    """Contains, whatever the case. SQLite folds only ASCII by itself, so the usual spellings are asked one by one."""
    part = part.strip()
    spellings = {part, part.lower(), part.upper(), part.title(), part.capitalize()}
    return or_(*(column.icontains(spelling, autoescape=True) for spelling in sorted(spellings)))


def _phone_matches(typed: str, region: str) -> ColumnElement[bool] | None:
    try:
        return addresses.c.value == to_e164(typed, region)
    except BadNumber:
        digits = digits_to_match(typed)
    # A number without its country code: compared from the end, all of its digits, never fewer than seven.
    return (
        addresses.c.value.endswith(digits[-LAST_DIGITS:] if len(digits) > LAST_DIGITS else digits) if digits else None
    )


def _address_row(tenant_id: str, contact_id: str, new: NewAddress, changed_at: int | None) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id,
        "id": new.id,
        "contact_id": contact_id,
        "kind": new.kind,
        "value": new.value,
        "is_default": new.is_default,
        "changed_at": changed_at,
    }


def _address(row: RowMapping) -> StoredAddress:
    return StoredAddress(
        row["id"], row["contact_id"], row["kind"], row["value"], row["is_default"], maybe_moment(row["changed_at"])
    )
