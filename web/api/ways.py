"""Which ways there are to verify a contact, and opening one again that wrong codes have closed."""

from __future__ import annotations

from aiohttp import web

from dialogs.number_signals import Signals
from dialogs.user_verify import METHODS, Action, Method, Policy
from web.answers import answer
from web.api.approval_shapes import Ways
from web.api.approvals import high_risk_of
from web.api.end_user_shapes import SignalsShown, Way, WaysQuery
from web.api.ids import done_or_raise, our_id
from web.api.shared_routes import look_at
from web.ports import REFUSALS
from web.problems import not_found
from web.routing import Access, Call, Route, Surface


async def methods(call: Call) -> web.StreamResponse:
    """Which methods can work for this contact now, by address, in the order of the client's policy."""
    asked: WaysQuery = call.query
    ticket = "" if asked.ticket == "later" else asked.ticket
    return await _ways(call, our_id(call), ticket, asked.action)


async def unlock(call: Call) -> web.StreamResponse:
    """Let a method that too many wrong codes have closed be used for this contact again."""
    method, contact_id = call.request.match_info["method"], our_id(call)
    if method not in list(Method):
        raise not_found()
    done_or_raise(await call.services.verifying.unlock(call.who, contact_id, method=method))
    return await _ways(call, contact_id, "")


def shown_signals(signals: Signals | None) -> SignalsShown | None:
    """What is known of a number, as the API gives it."""
    return None if signals is None else SignalsShown(line=signals.line, sim=signals.sim or None)


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
            number_signals=shown_signals(way.signals),
        )
        for way in found
    ]
    return answer(Ways(items=ways, high_risk=await high_risk_of(call, contact, ticket)))


async def _policy_of(call: Call, client_id: str) -> Policy:
    tenant = await call.services.tenants.get(call.who.tenant_id)
    if tenant is None:
        raise not_found()
    return tenant.settings.policy_of(client_id)


ROUTES = (
    look_at("/api/v1/contacts/{id}/methods", methods, "List the ways to verify a contact", Ways, WaysQuery),
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
