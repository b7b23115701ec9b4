"""Our own ticket store as a full connector, so that the product is whole with no account anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Protocol

from dialogs.ports import Clock, Randomness
from psa.base import Can, NewTicketFields, PsaRejected, TicketMissing, TicketNote, TicketPage, TicketRef

LONGEST_TITLE = 200
LONGEST_BODY = 64_000
PAGE = 50
STATUSES = ("open", "closed")
AUTHOR = "Watchword"


class TicketRow(Protocol):
    """A stored ticket. `status` is open or closed."""

    @property
    def id(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def client_id(self) -> str: ...
    @property
    def contact_id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def technician_id(self) -> str: ...


class NoteRow(Protocol):
    """A stored note."""

    @property
    def at(self) -> datetime: ...
    @property
    def author(self) -> str: ...
    @property
    def body(self) -> str: ...
    @property
    def is_internal(self) -> bool: ...


class TicketStore(Protocol):
    """Where our own tickets are kept. Each method is one transaction and sees one tenant only."""

    async def get(self, tenant_id: str, ticket_id: str) -> TicketRow | None: ...

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
    ) -> Sequence[TicketRow]:
        """Newest first. `before`: only tickets with a smaller number, 0 for all. Empty texts do not filter."""
        ...

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
    ) -> TicketRow | None:
        """The new ticket, or the one that was made with this key; None when there is no such contact or client. An
        empty `client_id` is the contact's."""
        ...

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
        ...

    async def notes(self, tenant_id: str, ticket_id: str) -> Sequence[NoteRow] | None:
        """Oldest first; None when there is no such ticket."""
        ...

    async def set_status(self, tenant_id: str, ticket_id: str, status: str, now: datetime) -> TicketRow | None: ...

    async def assign(self, tenant_id: str, ticket_id: str, technician_id: str, now: datetime) -> TicketRow | None: ...


class BuiltinPsa:
    """The built-in ticket system of one tenant."""

    can: ClassVar[Can] = (
        Can.CREATE_TICKET
        | Can.INTERNAL_NOTE
        | Can.PUBLIC_NOTE
        | Can.READ_NOTES
        | Can.SET_STATUS
        | Can.SEARCH_BY_CONTACT
        | Can.SEARCH_BY_CLIENT
        | Can.SEARCH_TEXT
        | Can.SEARCH_BY_TECHNICIAN
        | Can.ASSIGN
    )

    def __init__(
        self, tenant_id: str, store: TicketStore, clock: Clock, randomness: Randomness, *, public_url: str = ""
    ) -> None:
        self._tenant_id = tenant_id
        self._store = store
        self._clock = clock
        self._randomness = randomness
        self._pages = f"{public_url.rstrip('/')}/tickets/"

    async def check(self) -> None:
        await self._store.search(
            self._tenant_id,
            contact_id="",
            client_id="",
            technician_id="",
            query="",
            open_only=True,
            before=0,
            limit=1,
        )

    async def get_ticket(self, ticket_id: str) -> TicketRef:
        return self._found(await self._store.get(self._tenant_id, ticket_id))

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
        if cursor and not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 10):
            raise PsaRejected("This page of tickets does not exist. Start again from the first.")
        rows = await self._store.search(
            self._tenant_id,
            contact_id=contact_id,
            client_id=client_id,
            technician_id=technician_id,
            query=_storable(query).strip().removeprefix("#"),
            open_only=open_only,
            before=int(cursor or "0"),
            limit=PAGE + 1,
        )
        shown = rows[:PAGE]
        return TicketPage(tuple(self._ref(row) for row in shown), str(shown[-1].number) if len(rows) > PAGE else None)

    async def create_ticket(self, fields: NewTicketFields, *, key: str) -> TicketRef:
        now = self._clock.now()
        title, body = _fitting(fields)
        row = await self._store.create(
            self._tenant_id,
            ticket_id=self._randomness.new_id(now),
            client_id=fields.client_id,
            contact_id=fields.contact_id,
            technician_id=fields.technician_id,
            title=title,
            body=body,
            key=key,
            now=now,
        )
        if row is None:
            raise PsaRejected("There is no such contact at that client. Choose whom the ticket is for.")
        return self._ref(row)

    async def add_note(self, ticket_id: str, body: str, *, internal: bool, key: str, author: str = "") -> None:
        now = self._clock.now()
        written = await self._store.add_note(
            self._tenant_id,
            note_id=self._randomness.new_id(now),
            ticket_id=ticket_id,
            author=author or AUTHOR,
            body=_storable(body)[:LONGEST_BODY],
            internal=internal,
            key=key,
            now=now,
        )
        if not written:
            raise TicketMissing(_MISSING)

    async def notes(self, ticket_id: str) -> tuple[TicketNote, ...]:
        rows = await self._store.notes(self._tenant_id, ticket_id)
        if rows is None:
            raise TicketMissing(_MISSING)
        return tuple(TicketNote(row.at, row.author, row.body, row.is_internal) for row in rows)

    async def statuses(self) -> tuple[str, ...]:
        return STATUSES

    async def set_status(self, ticket_id: str, status: str) -> TicketRef:
        if status not in STATUSES:
            raise PsaRejected(f"A ticket here is {' or '.join(STATUSES)}.")
        return self._found(await self._store.set_status(self._tenant_id, ticket_id, status, self._clock.now()))

    async def assign(self, ticket_id: str, technician_id: str) -> TicketRef:
        return self._found(await self._store.assign(self._tenant_id, ticket_id, technician_id, self._clock.now()))

    def _found(self, row: TicketRow | None) -> TicketRef:
        if row is None:
            raise TicketMissing(_MISSING)
        return self._ref(row)

    def _ref(self, row: TicketRow) -> TicketRef:
        return TicketRef(
            id=row.id,
            number=str(row.number),
            title=row.title,
            status=row.status,
            is_open=row.status == "open",
            client_id=row.client_id,
            contact_id=row.contact_id,
            url=self._pages + row.id,
            technician_id=row.technician_id,
        )


_MISSING = "There is no such ticket. It may have been deleted, or belong to somebody else."


def _fitting(fields: NewTicketFields) -> tuple[str, str]:
    """Title on one line and short enough; what was cut off stands in full at the top of the body."""
    title, body = " ".join(_storable(fields.title).split()) or "No title", _storable(fields.body)
    if len(title) > LONGEST_TITLE:
        title, body = title[: LONGEST_TITLE - 1] + "…", f"{title}\n\n{body}"
    return title, body[:LONGEST_BODY]


def _storable(text: str) -> str:
    """Databases refuse NUL and lone surrogates; everything else stays as it came."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
