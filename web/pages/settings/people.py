"""The team: who has an account and in what state, and inviting somebody new (SI-08, SI-09)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from aiohttp import web

from dialogs.settings import TenantSettings
from identity import links
from storage.people import Invited, LoginTaken, StoredTechnician
from storage.sealing import NoSuchTenant
from storage.tenants import StoredTenant
from web.look import _
from web.noting import line
from web.pages.context import see_other
from web.pages.people_forms import DefaultsForm, InviteForm
from web.pages.settings.parts import settings_page
from web.people import (
    Handed,
    new_link,
    own_region,
    read_all,
    read_email,
    read_login,
    read_mobile,
    read_name,
    send_link,
)
from web.problems import not_found
from web.routing import Access, Call, Route, Surface

PATH = "/settings/people"
STATES: Mapping[str, tuple[str, str]] = {
    "invited": (_("invited"), "care"),
    "active": (_("active"), "good"),
    "no_second_factor": (_("sets up a second factor"), "care"),
    "disabled": (_("switched off"), "bad"),
}


@dataclass(frozen=True, slots=True)
class PersonView:
    """Somebody as lists and pages show them. `invited_until`: of an invitation that can still be accepted."""

    id: str
    name: str
    login: str
    role: str
    state: str
    tone: str
    on_duty: bool
    pod_only: bool
    invited_until: datetime | None


async def show_people(call: Call) -> web.StreamResponse:
    """Everybody with an account."""
    who, services = call.who, call.services
    tenant = await own_tenant(call)
    people = await services.people.technicians(who.tenant_id)
    invited = await services.account_links.open_invitations(who.tenant_id, services.clock.now())
    values = {
        "people": [view_of(person, invited.get(person.id)) for person in people],
        "invited_role": tenant.settings.invited_role,
    }
    return settings_page(call, "people", "settings_people.html", values)


async def show_invite(call: Call) -> web.StreamResponse:
    """The form for somebody new, with the usual rights."""
    tenant = await own_tenant(call)
    role = tenant.settings.invited_role
    return await _invite_page(call, InviteForm(role=role, use_mfa="yes", ui_access="yes", send="yes"), {})


async def invite(call: Call) -> web.StreamResponse:
    """Make the account and its link, which this one answer shows."""
    given: InviteForm = call.body
    who, services, now = call.who, call.services, call.services.clock.now()
    new, problems = await _checked(call, given)
    if new is None:
        return await _invite_page(call, given, problems)
    minted = links.mint("invitation", services.random, now)
    rights = {"role": new.role, "supervisor": int(new.supervisor), "use_mfa": int(new.use_mfa)}
    noted = line(call, "technician.invited", technician=new.id, ui_access=int(new.ui_access), **rights)
    try:
        await services.people.noting(who.tenant_id, noted).invite(
            who.tenant_id, new, new_link(services, minted, made_by=who.technician_id), now
        )
    except LoginTaken:
        taken = _("Somebody has this login already, here or at another company on this installation. Choose another.")
        return await _invite_page(call, given, {"login": taken})
    return await hand_over(call, new.id, minted, send=given.send == "yes")


async def set_default_role(call: Call) -> web.StreamResponse:
    """The role that the form for somebody new starts with (SI-02)."""
    given: DefaultsForm = call.body

    def change(settings: TenantSettings) -> TenantSettings:
        return replace(settings, invited_role=given.invited_role)

    noted = line(call, "settings.changed", settings="invited_role")
    await call.services.tenants.noting(call.who.tenant_id, noted).change_settings(call.who.tenant_id, change)
    return see_other(PATH, said="default_role")


async def hand_over(call: Call, technician_id: str, minted: links.Minted, *, send: bool) -> web.StreamResponse:
    """Show a link this once, and say where else it went."""
    services = call.services
    person, tenant = await services.people.technician(call.who.tenant_id, technician_id), await own_tenant(call)
    if person is None:
        raise not_found()
    way, to = await send_link(services, tenant.name, person, minted) if send else ("", "")
    handed = Handed(services.public_url + minted.path, way, to, minted.expires_at)
    values = {"handed": handed, "person": person, "purpose": minted.purpose, "tried": send}
    return settings_page(call, "people", "settings_link.html", values)


async def own_tenant(call: Call) -> StoredTenant:
    """Whose settings these are."""
    tenant = await call.services.tenants.get(call.who.tenant_id)
    if tenant is None:
        raise NoSuchTenant(call.who.tenant_id)
    return tenant


def view_of(person: StoredTechnician, invited_until: datetime | None) -> PersonView:
    """Somebody in words."""
    word, tone = STATES[person.state]
    if person.state == "invited" and invited_until is None:
        word = _("invitation has run out")
    return PersonView(
        person.id,
        person.name,
        person.login,
        role_of(person.role, supervisor=person.supervisor),
        word,
        tone,
        person.on_duty and person.state == "active",
        not person.ui_access,
        invited_until,
    )


def role_of(role: str, *, supervisor: bool) -> str:
    """Role and right in words."""
    title = _("Admin") if role == "admin" else _("Technician")
    return _("%s, supervisor") % title if supervisor else title


async def _checked(call: Call, given: InviteForm) -> tuple[Invited | None, dict[str, str]]:
    """What was typed as somebody new, or what is wrong with it, by field."""
    region = await own_region(call.services, call.who.tenant_id)
    read, problems = read_all(
        name=lambda: read_name(given.name),
        login=lambda: read_login(given.login),
        email=lambda: read_email(given.email),
        mobile=lambda: read_mobile(given.mobile, region),
    )
    if problems:
        return None, problems
    new = Invited(
        call.services.random.new_id(call.services.clock.now()),
        read["login"],
        read["name"],
        given.role,
        given.supervisor == "yes",
        read["mobile"],
        read["email"],
        given.use_mfa == "yes",
        given.ui_access == "yes",
    )
    return new, {}


async def _invite_page(call: Call, typed: InviteForm, problems: Mapping[str, str]) -> web.StreamResponse:
    post, tenant_id = call.services.post, call.who.tenant_id
    can_mail = post is not None and await post.can_mail(tenant_id)
    can_text = post is not None and await post.can_text(tenant_id)
    values = {"typed": typed, "problems": problems, "can_mail": can_mail, "can_text": can_text}
    problem = _("Nobody was invited. Look at what is marked below.") if problems else ""
    status = 422 if problems else 200
    return settings_page(call, "people", "settings_invite.html", values, status=status, problem=problem)


ROUTES = (
    Route("GET", PATH, show_people, Access.ADMIN, Surface.PAGE, "The team"),
    Route("GET", PATH + "/new", show_invite, Access.ADMIN, Surface.PAGE, "Invite somebody: the form"),
    Route("POST", PATH + "/new", invite, Access.ADMIN, Surface.PAGE, "Invite somebody", body=InviteForm, step_up=True),
    Route(
        "POST",
        PATH + "/default-role",
        set_default_role,
        Access.ADMIN,
        Surface.PAGE,
        "Set the role that invitations start with",
        body=DefaultsForm,
        step_up=True,
    ),
)
