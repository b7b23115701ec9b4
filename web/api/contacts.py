"""Contacts: found by number, address or name, with the checks they asked for."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from dialogs.user_verify import Assurance
from storage.directory import StoredContact
from storage.paging import BadCursor
from storage.verifications import Shield
from web.answers import answer
from web.api.approval_shapes import ContactWhole
from web.api.approvals import high_risk_of
from web.api.end_user_shapes import WaysQuery
from web.api.ids import our_id
from web.api.shapes import Address, Contact, ContactQuery, Listed, ShieldShown, TechnicianRef
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
    return answer(Listed[Contact](items=await shown_all(call, found.items), next=found.next))


async def read(call: Call) -> web.StreamResponse:
    """One contact with every address and its shield: whether it is verified now, how, and for which ticket; and
    whether high-risk work is cleared about the ticket asked for."""
    asked: WaysQuery = call.query
    contact = await call.services.directory.contact(call.who.tenant_id, our_id(call))
    if contact is None:
        raise not_found()
    plain = dict(await shown(call, contact))
    return answer(ContactWhole(**plain, high_risk=await high_risk_of(call, contact, asked.ticket)))


async def shown(call: Call, contact: StoredContact) -> Contact:
    """A contact as the API gives it."""
    return (await shown_all(call, [contact]))[0]


async def shown_all(call: Call, contacts: Sequence[StoredContact]) -> list[Contact]:
    """Contacts with what is verified of each now."""
    green = await call.services.verifications.shields_of(
        call.who.tenant_id, [contact.id for contact in contacts], call.services.clock.now()
    )
    return [_shown(contact, green.get(contact.id, ())) for contact in contacts]


def _shown(contact: StoredContact, green: Sequence[Shield]) -> Contact:
    # The newest first, so that of several for one address that one stays.
    of_address = {shield.address_id: shield for shield in reversed(green)}
    return Contact(
        id=contact.id,
        name=contact.name,
        client_id=contact.client_id,
        client=contact.client_name,
        addresses=[
            Address(
                id=a.id,
                kind=a.kind,
                value=a.value,
                default=a.is_default,
                changed_at=a.changed_at,
                shield=_shield(of_address.get(a.id)),
            )
            for a in contact.addresses
        ],
        verified=bool(green),
    )


def _shield(green: Shield | None) -> ShieldShown:
    if green is None:
        return ShieldShown(state="red")
    return ShieldShown(
        state="green",
        until=green.until,
        at=green.at,
        verification_id=green.verification_id,
        method=green.method,
        assurance=Assurance(green.assurance),
        technician=TechnicianRef(id=green.technician.id, name=green.technician.name) if green.technician else None,
        ticket=green.ticket_id or None,
        ticket_number=green.ticket_number or None,
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
        query=WaysQuery,
        answers={200: ContactWhole},
        scope=Scope.CONTACTS_READ,
        pod=True,
    ),
)
