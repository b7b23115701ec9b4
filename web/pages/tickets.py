"""Tickets: listed and opened, with the tap before calling about one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from aiohttp import web

from psa.base import Can, PsaError, TicketMissing, TicketRef
from web.api.ids import ticket_id as ticket_id_of
from web.look import _
from web.pages.contacts import calling_of, contact_of, running_of
from web.pages.context import frame, page
from web.pages.tickets_of import choices, ticket_text
from web.problems import not_found
from web.routing import Access, Call, Route, Surface

DOWN = _("The ticket system does not answer right now. Everything else works; link tickets later.")


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket as lists and its own page show it. `url` opens it in the ticket system, empty where it has no page."""

    id: str
    text: str
    status: str
    is_open: bool
    company: str = ""
    contact: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class NoteView:
    """One note of a ticket."""

    at: datetime
    author: str
    body: str
    internal: bool


async def list_tickets(call: Call) -> web.StreamResponse:
    """Open tickets, newest first; with a search where the ticket system has one."""
    who, services = call.who, call.services
    psa = services.psa(who.tenant_id)
    q = call.request.query.get("q", "").strip()[:120] if Can.SEARCH_TEXT in psa.can else ""
    tickets: Sequence[TicketRef] = ()
    down, more = "", ""
    try:
        found = await psa.search_tickets(query=q, open_only=not q, cursor=call.request.query.get("after", "")[:200])
        tickets = found.items
        more = urlencode({"q": q, "after": found.next}) if found.next else ""
    except PsaError:
        down = DOWN
    companies = {c.id: c.name for c in await services.directory.clients(who.tenant_id)}
    people = await services.directory.contacts_with(who.tenant_id, [t.contact_id for t in tickets if t.contact_id])
    names = {c.id: c.name for c in people}
    values = {
        "tickets": [ticket_view(t, companies, names) for t in tickets],
        "q": q,
        "may_search": Can.SEARCH_TEXT in psa.can,
        "down": down,
        "more": more,
    }
    return page(call, "tickets.html", frame(call, _("Tickets"), "tickets"), values)


async def show_ticket(call: Call) -> web.StreamResponse:
    """One ticket with its notes, and the tap before calling about it."""
    who, services = call.who, call.services
    psa = services.psa(who.tenant_id)
    ticket_id = ticket_id_of(call, "ticket_id")
    try:
        ticket = await psa.get_ticket(ticket_id)
        notes = await psa.notes(ticket_id) if Can.READ_NOTES in psa.can else ()
    except TicketMissing:
        raise not_found() from None
    companies = {c.id: c.name for c in await services.directory.clients(who.tenant_id)}
    contact = await contact_of(call, ticket.contact_id) if ticket.contact_id else None
    shown = ticket_view(ticket, companies, {contact.id: contact.name} if contact else {})
    values = {
        "ticket": shown,
        "elsewhere": shown.url if is_elsewhere(shown.url, call.services.public_url) else "",
        "contact": contact,
        "notes": [NoteView(n.at, n.author, n.body, n.is_internal) for n in notes],
        "tickets": choices((ticket,), contact_id=ticket.contact_id, chosen=ticket.id),
        "calling": await calling_of(call, contact) if contact else None,
        "running": await running_of(call, contact) if contact else "",
    }
    return page(call, "ticket.html", frame(call, shown.text, "tickets"), values)


def is_elsewhere(url: str, public_url: str) -> bool:
    """Whether a ticket's address is a page of another system, and one that a browser may be sent to."""
    return url.startswith("https://") and not url.startswith(public_url)


def ticket_view(
    ticket: TicketRef, companies: dict[str, str] | None = None, names: dict[str, str] | None = None
) -> TicketView:
    """A ticket as pages show it, with its company and person where the caller looked them up, by their ids."""
    return TicketView(
        ticket.id,
        ticket_text(ticket.number, ticket.title),
        ticket.status,
        ticket.is_open,
        (companies or {}).get(ticket.client_id, ""),
        (names or {}).get(ticket.contact_id, ""),
        ticket.url,
    )


ROUTES = (
    Route("GET", "/tickets", list_tickets, Access.TECHNICIAN, Surface.PAGE, "Tickets"),
    Route("GET", "/tickets/{ticket_id}", show_ticket, Access.TECHNICIAN, Surface.PAGE, "A ticket"),
)
