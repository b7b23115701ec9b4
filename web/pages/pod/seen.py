"""Whom and what the hints of a pod's address are about, looked up among what the tenant has and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psa.base import PsaError, TicketMissing, TicketRef
from psa.preselect import open_tickets
from storage.directory import StoredContact
from web.api.ids import checked, is_ticket_id
from web.pages.contacts import ContactView, contact_of, find, view
from web.pages.pod.hints import Hints
from web.problems import not_found
from web.regions import own_region
from web.routing import Call


@dataclass(frozen=True, slots=True)
class Seen:
    """The person on the screen, None while nobody is chosen; `several` to choose from; the ticket, where there is one.
    `tickets`: what may be chosen for them, the one on the screen first. `down`: the ticket system does not answer.
    `looked`: somebody was looked for and not found."""

    contact: ContactView | None = None
    ticket: TicketRef | None = None
    several: tuple[ContactView, ...] = ()
    tickets: tuple[TicketRef, ...] = ()
    down: bool = False
    looked: bool = False


async def seen_by_hints(call: Call, hints: Hints) -> Seen:
    """An id that is nobody's, or another tenant's, is the same 404; a number or an address that fits nobody is no
    mistake: the ticket system knows people whom we do not."""
    ticket, down = await _ticket(call, hints.ticket)
    contact_id = hints.contact or (ticket.contact_id if ticket is not None else "")
    if hints.contact:
        return await _of(call, await contact_of(call, checked(hints.contact)), ticket, down=down)
    if contact_id:
        there = await call.services.directory.contacts_with(call.who.tenant_id, [contact_id])
        if there:
            return await _of(call, await contact_of(call, contact_id), ticket, down=down)
    found = await _looked_up(call, hints)
    if len(found) == 1:
        return await _of(call, await contact_of(call, found[0].id), ticket, down=down)
    return Seen(None, ticket, tuple(found), (), down, looked=bool(hints.email or hints.phone or hints.q))


async def _ticket(call: Call, ticket_id: str) -> tuple[TicketRef | None, bool]:
    """The ticket, and whether the ticket system does not answer: then the caller need not wait for it."""
    if not ticket_id:
        return None, False
    if not is_ticket_id(ticket_id):
        raise not_found()
    try:
        return await call.services.psa(call.who.tenant_id).get_ticket(ticket_id), False
    except TicketMissing:
        raise not_found() from None
    except PsaError:
        return None, True


async def _of(call: Call, contact: ContactView, ticket: TicketRef | None, *, down: bool) -> Seen:
    tickets: tuple[TicketRef, ...] = ()
    if not down:
        try:
            psa = call.services.psa(call.who.tenant_id)
            tickets = await open_tickets(psa, client_id=contact.client_id, contact_id=contact.id)
        except PsaError:
            down = True
    if ticket is not None:
        tickets = (ticket, *(t for t in tickets if t.id != ticket.id))
    return Seen(contact, ticket, (), tickets, down)


async def _looked_up(call: Call, hints: Hints) -> Sequence[ContactView]:
    """By address, then by number, then by what was typed; the first that finds somebody."""
    directory, tenant_id = call.services.directory, call.who.tenant_id
    found: Sequence[StoredContact] = ()
    if hints.email:
        found = (await directory.find(tenant_id, email=hints.email)).items
    if not found and hints.phone:
        found = (await directory.find(tenant_id, phone=hints.phone, region=await own_region(call))).items
    if found:
        return [view(one) for one in found]
    return (await find(call, hints.q, "")).contacts if hints.q.strip() else ()
