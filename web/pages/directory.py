"""Contacts and tickets: listed, opened, and called from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from aiohttp import web

from psa.base import Can, Psa, PsaError, TicketMissing, TicketRef
from psa.preselect import open_tickets
from storage.opt_outs import opted_out
from web.api.ids import checked, our_id
from web.api.ids import ticket_id as ticket_id_of
from web.look import _
from web.pages.board import announced_of
from web.pages.check_cards import card
from web.pages.contacts import ContactView, find, view
from web.pages.context import after, frame, own_path, page, see_other
from web.pages.forms import AnnounceForm, Press
from web.pages.tickets_of import choices, ticket_text
from web.pages.views import Calling
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


async def list_contacts(call: Call) -> web.StreamResponse:
    """All contacts, or those that fit."""
    return await _list(call, _("Contacts"), "/contacts")


async def choose_whom_to_call(call: Call) -> web.StreamResponse:
    """The search of `/codes`. A single hit opens at once, with the button to announce the call."""
    return await _list(call, _("Whom are you calling?"), "/announce", open_single=True)


async def _list(call: Call, title: str, action: str, *, open_single: bool = False) -> web.StreamResponse:
    q = call.request.query.get("q", "")
    found = await find(call, q, call.request.query.get("after", ""))
    if open_single and q.strip() and len(found.contacts) == 1:
        return see_other(f"/contacts/{found.contacts[0].id}#call")
    values = {"q": q, "contacts": found.contacts, "more": found.more, "action": action}
    return page(call, "contacts.html", frame(call, title, "contacts"), values)


async def show_contact(call: Call) -> web.StreamResponse:
    """One contact: how to reach them, what is open, what was checked, and the tap before a call."""
    contact = await _contact(call, our_id(call, "contact_id"))
    psa = call.services.psa(call.who.tenant_id)
    tickets, down = await _open_tickets(psa, contact)
    checks = (await call.services.checks.page(call.who.tenant_id, contact_id=contact.id, limit=20)).items
    values = {
        "contact": contact,
        "tickets": choices(tickets, contact_id=contact.id),
        "open_tickets": [_ticket(t) for t in tickets],
        "down": DOWN if down else "",
        "calling": await _calling(call, contact),
        "running": await _running(call, contact),
        "checks": [card(row, call.who.technician_id) for row in checks],
    }
    return page(call, "contact.html", frame(call, contact.name, "contacts"), values)


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
        "tickets": [_ticket(t, companies, names) for t in tickets],
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
    contact = await _contact(call, ticket.contact_id) if ticket.contact_id else None
    shown = _ticket(ticket, companies, {contact.id: contact.name} if contact else {})
    values = {
        "ticket": shown,
        "elsewhere": shown.url if is_elsewhere(shown.url, call.services.public_url) else "",
        "contact": contact,
        "notes": [NoteView(n.at, n.author, n.body, n.is_internal) for n in notes],
        "tickets": choices((ticket,), contact_id=ticket.contact_id, chosen=ticket.id),
        "calling": await _calling(call, contact) if contact else None,
        "running": await _running(call, contact) if contact else "",
    }
    return page(call, "ticket.html", frame(call, shown.text, "tickets"), values)


def is_elsewhere(url: str, public_url: str) -> bool:
    """Whether a ticket's address is a page of another system, and one that a browser may be sent to."""
    return url.startswith("https://") and not url.startswith(public_url)


async def announce(call: Call) -> web.StreamResponse:
    """Say that I am calling them: the claim, recorded before the check."""
    given: AnnounceForm = call.body
    acted = await call.services.acts.announce(
        call.who,
        contact_id=checked(given.contact_id),
        direction=given.direction,
        ticket=given.ticket,
        notify=given.notify == "yes",
    )
    back = "/codes" if not acted.refused else own_path(f"/contacts/{given.contact_id}", "/contacts")
    return after(call, acted, "announced", back)


async def withdraw(call: Call) -> web.StreamResponse:
    """Take the announcement back."""
    given: Press = call.body
    acted = await call.services.acts.withdraw(call.who, our_id(call, "announced_id"))
    return after(call, acted, "withdrawn", own_path(given.back))


async def _contact(call: Call, contact_id: str) -> ContactView:
    found = await call.services.directory.contact(call.who.tenant_id, contact_id)
    if found is None:
        raise not_found()
    numbers = await call.services.tenants.numbers(call.who.tenant_id)
    ours = next((n.facts.address for n in numbers if n.facts.purpose == "verification" and n.facts.primary), "")
    theirs = [a.value for a in found.addresses]
    tenant_id = call.who.tenant_id
    stopped = await call.services.db.read(tenant_id, lambda conn: opted_out(conn, tenant_id, theirs, ours))
    return view(found, stopped)


async def _open_tickets(psa: Psa, contact: ContactView) -> tuple[tuple[TicketRef, ...], bool]:
    try:
        return await open_tickets(psa, client_id=contact.client_id, contact_id=contact.id), False
    except PsaError:
        return (), True


async def _calling(call: Call, contact: ContactView) -> Calling | None:
    mine = await announced_of(call)
    return next((c for c in mine if c.contact_id == contact.id), None)


async def _running(call: Call, contact: ContactView) -> str:
    """The id of a check of theirs that runs now: announcing the call would come too late for it."""
    now = call.services.clock.now()
    found = await call.services.checks.page(call.who.tenant_id, live=True, contact_id=contact.id, limit=5)
    return next((row.id for row in found.items if row.is_live(now)), "")


def _ticket(
    ticket: TicketRef, companies: dict[str, str] | None = None, names: dict[str, str] | None = None
) -> TicketView:
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
    Route("GET", "/contacts", list_contacts, Access.TECHNICIAN, Surface.PAGE, "Contacts"),
    Route("GET", "/contacts/{contact_id}", show_contact, Access.TECHNICIAN, Surface.PAGE, "A contact"),
    Route("GET", "/tickets", list_tickets, Access.TECHNICIAN, Surface.PAGE, "Tickets"),
    Route("GET", "/tickets/{ticket_id}", show_ticket, Access.TECHNICIAN, Surface.PAGE, "A ticket"),
    Route("GET", "/announce", choose_whom_to_call, Access.TECHNICIAN, Surface.PAGE, "Whom are you calling?"),
    Route("POST", "/announce", announce, Access.TECHNICIAN, Surface.PAGE, "Announce a call", body=AnnounceForm),
    Route(
        "POST",
        "/announced/{announced_id}/withdraw",
        withdraw,
        Access.TECHNICIAN,
        Surface.PAGE,
        "Not any more",
        body=Press,
    ),
)
