"""What has happened, in plain words: the log as technicians may read it, and the whole story of one check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from storage.log import Found, LogRow
from web.api.ids import our_id
from web.look import _
from web.pages.check_cards import card
from web.pages.context import frame, page, see_other
from web.pages.history_filters import before_in, choices, narrowed, sought_in
from web.pages.log_words import details_of, sentence_of
from web.problems import not_found
from web.reporting import zone_of
from web.routing import Access, Call, Route, Surface

#: Lines of one check are bounded by its dialog; more than this would be a mistake somewhere.
MOST_OF_ONE = 1000
_PAGE = 200
OPERATOR = _("the operator")
WATCHWORD = _("Watchword")


@dataclass(frozen=True, slots=True)
class LineView:
    """One line. `name` is whose data stood there: a contact who was erased has none."""

    at: datetime
    text: str
    kind: str
    check_id: str = ""
    contact_id: str = ""
    name: str = ""
    company: str = ""
    ticket_id: str = ""
    seq: int | None = None
    details: tuple[tuple[str, str], ...] = ()


async def show_history(call: Call) -> web.StreamResponse:
    """The newest lines that fit, and the way to older ones."""
    sought = sought_in(call)
    zone = await zone_of(call)
    wanted = await narrowed(call, sought, zone)
    found = Found((), None)
    if wanted.may_look:
        found = await call.services.log.search(call.who.tenant_id, wanted.filters, before_in(call))
    values = {
        "sought": sought,
        "choices": await choices(call, sought),
        "wanted": wanted,
        "zone": zone,
        "lines": await views_of(call, found.items),
        "older": sought.address() + ("&" if "?" in sought.address() else "?") + f"before={found.next}"
        if found.next is not None
        else "",
        "stopped": found.stopped,
        "later": before_in(call) is not None,
    }
    status = 422 if wanted.problems else 200
    return page(call, "history.html", frame(call, _("History"), "history"), values, status=status)


async def show_story(call: Call) -> web.StreamResponse:
    """Every line of one check, oldest first."""
    who, services = call.who, call.services
    check_id = our_id(call, "check_id")
    row = await services.checks.get(who.tenant_id, check_id)
    if row is None:
        # A line may be about the verification of an end user, whose story stands in its contact's panel.
        if await services.verifications.get(who.tenant_id, check_id) is None:
            raise not_found()
        return see_other(f"/verifications/{check_id}")
    rows: list[LogRow] = []
    after: int | None = 0
    while after is not None and len(rows) < MOST_OF_ONE:
        found = await services.log.after(who.tenant_id, after, check_id=check_id, limit=_PAGE)
        rows += found.items
        after = found.next
    made = card(row, who.technician_id)
    values = {"card": made, "lines": await views_of(call, rows), "number": row.number}
    return page(call, "story.html", frame(call, _("The story of a check"), "history"), values)


async def views_of(call: Call, rows: Sequence[LogRow]) -> tuple[LineView, ...]:
    """The lines with names in them, as whoever asks may see them."""
    who, services = call.who, call.services
    technicians = {t.id: t.name for t in await services.people.technicians(who.tenant_id)} if rows else {}
    ids = sorted({row.contact_id for row in rows if row.contact_id})
    keys = {str(key) for row in rows if (key := row.public.get("by_key"))}
    technicians |= await services.integration_keys.names(who.tenant_id, keys) if keys else {}
    contacts = {c.id: c for c in await services.directory.contacts_with(who.tenant_id, ids)} if ids else {}
    found = []
    for row in rows:
        contact = contacts.get(row.contact_id)
        name = contact.name if contact is not None else _("somebody who was erased") if row.contact_id else ""
        found.append(
            LineView(
                at=row.at,
                text=sentence_of(row, _who(row, technicians), name),
                kind=row.kind,
                check_id=row.check_id,
                contact_id=contact.id if contact is not None else "",
                name=contact.name if contact is not None else "",
                company=contact.client_name if contact is not None else "",
                ticket_id=row.ticket_id,
                seq=row.seq,
                details=details_of(row, everything=who.role == "admin"),
            )
        )
    return tuple(found)


def _who(row: LogRow, technicians: Mapping[str, str]) -> str:
    """Who did it. `technicians`: names of people, and of integration keys, by id."""
    if row.technician_id:
        return technicians.get(row.technician_id, _("a technician who is gone"))
    if key := row.public.get("by_key"):
        return _("The program “%s”") % technicians.get(str(key), "?")
    return OPERATOR if row.public.get("who") == "operator" else WATCHWORD


ROUTES = (
    Route("GET", "/history", show_history, Access.TECHNICIAN, Surface.PAGE, "What has happened"),
    Route("GET", "/history/checks/{check_id}", show_story, Access.TECHNICIAN, Surface.PAGE, "The story of a check"),
)
