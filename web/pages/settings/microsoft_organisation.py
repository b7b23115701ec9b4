"""One organisation of Microsoft 365: whose contacts its people are, how far syncing is, and the sync that an admin asks
for (CO-12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from storage.sources.contact_sources import NameTaken, Organisation
from web.api.ids import our_id
from web.likely_client import likely_client
from web.look import _
from web.noting import line
from web.pages.contact_forms import MOST_OFFERED
from web.pages.context import json_answer, see_other, wants_json
from web.pages.forms import Form
from web.pages.settings.microsoft import ONE as SOURCE
from web.pages.settings.microsoft import PART
from web.pages.settings.microsoft_views import PATH, organisation_view
from web.pages.settings.parts import settings_page
from web.people_input import Checked
from web.problems import not_found
from web.routing import Access, Call, Route, Surface

ONE = SOURCE + "/organisations/{organisation_id}"


class MapForm(Form):
    """Whose contacts its people are. `new_client`: where there is no client of that name, add one."""

    client: Annotated[str, Field(max_length=400)] = ""
    new_client: Literal["", "yes"] = ""


async def show_organisation(call: Call) -> web.StreamResponse:
    """How it stands. For our script: `{"state", "done", "total"}`; how many there are is never known before the end."""
    found = await organisation_of(call)
    if wants_json(call.request):
        view = organisation_view(found, call.services.clock.now())
        return json_answer(call, {"state": view.mark, "done": view.read, "total": 0})
    return await _page(call, found)


async def map_it(call: Call) -> web.StreamResponse:
    """Say whose contacts they are; its people are read at once."""
    given: MapForm = call.body
    who, services, now = call.who, call.services, call.services.clock.now()
    found, checked = await organisation_of(call), Checked()
    name = checked.name("client", given.client, "company")
    if checked.problems:
        return await _page(call, found, given, checked.problems)
    known = await services.clients.named(who.tenant_id, name)
    if known is None and given.new_client != "yes":
        wrong = _("There is no client of that name. Correct it, or tick that it is a new one.")
        return await _page(call, found, given, {"client": wrong})
    client_id = known.id if known is not None else services.random.new_id(now)
    about = line(call, "source.organisation_mapped", organisation=found.id, client=client_id)
    noted = services.contact_sources.noting(who.tenant_id, about)
    try:
        if known is not None:
            done = await noted.map_to(who.tenant_id, found.id, client_id, now)
        else:
            done = await noted.map_to_new(who.tenant_id, found.id, client_id, name, now)
    except NameTaken:
        # Somebody was faster: then it is there, and may be chosen.
        return await _page(
            call, found, given, {"client": _("This client has just been added. Press the button again.")}
        )
    if not done:
        raise not_found()
    services.source_acts.wake()
    return see_other(_path(found), said="organisation_mapped")


async def sync_now(call: Call) -> web.StreamResponse:
    """Read it at once."""
    who, services, now = call.who, call.services, call.services.clock.now()
    found = await organisation_of(call)
    noted = services.contact_sources.noting(who.tenant_id, line(call, "source.sync_asked", organisation=found.id))
    if not await noted.sync_now(who.tenant_id, found.id, who.technician_id, now):
        return await _page(call, found, MapForm(), {"client": _("Say first whose contacts its people are.")})
    services.source_acts.wake()
    return see_other(_path(found), said="sync_asked")


async def disconnect(call: Call) -> web.StreamResponse:
    """Away with it; the contacts stay."""
    found = await organisation_of(call)
    about = line(call, "source.organisation_disconnected", source=found.source_id, organisation=found.id)
    if not await call.services.contact_sources.noting(call.who.tenant_id, about).disconnect(
        call.who.tenant_id, found.id, call.services.clock.now()
    ):
        raise not_found()
    return see_other(f"{PATH}/{found.source_id}", said="organisation_disconnected")


async def let_back(call: Call) -> web.StreamResponse:
    """Whoever of its people was erased here may come again."""
    services, who, found = call.services, call.who, await organisation_of(call)
    about = line(call, "source.erased_let_back", source=found.source_id, organisation=found.id)
    noted = services.contact_sources.noting(who.tenant_id, about)
    if await noted.let_back(who.tenant_id, found.id, services.clock.now()) is None:
        return await _page(call, found, MapForm(), {"client": _("Say first whose contacts its people are.")})
    services.source_acts.wake()
    return see_other(_path(found), said="erased_let_back")


async def organisation_of(call: Call) -> Organisation:
    """The organisation in the path, which must be of the source in the path. Raises the 404 of a page."""
    source_id, id = our_id(call, "source_id"), our_id(call, "organisation_id")
    found = await call.services.contact_sources.organisation(call.who.tenant_id, id)
    if found is None or found.source_id != source_id:
        raise not_found()
    return found


def _path(found: Organisation) -> str:
    return f"{PATH}/{found.source_id}/organisations/{found.id}"


async def _page(
    call: Call, found: Organisation, typed: MapForm | None = None, problems: Mapping[str, str] | None = None
) -> web.Response:
    clients = [client.name for client in await call.services.directory.clients(call.who.tenant_id)]
    likely = likely_client(found.name, found.domains, clients) if not found.client_id else ""
    # A client there is already, else what an organisation calls itself: both are a guess, and the admin looks at the
    # domain beside it.
    guess = MapForm(
        client=found.client_name or likely or found.name, new_client="" if found.client_id or likely else "yes"
    )
    values: dict[str, object] = {
        "one": organisation_view(found, call.services.clock.now()),
        "typed": typed or guess,
        "suggested": likely if typed is None else "",
        "clients": clients[:MOST_OFFERED],
        "problems": problems or {},
    }
    problem = _("Not saved. Correct what is marked below.") if problems else ""
    status = 422 if problems else 200
    return settings_page(call, PART, "settings_microsoft_organisation.html", values, status=status, problem=problem)


ROUTES = (
    Route("GET", ONE, show_organisation, Access.ADMIN, Surface.PAGE, "An organisation of a source"),
    Route("POST", ONE, map_it, Access.ADMIN, Surface.PAGE, "Say whose contacts they are", body=MapForm, step_up=True),
    Route("POST", ONE + "/sync", sync_now, Access.ADMIN, Surface.PAGE, "Read it now", body=Form),
    Route(
        "POST",
        ONE + "/let-back",
        let_back,
        Access.ADMIN,
        Surface.PAGE,
        "Let erased people back",
        body=Form,
        step_up=True,
    ),
    Route(
        "POST", ONE + "/disconnect", disconnect, Access.ADMIN, Surface.PAGE, "Disconnect it", body=Form, step_up=True
    ),
)
