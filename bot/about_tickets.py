"""Which ticket something about an end user is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dialogs.tech_verify import Ticket
from psa.base import Psa, PsaError, TicketMissing


@dataclass(frozen=True, slots=True)
class About:
    """The ticket it is about, looked up: None for none. `new`: one is to be opened for it. `refused` says why it cannot
    be used."""

    ticket: Ticket | None = None
    client_id: str = ""
    contact_id: str = ""
    refused: str = ""
    new: bool = False

    def is_of_another(self, contact_id: str) -> bool:
        """Whether it is another contact's; a ticket of nobody's is everybody's."""
        return self.contact_id not in ("", contact_id)


async def look_up(psa: Callable[[str], Psa], tenant_id: str, ticket: str) -> About:
    """An id must be an open ticket of this tenant; `new` stands for itself, and none is none."""
    if not ticket:
        return About()
    if ticket == "new":
        return About(new=True)
    try:
        found = await psa(tenant_id).get_ticket(ticket)
    except TicketMissing:
        return About(refused="ticket_not_found")
    except PsaError:
        return About(refused="ticket_system_down")
    if not found.is_open:
        return About(refused="ticket_closed")
    return About(Ticket(found.id, found.number), found.client_id, found.contact_id)
