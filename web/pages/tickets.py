"""Tickets: mine first, opened and made with one click, noted, closed, and the tap before calling about one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from urllib.parse import urlencode

from aiohttp import web

from psa.base import Can, NewTicketFields, Psa, PsaError, PsaRejected, PsaUnclear, TicketMissing, TicketRef
from psa.closing import is_closing
from web.api.ids import checked
from web.api.ids import ticket_id as ticket_id_of
from web.closing import require_verified
from web.look import _
from web.pages.check_cards import card
from web.pages.contacts import ContactView, calling_of, contact_of, find, running_of
from web.pages.context import frame, page, see_other
from web.pages.forms import NewTicketForm, NoteForm, Press, StatusForm
from web.pages.ticket_views import DOWN, NoteView, ticket_views
from web.pages.tickets_of import choices
from web.pages.verify_pages import panel_on_page
from web.pages.verify_rows import past_view
from web.problems import Problem, not_found
from web.routing import Access, Call, Handler, Route, Surface

LONGEST_NOTE = 20_000
#: People whose names fit a search for tickets.
MOST_PEOPLE = 5


async def list_tickets(call: Call) -> web.StreamResponse:
    """My open ones, then everybody's, newest first; or what a search finds, where the ticket system has one."""
    psa = call.services.psa(call.who.tenant_id)
    q = call.request.query.get("q", "").strip()[:120] if Can.SEARCH_TEXT in psa.can else ""
    after = call.request.query.get("after", "")[:200]
    mine: Sequence[TicketRef] = ()
    others: Sequence[TicketRef] = ()
    down, more = "", ""
    people = (await find(call, q, "")).contacts[:MOST_PEOPLE] if q and not after else ()
    try:
        if not q and not after and Can.SEARCH_BY_TECHNICIAN in psa.can:
            mine = (await psa.search_tickets(technician_id=call.who.technician_id)).items
        found = await psa.search_tickets(query=q, open_only=not q, cursor=after)
        shown_already = {t.id for t in mine}
        others = [t for t in found.items if t.id not in shown_already]
        if people and Can.SEARCH_BY_CONTACT in psa.can:
            others += await _tickets_of(psa, people, {t.id for t in others})
        more = urlencode({"q": q, "after": found.next}) if found.next else ""
    except PsaRejected:
        raise Problem(400, "bad_cursor", "That link is old. Start again from the first page.") from None
    except PsaError:
        down = DOWN
    views = await ticket_views(call, (*mine, *others))
    values = {
        "mine": [views[t.id] for t in mine],
        "tickets": [views[t.id] for t in others],
        "q": q,
        "people": people,
        "may_search": Can.SEARCH_TEXT in psa.can,
        "down": down,
        "more": more,
    }
    return page(call, "tickets.html", frame(call, _("Tickets"), "tickets"), values)


async def _tickets_of(psa: Psa, people: Sequence[ContactView], known: Collection[str]) -> list[TicketRef]:
    """Those of people whose name was searched for, open ones."""
    found = [ticket for one in people for ticket in (await psa.search_tickets(contact_id=one.id)).items]
    return [ticket for ticket in found if ticket.id not in known]


async def show_ticket(call: Call) -> web.StreamResponse:
    """One ticket: its notes, the checks it has seen, and the tap before calling about it."""
    return await _ticket_page(call, ticket_id_of(call, "ticket_id"))


async def new_ticket(call: Call) -> web.StreamResponse:
    """Open a ticket for a contact; it becomes mine. The same form sent twice is one ticket."""
    given: NewTicketForm = call.body
    who, services = call.who, call.services
    contact = await contact_of(call, checked(given.contact_id))
    psa = services.psa(who.tenant_id)
    title = " ".join(given.title.split()) or _("Call with %s") % contact.name
    fields = NewTicketFields(
        title, given.body, contact_id=contact.id, client_id=contact.client_id, technician_id=who.technician_id
    )
    _need(psa, Can.CREATE_TICKET)
    key = f"page:{checked(given.key)}" if given.key else f"page:{services.random.new_id(services.clock.now())}"
    try:
        made = await psa.create_ticket(fields, key=key)
    except PsaError as why:
        raise _refused(why) from why
    return see_other(f"/tickets/{made.id}", said="ticket_made")


async def write_note(call: Call) -> web.StreamResponse:
    """Write a note in my name, internal unless I say that the client may read it."""
    given: NoteForm = call.body
    ticket_id = ticket_id_of(call, "ticket_id")
    psa = call.services.psa(call.who.tenant_id)
    text = given.note.strip()
    if not text:
        return await _ticket_page(call, ticket_id, problem=_("Write something first."), status=422)
    _need(psa, Can.PUBLIC_NOTE if given.public else Can.INTERNAL_NOTE)
    key = (
        f"page:{checked(given.key)}" if given.key else f"page:{call.services.random.new_id(call.services.clock.now())}"
    )
    try:
        await psa.add_note(ticket_id, text, internal=not given.public, key=key, author=call.who.name)
    except TicketMissing:
        raise not_found() from None
    except PsaError as why:
        said = _refused(why).message
        return await _ticket_page(call, ticket_id, problem=said, typed=given.note, status=503)
    return see_other(f"/tickets/{ticket_id}", said="note_written")


async def set_status(call: Call) -> web.StreamResponse:
    """Close it, or open it again; the words are the ticket system's own."""
    given: StatusForm = call.body
    ticket_id = ticket_id_of(call, "ticket_id")
    psa = call.services.psa(call.who.tenant_id)
    _need(psa, Can.SET_STATUS)
    try:
        await require_verified(call, psa, ticket_id, given.status, given.waiver)
        await psa.set_status(ticket_id, given.status)
    except TicketMissing:
        raise not_found() from None
    except PsaError as why:
        raise _refused(why) from why
    except Problem as why:
        if why.error not in ("verification_required", "waiver_note_short"):
            raise
        return await _ticket_page(call, ticket_id, unverified=why.message, typed=given.waiver, status=why.status)
    return see_other(f"/tickets/{ticket_id}", said="waived" if given.waiver.strip() else "status_set")


async def take(call: Call) -> web.StreamResponse:
    """It is mine from now on."""
    ticket_id = ticket_id_of(call, "ticket_id")
    psa = call.services.psa(call.who.tenant_id)
    _need(psa, Can.ASSIGN)
    try:
        await psa.assign(ticket_id, call.who.technician_id)
    except TicketMissing:
        raise not_found() from None
    except PsaError as why:
        raise _refused(why) from why
    return see_other(f"/tickets/{ticket_id}", said="ticket_taken")


async def _ticket_page(
    call: Call, ticket_id: str, *, problem: str = "", unverified: str = "", typed: str = "", status: int = 200
) -> web.StreamResponse:
    who, services = call.who, call.services
    psa = services.psa(who.tenant_id)
    try:
        ticket = await psa.get_ticket(ticket_id)
        notes = await psa.notes(ticket_id) if Can.READ_NOTES in psa.can else ()
        words = await psa.statuses() if Can.SET_STATUS in psa.can else ()
    except TicketMissing:
        raise not_found() from None
    except PsaError as why:
        raise _refused(why) from why
    contact = await _contact_or_none(call, ticket.contact_id)
    shown = (await ticket_views(call, (ticket,)))[ticket.id]
    checks = (await services.checks.page(who.tenant_id, ticket_id=ticket.id, limit=20)).items
    verifications = await services.verifications.of_ticket(who.tenant_id, ticket.id, limit=20)
    verify = None
    if contact is not None and ticket.is_open:
        verify = await panel_on_page(call, contact, here=f"/tickets/{ticket.id}", ticket_id=ticket.id, tickets=())
    values = {
        "verify": verify,
        "verifications": [past_view(row) for row in verifications],
        "ticket": shown,
        "elsewhere": shown.url if is_elsewhere(shown.url, services.public_url) else "",
        "contact": contact,
        "notes": [NoteView(n.at, n.author, n.body, n.is_internal) for n in notes],
        "checks": [card(row, who.technician_id) for row in checks],
        "tickets": choices((ticket,), contact_id=ticket.contact_id, chosen=ticket.id),
        "calling": await calling_of(call, contact) if contact else None,
        "running": await running_of(call, contact) if contact else "",
        "statuses": [word for word in words if word != ticket.status],
        "closing": [word for word in words if is_closing(word)],
        "may_take": Can.ASSIGN in psa.can and not shown.mine,
        "may_note": Can.INTERNAL_NOTE in psa.can,
        "may_note_publicly": Can.PUBLIC_NOTE in psa.can,
        "key": services.random.new_id(services.clock.now()),
        "problem": problem,
        "unverified": unverified,
        "typed": "" if unverified else typed,
        "waiver": typed if unverified else "",
    }
    return page(call, "ticket.html", frame(call, shown.text, "tickets"), values, status=status)


async def _contact_or_none(call: Call, contact_id: str) -> ContactView | None:
    """The ticket's person; None where there is none any more: the ticket outlives them."""
    if not contact_id:
        return None
    try:
        return await contact_of(call, contact_id)
    except Problem:
        return None


def is_elsewhere(url: str, public_url: str) -> bool:
    """Whether a ticket's address is a page of another system, and one that a browser may be sent to."""
    return url.startswith("https://") and not url.startswith(public_url)


def _need(psa: Psa, ability: Can) -> None:
    if ability not in psa.can:
        raise Problem(409, "not_supported", "Your ticket system does not offer this. Do it there.")


def _refused(why: PsaError) -> Problem:
    """The ticket system's refusal in our words; its own may name hosts and accounts."""
    match why:
        case PsaUnclear():
            said = "The ticket system did not answer in time; it may have happened. Look before you try again."
            return Problem(503, "ticket_system_unclear", said)
        case PsaRejected():
            return Problem(422, "ticket_system_refused", "The ticket system does not take this.")
        case _:
            return Problem(503, "ticket_system_down", "The ticket system does not answer. Try again in a moment.")


def _post(path: str, handler: Handler, summary: str, body: type[Press]) -> Route:
    return Route("POST", path, handler, Access.TECHNICIAN, Surface.PAGE, summary, body=body)


ROUTES = (
    Route("GET", "/tickets", list_tickets, Access.TECHNICIAN, Surface.PAGE, "Tickets"),
    Route("GET", "/tickets/{ticket_id}", show_ticket, Access.TECHNICIAN, Surface.PAGE, "A ticket"),
    _post("/tickets", new_ticket, "New ticket", NewTicketForm),
    _post("/tickets/{ticket_id}/note", write_note, "Write a note", NoteForm),
    _post("/tickets/{ticket_id}/status", set_status, "Close or open again", StatusForm),
    _post("/tickets/{ticket_id}/take", take, "It is mine", Press),
)
