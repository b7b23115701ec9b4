"""My own page: on duty or not, where I am signed in, new recovery codes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from identity import recovery
from web.api.ids import our_id
from web.look import _
from web.noting import line
from web.pages.context import frame, page, see_other
from web.pages.forms import DutyForm, Form
from web.problems import not_found
from web.routing import Access, Call, Route, Surface


@dataclass(frozen=True, slots=True)
class LogInView:
    """One log-in of mine."""

    id: str
    browser: str
    address: str
    since: datetime
    seen: datetime
    current: bool


async def show_profile(call: Call) -> web.StreamResponse:
    """My page."""
    return await _profile(call, ())


async def change_duty(call: Call) -> web.StreamResponse:
    """On or off duty; alerts about unclaimed checks go to those who are on."""
    given: DutyForm = call.body
    who = call.who
    on_duty = given.on_duty == "yes"
    people = call.services.people.noting(who.tenant_id, line(call, "technician.duty_changed", on_duty=int(on_duty)))
    await people.change(who.tenant_id, who.technician_id, on_duty=on_duty)
    return see_other("/profile", said="duty")


async def end_log_in(call: Call) -> web.StreamResponse:
    """Sign one of my log-ins out, wherever it is."""
    who = call.who
    log_in_id = our_id(call, "log_in_id")
    accounts = call.services.accounts.noting(
        who.tenant_id, line(call, "sign_in.ended", log_in=log_in_id, why="revoked")
    )
    if not await accounts.revoke(who.tenant_id, who.technician_id, log_in_id, call.services.clock.now()):
        raise not_found()
    return see_other("/profile", said="log_in_ended")


async def new_recovery_codes(call: Call) -> web.StreamResponse:
    """Ten new codes in place of the old ones, shown in this one answer and never again."""
    who = call.who
    codes = recovery.new_codes(call.services.random)
    digests = [d for code in codes if (d := recovery.digest(who.technician_id, code)) is not None]
    people = call.services.people.noting(
        who.tenant_id, line(call, "sign_in.recovery_codes_replaced", count=len(digests))
    )
    await people.replace_recovery_codes(who.tenant_id, who.technician_id, digests)
    return await _profile(call, codes)


async def _profile(call: Call, new_codes: tuple[str, ...]) -> web.StreamResponse:
    who, services = call.who, call.services
    me = await services.people.technician(who.tenant_id, who.technician_id)
    if me is None:
        raise not_found()
    log_ins = await services.accounts.log_ins(who.tenant_id, who.technician_id, services.clock.now())
    views = [
        LogInView(
            id=one.id,
            browser=one.browser.title() if one.browser else _("A program"),
            address=one.address_block or _("this computer"),
            since=one.created_at,
            seen=one.last_seen_at,
            current=one.id == who.log_in_id,
        )
        for one in sorted(log_ins, key=lambda one: one.id != who.log_in_id)
    ]
    role = _("Admin") if who.role == "admin" else _("Supervisor") if who.supervisor else _("Technician")
    values = {"log_ins": views, "new_codes": new_codes, "role": role}
    return page(call, "profile.html", frame(call, _("Profile"), "profile", on_duty=me.on_duty), values)


ROUTES = (
    Route("GET", "/profile", show_profile, Access.TECHNICIAN, Surface.PAGE, "My page"),
    Route("POST", "/profile/duty", change_duty, Access.TECHNICIAN, Surface.PAGE, "On or off duty", body=DutyForm),
    Route(
        "POST",
        "/profile/log-ins/{log_in_id}/end",
        end_log_in,
        Access.TECHNICIAN,
        Surface.PAGE,
        "End a log-in",
        body=Form,
    ),
    Route(
        "POST",
        "/profile/recovery-codes",
        new_recovery_codes,
        Access.TECHNICIAN,
        Surface.PAGE,
        "New recovery codes",
        body=Form,
        step_up=True,
    ),
)
