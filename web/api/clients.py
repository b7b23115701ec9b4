"""Clients: found, read, added, renamed."""

from __future__ import annotations

from aiohttp import web

from storage.clients import CountedClient
from storage.directory import NameTaken
from storage.paging import BadCursor
from web.answers import answer
from web.api.directory_shapes import Client, ClientQuery, ClientWith
from web.api.ids import our_id
from web.api.shapes import Listed
from web.noting import line
from web.people_input import BadInput, read_name
from web.problems import Problem, bad_cursor, not_found
from web.routing import Access, Call, Route, Scope, Surface


async def find(call: Call) -> web.StreamResponse:
    """Clients whose name holds `q`, by name."""
    asked: ClientQuery = call.query
    try:
        found = await call.services.clients.find(call.who.tenant_id, q=asked.q, cursor=asked.after, limit=asked.limit)
    except BadCursor:
        raise bad_cursor() from None
    return answer(Listed[Client](items=[_shown(client) for client in found.items], next=found.next))


async def read(call: Call) -> web.StreamResponse:
    """One of them."""
    return answer(_shown(await _client(call, our_id(call))))


async def add(call: Call) -> web.StreamResponse:
    """A new one."""
    given: ClientWith = call.body
    name = await _free_name(call, given.name)
    client_id = call.services.random.new_id(call.services.clock.now())
    try:
        await call.services.clients.add(call.who.tenant_id, client_id, name, line(call, "client.added"))
    except NameTaken:
        raise _taken() from None
    return answer(_shown(await _client(call, client_id)), 201)


async def rename(call: Call) -> web.StreamResponse:
    """Another name."""
    given: ClientWith = call.body
    client = await _client(call, our_id(call))
    name = await _free_name(call, given.name, but=client.id)
    try:
        await call.services.clients.rename(call.who.tenant_id, client.id, name, line(call, "client.renamed"))
    except NameTaken:
        raise _taken() from None
    return answer(_shown(await _client(call, client.id)))


async def _client(call: Call, client_id: str) -> CountedClient:
    found = await call.services.clients.get(call.who.tenant_id, client_id)
    if found is None:
        raise not_found()
    return found


async def _free_name(call: Call, typed: str, *, but: str = "") -> str:
    try:
        name = read_name(typed)
    except BadInput as wrong:
        raise Problem(422, "invalid", str(wrong), {"problems": [{"field": "name", "problem": str(wrong)}]}) from None
    same = await call.services.clients.named(call.who.tenant_id, name)
    if same is not None and same.id != but:
        raise _taken()
    return name


def _taken() -> Problem:
    return Problem(409, "name_taken", "There is a client of that name already. Use that one, or another name.")


def _shown(client: CountedClient) -> Client:
    return Client(id=client.id, name=client.name, contacts=client.contacts)


ROUTES = (
    Route(
        "GET",
        "/api/v1/clients",
        find,
        Access.TECHNICIAN,
        Surface.API,
        "Find clients",
        query=ClientQuery,
        answers={200: Listed[Client]},
        scope=Scope.CONTACTS_READ,
        pod=True,
    ),
    Route(
        "GET",
        "/api/v1/clients/{id}",
        read,
        Access.TECHNICIAN,
        Surface.API,
        "Read a client",
        answers={200: Client},
        scope=Scope.CONTACTS_READ,
        pod=True,
    ),
    Route(
        "POST",
        "/api/v1/clients",
        add,
        Access.TECHNICIAN,
        Surface.API,
        "Add a client",
        body=ClientWith,
        answers={201: Client},
        scope=Scope.CONTACTS_WRITE,
    ),
    Route(
        "PATCH",
        "/api/v1/clients/{id}",
        rename,
        Access.TECHNICIAN,
        Surface.API,
        "Rename a client",
        body=ClientWith,
        answers={200: Client},
        scope=Scope.CONTACTS_WRITE,
    ),
)
