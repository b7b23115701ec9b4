"""The companies: listed with how many people they have, opened, added, renamed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlencode

from aiohttp import web
from pydantic import Field

from storage.clients import CountedClient
from storage.directory import NameTaken
from storage.paging import BadCursor
from web.api.ids import our_id
from web.look import _
from web.noting import line
from web.pages.contacts import find
from web.pages.context import frame, page, see_other
from web.pages.forms import Form
from web.people_input import Checked
from web.problems import Problem, not_found
from web.routing import Access, Call, Route, Surface

TAKEN = _("There is a client of that name already.")


class ClientForm(Form):
    """A company's name."""

    name: Annotated[str, Field(max_length=400)] = ""


async def list_clients(call: Call) -> web.StreamResponse:
    """All of them, or those that fit."""
    return await _list(call, "", {})


async def add_client(call: Call) -> web.StreamResponse:
    """A new one."""
    given: ClientForm = call.body
    checked = Checked()
    name = checked.name("name", given.name)
    if checked.problems:
        return await _list(call, given.name, checked.problems)
    client_id = call.services.random.new_id(call.services.clock.now())
    try:
        if await call.services.clients.named(call.who.tenant_id, name) is not None:
            raise NameTaken(name)
        await call.services.clients.add(call.who.tenant_id, client_id, name, line(call, "client.added"))
    except NameTaken:
        return await _list(call, given.name, {"name": TAKEN})
    return see_other(f"/clients/{client_id}", said="client_added")


async def show_client(call: Call) -> web.StreamResponse:
    """One of them with its people."""
    return await _show(call, await _client(call), "", {})


async def rename_client(call: Call) -> web.StreamResponse:
    """Another name."""
    given: ClientForm = call.body
    client = await _client(call)
    checked = Checked()
    name = checked.name("name", given.name)
    if not checked.problems:
        same = await call.services.clients.named(call.who.tenant_id, name)
        try:
            if same is not None and same.id != client.id:
                raise NameTaken(name)
            event = line(call, "client.renamed")
            if not await call.services.clients.rename(call.who.tenant_id, client.id, name, event):
                raise not_found()
        except NameTaken:
            checked.problems["name"] = TAKEN
    if checked.problems:
        return await _show(call, client, given.name, checked.problems)
    return see_other(f"/clients/{client.id}", said="saved")


async def _client(call: Call) -> CountedClient:
    found = await call.services.clients.get(call.who.tenant_id, our_id(call, "client_id"))
    if found is None:
        raise not_found()
    return found


async def _list(call: Call, typed: str, problems: Mapping[str, str]) -> web.Response:
    q, cursor = call.request.query.get("q", "").strip()[:120], call.request.query.get("after", "")
    try:
        found = await call.services.clients.find(call.who.tenant_id, q=q, cursor=cursor)
    except BadCursor:
        raise Problem(400, "bad_cursor", "That link is old. Start again from the first page.") from None
    values = {
        "clients": found.items,
        "q": q,
        "typed": typed,
        "problems": problems,
        "more": urlencode({"q": q, "after": found.next}) if found.next else "",
        "later": bool(cursor),
    }
    shown = frame(call, _("Clients"), "contacts")
    return page(call, "clients.html", shown, values, status=422 if problems else 200)


async def _show(call: Call, client: CountedClient, typed: str, problems: Mapping[str, str]) -> web.Response:
    q, cursor = call.request.query.get("q", ""), call.request.query.get("after", "")
    found = await find(call, q, cursor, client_id=client.id)
    values = {
        "client": client,
        "contacts": found.contacts,
        "more": found.more,
        "later": bool(cursor),
        "q": q,
        "typed": typed or client.name,
        "problems": problems,
    }
    return page(call, "client.html", frame(call, client.name, "contacts"), values, status=422 if problems else 200)


ROUTES = (
    Route("GET", "/clients", list_clients, Access.TECHNICIAN, Surface.PAGE, "Clients"),
    Route("POST", "/clients", add_client, Access.TECHNICIAN, Surface.PAGE, "Add a client", body=ClientForm),
    Route("GET", "/clients/{client_id}", show_client, Access.TECHNICIAN, Surface.PAGE, "A client"),
    Route(
        "POST",
        "/clients/{client_id}",
        rename_client,
        Access.TECHNICIAN,
        Surface.PAGE,
        "Rename a client",
        body=ClientForm,
    ),
)
