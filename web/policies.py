"""Verification policies as admins change them, for everybody or for one client: one act for pages and the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dialogs.settings import TenantSettings
from dialogs.user_verify import Policy
from storage.tenant_settings import change
from web.guards import may
from web.noting import line
from web.problems import Problem, not_found
from web.routing import Access, Call


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


async def refuse_move(call: Call, before: str, after: str) -> None:
    """Whom a policy protects is not taken out of its reach, and nobody is put under one, by whoever it binds. `before`
    and `after`: ids of clients, the second empty for one that is to be added. Raises the 403 of whoever may not."""
    if before == after or may(Access.SUPERVISOR, call.who):
        return
    settings = await _settings(call)
    one, other = (_binding(settings.policy_of(client_id)) for client_id in (before, after))
    if one != other:
        said = "These two clients are verified by different rules. Ask a supervisor or an admin to move the contact."
        raise Problem(403, "not_allowed", said)


async def typed_in_is_new(call: Call, client_id: str) -> bool:
    """Whether a number that comes with a new contact of this client counts as new: where two people must agree, nobody
    gets around that by a record of their own (SEC-12)."""
    policy = (await _settings(call)).policy_of(client_id)
    return policy.second_person or policy.high_by_two


def _binding(policy: Policy) -> Policy:
    """What binds technicians: without what is only shown."""
    return replace(policy, banner="", show_on_load=False, history_length=1)


async def _settings(call: Call) -> TenantSettings:
    tenant = await call.services.tenants.get(call.who.tenant_id)
    if tenant is None:
        raise not_found()
    return tenant.settings


def _put(settings: TenantSettings, client_id: str, policy: Policy | None) -> TenantSettings:
    others = {known: own for known, own in settings.client_policies.items() if known != client_id}
    return replace(settings, client_policies=others if policy is None else {**others, client_id: policy})
