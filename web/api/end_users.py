"""Verifications of end users: asked, answered, taken back, and whatever a technician does to one (SEC-09, SEC-14)."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from functools import partial
from typing import TypeAlias, get_args

from aiohttp import web

from dialogs.user_verify import Assurance, Policy
from identity.sessions import FRESH
from storage.checks import CheckRow
from storage.paging import BadCursor, write_cursor
from storage.times import micros
from storage.verifications import VerificationRow
from web.answers import answer
from web.api.checks import listed
from web.api.end_user_shapes import (
    CodeWith,
    EndUserQuery,
    EndUserState,
    EndUserVerification,
    LinkTicketWith,
    OverrideShown,
    VerifyWith,
)
from web.api.filtered import filtered
from web.api.ids import done_or_raise, is_our_id, our_id
from web.api.shapes import Listed, Paged, TechnicianRef, Verification
from web.api.shared_routes import act_on, look_at
from web.api.ways import shown_signals
from web.bodies import Strict
from web.ports import REFUSALS, Acted
from web.problems import Problem, bad_cursor, not_found
from web.routing import Access, Call, Handler, Route, Surface
from web.step_up import stale

#: Those that a contact has asked for and those that they were asked by stand in one list.
_BothWays: TypeAlias = Listed[Verification | EndUserVerification]
_STATES: dict[str, EndUserState] = {word: word for word in get_args(EndUserState)}


async def of_contact(call: Call) -> web.StreamResponse:
    """Verifications in both directions, newest first: those of technicians that the contact has asked for (`kind`
    `technician`), and those of the contact (`end_user`)."""
    asked: Paged = call.query
    tenant_id, services = call.who.tenant_id, call.services
    contact = await services.directory.contact(tenant_id, our_id(call))
    if contact is None:
        raise not_found()
    try:
        theirs = await services.checks.page(tenant_id, contact_id=contact.id, cursor=asked.after, limit=asked.limit)
        ours = await services.verifications.page(
            tenant_id, contact_id=contact.id, cursor=asked.after, limit=asked.limit
        )
    except BadCursor:
        raise bad_cursor() from None
    both: list[CheckRow | VerificationRow] = sorted(
        (*theirs.items, *ours.items), key=lambda row: (row.created_at, row.id), reverse=True
    )
    # Both lists go by the same cursor, so what is cut off here comes with the next page.
    rows = both[: asked.limit]
    more = len(both) > len(rows) or theirs.next is not None or ours.next is not None
    items: list[Verification | EndUserVerification] = [
        (await shown_all(call, [row]))[0] if isinstance(row, VerificationRow) else await listed(call, row)
        for row in rows
    ]
    following = write_cursor((micros(rows[-1].created_at), rows[-1].id)) if more else None
    return answer(_BothWays(items=items, next=following))


async def start(call: Call) -> web.StreamResponse:
    """Ask the person by one method on one of their own addresses. What stands in the way is refused with its word
    before anything is sent; `GET /contacts/{id}/methods` tells beforehand."""
    given: VerifyWith = call.body
    if given.override and call.services.clock.now() - call.who.proven_at > FRESH:
        raise stale()
    if not is_our_id(given.contact_id):
        raise _refusal("contact_not_found")
    acted = await call.services.verifying.start(
        call.who,
        contact_id=given.contact_id,
        address_id=given.address_id or "",
        method=given.method,
        ticket="" if given.ticket in (None, "later") else given.ticket,
        note=given.note,
        action=given.action.value,
        override=given.override,
    )
    return await _answer(call, done_or_raise(acted), 201)


async def search(call: Call) -> web.StreamResponse:
    """Newest first. A page may hold fewer than asked for and still have a `next`."""
    asked: EndUserQuery = call.query
    read_on = partial(
        call.services.verifications.page,
        call.who.tenant_id,
        live=asked.live,
        contact_id=asked.contact_id,
        ticket_id=asked.ticket,
        technician_id=asked.technician_id,
    )
    found = await filtered(read_on, lambda row: asked.state in (None, word_of(row, call)), asked)
    return answer(Listed[EndUserVerification](items=await shown_all(call, found.items), next=found.next))


async def read(call: Call) -> web.StreamResponse:
    """One verification. The number to be said is there for whoever asked, and while it lives."""
    return await _answer(call, our_id(call))


async def check(call: Call) -> web.StreamResponse:
    """The code that the person reads out. A wrong one is refused with `wrong_code` and `tries_left`; the code of a
    check of a caller with `cross_purpose_code`, and that counts as a wrong one too."""
    given: CodeWith = call.body
    found = await call.services.verifying.check(call.who, our_id(call), code=given.code)
    if found.refused:
        raise _refusal(found.refused, tries_left=found.tries_left)
    return await _answer(call, found.id)


async def resend(call: Call) -> web.StreamResponse:
    """The same code once more; its time is not prolonged. `not_before` says when, if it is too soon."""
    return await _after(call, call.services.verifying.resend(call.who, our_id(call)))


async def cancel(call: Call) -> web.StreamResponse:
    """Take it back: code and link are worth nothing from here on."""
    return await _after(call, call.services.verifying.cancel(call.who, our_id(call)))


async def link_ticket(call: Call) -> web.StreamResponse:
    """Link a ticket, or another one; also after the end, and the result goes into it."""
    given: LinkTicketWith = call.body
    return await _after(call, call.services.verifying.link_ticket(call.who, our_id(call), ticket=given.ticket))


async def _after(call: Call, act: Awaitable[Acted]) -> web.StreamResponse:
    return await _answer(call, done_or_raise(await act))


async def _answer(call: Call, id: str, status: int = 200) -> web.StreamResponse:
    row = await call.services.verifications.get(
        call.who.tenant_id, id, for_technician=call.who.technician_id, now=call.services.clock.now()
    )
    if row is None:
        raise not_found()
    return answer((await shown_all(call, [row]))[0], status)


async def shown_all(call: Call, rows: Sequence[VerificationRow]) -> list[EndUserVerification]:
    """Verifications as the API gives them."""
    tenant = await call.services.tenants.get(call.who.tenant_id)
    if tenant is None:
        raise not_found()
    settings = tenant.settings
    policies = [settings.policy_of(row.contact.client_id if row.contact else "") for row in rows]
    return [_shown(call, row, policy) for row, policy in zip(rows, policies, strict=True)]


def _shown(call: Call, row: VerificationRow, policy: Policy) -> EndUserVerification:
    now, word = call.services.clock.now(), word_of(row, call)
    assurance = Assurance(row.assurance) if row.assurance else None
    good_for = list(policy.good_for(assurance)) if assurance is not None else []
    verified = word == "verified" and row.ended_at is not None
    return EndUserVerification(
        id=row.id,
        contact_id=row.contact_id,
        contact_name=row.contact.name if row.contact else None,
        address_id=row.address_id or None,
        destination=row.destination,
        destination_is_default=row.destination_is_default,
        destination_is_new=row.destination_is_new,
        method=row.method,
        state=word,
        reason=row.reason or ("deadline" if word != row.word else None),
        assurance=assurance,
        good_for=good_for,
        action=row.action,
        enough=row.action in good_for,
        ticket=row.ticket_id or None,
        ticket_number=row.ticket_number or None,
        ticket_choice="ticket" if row.ticket_id else "new" if row.ticket_asked else "later",
        other_contact=row.other_contact,
        technician=TechnicianRef(id=row.technician.id, name=row.technician.name) if row.technician else None,
        note=row.note or None,
        override=OverrideShown(reason=row.override.reason, alone=row.override.alone) if row.override else None,
        lifted_by=row.lifted_by or None,
        spoken_number=row.spoken or None,
        tries_left=row.tries_left if word == "sent" else 0,
        logged=row.logged or None,
        delivery=row.delivery.state if row.delivery else None,
        delivery_error=row.delivery.error or None if row.delivery else None,
        delivery_words=row.delivery.words if row.delivery else None,
        created_at=row.created_at,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
        green_until=row.green_until if row.is_green(now) else None,
        age_seconds=int((now - row.ended_at).total_seconds()) if verified and row.ended_at else None,
        number_signals=shown_signals(row.signals),
    )


def word_of(row: VerificationRow, call: Call) -> EndUserState:
    """Its state; one whose time is over has expired, also before its timer has rung."""
    if row.word == "sent" and not row.is_live(call.services.clock.now()):
        return "expired"
    return _STATES[row.word]


def _refusal(word: str, **details: object) -> Problem:
    status, message = REFUSALS[word]
    return Problem(status, word, message, details, retry_after=1 if status == 503 else None)


_PATH = "/api/v1/end-user-verifications"


def _act(name: str, handler: Handler, summary: str, body: type[Strict] | None = None) -> Route:
    return act_on(_PATH, name, handler, summary, EndUserVerification, body)


ROUTES = (
    look_at(_PATH, search, "List verifications of end users", Listed[EndUserVerification], EndUserQuery),
    Route(
        "POST",
        _PATH,
        start,
        Access.TECHNICIAN,
        Surface.API,
        "Verify an end user",
        body=VerifyWith,
        answers={201: EndUserVerification},
        pod=True,
    ),
    look_at(_PATH + "/{id}", read, "Read a verification of an end user", EndUserVerification),
    _act("check", check, "Check the code", CodeWith),
    _act("resend", resend, "Send the same code again"),
    _act("cancel", cancel, "Take it back"),
    _act("ticket", link_ticket, "Link a ticket", LinkTicketWith),
    look_at("/api/v1/contacts/{id}/verifications", of_contact, "List a contact's verifications", _BothWays, Paged),
)
