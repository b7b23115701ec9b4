"""Contacts: found by number, address or name, with the checks they asked for."""

from __future__ import annotations

from aiohttp import web

from storage.directory import StoredContact
from storage.paging import BadCursor
from web.answers import answer
from web.api.ids import our_id
from web.api.shapes import Address, Contact, ContactQuery, Listed
from web.problems import bad_cursor, not_found
from web.regions import own_region
from web.routing import Access, Call, Route, Scope, Surface


async def find(call: Call) -> web.StreamResponse:
    """Contacts that fit everything given, by name; nothing given is all of them. A number may be written as people
    write it: one without a country code is read in the country of the tenant's own number."""
    asked: ContactQuery = call.query
    tenant_id = call.who.tenant_id
    region = await own_region(call) if asked.phone else ""
    try:
        found = await call.services.directory.find(
            tenant_id,
            phone=asked.phone,
            email=asked.email,
            q=asked.q,
            region=region,
            cursor=asked.after,
            limit=asked.limit,
        )
    except BadCursor:
        raise bad_cursor() from None
    return answer(Listed[Contact](items=[shown(contact) for contact in found.items], next=found.next))


async def read(call: Call) -> web.StreamResponse:
    """One contact with every address."""
    contact = await call.services.directory.contact(call.who.tenant_id, our_id(call))
    if contact is None:
        raise not_found()
    return answer(shown(contact))


def shown(contact: StoredContact) -> Contact:
    """A contact as the API gives it."""
    return Contact(
        id=contact.id,
        name=contact.name,
        client_id=contact.client_id,
        client=contact.client_name,
        addresses=[
            Address(id=a.id, kind=a.kind, value=a.value, default=a.is_default, changed_at=a.changed_at)
            for a in contact.addresses
        ],
    )


ROUTES = (
    Route(
        "GET",
        "/api/v1/contacts",
        find,
        Access.TECHNICIAN,
        Surface.API,
        "Find contacts",
        query=ContactQuery,
        answers={200: Listed[Contact]},
        scope=Scope.CONTACTS_READ,
        pod=True,
    ),
    Route(
        "GET",
        "/api/v1/contacts/{id}",
        read,
        Access.TECHNICIAN,
        Surface.API,
        "Read a contact",
        answers={200: Contact},
        scope=Scope.CONTACTS_READ,
        pod=True,
    ),
)
