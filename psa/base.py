"""What every ticket system is to us: one protocol, the abilities it declares, and one tree of errors.

    PsaError
    ├── PsaRejected            the system understood and will not do it; never retry
    │   ├── TicketMissing      there is no such ticket, or it is somebody else's
    │   └── PsaAccessDenied    the credentials or their rights do not allow it
    ├── PsaUnavailable         nothing happened; retry, not before `retry_after`
    └── PsaUnclear             it may have happened; look before trying again

A connector belongs to one tenant. Text that comes back is foreign: it is data, to be escaped where it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Flag, auto
from typing import ClassVar, Protocol


class Can(Flag):
    """What a ticket system offers. Ask before planning, never by catching an error."""

    CREATE_TICKET = auto()
    INTERNAL_NOTE = auto()
    PUBLIC_NOTE = auto()
    READ_NOTES = auto()
    SET_STATUS = auto()
    SEARCH_BY_CONTACT = auto()
    SEARCH_BY_CLIENT = auto()
    SEARCH_TEXT = auto()
    SEARCH_BY_TECHNICIAN = auto()
    ASSIGN = auto()


@dataclass(frozen=True, slots=True)
class TicketRef:
    """A ticket as lists show it. `number` is what people read, `status` the system's own word, and `is_open` what it
    means. `client_id`, `contact_id` and `technician_id` (whose ticket it is) are ours, empty where the system's are not
    linked to any of ours; `url` opens the ticket in the system, empty where it has no page."""

    id: str
    number: str
    title: str
    status: str
    is_open: bool
    client_id: str = ""
    contact_id: str = ""
    url: str = ""
    technician_id: str = ""


@dataclass(frozen=True, slots=True)
class TicketNote:
    """One note of a ticket."""

    at: datetime
    author: str
    body: str
    is_internal: bool


@dataclass(frozen=True, slots=True)
class TicketPage:
    """Some tickets, newest first, and the cursor to what follows; None on the last page."""

    items: tuple[TicketRef, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class NewTicketFields:
    """A ticket to open, for a contact or for a client; with a contact alone it is for that contact's client. A
    connector shortens a title that is too long and keeps the whole of it in the body. `technician_id`: whose it
    becomes, where the system can say so."""

    title: str
    body: str
    contact_id: str = ""
    client_id: str = ""
    technician_id: str = ""


class Psa(Protocol):
    """One tenant's ticket system. Every method may raise `PsaUnavailable` and `PsaAccessDenied`."""

    can: ClassVar[Can]

    async def check(self) -> None:
        """Reach the system and prove the credentials, changing nothing."""
        ...

    async def get_ticket(self, ticket_id: str) -> TicketRef:
        """Open or closed. Raises `TicketMissing`."""
        ...

    async def search_tickets(
        self,
        *,
        contact_id: str = "",
        client_id: str = "",
        technician_id: str = "",
        query: str = "",
        open_only: bool = True,
        cursor: str = "",
    ) -> TicketPage:
        """Tickets that fit everything given. `query` is part of a title, or a whole number. Needs SEARCH_BY_CONTACT,
        SEARCH_BY_CLIENT, SEARCH_BY_TECHNICIAN or SEARCH_TEXT for what is given."""
        ...

    async def create_ticket(self, fields: NewTicketFields, *, key: str) -> TicketRef:
        """Open a ticket. The same `key` twice is one ticket, and the second answer is the first. Needs CREATE_TICKET.

        Raises `PsaRejected` and `PsaUnclear`.
        """
        ...

    async def add_note(self, ticket_id: str, body: str, *, internal: bool, key: str, author: str = "") -> None:
        """Write a note, also to a closed ticket, which stays closed. The same `key` twice is one note. `author`: the
        technician whose words they are, empty for Watchword's own; a system that cannot name them gets the name in the
        note's first line. Needs INTERNAL_NOTE or PUBLIC_NOTE. Raises `TicketMissing`, `PsaRejected` and
        `PsaUnclear`."""
        ...

    async def notes(self, ticket_id: str) -> tuple[TicketNote, ...]:
        """All notes, oldest first. Needs READ_NOTES. Raises `TicketMissing`."""
        ...

    async def statuses(self) -> tuple[str, ...]:
        """The words `set_status` takes. Needs SET_STATUS."""
        ...

    async def set_status(self, ticket_id: str, status: str) -> TicketRef:
        """Needs SET_STATUS. Raises `TicketMissing`, and `PsaRejected` for a word the system does not know."""
        ...

    async def assign(self, ticket_id: str, technician_id: str) -> TicketRef:
        """Make it this technician's, whoever had it. Needs ASSIGN. Raises `TicketMissing` and `PsaRejected`."""
        ...


class PsaError(Exception):
    """Something with the ticket system; the message is for technicians and says what to do."""


class PsaRejected(PsaError):
    """The system understood and refused. Never retry."""


class TicketMissing(PsaRejected):
    """There is no such ticket for this tenant."""


class PsaAccessDenied(PsaRejected):
    """The system does not accept our credentials, or they lack a right."""


class PsaUnavailable(PsaError):
    """Nothing happened; try again, not before `retry_after` seconds when the system says so."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PsaUnclear(PsaError):
    """The request left and no answer came: it may have happened."""
