"""Second persons over the API: asked, granted, refused, taken back (SEC-12, SEC-09)."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, get_args

from aiohttp import web

from dialogs.user_verify import Policy
from storage.directory import StoredContact
from web.answers import answer
from web.api.approval_shapes import (
    Approval,
    ApprovalKind,
    ApprovalQuery,
    ApprovalState,
    AskWith,
    HighRisk,
    Missing,
    NoWith,
)
from web.api.filtered import filtered
from web.api.ids import done_or_raise, is_our_id, our_id
from web.api.shapes import Listed, TechnicianRef
from web.api.shared_routes import act_on, look_at
from web.ports import REFUSALS, Acted
from web.problems import Problem, not_found
from web.routing import Access, Call, Route, Surface
from web.second_person import decides, policies_of

if TYPE_CHECKING:
    from dialogs.approvals import Clearance
    from storage.approvals import ApprovalRow

_KINDS: Mapping[str, ApprovalKind] = {word: word for word in get_args(ApprovalKind)}
_STATES: Mapping[str, ApprovalState] = {word: word for word in get_args(ApprovalState)}
_MISSING: Mapping[str, Missing] = {word: word for word in get_args(Missing)}
#: What comes next, in words.
_NEXT: Mapping[str, str] = {
    "two_methods": "Verify the person by two independent methods, such as a texted and a mailed code.",
    "other_method": "One method counts. Verify the person by another, independent one.",
    "said_method": "Two methods count, but both are taps. One of them must be a code that the person reads to you.",
    "approval": "Two methods count. Ask a second person now.",
    "decision": "A second person was asked and has not decided yet.",
    "not_offered": "Nothing the person was verified by is enough for high-risk work.",
}


async def ask(call: Call) -> web.StreamResponse:
    """Ask for a second person. Asked twice, it is the same request."""
    given: AskWith = call.body
    if not is_our_id(given.contact_id):
        raise Problem(REFUSALS["contact_not_found"][0], "contact_not_found", REFUSALS["contact_not_found"][1])
    acted = await call.services.approval_acts.ask(
        call.who,
        kind=given.kind,
        contact_id=given.contact_id,
        address_id=given.address_id or "",
        ticket="" if given.ticket in (None, "later") else given.ticket,
        note=given.note,
    )
    return await _answer(call, done_or_raise(acted), 201)


async def search(call: Call) -> web.StreamResponse:
    """Newest first. A page may hold fewer than asked for and still have a `next`."""
    asked: ApprovalQuery = call.query
    read_on = partial(
        call.services.approvals.page,
        call.who.tenant_id,
        live=asked.live,
        contact_id=asked.contact_id,
        ticket_id=asked.ticket,
        technician_id=asked.technician_id,
    )
    found = await filtered(read_on, lambda row: asked.state in (None, row.state), asked)
    return answer(Listed[Approval](items=await _shown_all(call, found.items), next=found.next))


async def read(call: Call) -> web.StreamResponse:
    """One request and what came of it."""
    return await _answer(call, our_id(call))


async def grant(call: Call) -> web.StreamResponse:
    """Say yes. It takes a fresh proof (`step_up_required`), and it is never whoever asked (`own_approval`)."""
    return await _after(call, call.services.approval_acts.grant(call.who, our_id(call)))


async def refuse(call: Call) -> web.StreamResponse:
    """Say no."""
    given: NoWith = call.body
    return await _after(call, call.services.approval_acts.refuse(call.who, our_id(call), reason=given.reason))


async def withdraw(call: Call) -> web.StreamResponse:
    """Take your own request back, also after the yes."""
    return await _after(call, call.services.approval_acts.withdraw(call.who, our_id(call)))


def shown_clearance(found: Clearance) -> HighRisk:
    """Clearance as the API gives it."""
    missing = found.missing[0] if found.missing else ""
    return HighRisk(
        cleared=found.cleared,
        until=found.until,
        methods=list(found.methods),
        approved_by=found.approved_by or None,
        approval_id=found.approval_id or None,
        missing=_MISSING[missing] if missing else None,
        message=_NEXT[missing] if missing else "High-risk work is cleared.",
    )


async def high_risk_of(call: Call, contact: StoredContact, ticket: str) -> HighRisk:
    """Whether high-risk work is cleared for them about this ticket now."""
    services, tenant_id = call.services, call.who.tenant_id
    tenant = await services.tenants.get(tenant_id)
    if tenant is None:
        raise not_found()
    policy = tenant.settings.policy_of(contact.client_id)
    return shown_clearance(
        await services.approvals.clearance(tenant_id, contact.id, ticket, policy, services.clock.now())
    )


async def _after(call: Call, act: Awaitable[Acted]) -> web.StreamResponse:
    return await _answer(call, done_or_raise(await act))


async def _answer(call: Call, id: str, status: int = 200) -> web.StreamResponse:
    row = await call.services.approvals.get(call.who.tenant_id, id)
    if row is None:
        raise not_found()
    return answer((await _shown_all(call, [row]))[0], status)


async def _shown_all(call: Call, rows: Sequence[ApprovalRow]) -> list[Approval]:
    policies = await policies_of(call.services, call.who.tenant_id, rows)
    return [_shown(call, row, policies[row.contact_id]) for row in rows]


def _shown(call: Call, row: ApprovalRow, policy: Policy) -> Approval:
    unusual = row.unusual or None
    decided = TechnicianRef(id=row.decided_by_id, name=row.decided_by) if row.decided_by_id else None
    return Approval(
        id=row.id,
        kind=_KINDS[row.kind],
        state=_STATES[row.state],
        contact_id=row.contact_id,
        contact_name=row.contact_name or None,
        address_id=row.address_id or None,
        destination=row.address or None,
        unusual=unusual,
        ticket=row.ticket_id or None,
        ticket_number=row.ticket_number or None,
        technician=TechnicianRef(id=row.technician_id, name=row.technician),
        note=row.note,
        created_at=row.created_at,
        until=row.until,
        decided_by=decided,
        decided_at=row.decided_at,
        reason=row.reason or None,
        verification_id=row.verification_id or None,
        methods=list(row.methods),
        may_decide=decides(call.who, row, policy, call.services.clock.now()),
    )


_PATH = "/api/v1/approvals"
ROUTES = (
    look_at(_PATH, search, "List requests to second persons", Listed[Approval], ApprovalQuery),
    Route(
        "POST",
        _PATH,
        ask,
        Access.TECHNICIAN,
        Surface.API,
        "Ask for a second person",
        body=AskWith,
        answers={201: Approval},
        pod=True,
    ),
    look_at(_PATH + "/{id}", read, "Read a request to a second person", Approval),
    Route(
        "POST",
        _PATH + "/{id}/grant",
        grant,
        Access.TECHNICIAN,
        Surface.API,
        "Agree as a second person",
        answers={200: Approval},
        step_up=True,
        pod=True,
    ),
    act_on(_PATH, "refuse", refuse, "Say no as a second person", Approval, NoWith),
    act_on(_PATH, "withdraw", withdraw, "Take a request back", Approval),
)
