"""One person's account, as an admin sees and changes it: rights, addresses, links, log-ins, on and off (SI-08)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from aiohttp import web

from identity import links
from identity.links import Purpose
from storage.people import LastAdmin, StoredTechnician
from web.api.ids import our_id
from web.look import _
from web.noting import line
from web.pages.context import see_other
from web.pages.forms import Form
from web.pages.log_ins import log_in_views
from web.pages.people_forms import PersonForm
from web.pages.settings.parts import settings_page
from web.pages.settings.people import PATH, hand_over, own_tenant, view_of
from web.people import new_link, own_region, read_all, read_email, read_mobile, read_name, tell_old_address
from web.problems import Problem, not_found
from web.routing import Access, Call, Handler, Route, Surface

ONE = PATH + "/{person_id}"
LAST_ADMIN = _("This is the last admin who can sign in to the console. Make somebody else an admin first.")
NOT_YOURSELF = _("You cannot do this to your own account. Ask another admin.")


async def show_person(call: Call) -> web.StreamResponse:
    """The account."""
    person = await _person(call)
    return await _page(call, person, _as_form(person), {})


async def change_person(call: Call) -> web.StreamResponse:
    """Change what differs. Rights that change end the log-ins, so that a token never stands for more than it did."""
    given: PersonForm = call.body
    person = await _person(call)
    region = await own_region(call.services, call.who.tenant_id)
    read, problems = read_all(
        name=lambda: read_name(given.name),
        email=lambda: read_email(given.email),
        mobile=lambda: read_mobile(given.mobile, region),
    )
    if problems:
        return await _page(call, person, given, problems)
    rights = {
        "supervisor": given.supervisor == "yes",
        "use_mfa": given.use_mfa == "yes",
        "ui_access": given.ui_access == "yes",
    }
    wanted = {**read, **rights, "role": given.role}
    changed = [field for field, value in wanted.items() if getattr(person, field) != value]
    if not changed:
        return see_other(_path(person), said="person_changed")
    more_or_less = {"role", "supervisor", "ui_access"} & set(changed)
    noted = line(
        call,
        "technician.changed",
        technician=person.id,
        changed=" ".join(changed),
        role=given.role,
        **{right: int(on) for right, on in rights.items()},
    )
    now = call.services.clock.now()
    try:
        await call.services.people.noting(person.tenant_id, noted).change(
            person.tenant_id,
            person.id,
            role=given.role,
            end_log_ins_at=now if more_or_less else None,
            name=read["name"],
            mobile=read["mobile"],
            email=read["email"],
            supervisor=rights["supervisor"],
            use_mfa=rights["use_mfa"],
            ui_access=rights["ui_access"],
        )
    except LastAdmin:
        return await _page(call, person, given, {"role": LAST_ADMIN})
    if {"email", "mobile"} & set(changed):
        tenant = await own_tenant(call)
        await tell_old_address(call.services, tenant.name, person, by=call.who.name)
    return see_other(_path(person), said="person_changed_out" if more_or_less else "person_changed")


async def disable(call: Call) -> web.StreamResponse:
    """Off at once, on every copy."""
    person = await _person(call)
    _refuse_oneself(call, person)
    noted = line(call, "technician.disabled", technician=person.id)
    try:
        await call.services.people.noting(person.tenant_id, noted).disable(
            person.tenant_id, person.id, call.services.clock.now()
        )
    except LastAdmin:
        return await _page(call, person, _as_form(person), {"role": LAST_ADMIN})
    return see_other(_path(person), said="person_off")


async def enable(call: Call) -> web.StreamResponse:
    """On again."""
    person = await _person(call)
    if person.disabled_at is not None:
        noted = line(call, "technician.enabled", technician=person.id)
        await call.services.people.noting(person.tenant_id, noted).enable(person.tenant_id, person.id)
    return see_other(_path(person), said="person_on")


async def invite_again(call: Call) -> web.StreamResponse:
    """A new link in place of the old one."""
    person, now = await _person(call), call.services.clock.now()
    minted, noted = _minted(call, "invitation"), line(call, "technician.invited_again", technician=person.id)
    kept = call.services.people.noting(person.tenant_id, noted)
    made = new_link(call.services, minted, made_by=call.who.technician_id)
    if not await kept.invite_again(person.tenant_id, person.id, made, now):
        raise Problem(409, "not_invited", "They have accepted already, or the account is switched off.")
    return await hand_over(call, person.id, minted, send=True)


async def withdraw(call: Call) -> web.StreamResponse:
    """Take the invitation back; nothing of it stays but the log."""
    person = await _person(call)
    noted = line(call, "technician.invitation_withdrawn", technician=person.id)
    if not await call.services.people.noting(person.tenant_id, noted).withdraw(person.tenant_id, person.id):
        raise Problem(409, "not_invited", "They have accepted already. Switch the account off instead.")
    return see_other(PATH, said="invitation_gone")


async def lost_second_factor(call: Call) -> web.StreamResponse:
    """The old second factor ends now; the link leads to a new one, with their password (SEC-33)."""
    person, now = await _person(call), call.services.clock.now()
    _refuse_oneself(call, person)
    minted = _minted(call, "second_factor")
    noted = line(call, "technician.second_factor_dropped", technician=person.id)
    kept = call.services.people.noting(person.tenant_id, noted)
    made = new_link(call.services, minted, made_by=call.who.technician_id)
    if not await kept.drop_second_factor(person.tenant_id, person.id, made, now):
        raise Problem(409, "no_second_factor", "The account is switched off, or waits for its invitation.")
    return await hand_over(call, person.id, minted, send=True)


async def password_link(call: Call) -> web.StreamResponse:
    """A link to a new password, for whom no mail reaches; their second factor is asked for there."""
    person, now = await _person(call), call.services.clock.now()
    if person.state != "active":
        raise Problem(409, "not_active", "Only somebody who can sign in has a password to forget.")
    minted = _minted(call, "password")
    noted = line(call, "technician.password_link_made", technician=person.id)
    made = new_link(call.services, minted, made_by=call.who.technician_id)
    await call.services.account_links.noting(person.tenant_id, noted).make(person.tenant_id, person.id, made, now)
    return await hand_over(call, person.id, minted, send=True)


async def end_all_log_ins(call: Call) -> web.StreamResponse:
    """Sign them out everywhere."""
    person = await _person(call)
    accounts = call.services.accounts.noting(
        person.tenant_id, line(call, "technician.log_ins_ended", technician=person.id)
    )
    await accounts.revoke_all(person.tenant_id, person.id, call.services.clock.now())
    return see_other(_path(person), said="log_ins_gone")


async def end_log_in(call: Call) -> web.StreamResponse:
    """Sign one of their log-ins out."""
    person, log_in_id = await _person(call), our_id(call, "log_in_id")
    noted = line(call, "sign_in.ended", log_in=log_in_id, why="by_admin", technician=person.id)
    accounts = call.services.accounts.noting(person.tenant_id, noted)
    if not await accounts.revoke(person.tenant_id, person.id, log_in_id, call.services.clock.now()):
        raise not_found()
    return see_other(_path(person), said="log_in_ended")


async def _person(call: Call) -> StoredTechnician:
    found = await call.services.people.technician(call.who.tenant_id, our_id(call, "person_id"))
    if found is None:
        raise not_found()
    return found


def _refuse_oneself(call: Call, person: StoredTechnician) -> None:
    if person.id == call.who.technician_id:
        raise Problem(409, "not_yourself", NOT_YOURSELF)


def _minted(call: Call, purpose: Purpose) -> links.Minted:
    return links.mint(purpose, call.services.random, call.services.clock.now())


def _path(person: StoredTechnician) -> str:
    return f"{PATH}/{person.id}"


def _as_form(person: StoredTechnician) -> PersonForm:
    return PersonForm(
        name=person.name,
        role="admin" if person.role == "admin" else "technician",
        supervisor="yes" if person.supervisor else "",
        mobile=person.mobile,
        email=person.email,
        use_mfa="yes" if person.use_mfa else "",
        ui_access="yes" if person.ui_access else "",
    )


async def _page(
    call: Call, person: StoredTechnician, typed: PersonForm, problems: Mapping[str, str]
) -> web.StreamResponse:
    services, now = call.services, call.services.clock.now()
    invited: Mapping[str, datetime] = await services.account_links.open_invitations(person.tenant_id, now)
    values = {
        "person": person,
        "view": view_of(person, invited.get(person.id)),
        "typed": typed,
        "problems": problems,
        "log_ins": await log_in_views(call, person.id),
        "myself": person.id == call.who.technician_id,
    }
    problem = _("Nothing was changed. Look at what is marked below.") if problems else ""
    status = 422 if problems else 200
    return settings_page(call, "people", "settings_person.html", values, status=status, problem=problem)


def _act(path: str, handler: Handler, summary: str) -> Route:
    """What an admin does to somebody's account asks for a fresh proof (SEC-34)."""
    return Route("POST", ONE + path, handler, Access.ADMIN, Surface.PAGE, summary, body=Form, step_up=True)


ROUTES = (
    Route("GET", ONE, show_person, Access.ADMIN, Surface.PAGE, "Somebody's account"),
    Route(
        "POST",
        ONE,
        change_person,
        Access.ADMIN,
        Surface.PAGE,
        "Change somebody's account",
        body=PersonForm,
        step_up=True,
    ),
    _act("/off", disable, "Switch an account off"),
    _act("/on", enable, "Switch an account on again"),
    _act("/invitation", invite_again, "Invite somebody again"),
    _act("/invitation/withdraw", withdraw, "Take an invitation back"),
    _act("/second-factor", lost_second_factor, "End a lost second factor"),
    _act("/password", password_link, "Make a link to a new password"),
    _act("/log-ins/end", end_all_log_ins, "End somebody's log-ins"),
    _act("/log-ins/{log_in_id}/end", end_log_in, "End one of somebody's log-ins"),
)
