"""Both directions on one call, in the console: they are verified, and they check the technician, on one page."""

from __future__ import annotations

from aiohttp import web

from psa.base import PsaError, TicketMissing, TicketRef
from web.api.ids import checked
from web.look import _
from web.pages.approval_forms import approval_routes
from web.pages.check_cards import card
from web.pages.contacts import ContactView, calling_of, contact_of, running_of
from web.pages.context import frame, page
from web.pages.ticket_views import DOWN, open_tickets_of, ticket_view
from web.pages.tickets_of import choices
from web.pages.verify_forms import unlock_routes, verify_routes
from web.pages.verify_panel import Place, panel_of
from web.pages.verify_views import Attempt, Panel
from web.problems import not_found
from web.routing import Call, Route, Surface


async def draw(call: Call, contact_id: str, ticket_id: str, attempt: Attempt) -> web.StreamResponse:
    """The page, about one ticket where the path or a form says so."""
    contact = await contact_of(call, checked(contact_id))
    psa = call.services.psa(call.who.tenant_id)
    ticket = await _ticket(call, ticket_id) if ticket_id else None
    tickets, down = await open_tickets_of(psa, contact)
    panel = await panel_of(
        call,
        CONSOLE,
        contact,
        ticket_id=ticket.id if ticket else "",
        fixed_ticket=ticket is not None,
        tickets=tickets,
        attempt=attempt,
    )
    newest = (await call.services.checks.page(call.who.tenant_id, contact_id=contact.id, limit=1)).items
    offered = (ticket, *(t for t in tickets if t.id != ticket.id)) if ticket else tickets
    values = {
        "contact": contact,
        "ticket": ticket_view(ticket) if ticket else None,
        "others": ticket is not None and ticket.contact_id not in ("", contact.id),
        "verify": panel,
        "down": DOWN if down else "",
        "tickets": choices(offered, contact_id=contact.id, chosen=ticket.id if ticket else ""),
        "calling": await calling_of(call, contact),
        "running": await running_of(call, contact),
        "newest": card(newest[0], call.who.technician_id, now=call.services.clock.now()) if newest else None,
    }
    return page(call, "verify.html", frame(call, _("Verify %s") % contact.name, "contacts"), values)


async def _ticket(call: Call, ticket_id: str) -> TicketRef | None:
    """The ticket of this id; None when it cannot be read now, so that a caller does not wait for a ticket system."""
    try:
        return await call.services.psa(call.who.tenant_id).get_ticket(ticket_id)
    except TicketMissing:
        raise not_found() from None
    except PsaError:
        return None


async def panel_on_page(
    call: Call,
    contact: ContactView,
    *,
    here: str,
    ticket_id: str = "",
    tickets: tuple[TicketRef, ...] | None = None,
) -> Panel:
    """The panel as a part of another page of the console, to which its forms come back."""
    return await panel_of(
        call, CONSOLE, contact, ticket_id=ticket_id, fixed_ticket=bool(ticket_id), tickets=tickets, here=here
    )


CONSOLE = Place("", Surface.PAGE, draw, announce="/contacts/{contact_id}/verify#them")
ROUTES: tuple[Route, ...] = (*verify_routes(CONSOLE), *approval_routes(CONSOLE), *unlock_routes(CONSOLE))
