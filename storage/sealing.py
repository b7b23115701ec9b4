"""Getting at the keys of a row inside a transaction: the wrapped key is read, the keyring unwraps it once."""

from __future__ import annotations

from sqlalchemy import Connection, select

from storage.keys import Keyring, RowKeys, TenantKey
from storage.tables import contacts, tenants


class NoSuchTenant(LookupError):
    """There is no tenant with this id."""


def tenant_key(conn: Connection, keyring: Keyring, tenant_id: str) -> TenantKey:
    """The tenant's key, unwrapped. Raises `NoSuchTenant`."""
    wrapped = conn.scalar(select(tenants.c.key).where(tenants.c.id == tenant_id))
    if wrapped is None:
        raise NoSuchTenant(tenant_id)
    return keyring.tenant(tenant_id, wrapped)


def row_keys(conn: Connection, keyring: Keyring, tenant_id: str, contact_id: str) -> RowKeys:
    """The keys of a row of that contact, who may be nobody or erased: then only the tenant's opens."""
    wrapped = None
    if contact_id:
        wrapped = conn.scalar(
            select(contacts.c.key).where(contacts.c.tenant_id == tenant_id, contacts.c.id == contact_id)
        )
    return keyring.row_keys(tenant_key(conn, keyring, tenant_id), contact_id, wrapped)
