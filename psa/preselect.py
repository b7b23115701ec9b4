"""Which tickets to offer a technician who claims: the contact's own first, then the others of the same client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psa.base import Can, Psa, TicketRef

#: More than fit on a phone's screen help nobody; the rest is found by searching.
OFFERED = 20


async def open_tickets(psa: Psa, *, client_id: str, contact_id: str) -> tuple[TicketRef, ...]:
    """Open tickets of the contact and of the same client, as far as the system can be asked. Never another client's.

    Raises what the connector raises; whoever claims can always choose `new` or `later` instead.
    """
    mine: tuple[TicketRef, ...] = ()
    theirs: tuple[TicketRef, ...] = ()
    if contact_id and Can.SEARCH_BY_CONTACT in psa.can:
        mine = (await psa.search_tickets(contact_id=contact_id)).items
    if client_id and Can.SEARCH_BY_CLIENT in psa.can:
        theirs = (await psa.search_tickets(client_id=client_id)).items
    return _ordered((*mine, *theirs), mine=mine, client_id=client_id, contact_id=contact_id)


@dataclass(frozen=True, slots=True)
class ClientTickets:
    """All open tickets of one client, asked for once for all of its contacts."""

    client_id: str
    tickets: tuple[TicketRef, ...]

    def offered_to(self, contact_id: str) -> tuple[TicketRef, ...]:
        """What `open_tickets` says of one of the client's contacts."""
        return _ordered(self.tickets, mine=(), client_id=self.client_id, contact_id=contact_id)


async def open_tickets_of_client(psa: Psa, client_id: str) -> ClientTickets | None:
    """None when the system cannot be asked by client, or the client has more than fit on one page: then a contact's own
    ticket may be missing, and `open_tickets` must be asked for each contact. Raises as that does."""
    if Can.SEARCH_BY_CLIENT not in psa.can:
        return None
    page = await psa.search_tickets(client_id=client_id)
    return ClientTickets(client_id, page.items) if page.next is None else None


def _ordered(
    found: Sequence[TicketRef], *, mine: Sequence[TicketRef], client_id: str, contact_id: str
) -> tuple[TicketRef, ...]:
    own = [t for t in found if t.contact_id == contact_id != ""]
    unique = {t.id: t for t in (*mine, *own, *found) if t.is_open and t.client_id in (client_id, "")}
    return tuple(unique.values())[:OFFERED]
