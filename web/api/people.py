"""People with accounts: one's own, and the names of the others (GE-05)."""

from __future__ import annotations

from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from identity.sessions import FRESH
from storage.people import WAYS, StoredTechnician
from web.answers import Reply, answer
from web.api.shapes import Listed
from web.bodies import Strict
from web.noting import line
from web.people import change_own, own_region, read_all, read_email, read_mobile, read_name
from web.problems import Problem, not_found
from web.routing import Access, Call, Route, Surface
from web.step_up import stale

Way = Literal["sms", "email"]
State = Literal["invited", "active", "no_second_factor", "disabled"]
STATES: dict[str, State] = {word: word for word in ("invited", "active", "no_second_factor", "disabled")}


class Profile(Reply):
    """One's own account. `mail_address` is where mail goes: `email`, else the login where that is an address."""

    id: str
    login: str
    name: str
    first_name: str
    role: Literal["technician", "admin"]
    supervisor: bool
    email: str
    mail_address: str
    mobile: str
    notify_by: list[Way]
    on_duty: bool
    use_mfa: bool
    ui_access: bool


class ProfileWith(Strict):
    """What to change of one's own account; what is left out stays."""

    name: Annotated[str, Field(max_length=300)] | None = None
    email: Annotated[str, Field(max_length=300)] | None = None
    mobile: Annotated[str, Field(max_length=300)] | None = None
    notify_by: Annotated[list[Way], Field(min_length=1, max_length=2)] | None = None
    on_duty: bool | None = None


class Technician(Reply):
    """Somebody of the team."""

    id: str
    name: str
    first_name: str
    role: Literal["technician", "admin"]
    supervisor: bool
    on_duty: bool
    state: State


async def read_profile(call: Call) -> web.StreamResponse:
    """Your own account."""
    return answer(_profile(await _me(call)))


async def change_profile(call: Call) -> web.StreamResponse:
    """Changes what is given of your own account. Going on and off duty is free; the rest takes a fresh proof, because
    links to a new password go to these addresses."""
    given: ProfileWith = call.body
    who, services = call.who, call.services
    wanted = await _wanted(call, given)
    if wanted and services.clock.now() - who.proven_at > FRESH:
        raise stale()
    me = await _me(call)
    if given.on_duty is not None and given.on_duty != me.on_duty:
        noted = line(call, "technician.duty_changed", on_duty=int(given.on_duty))
        await services.people.noting(who.tenant_id, noted).change(
            who.tenant_id, who.technician_id, on_duty=given.on_duty
        )
    if wanted:
        await change_own(call, wanted)
    return answer(_profile(await _me(call)))


async def team(call: Call) -> web.StreamResponse:
    """Everybody of your team, by name, those switched off last."""
    people = await call.services.people.technicians(call.who.tenant_id)
    return answer(Listed[Technician](items=[_shown(person) for person in people]))


async def _me(call: Call) -> StoredTechnician:
    me = await call.services.people.technician(call.who.tenant_id, call.who.technician_id)
    if me is None:
        raise not_found()
    return me


async def _wanted(call: Call, given: ProfileWith) -> dict[str, str]:
    """What is to be changed, as it is kept. Raises 422 with every field that cannot be."""
    region = await own_region(call.services, call.who.tenant_id) if given.mobile else ""
    reads = {
        "name": lambda: read_name(given.name or ""),
        "email": lambda: read_email(given.email or ""),
        "mobile": lambda: read_mobile(given.mobile or "", region),
    }
    wanted, problems = read_all(**{name: read for name, read in reads.items() if getattr(given, name) is not None})
    if problems:
        found = [{"field": field, "problem": problem} for field, problem in problems.items()]
        raise Problem(422, "invalid", next(iter(problems.values())), {"problems": found})
    if given.notify_by is not None:
        wanted["notify_by"] = ",".join(way for way in WAYS if way in given.notify_by)
    return wanted


def _profile(me: StoredTechnician) -> Profile:
    return Profile(
        id=me.id,
        login=me.login,
        name=me.name,
        first_name=me.first_name,
        role="admin" if me.role == "admin" else "technician",
        supervisor=me.supervisor,
        email=me.email,
        mail_address=me.mail_address,
        mobile=me.mobile,
        notify_by=["email" if way == "email" else "sms" for way in me.notify_by.split(",")],
        on_duty=me.on_duty,
        use_mfa=me.use_mfa,
        ui_access=me.ui_access,
    )


def _shown(person: StoredTechnician) -> Technician:
    return Technician(
        id=person.id,
        name=person.name,
        first_name=person.first_name,
        role="admin" if person.role == "admin" else "technician",
        supervisor=person.supervisor,
        on_duty=person.on_duty,
        state=STATES[person.state],
    )


_PROFILE = "/api/v1/profile"
ROUTES = (
    Route(
        "GET",
        _PROFILE,
        read_profile,
        Access.TECHNICIAN,
        Surface.API,
        "Read your own account",
        answers={200: Profile},
        pod=True,
    ),
    Route(
        "PATCH",
        _PROFILE,
        change_profile,
        Access.TECHNICIAN,
        Surface.API,
        "Change your own account",
        body=ProfileWith,
        answers={200: Profile},
        pod=True,
    ),
    Route(
        "GET",
        "/api/v1/technicians",
        team,
        Access.TECHNICIAN,
        Surface.API,
        "List the team",
        answers={200: Listed[Technician]},
        pod=True,
    ),
)
