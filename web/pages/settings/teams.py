"""Teams channels that notices are posted to: a name and the address of a workflow each, tried with "Hello, World".

The address lets whoever has it post there, so it is kept sealed and never shown again; lists show its host.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from aiohttp import web
from pydantic import Field

from storage.teams_connections import EVENTS, MOST, NameTaken, TeamsConnection, TooMany
from web.api.ids import our_id
from web.look import _
from web.noting import line
from web.pages.context import see_other
from web.pages.forms import Form
from web.pages.settings.parts import settings_page
from web.ports import Tried
from web.problems import not_found
from web.routing import Access, Call, Route, Surface

PATH = "/settings/teams"
ONE = PATH + "/{connection_id}"
#: What each event means; in the order of `EVENTS`.
ABOUT: Mapping[str, str] = {
    "unclaimed": _("Nobody has claimed a check: with a link to claim it"),
    "alarm": _("An alarm: #deny, wrong codes, or a check that ran out without a technician"),
}


class ConnectionForm(Form):
    """A connection, new or changed; what is wrong is said at the field. `url` empty keeps the address it has."""

    name: Annotated[str, Field(max_length=300)] = ""
    url: Annotated[str, Field(max_length=4000, repr=False, title=_("the address of the workflow"))] = ""
    events: Annotated[tuple[str, ...], Field(max_length=20)] = ()


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """One connection as the list shows it. `events` are triples for its form: event, what it means, ticked."""

    id: str
    name: str
    host: str
    told: str
    events: Sequence[tuple[str, str, bool]]
    typed: ConnectionForm
    problems: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Trial:
    """A test post: to which connection, and what came of it."""

    name: str
    tried: Tried


async def show_teams(call: Call) -> web.StreamResponse:
    """The connections, and the form for another."""
    return await _page(call)


async def add(call: Call) -> web.StreamResponse:
    """Add one."""
    given: ConnectionForm = call.body
    problems = await _wrong(call, given, is_new=True)
    if problems:
        return await _page(call, given, problems)
    who, services, now = call.who, call.services, call.services.clock.now()
    new = TeamsConnection(
        id=services.random.new_id(now),
        name=given.name.strip(),
        url=given.url.strip(),
        host="",
        events=frozenset(given.events),
        made_by=who.technician_id,
        created_at=now,
    )
    about = line(call, "settings.teams_added", connection=new.id, events=" ".join(sorted(given.events)))
    try:
        await services.teams_connections.noting(who.tenant_id, about).add(who.tenant_id, new)
    except NameTaken:
        return await _page(call, given, {"name": _("Another connection has this name. Choose a different one.")})
    except TooMany:
        return await _page(call, given, {"name": _("There are %s connections, as many as there may be.") % MOST})
    return see_other(PATH, said="teams_added")


async def change(call: Call) -> web.StreamResponse:
    """Another name, other events, another address."""
    given: ConnectionForm = call.body
    who, id = call.who, our_id(call, "connection_id")
    problems = await _wrong(call, given, is_new=False)
    if problems:
        return await _page(call, given, problems, which=id)
    url = given.url.strip()
    about = line(
        call,
        "settings.teams_changed",
        connection=id,
        events=" ".join(sorted(given.events)),
        address=int(bool(url)),
    )
    noted = call.services.teams_connections.noting(who.tenant_id, about)
    try:
        changed = await noted.change(
            who.tenant_id, id, name=given.name.strip(), events=frozenset(given.events), url=url
        )
    except NameTaken:
        taken = {"name": _("Another connection has this name. Choose a different one.")}
        return await _page(call, given, taken, which=id)
    if not changed:
        raise not_found()
    return see_other(PATH, said="teams_changed")


async def remove(call: Call) -> web.StreamResponse:
    """Nothing is posted there any more."""
    id = our_id(call, "connection_id")
    noted = call.services.teams_connections.noting(
        call.who.tenant_id, line(call, "settings.teams_removed", connection=id)
    )
    if not await noted.remove(call.who.tenant_id, id):
        raise not_found()
    return see_other(PATH, said="teams_removed")


async def try_it(call: Call) -> web.StreamResponse:
    """Post "Hello, World" and say what the workflow answered."""
    who, id, connections = call.who, our_id(call, "connection_id"), call.services.teams_connections
    found = await connections.get(who.tenant_id, id)
    if found is None:
        raise not_found()
    tried = await call.services.trials.post(who.tenant_id, id)
    await connections.note(who.tenant_id, line(call, "settings.teams_tried", connection=id, ok=int(tried.ok)))
    return await _page(call, trial=Trial(found.name, tried))


async def _wrong(call: Call, given: ConnectionForm, *, is_new: bool) -> dict[str, str]:
    """What is wrong, by field. The address is looked up."""
    problems: dict[str, str] = {}
    name = given.name.strip()
    if not name:
        problems["name"] = _("Say which channel it is, so that you know it later.")
    elif len(name) > 120:
        problems["name"] = _("Use a shorter name, at most 120 characters.")
    if not given.events or not set(given.events) <= set(EVENTS):
        problems["events"] = _("Tick at least one thing that is posted there.")
    url = given.url.strip()
    if is_new and not url:
        problems["url"] = _("Paste the address that the workflow shows in its first step.")
    elif url and (why := await call.services.trials.check_post(url)):
        problems["url"] = why
    return problems


async def _page(
    call: Call,
    typed: ConnectionForm | None = None,
    problems: Mapping[str, str] | None = None,
    *,
    which: str = "",
    trial: Trial | None = None,
) -> web.StreamResponse:
    """`which`: the connection whose form was sent, empty for a new one."""
    found = await call.services.teams_connections.all(call.who.tenant_id)
    if which and not any(one.id == which for one in found):
        raise not_found()
    new = ConnectionForm(events=EVENTS) if which or typed is None else typed
    values: dict[str, object] = {
        "connections": [_view(one, typed if one.id == which else None, problems or {}) for one in found],
        "typed": new,
        "events": _choices(new.events),
        "problems": {} if which else problems or {},
        "trial": trial,
        "hint": call.services.demo.workflow_address() if call.services.demo is not None else "",
    }
    problem = _("Not saved. Correct what is marked below.") if problems else ""
    return settings_page(call, "teams", "settings_teams.html", values, status=422 if problems else 200, problem=problem)


def _view(one: TeamsConnection, typed: ConnectionForm | None, problems: Mapping[str, str]) -> ConnectionView:
    chosen = tuple(typed.events) if typed is not None else tuple(one.events)
    return ConnectionView(
        id=one.id,
        name=one.name,
        host=one.host,
        told=" · ".join(ABOUT[event].partition(":")[0] for event in EVENTS if event in one.events),
        events=_choices(chosen),
        typed=typed or ConnectionForm(name=one.name),
        problems=problems if typed is not None else {},
    )


def _choices(chosen: Sequence[str]) -> list[tuple[str, str, bool]]:
    return [(event, ABOUT[event], event in chosen) for event in EVENTS]


ROUTES = (
    Route("GET", PATH, show_teams, Access.ADMIN, Surface.PAGE, "Teams connections"),
    Route("POST", PATH, add, Access.ADMIN, Surface.PAGE, "Add a Teams connection", body=ConnectionForm, step_up=True),
    Route("POST", ONE, change, Access.ADMIN, Surface.PAGE, "Change it", body=ConnectionForm, step_up=True),
    Route("POST", ONE + "/remove", remove, Access.ADMIN, Surface.PAGE, "Remove it", body=Form, step_up=True),
    Route("POST", ONE + "/try", try_it, Access.ADMIN, Surface.PAGE, "Post Hello, World", body=Form),
)
