"""Who may decide what a colleague asks for, and how many requests wait for whoever is signed in (SEC-12, SEC-09)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from aiohttp import web

from dialogs.messages import Unavailable
from dialogs.settings import TenantSettings
from dialogs.user_verify import Policy
from web.asked import ASKED, Asked
from web.ports import Acting
from web.services import Services

if TYPE_CHECKING:
    from storage.approvals import ApprovalRow


def is_supervisor(who: Acting) -> bool:
    """Whether they may decide also where the policy wants a supervisor; an admin counts as one."""
    return who.supervisor or who.role == "admin"


def decides(who: Acting, row: ApprovalRow, policy: Policy, now: datetime) -> bool:
    """Whether this is theirs to decide now: nobody agrees to their own, and no program to anything."""
    waits = row.state == "waiting" and row.is_live(now)
    may = policy.approver == "any_technician" or is_supervisor(who)
    return waits and may and who.kind != "key" and row.technician_id != who.technician_id


async def waiting_for(services: Services, who: Acting) -> int:
    """So many requests of others wait that they may decide."""
    now = services.clock.now()
    return await services.approvals.waiting_for(who.tenant_id, who.technician_id, now, supervisor=is_supervisor(who))


async def note_asked(request: web.Request, services: Services, who: Acting) -> None:
    """Read for the navigation what waits. A page without it is better than none, so it may fail."""
    try:
        tenant = await services.tenants.get(who.tenant_id)
        waits = await waiting_for(services, who)
    except Unavailable:
        return
    policies = (tenant.settings.policy, *tenant.settings.client_policies.values()) if tenant is not None else ()
    request[ASKED] = Asked(waits, waits > 0 or any(p.second_person or p.high_by_two for p in policies))


async def policies_of(services: Services, tenant_id: str, rows: Sequence[ApprovalRow]) -> Mapping[str, Policy]:
    """By contact id: the policy that decides who may agree."""
    tenant = await services.tenants.get(tenant_id) if rows else None
    settings = tenant.settings if tenant is not None else TenantSettings()
    return {row.contact_id: settings.policy_of(row.client_id) for row in rows}
