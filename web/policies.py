"""Verification policies as admins change them, for everybody or for one client: one act for pages and the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dialogs.settings import TenantSettings
from dialogs.user_verify import Policy
from storage.tenant_settings import change
from web.noting import line
from web.routing import Call


def as_of(settings: TenantSettings, client_id: str) -> TenantSettings:
    """The settings as this client has them, so that fields and checks are the same ones."""
    return replace(settings, policy=settings.policy_of(client_id))


async def give_own(call: Call, client_id: str, typed: Mapping[str, str]) -> None:
    """From now on this client has its own policy, whatever changes for everybody: what holds for it now, with what was
    typed. Raises SettingsError."""

    def with_own(now: TenantSettings) -> TenantSettings:
        return _put(now, client_id, change(as_of(now, client_id), typed).policy)

    event = line(call, "settings.changed", settings="client_policies", client=client_id)
    await call.services.tenants.noting(call.who.tenant_id, event).change_settings(call.who.tenant_id, with_own)


async def take_own(call: Call, client_id: str) -> None:
    """What holds for everybody holds for this client again."""
    event = line(call, "settings.changed", settings="client_policies", client=client_id)
    tenants = call.services.tenants.noting(call.who.tenant_id, event)
    await tenants.change_settings(call.who.tenant_id, lambda now: _put(now, client_id, None))


def _put(settings: TenantSettings, client_id: str, policy: Policy | None) -> TenantSettings:
    others = {known: own for known, own in settings.client_policies.items() if known != client_id}
    return replace(settings, client_policies=others if policy is None else {**others, client_id: policy})
