"""Contacts: listed, opened, and called from."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from web.api.ids import checked, our_id
from web.look import _
from web.pages.check_cards import card
from web.pages.contacts import announce_once, calling_of, contact_of, find, running_of
from web.pages.context import after, frame, own_path, page, see_other
from web.pages.forms import AnnounceForm, Press
from web.pages.ticket_views import DOWN, open_tickets_of, ticket_view
from web.pages.tickets_of import choices
from web.pages.verify_pages import panel_on_page
from web.routing import Access, Call, Route, Surface


async def list_contacts(call: Call) -> web.StreamResponse:
    """All contacts, or those that fit."""
    return await _list(call, _("Contacts"), "/contacts")


async def choose_whom_to_call(call: Call) -> web.StreamResponse:
    """The search of `/codes`. A single hit opens at once, with the button to announce the call."""
    return await _list(call, _("Whom are you calling?"), "/announce", open_single=True)


async def _list(call: Call, title: str, action: str, *, open_single: bool = False) -> web.StreamResponse:
    q, cursor = call.request.query.get("q", ""), call.request.query.get("after", "")
    found = await find(call, q, cursor)
    if open_single and q.strip() and len(found.contacts) == 1:
        return see_other(f"/contacts/{found.contacts[0].id}#call")
    values = {
        "q": q,
        "contacts": found.contacts,
        "more": found.more,
        "later": bool(cursor),
        "first": urlencode({"q": q}),
        "adding": urlencode({"q": q.strip()[:120]}),
        "action": action,
        "total": 0 if q else await call.services.directory.count(call.who.tenant_id),
    }
    return page(call, "contacts.html", frame(call, title, "contacts"), values)


async def show_contact(call: Call) -> web.StreamResponse:
    """One contact: how to reach them, what is open, what was checked, and the tap before a call."""
    contact = await contact_of(call, our_id(call, "contact_id"))
    psa = call.services.psa(call.who.tenant_id)
    tickets, down = await open_tickets_of(psa, contact)
    checks = (await call.services.checks.page(call.who.tenant_id, contact_id=contact.id, limit=20)).items
    values = {
        "contact": contact,
        "origin": await call.services.contact_sources.origin(call.who.tenant_id, contact.id),
        "verify": await panel_on_page(call, contact, here=f"/contacts/{contact.id}", tickets=tickets),
        "tickets": choices(tickets, contact_id=contact.id),
        "open_tickets": [ticket_view(t) for t in tickets],
        "down": DOWN if down else "",
        "calling": await calling_of(call, contact),
        "running": await running_of(call, contact),
        "ticket_key": call.services.random.new_id(call.services.clock.now()),
        "checks": [card(row, call.who.technician_id) for row in checks],
    }
    return page(call, "contact.html", frame(call, contact.name, "contacts"), values)


async def announce(call: Call) -> web.StreamResponse:
    """Say that I am calling them: the claim, recorded before the check."""
    given: AnnounceForm = call.body
    acted = await announce_once(
        call,
        checked(given.contact_id),
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


ROUTES = (
    Route("GET", "/contacts", list_contacts, Access.TECHNICIAN, Surface.PAGE, "Contacts"),
    Route("GET", "/contacts/{contact_id}", show_contact, Access.TECHNICIAN, Surface.PAGE, "A contact"),
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
