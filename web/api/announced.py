"""Announced calls: a technician says beforehand whom they are about to call, and the check claims itself."""

from __future__ import annotations

from aiohttp import web

from storage.announced import AnnouncedRow
from web.answers import answer, no_content
from web.api.ids import checked, done_or_raise, our_id
from web.api.shapes import DIRECTIONS, TICKET_CHOICES, Announced, AnnouncedQuery, AnnounceWith, Listed, TechnicianRef
from web.problems import not_found
from web.routing import Access, Call, Route, Surface


async def announce(call: Call) -> web.StreamResponse:
    """Good for 15 minutes: a `#verify` of this contact claims itself, and the user gets one text that names technician
    and ticket. `notify` texts them at once that the call is coming."""
    given: AnnounceWith = call.body
    acted = await call.services.acts.announce(
        call.who,
        contact_id=checked(given.contact_id),
        direction=given.direction,
        ticket=given.ticket,
        notify=given.notify,
    )
    return answer(await _shown(call, done_or_raise(acted)), 201)


async def live(call: Call) -> web.StreamResponse:
    """Those that are still good, newest first. Without a contact: your own."""
    asked: AnnouncedQuery = call.query
    rows = await call.services.announced.live(
        call.who.tenant_id,
        call.services.clock.now(),
        contact_id=asked.contact_id,
        technician_id="" if asked.contact_id else call.who.technician_id,
    )
    return answer(Listed[Announced](items=[shown(row) for row in rows]))


async def withdraw(call: Call) -> web.StreamResponse:
    """Take it back: the call will not happen. Your own, or anyone's for a supervisor."""
    done_or_raise(await call.services.acts.withdraw(call.who, our_id(call)))
    return no_content()


async def _shown(call: Call, announced_id: str) -> Announced:
    row = await call.services.announced.get(call.who.tenant_id, announced_id)
    if row is None:
        raise not_found()
    return shown(row)


def shown(row: AnnouncedRow) -> Announced:
    """An announced call as the API gives it."""
    return Announced(
        id=row.id,
        contact_id=row.contact_id,
        contact_name=row.contact_name,
        technician=TechnicianRef(id=row.technician_id, name=row.technician_name),
        direction=DIRECTIONS[row.direction],
        ticket=row.ticket_id or None,
        ticket_number=row.ticket_number or None,
        ticket_choice=TICKET_CHOICES[row.ticket],
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


_PATH = "/api/v1/announced-calls"
ROUTES = (
    Route(
        "GET",
        _PATH,
        live,
        Access.TECHNICIAN,
        Surface.API,
        "List announced calls",
        query=AnnouncedQuery,
        answers={200: Listed[Announced]},
        pod=True,
    ),
    Route(
        "POST",
        _PATH,
        announce,
        Access.TECHNICIAN,
        Surface.API,
        "Announce a call",
        body=AnnounceWith,
        answers={201: Announced},
        pod=True,
    ),
    Route(
        "DELETE",
        _PATH + "/{id}",
        withdraw,
        Access.TECHNICIAN,
        Surface.API,
        "Take an announced call back",
        answers={204: None},
        pod=True,
    ),
)
