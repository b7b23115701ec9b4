"""Which tickets to offer a technician who claims: the contact's own first, then the others of the same client."""

from __future__ import annotations

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
    own = [t for t in (*mine, *theirs) if t.contact_id == contact_id != ""]
    unique = {t.id: t for t in (*mine, *own, *theirs) if t.is_open and t.client_id in (client_id, "")}
    return tuple(unique.values())[:OFFERED]
