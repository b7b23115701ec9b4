"""The keys of one turn, and the tenants a store has at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from dialogs.turns import TenantFacts
from storage.keys import Keyring, RowKeys, TenantKey
from storage.settings_json import load_settings

#: A contact's wrapped key by tenant and contact; None where there is no such contact.
FetchKey: TypeAlias = Callable[[str, str], bytes | None]


@dataclass(slots=True)
class TurnKeys:
    """The tenant's key, and those of the contacts that came up so far. `fetch` is asked for wrapped keys that are not
    in `wrapped` yet."""

    tenant: TenantKey
    keyring: Keyring
    fetch: FetchKey
    wrapped: dict[str, bytes | None] = field(default_factory=dict)
    rows: dict[str, RowKeys] = field(default_factory=dict)

    def of(self, contact_id: str) -> RowKeys:
        """The contact's key where there is such a contact, else the tenant's."""
        known = self.rows.get(contact_id)
        if known is not None:
            return known
        if not contact_id:
            found = RowKeys(self.tenant)
        else:
            if contact_id not in self.wrapped:
                self.wrapped[contact_id] = self.fetch(self.tenant.tenant_id, contact_id)
            found = self.keyring.row_keys(self.tenant, contact_id, self.wrapped[contact_id])
        self.rows[contact_id] = found
        return found


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant as of one version of its row."""

    version: int
    facts: TenantFacts
    key: TenantKey


class Tenants:
    """Keeps tenants decoded for as long as their version stays the same."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._kept: dict[str, Tenant] = {}

    def kept(self, tenant_id: str, version: int) -> Tenant | None:
        """None when it has to be read (anew)."""
        known = self._kept.get(tenant_id)
        return known if known is not None and known.version == version else None

    def keep(self, tenant_id: str, version: int, name: str, settings: str, wrapped: bytes) -> Tenant:
        """The columns of its row, decoded."""
        key = self._keyring.tenant(tenant_id, wrapped)
        tenant = Tenant(version, TenantFacts(tenant_id, name, load_settings(settings), key.digest_key), key)
        self._kept[tenant_id] = tenant
        return tenant

    def forget(self) -> None:
        self._kept.clear()
