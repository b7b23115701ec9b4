"""Technician verifications: listed, read, claimed, and whatever else their technicians do to them."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial

from aiohttp import web

from storage.checks import CheckRow, ContactName
from web.answers import answer
from web.api.filtered import filtered
from web.api.ids import checked, done_or_raise, our_id
from web.api.shapes import (
    DIRECTIONS,
    STATES,
    TICKET_CHOICES,
    CheckQuery,
    ClaimWith,
    ContactRef,
    Listed,
    RejectWith,
    TechnicianRef,
    TicketWith,
    VerbalWith,
    Verification,
)
from web.api.shared_routes import act_on, look_at
from web.bodies import Strict
from web.ports import Acted
from web.problems import not_found
from web.routing import Call, Handler, Route
from web.views import is_theirs, seen_by


async def search(call: Call) -> web.StreamResponse:
    """Newest first. A page may hold fewer than asked for and still have a `next`. Codes stand on your own live claims
    only."""
    asked: CheckQuery = call.query
    live = asked.live
    if asked.state is not None and live is None:
        live = asked.state in ("open", "claimed")
    read_on = partial(
        call.services.checks.page,
        call.who.tenant_id,
        live=live,
        contact_id=asked.contact_id,
        ticket_id=asked.ticket,
    )
    found = await filtered(read_on, lambda row: asked.state in (None, row.word), asked)
    return answer(Listed[Verification](items=[await listed(call, row) for row in found.items], next=found.next))


async def read(call: Call) -> web.StreamResponse:
    """One check. Its claimer sees the code while it lives; from another network or browser than the sign-in it takes a
    fresh proof (`step_up_required`)."""
    return await _answer(call, our_id(call))


async def claim(call: Call) -> web.StreamResponse:
    """I am with this user, in this way, about this ticket. The answer shows the code; the user is told who you are.
    `user_called_us` never shows one."""
    given: ClaimWith = call.body
    check_id = our_id(call)
    picked = checked(given.contact_id) if given.contact_id else ""
    acted = await call.services.acts.claim(
        call.who, check_id, direction=given.direction, ticket=given.ticket, contact_id=picked
    )
    return await _answer(call, done_or_raise(acted))


async def release(call: Call) -> web.StreamResponse:
    """Let go of your claim; somebody else may take it."""
    return await _after(call, call.services.acts.release(call.who, our_id(call)))


async def take_over(call: Call) -> web.StreamResponse:
    """Take the claim from whoever has it; the user is told the new name."""
    return await _after(call, call.services.acts.take_over(call.who, our_id(call)))


async def verbal(call: Call) -> web.StreamResponse:
    """The user said yes out loud. Weaker evidence, and it says so; the note goes into the record."""
    given: VerbalWith = call.body
    return await _after(call, call.services.acts.verbal(call.who, our_id(call), note=given.note))


async def reject(call: Call) -> web.StreamResponse:
    """End the check; the reason goes into the record."""
    given: RejectWith = call.body
    return await _after(call, call.services.acts.reject(call.who, our_id(call), reason=given.reason))


async def link_ticket(call: Call) -> web.StreamResponse:
    """Link a ticket to your claim, or another one; also after the end, where one is still owed."""
    given: TicketWith = call.body
    return await _after(call, call.services.acts.link_ticket(call.who, our_id(call), ticket=given.ticket))


async def resend(call: Call) -> web.StreamResponse:
    """Send the same code once more; its time is not prolonged. `not_before` says when, if it is too soon."""
    return await _after(call, call.services.acts.resend(call.who, our_id(call)))


async def approve_note(call: Call) -> web.StreamResponse:
    """Where your team asks before writing to tickets: write the result now."""
    return await _after(call, call.services.acts.approve_note(call.who, our_id(call)))


async def _after(call: Call, act: Awaitable[Acted]) -> web.StreamResponse:
    return await _answer(call, done_or_raise(await act))


async def _answer(call: Call, check_id: str) -> web.StreamResponse:
    row = await seen_by(call, check_id, insist=True)
    if row is None:
        raise not_found()
    return answer(shown(row))


async def listed(call: Call, row: CheckRow) -> Verification:
    """A row of a list; the code is looked up for your own live claims, which are few."""
    seen = await seen_by(call, row.id) if is_theirs(row, call) else row
    return shown(seen or row)


def shown(row: CheckRow) -> Verification:
    """A check as the API gives it."""
    return Verification(
        id=row.id,
        contact_id=row.contact.id if row.contact else None,
        contact_name=row.contact.name if row.contact else None,
        client=row.contact.client if row.contact else None,
        candidates=[_contact(candidate) for candidate in row.candidates],
        channel=row.channel,
        number=row.number,
        state=STATES[row.word],
        code=row.code or None,
        ticket=row.ticket_id or None,
        ticket_number=row.ticket_number or None,
        ticket_choice=TICKET_CHOICES[row.ticket] if row.ticket else None,
        technician=TechnicianRef(id=row.technician.id, name=row.technician.name) if row.technician else None,
        direction=DIRECTIONS[row.direction] if row.direction else None,
        announced=row.announced,
        assurance=row.assurance or None,
        reason=row.reason or None,
        needs_ticket=row.needs_ticket,
        logged=row.logged or None,
        delivery=row.delivery.state if row.delivery else None,
        delivery_words=row.delivery.words if row.delivery else None,
        created_at=row.created_at,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
    )


def _contact(named: ContactName) -> ContactRef:
    return ContactRef(id=named.id, name=named.name, client=named.client)


_PATH = "/api/v1/technician-verifications"


def _act(name: str, handler: Handler, summary: str, body: type[Strict] | None = None) -> Route:
    return act_on(_PATH, name, handler, summary, Verification, body)


ROUTES = (
    look_at(_PATH, search, "List checks", Listed[Verification], CheckQuery),
    look_at(_PATH + "/{id}", read, "Read a check", Verification),
    _act("claim", claim, "Claim a check", ClaimWith),
    _act("release", release, "Release a claim"),
    _act("take-over", take_over, "Take a claim over"),
    _act("verbal", verbal, "Write down a spoken yes", VerbalWith),
    _act("reject", reject, "End a check", RejectWith),
    _act("ticket", link_ticket, "Link a ticket", TicketWith),
    _act("resend", resend, "Send the code again"),
    _act("note", approve_note, "Write the result into the ticket"),
)
