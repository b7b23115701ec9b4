"""Our own tickets and their notes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, insert, or_, select, update

from storage.database import Database
from storage.tables import clients, contacts, tenants, ticket_notes, tickets
from storage.times import micros, moment

#: Four and five digits, so that a ticket's number is never taken for a code, which has six at least.
FIRST_NUMBER = 1001
LAST_NUMBER = 99_999


class TicketsFull(Exception):
    """Every number of four or five digits has been given to a ticket."""


@dataclass(frozen=True, slots=True)
class StoredTicket:
    """One ticket. `status` is open or closed."""

    id: str
    number: int
    client_id: str
    contact_id: str
    title: str
    body: str
    status: str
    created_at: datetime
    updated_at: datetime
    #: Whose it is; empty: nobody's yet.
    technician_id: str = ""


@dataclass(frozen=True, slots=True)
class StoredNote:
    """One note of a ticket."""

    id: str
    at: datetime
    author: str
    body: str
    is_internal: bool


class Tickets:
    """Reads and writes tickets, one tenant at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, tenant_id: str, ticket_id: str) -> StoredTicket | None:
        return await self._database.read(tenant_id, lambda conn: _get(conn, tenant_id, ticket_id))

    async def search(
        self,
        tenant_id: str,
        *,
        contact_id: str,
        client_id: str,
        technician_id: str,
        query: str,
        open_only: bool,
        before: int,
        limit: int,
    ) -> tuple[StoredTicket, ...]:
        """Newest first. `before`: only tickets with a smaller number, 0 for all. Empty texts do not filter."""
        wanted = _tickets(tenant_id).order_by(tickets.c.number.desc()).limit(limit)
        if contact_id:
            wanted = wanted.where(tickets.c.contact_id == contact_id)
        if client_id:
            wanted = wanted.where(tickets.c.client_id == client_id)
        if technician_id:
            wanted = wanted.where(tickets.c.technician_id == technician_id)
        if open_only:
            wanted = wanted.where(tickets.c.status == "open")
        if before:
            wanted = wanted.where(tickets.c.number < before)
        if query:
            number = int(query) if query.isascii() and query.isdecimal() and len(query) < 10 else 0
            wanted = wanted.where(or_(tickets.c.title.icontains(query, autoescape=True), tickets.c.number == number))
        return await self._database.read(
            tenant_id, lambda conn: tuple(_ticket(row) for row in conn.execute(wanted).mappings())
        )

    async def create(
        self,
        tenant_id: str,
        *,
        ticket_id: str,
        client_id: str,
        contact_id: str,
        technician_id: str,
        title: str,
        body: str,
        key: str,
        now: datetime,
    ) -> StoredTicket | None:
        """The new ticket, or the one that was made with this key; None when there is no such contact or client. An
        empty `client_id` is the contact's."""

        def work(conn: Connection) -> StoredTicket | None:
            # The tenant's row is locked, so that of two tickets at the same moment the second sees the first's number.
            conn.execute(select(tenants.c.id).where(tenants.c.id == tenant_id).with_for_update(key_share=True))
            before = conn.execute(_tickets(tenant_id).where(tickets.c.key == key)).mappings().first()
            if before is not None:
                return _ticket(before)
            whose = _client_of(conn, tenant_id, contact_id, client_id)
            if whose is None:
                return None
            highest = conn.scalar(select(func.max(tickets.c.number)).where(tickets.c.tenant_id == tenant_id))
            number = FIRST_NUMBER if highest is None else highest + 1
            if number > LAST_NUMBER:
                raise TicketsFull
            conn.execute(
                insert(tickets).values(
                    tenant_id=tenant_id,
                    id=ticket_id,
                    number=number,
                    client_id=whose,
                    contact_id=contact_id,
                    title=title,
                    body=body,
                    status="open",
                    technician_id=technician_id,
                    key=key,
                    created_at=micros(now),
                    updated_at=micros(now),
                )
            )
            return StoredTicket(ticket_id, number, whose, contact_id, title, body, "open", now, now, technician_id)

        return await self._database.write(tenant_id, work)

    async def add_note(
        self,
        tenant_id: str,
        *,
        note_id: str,
        ticket_id: str,
        author: str,
        body: str,
        internal: bool,
        key: str,
        now: datetime,
    ) -> bool:
        """Write the note unless one with this key is there; False when there is no such ticket."""

        def work(conn: Connection) -> bool:
            if not _touch(conn, tenant_id, ticket_id, {"updated_at": micros(now)}):
                return False
            of_key = (ticket_notes.c.tenant_id == tenant_id) & (ticket_notes.c.key == key)
            if conn.execute(select(ticket_notes.c.id).where(of_key)).first() is None:
                conn.execute(
                    insert(ticket_notes).values(
                        tenant_id=tenant_id,
                        id=note_id,
                        ticket_id=ticket_id,
                        at=micros(now),
                        author=author,
                        body=body,
                        is_internal=internal,
                        key=key,
                    )
                )
            return True

        return await self._database.write(tenant_id, work)

    async def notes(self, tenant_id: str, ticket_id: str) -> tuple[StoredNote, ...] | None:
        """Oldest first; None when there is no such ticket."""
        query = (
            select(ticket_notes)
            .where(ticket_notes.c.tenant_id == tenant_id, ticket_notes.c.ticket_id == ticket_id)
            .order_by(ticket_notes.c.at, ticket_notes.c.id)
        )

        def work(conn: Connection) -> tuple[StoredNote, ...] | None:
            if _get(conn, tenant_id, ticket_id) is None:
                return None
            return tuple(_note(row) for row in conn.execute(query).mappings())

        return await self._database.read(tenant_id, work)

    async def set_status(self, tenant_id: str, ticket_id: str, status: str, now: datetime) -> StoredTicket | None:
        def work(conn: Connection) -> StoredTicket | None:
            _touch(conn, tenant_id, ticket_id, {"status": status, "updated_at": micros(now)})
            return _get(conn, tenant_id, ticket_id)

        return await self._database.write(tenant_id, work)

    async def assign(self, tenant_id: str, ticket_id: str, technician_id: str, now: datetime) -> StoredTicket | None:
        """Give it to a technician; None when there is no such ticket."""

        def work(conn: Connection) -> StoredTicket | None:
            _touch(conn, tenant_id, ticket_id, {"technician_id": technician_id, "updated_at": micros(now)})
            return _get(conn, tenant_id, ticket_id)

        return await self._database.write(tenant_id, work)


def _tickets(tenant_id: str) -> Select[Any]:
    return select(tickets).where(tickets.c.tenant_id == tenant_id)


def _client_of(conn: Connection, tenant_id: str, contact_id: str, client_id: str) -> str | None:
    """The client a ticket is for; None when it does not exist or the contact is not one of its people."""
    if contact_id:
        of = (contacts.c.tenant_id == tenant_id) & (contacts.c.id == contact_id)
        found = conn.scalar(select(contacts.c.client_id).where(of))
        return found if client_id in ("", found) else None
    return conn.scalar(select(clients.c.id).where(clients.c.tenant_id == tenant_id, clients.c.id == client_id))


def _get(conn: Connection, tenant_id: str, ticket_id: str) -> StoredTicket | None:
    row = conn.execute(_tickets(tenant_id).where(tickets.c.id == ticket_id)).mappings().first()
    return None if row is None else _ticket(row)


def _touch(conn: Connection, tenant_id: str, ticket_id: str, values: dict[str, Any]) -> bool:
    which = (tickets.c.tenant_id == tenant_id) & (tickets.c.id == ticket_id)
    return conn.execute(update(tickets).where(which).values(**values)).rowcount == 1


def _ticket(row: RowMapping) -> StoredTicket:
    return StoredTicket(
        row["id"],
        row["number"],
        row["client_id"],
        row["contact_id"],
        row["title"],
        row["body"],
        row["status"],
        moment(row["created_at"]),
        moment(row["updated_at"]),
        row["technician_id"],
    )


def _note(row: RowMapping) -> StoredNote:
    return StoredNote(row["id"], moment(row["at"]), row["author"], row["body"], row["is_internal"])
