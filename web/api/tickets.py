"""Tickets of the tenant's ticket system, whichever that is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlencode

from aiohttp import web

from psa.base import Can, NewTicketFields, Psa, PsaError, PsaRejected, PsaUnavailable, TicketMissing, TicketRef
from web.answers import answer, no_content
from web.api.ids import ticket_id
from web.api.shapes import Listed, NewTicketWith, Note, NoteWith, StatusWith, Ticket, TicketQuery, TicketWithNotes
from web.closing import require_verified
from web.once import HEADER
from web.problems import Problem, not_found
from web.routing import Access, Call, Route, Scope, Surface


async def search(call: Call) -> web.StreamResponse:
    """Newest first. What the ticket system cannot search by is refused with `not_supported`."""
    asked: TicketQuery = call.query
    psa = call.services.psa(call.who.tenant_id)
    for given, ability in (
        (asked.contact_id, Can.SEARCH_BY_CONTACT),
        (asked.client_id, Can.SEARCH_BY_CLIENT),
        (asked.technician_id, Can.SEARCH_BY_TECHNICIAN),
        (asked.q, Can.SEARCH_TEXT),
    ):
        if given:
            _needs(psa, ability)
    with ticket_system():
        found = await psa.search_tickets(
            contact_id=asked.contact_id,
            client_id=asked.client_id,
            technician_id=asked.technician_id,
            query=asked.q,
            open_only=asked.open,
            cursor=asked.after,
        )
    return answer(Listed[Ticket](items=await _shown(call, found.items), next=found.next))


async def read(call: Call) -> web.StreamResponse:
    """One ticket with its notes."""
    psa, id = call.services.psa(call.who.tenant_id), ticket_id(call)
    with ticket_system():
        ticket = await psa.get_ticket(id)
        notes = await psa.notes(id) if Can.READ_NOTES in psa.can else ()
    shown = [Note(at=n.at, author=n.author, body=n.body, internal=n.is_internal) for n in notes]
    (fields,) = await _all_fields(call, (ticket,))
    return answer(TicketWithNotes.model_validate(fields | {"notes": shown}))


async def create(call: Call) -> web.StreamResponse:
    """Opens a ticket for a contact, or for a client when no contact is named."""
    given: NewTicketWith = call.body
    tenant_id, services = call.who.tenant_id, call.services
    client_id = given.client_id
    if given.contact_id:
        contact = await services.directory.contact(tenant_id, given.contact_id)
        if contact is None or client_id not in ("", contact.client_id):
            raise Problem(422, "contact_not_found", "There is no such contact of this client.")
        client_id = contact.client_id
    if not client_id:
        raise Problem(422, "client_required", "Say for whom: give contact_id, or client_id.")
    psa = services.psa(tenant_id)
    _needs(psa, Can.CREATE_TICKET)
    with ticket_system():
        fields = NewTicketFields(
            given.title,
            given.body,
            contact_id=given.contact_id,
            client_id=client_id,
            technician_id=call.who.technician_id,
        )
        ticket = await psa.create_ticket(fields, key=_key(call))
    return answer((await _shown(call, (ticket,)))[0], 201)


async def note(call: Call) -> web.StreamResponse:
    """Write a note, also to a closed ticket. It bears the name of whoever writes it."""
    given: NoteWith = call.body
    psa, id = call.services.psa(call.who.tenant_id), ticket_id(call)
    _needs(psa, Can.INTERNAL_NOTE if given.internal else Can.PUBLIC_NOTE)
    with ticket_system():
        await psa.add_note(id, given.text, internal=given.internal, key=_key(call), author=call.who.name)
    return no_content()


async def status(call: Call) -> web.StreamResponse:
    """Close it, open it again, or whatever the ticket system's own words mean."""
    given: StatusWith = call.body
    psa, id = call.services.psa(call.who.tenant_id), ticket_id(call)
    _needs(psa, Can.SET_STATUS)
    with ticket_system():
        await require_verified(call, psa, id, given.status, given.waiver)
        changed = await psa.set_status(id, given.status)
    return answer((await _shown(call, (changed,)))[0])


async def take(call: Call) -> web.StreamResponse:
    """It is yours from now on, whoever had it."""
    psa, id = call.services.psa(call.who.tenant_id), ticket_id(call)
    _needs(psa, Can.ASSIGN)
    with ticket_system():
        taken = await psa.assign(id, call.who.technician_id)
    return answer((await _shown(call, (taken,)))[0])


def _key(call: Call) -> str:
    """The caller's own key where there is one, so that even a crash between the two systems makes one ticket."""
    given = call.request.headers.get(HEADER)
    if given is None:
        return call.services.random.new_id(call.services.clock.now())
    return "api:" + hashlib.sha256(f"{call.who.actor_id}\0{given}".encode("utf-8", "replace")).hexdigest()


def _needs(psa: Psa, ability: Can) -> None:
    if ability not in psa.can:
        raise Problem(409, "not_supported", "Your ticket system does not offer this.")


@contextmanager
def ticket_system() -> Iterator[None]:
    """Turns the ticket system's refusals into ours. Its own words stay inside: they may name hosts and accounts."""
    try:
        yield
    except TicketMissing:
        raise not_found() from None
    except PsaUnavailable as away:
        wait = max(1, round(away.retry_after or 5))
        raise Problem(
            503, "ticket_system_down", "The ticket system does not answer. Try again in a moment.", retry_after=wait
        ) from away
    except PsaRejected as why:
        raise Problem(422, "ticket_system_refused", "The ticket system does not take this.") from why
    except PsaError as why:
        raise Problem(
            503,
            "ticket_system_unclear",
            "The ticket system did not answer in time; it may have happened. Look before you try again.",
            retry_after=5,
        ) from why


async def _shown(call: Call, tickets: Sequence[TicketRef]) -> list[Ticket]:
    return [Ticket.model_validate(fields) for fields in await _all_fields(call, tickets)]


async def _all_fields(call: Call, tickets: Sequence[TicketRef]) -> list[dict[str, object]]:
    """With the shield of each ticket's person: one read, however many tickets."""
    tenant_id, services = call.who.tenant_id, call.services
    people = [t.contact_id for t in tickets if t.contact_id]
    shields = await services.verifications.shields_of(tenant_id, people, services.clock.now()) if people else {}
    made = []
    for t in tickets:
        page = f"{services.public_url}/contacts/{t.contact_id}/verify?{urlencode({'ticket': t.id})}"
        verified = any(shield.counts_for(t.id) for shield in shields.get(t.contact_id, ()))
        made.append(_fields(t) | {"verified": verified, "verify_url": page if t.contact_id else None})
    return made


def _fields(ticket: TicketRef) -> dict[str, object]:
    return {
        "id": ticket.id,
        "number": ticket.number,
        "title": ticket.title,
        "status": ticket.status,
        "open": ticket.is_open,
        "client_id": ticket.client_id or None,
        "contact_id": ticket.contact_id or None,
        "technician_id": ticket.technician_id or None,
        "url": ticket.url or None,
    }


ROUTES = (
    Route(
        "GET",
        "/api/v1/tickets",
        search,
        Access.TECHNICIAN,
        Surface.API,
        "Find tickets",
        query=TicketQuery,
        answers={200: Listed[Ticket]},
        scope=Scope.TICKETS_READ,
        pod=True,
    ),
    Route(
        "GET",
        "/api/v1/tickets/{id}",
        read,
        Access.TECHNICIAN,
        Surface.API,
        "Read a ticket with its notes",
        answers={200: TicketWithNotes},
        scope=Scope.TICKETS_READ,
        pod=True,
    ),
    Route(
        "POST",
        "/api/v1/tickets",
        create,
        Access.TECHNICIAN,
        Surface.API,
        "Open a ticket",
        body=NewTicketWith,
        answers={201: Ticket},
        scope=Scope.TICKETS_WRITE,
        pod=True,
    ),
    Route(
        "POST",
        "/api/v1/tickets/{id}/notes",
        note,
        Access.TECHNICIAN,
        Surface.API,
        "Write a note to a ticket",
        body=NoteWith,
        answers={204: None},
        scope=Scope.TICKETS_WRITE,
        pod=True,
    ),
    Route(
        "POST",
        "/api/v1/tickets/{id}/status",
        status,
        Access.TECHNICIAN,
        Surface.API,
        "Close a ticket, or open it again",
        body=StatusWith,
        answers={200: Ticket},
        scope=Scope.TICKETS_WRITE,
        pod=True,
    ),
    Route(
        "POST",
        "/api/v1/tickets/{id}/take",
        take,
        Access.TECHNICIAN,
        Surface.API,
        "Make a ticket yours",
        answers={200: Ticket},
        pod=True,
    ),
)
