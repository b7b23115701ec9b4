"""Which tickets stand in a select, kept for a few seconds: a slow ticket system must never hold up a row."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from psa.base import Psa, PsaError, TicketRef
from psa.preselect import open_tickets, open_tickets_of_client
from web.look import _
from web.pages.views import Choice

#: A list this old is asked for again.
GOOD_FOR = timedelta(seconds=10)
#: How long a page waits for the ticket system before it shows itself without tickets, in seconds.
PATIENCE = 0.06
KEPT = 2000

#: (tenant, client, contact); the contact is empty while several have the number.
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class _Kept:
    at: datetime
    tickets: tuple[TicketRef, ...]


@dataclass(frozen=True, slots=True)
class Offered:
    """Choices for a select. `pending`: the ticket system has not answered yet, ask again in a moment."""

    choices: tuple[Choice, ...]
    pending: bool = False


class Shelf:
    """Open tickets by client and contact, as last read. One per process; what it holds is only ever a little old."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._asking: dict[Key, asyncio.Task[None]] = {}
        self._asking_clients: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def prepare(self, psa: Psa, keys: Iterable[Key], now: datetime) -> None:
        """Before a list: ask once for each client whose contacts are in it, not once for each row."""
        wanted: dict[tuple[str, str], set[Key]] = {}
        for key in keys:
            if key[1] and self._is_old(key, now):
                wanted.setdefault(key[:2], set()).add(key)
        for client, theirs in wanted.items():
            if client not in self._asking_clients:
                task = asyncio.create_task(self._ask_client(psa, client[1], theirs, now), name="tickets for a list")
                self._asking_clients[client] = task
                task.add_done_callback(partial(self._asked_client, client))
        tasks = [self._asking_clients[client] for client in wanted if client in self._asking_clients]
        if tasks:
            await asyncio.wait(tasks, timeout=PATIENCE)

    async def offer(self, psa: Psa, key: Key, now: datetime, *, chosen: str = "", with_later: bool = True) -> Offered:
        """The contact's newest open ticket first and preselected, else `later`; then `new` and `later`."""
        kept = self._kept.get(key)
        if self._is_old(key, now) and key[:2] in self._asking_clients:
            # A list waits for this client already, and has waited as long as it may.
            return Offered(choices((), contact_id=key[2], chosen=chosen, with_later=with_later), pending=True)
        if self._is_old(key, now):
            task = self._asking.get(key)
            if task is None:
                task = asyncio.create_task(self._ask(psa, key, now), name="tickets for a select")
                self._asking[key] = task
                task.add_done_callback(lambda _done: self._asking.pop(key, None))
            await asyncio.wait({task}, timeout=PATIENCE)
            kept = self._kept.get(key, kept)
        tickets = kept.tickets if kept is not None else ()
        return Offered(choices(tickets, contact_id=key[2], chosen=chosen, with_later=with_later), pending=kept is None)

    def forget(self, tenant_id: str) -> None:
        """A ticket of this tenant was made or linked just now: read again."""
        for key in [k for k in self._kept if k[0] == tenant_id]:
            del self._kept[key]

    def _is_old(self, key: Key, now: datetime) -> bool:
        kept = self._kept.get(key)
        return kept is None or now - kept.at > GOOD_FOR

    async def _ask_client(self, psa: Psa, client_id: str, keys: Iterable[Key], now: datetime) -> None:
        try:
            found = await open_tickets_of_client(psa, client_id)
        except PsaError:
            # As below; asked again for each of them it would only take longer to hear the same.
            for key in keys:
                self._keep(key, _Kept(now, ()))
            return
        if found is not None:
            for key in keys:
                self._keep(key, _Kept(now, found.offered_to(key[2])))

    async def _ask(self, psa: Psa, key: Key, now: datetime) -> None:
        _tenant_id, client_id, contact_id = key
        try:
            found = await open_tickets(psa, client_id=client_id, contact_id=contact_id)
        except PsaError:
            # Whoever claims can choose `new` or `later`; the next look asks again.
            found = ()
        self._keep(key, _Kept(now, found))

    def _asked_client(self, client: tuple[str, str], _done: asyncio.Task[None]) -> None:
        self._asking_clients.pop(client, None)

    def _keep(self, key: Key, kept: _Kept) -> None:
        self._kept[key] = kept
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)


def choices(
    tickets: Sequence[TicketRef], *, contact_id: str, chosen: str = "", with_later: bool = True
) -> tuple[Choice, ...]:
    """Entries of the select. Without a wish the contact's own newest ticket is chosen, else the last entry."""
    own = next((t.id for t in tickets if contact_id and t.contact_id == contact_id), "")
    known = {t.id for t in tickets} | {"new", "later"}
    wanted = chosen if chosen in known else own
    last = "later" if with_later else "new"
    wanted = wanted or last
    standing = [Choice("new", _("New ticket"), wanted == "new")]
    if with_later:
        standing.append(Choice("later", _("Link a ticket later"), wanted == "later"))
    return (*(Choice(t.id, ticket_text(t.number, t.title), t.id == wanted) for t in tickets), *standing)


def ticket_text(number: str, title: str) -> str:
    """`#1042 Printer offline`; a number that brings its own sign keeps it."""
    sign = "#" if number[:1].isdigit() else ""
    return f"{sign}{number} {title}".strip()
