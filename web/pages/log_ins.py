"""Where somebody is signed in, as pages show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.accounts import StoredLogIn
from web.look import _
from web.routing import Call


@dataclass(frozen=True, slots=True)
class LogInView:
    """One log-in. `current`: the one that this page was asked for with."""

    id: str
    browser: str
    address: str
    since: datetime
    seen: datetime
    current: bool


def _browser(one: StoredLogIn) -> str:
    if not one.browser:
        return _("A program")
    name = one.browser.title()
    return _("%s, in the pod") % name if one.kind == "pod" else name


async def log_in_views(call: Call, technician_id: str) -> list[LogInView]:
    """Their log-ins that run, the current one first, then the newest."""
    who, services = call.who, call.services
    log_ins = await services.accounts.log_ins(who.tenant_id, technician_id, services.clock.now())
    return [
        LogInView(
            id=one.id,
            browser=_browser(one),
            address=one.address_block or _("this computer"),
            since=one.created_at,
            seen=one.last_seen_at,
            current=one.id == who.log_in_id,
        )
        for one in sorted(log_ins, key=lambda one: one.id != who.log_in_id)
    ]
