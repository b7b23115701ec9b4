"""Verifications of end users: asked, answered, taken back, and whatever a technician does to one (SEC-09, SEC-14)."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import get_args

from aiohttp import web

from dialogs.number_signals import Signals
from dialogs.user_verify import METHODS, Action, Assurance, Method, Policy
from identity.sessions import FRESH
from storage.checks import CheckRow
from storage.paging import BadCursor, Page, write_cursor
from storage.times import micros
from storage.verifications import VerificationRow
from web.answers import answer
from web.api.act_routes import act_on
from web.api.approval_shapes import Ways
from web.api.approvals import high_risk_of
from web.api.checks import listed
from web.api.end_user_shapes import (
    CodeWith,
    EndUserQuery,
    EndUserState,
    EndUserVerification,
    LinkTicketWith,
    OverrideShown,
    SignalsShown,
    VerifyWith,
    Way,
    WaysQuery,
)
from web.api.filtered import filtered
from web.api.ids import done_or_raise, is_our_id, our_id
from web.api.shapes import Listed, Paged, TechnicianRef, Verification
from web.bodies import Strict
from web.ports import REFUSALS, Acted
from web.problems import Problem, bad_cursor, not_found
from web.routing import Access, Call, Handler, Route, Scope, Surface
from web.step_up import stale

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
    return answer(Listed[Verification | EndUserVerification](items=items, next=following))


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

    async def page(cursor: str, limit: int) -> Page[VerificationRow]:
        return await call.services.verifications.page(
            call.who.tenant_id,
            live=asked.live,
            contact_id=asked.contact_id,
            ticket_id=asked.ticket,
            technician_id=asked.technician_id,
            cursor=cursor,
            limit=limit,
        )

    found = await filtered(
        page, lambda row: asked.state in (None, word_of(row, call)), after=asked.after, limit=asked.limit
    )
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


async def methods(call: Call) -> web.StreamResponse:
    """Which methods can work for this contact now, by address, in the order of the client's policy."""
    asked: WaysQuery = call.query
    ticket = "" if asked.ticket == "later" else asked.ticket
    return await _ways(call, our_id(call), ticket, asked.action)


async def _ways(call: Call, contact_id: str, ticket: str, action: Action = Action.STANDARD) -> web.StreamResponse:
    found = await call.services.verifying.methods(call.who, contact_id, ticket=ticket, action=action.value)
    contact = await call.services.directory.contact(call.who.tenant_id, contact_id)
    if found is None or contact is None:
        raise not_found()
    policy = await _policy_of(call, contact.client_id)
    may_override = await call.services.verifying.may_override(call.who) if any(way.override for way in found) else False
    ways = [
        Way(
            method=way.method,
            address_id=way.address_id or None,
            state=way.state,
            why=way.why or None,
            message=REFUSALS[way.why][1] if way.why else None,
            not_before=way.not_before,
            note_for=list(way.note_for),
            override=way.override and may_override,
            assurance=METHODS[way.method].assurance,
            good_for=list(policy.good_for(METHODS[way.method].assurance)),
            approval=way.approval or None,
            number_signals=_signals(way.signals),
        )
        for way in found
    ]
    return answer(Ways(items=ways, high_risk=await high_risk_of(call, contact, ticket)))


async def unlock(call: Call) -> web.StreamResponse:
    """Let a method that too many wrong codes have closed be used for this contact again."""
    method, contact_id = call.request.match_info["method"], our_id(call)
    if method not in list(Method):
        raise not_found()
    done_or_raise(await call.services.verifying.unlock(call.who, contact_id, method=method))
    return await _ways(call, contact_id, "")


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
        number_signals=_signals(row.signals),
    )


def _signals(signals: Signals | None) -> SignalsShown | None:
    return None if signals is None else SignalsShown(line=signals.line, sim=signals.sim or None)


def word_of(row: VerificationRow, call: Call) -> EndUserState:
    """Its state; one whose time is over has expired, also before its timer has rung."""
    if row.word == "sent" and not row.is_live(call.services.clock.now()):
        return "expired"
    return _STATES[row.word]


async def _policy_of(call: Call, client_id: str) -> Policy:
    tenant = await call.services.tenants.get(call.who.tenant_id)
    if tenant is None:
        raise not_found()
    return tenant.settings.policy_of(client_id)


def _refusal(word: str, **details: object) -> Problem:
    status, message = REFUSALS[word]
    return Problem(status, word, message, details, retry_after=1 if status == 503 else None)


_PATH = "/api/v1/end-user-verifications"


def _act(name: str, handler: Handler, summary: str, body: type[Strict] | None = None) -> Route:
    return act_on(_PATH, name, handler, summary, EndUserVerification, body)


ROUTES = (
    Route(
        "GET",
        _PATH,
        search,
        Access.TECHNICIAN,
        Surface.API,
        "List verifications of end users",
        query=EndUserQuery,
        answers={200: Listed[EndUserVerification]},
        scope=Scope.CHECKS_READ,
        pod=True,
    ),
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
    Route(
        "GET",
        _PATH + "/{id}",
        read,
        Access.TECHNICIAN,
        Surface.API,
        "Read a verification of an end user",
        answers={200: EndUserVerification},
        scope=Scope.CHECKS_READ,
        pod=True,
    ),
    _act("check", check, "Check the code", CodeWith),
    _act("resend", resend, "Send the same code again"),
    _act("cancel", cancel, "Take it back"),
    _act("ticket", link_ticket, "Link a ticket", LinkTicketWith),
    Route(
        "GET",
        "/api/v1/contacts/{id}/verifications",
        of_contact,
        Access.TECHNICIAN,
        Surface.API,
        "List a contact's verifications",
        query=Paged,
        answers={200: Listed[Verification | EndUserVerification]},
        scope=Scope.CHECKS_READ,
        pod=True,
    ),
    Route(
        "GET",
        "/api/v1/contacts/{id}/methods",
        methods,
        Access.TECHNICIAN,
        Surface.API,
        "List the ways to verify a contact",
        query=WaysQuery,
        answers={200: Ways},
        scope=Scope.CHECKS_READ,
        pod=True,
    ),
    Route(
        "POST",
        "/api/v1/contacts/{id}/methods/{method}/unlock",
        unlock,
        Access.ADMIN,
        Surface.API,
        "Allow a method again",
        answers={200: Ways},
    ),
)
