"""Tickets as lists and their own pages show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode

from psa.base import Psa, PsaError, TicketRef
from psa.preselect import open_tickets
from web.look import _
from web.pages.contacts import ContactView
from web.pages.tickets_of import ticket_text
from web.routing import Call

DOWN = _("The ticket system does not answer right now. Everything else works; link tickets later.")


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket as lists and its own page show it. `url` opens it in the ticket system, empty where it has no page.
    `whose`: the technician's name, empty for nobody's. `is_green`: its person is verified for it now."""

    id: str
    text: str
    status: str
    is_open: bool
    company: str = ""
    contact: str = ""
    url: str = ""
    whose: str = ""
    mine: bool = False
    contact_id: str = ""
    is_green: bool = False

    @property
    def verify(self) -> str:
        """Where its person is verified for it, empty when it has nobody."""
        return f"/contacts/{self.contact_id}/verify?{urlencode({'ticket': self.id})}" if self.contact_id else ""


@dataclass(frozen=True, slots=True)
class NoteView:
    """One note of a ticket."""

    at: datetime
    author: str
    body: str
    internal: bool


async def ticket_views(call: Call, tickets: Sequence[TicketRef]) -> Mapping[str, TicketView]:
    """By id, with company, person and technician named: and its shield: four reads, however many
    tickets."""
    who, services = call.who, call.services
    companies = {c.id: c.name for c in await services.directory.clients(who.tenant_id)} if tickets else {}
    people = await services.directory.contacts_with(who.tenant_id, [t.contact_id for t in tickets if t.contact_id])
    names = {c.id: c.name for c in people}
    taken = any(t.technician_id for t in tickets)
    technicians = {t.id: t.name for t in await services.people.technicians(who.tenant_id)} if taken else {}
    shields = await services.verifications.shields_of(who.tenant_id, list(names), services.clock.now())
    shown = {}
    for t in tickets:
        is_green = any(shield.counts_for(t.id) for shield in shields.get(t.contact_id, ()))
        whose = t.contact_id if t.contact_id in names else ""
        view = ticket_view(t, companies, names, technicians, who.technician_id)
        shown[t.id] = replace(view, contact_id=whose, is_green=is_green)
    return shown


def ticket_view(
    ticket: TicketRef,
    companies: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
    technicians: Mapping[str, str] | None = None,
    me: str = "",
) -> TicketView:
    """A ticket as pages show it, with its company, person and technician where the caller looked them up."""
    return TicketView(
        ticket.id,
        ticket_text(ticket.number, ticket.title),
        ticket.status,
        ticket.is_open,
        (companies or {}).get(ticket.client_id, ""),
        (names or {}).get(ticket.contact_id, ""),
        ticket.url,
        (technicians or {}).get(ticket.technician_id, ""),
        mine=bool(me) and ticket.technician_id == me,
    )


async def open_tickets_of(psa: Psa, contact: ContactView) -> tuple[tuple[TicketRef, ...], bool]:
    """What may be chosen for a contact, and whether the ticket system did not answer."""
    try:
        return await open_tickets(psa, client_id=contact.client_id, contact_id=contact.id), False
    except PsaError:
        return (), True
