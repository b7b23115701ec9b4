"""Which tickets stand in a select, kept for a few seconds: a slow ticket system must never hold up a row."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psa.base import Psa, PsaError, TicketRef
from psa.preselect import open_tickets
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

    async def offer(self, psa: Psa, key: Key, now: datetime, *, chosen: str = "", with_later: bool = True) -> Offered:
        """The contact's newest open ticket first and preselected, else `later`; then `new` and `later`."""
        kept = self._kept.get(key)
        if kept is None or now - kept.at > GOOD_FOR:
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

    async def _ask(self, psa: Psa, key: Key, now: datetime) -> None:
        _tenant_id, client_id, contact_id = key
        try:
            found = await open_tickets(psa, client_id=client_id, contact_id=contact_id)
        except PsaError:
            # Whoever claims can choose `new` or `later`; the next look asks again.
            found = ()
        self._kept[key] = _Kept(now, found)
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
