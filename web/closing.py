"""Closing a ticket where the policy wants its person verified first, or a note that says why not (EV-40)."""

from __future__ import annotations

from dialogs.texts.fill import clean
from psa.base import Can, Psa, TicketRef
from psa.closing import is_closing
from web.noting import line
from web.ports import REFUSALS
from web.problems import Problem
from web.routing import Call

#: What is shorter says nothing.
SHORTEST_NOTE, MOST = 10, 2000


async def require_verified(call: Call, psa: Psa, ticket_id: str, status: str, note: str) -> None:
    """Before a status is set. With a `note` the verification is waived: the note goes into the ticket and onto record.
    Raises `Problem` `verification_required` or `waiver_note_short`, and what the ticket system raises."""
    if not is_closing(status):
        return
    who, services = call.who, call.services
    ticket = await psa.get_ticket(ticket_id)
    if not ticket.is_open or not await _asks_for_it(call, ticket):
        return
    if not await services.verifications.needs_closing(who.tenant_id, ticket.id):
        return
    # One line, and nothing in it that nobody can see: it goes into the ticket.
    note = clean(note, MOST)
    # A program vouches for nobody, and sets no rule aside (SEC-35).
    if not note or who.kind == "key":
        raise _refusal("verification_required")
    if len(note) < SHORTEST_NOTE:
        raise _refusal("waiver_note_short")
    event = line(call, "ticket.closing_waived", ticket=ticket.id)
    await services.verifications.waive(who.tenant_id, ticket.id, contact_id=ticket.contact_id, note=note, event=event)
    if Can.INTERNAL_NOTE in psa.can:
        said = f"Closed without a verification of the person. {who.name}: {note}"
        await psa.add_note(ticket.id, said, internal=True, key=f"waiver:{ticket.id}", author=who.name)


async def _asks_for_it(call: Call, ticket: TicketRef) -> bool:
    tenant = await call.services.tenants.get(call.who.tenant_id)
    if tenant is None:
        return False
    client_id = ticket.client_id
    if ticket.contact_id:
        contact = await call.services.directory.contact(tenant.id, ticket.contact_id)
        client_id = contact.client_id if contact is not None else client_id
    return tenant.settings.policy_of(client_id).closing == "verified_or_waived"


def _refusal(word: str) -> Problem:
    status, said = REFUSALS[word]
    return Problem(status, word, said)
