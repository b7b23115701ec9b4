"""Rows of checks with what belongs on them: tickets to choose from and, for its claimer alone, the code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from storage.checks import CheckRow
from web.look import _
from web.pages.check_cards import card
from web.pages.tickets_of import Key, Shelf
from web.pages.views import Card, Choice
from web.routing import Call
from web.services import Services
from web.views import is_theirs, reveal


async def rows_for(
    call: Call, shelf: Shelf, found: Sequence[CheckRow], *, alone: bool = False
) -> tuple[tuple[Card, ...], bool]:
    """Cards for whoever asks, in the same order, and whether some select still waits for the ticket system.

    On the board only a flagged record offers its tickets at once: a list of thirty would ask the ticket system thirty
    times over. The others do so on their own page (`alone`).
    """
    who, services = call.who, call.services
    made = []
    for row in found:
        code = await reveal(call, row.id, insist=True) if is_theirs(row, call) else ""
        made.append((row, card(row, who.technician_id, code, now=services.clock.now())))
    return await _with_tickets(services, shelf, who.tenant_id, made, alone=alone)


async def row_for_all(services: Services, shelf: Shelf, tenant_id: str, row: CheckRow) -> tuple[Card, bool]:
    """The card as everybody but the check's claimer sees it. It cannot hold a code: none was read."""
    made = card(row, "", now=services.clock.now())
    cards, pending = await _with_tickets(services, shelf, tenant_id, [(row, made)], alone=False)
    return cards[0], pending


async def _with_tickets(
    services: Services, shelf: Shelf, tenant_id: str, made: Sequence[tuple[CheckRow, Card]], *, alone: bool
) -> tuple[tuple[Card, ...], bool]:
    psa, now = services.psa(tenant_id), services.clock.now()
    chosen = [(row, _may_link(shown, alone=alone)) for row, shown in made]
    await shelf.prepare(psa, [_key(tenant_id, row) for row, shown in chosen if _offers(shown)], now)
    cards, pending = [], False
    for row, shown in chosen:
        if not _offers(shown):
            cards.append(shown)
            continue
        offered = await shelf.offer(
            psa, _key(tenant_id, row), now, chosen=row.ticket_id, with_later=shown.kind == "waiting"
        )
        pending = pending or offered.pending
        cards.append(replace(shown, tickets=offered.choices, contacts=_whom(row, shown)))
    return tuple(cards), pending


def _may_link(shown: Card, *, alone: bool) -> Card:
    if shown.kind != "ended":
        return shown
    return replace(shown, can_link=shown.can_link and (alone or shown.needs_ticket))


def _offers(shown: Card) -> bool:
    return shown.kind in ("waiting", "mine") or (shown.kind == "ended" and shown.can_link)


def _key(tenant_id: str, row: CheckRow) -> Key:
    people = row.candidates or ((row.contact,) if row.contact else ())
    clients = {person.client_id for person in people}
    client_id = clients.pop() if len(clients) == 1 else ""
    return tenant_id, client_id, row.contact.id if row.contact else ""


def _whom(row: CheckRow, shown: Card) -> tuple[Choice, ...]:
    """Whose call it is, while the number is several people's."""
    if shown.kind != "waiting" or row.contact is not None or not row.candidates:
        return ()
    names = tuple(Choice(c.id, f"{c.name}, {c.client}") for c in row.candidates)
    return (Choice("", _("Choose one"), chosen=True), *names)
