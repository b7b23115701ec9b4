"""Blocked senders: who is, blocking one, letting them through again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from aiohttp import web

from storage.blocks import Block, Sender, contact_at, sender_behind
from storage.phones import BadNumber, to_e164
from web.answers import answer, no_content
from web.api.ids import checked
from web.api.shapes import Blocked, BlockWith, Listed, Paged
from web.guards import may
from web.noting import line
from web.problems import Problem, not_found
from web.routing import Access, Call, Route, Surface


async def live(call: Call) -> web.StreamResponse:
    """Who is blocked now, by address."""
    asked: Paged = call.query
    found, more = await call.services.blocks.live(call.who.tenant_id, call.services.clock.now(), after=asked.after)
    return answer(Listed[Blocked](items=[_shown(one) for one in found], next=more or None))


async def put(call: Call) -> web.StreamResponse:
    """Nothing they send starts or is answered from now on, and nothing goes to them. A check that is named ends."""
    given: BlockWith = call.body
    who, services = call.who, call.services
    if given.hours is None and not may(Access.SUPERVISOR, who):
        raise Problem(403, "not_allowed", "Only a supervisor or an admin may block for good. Give hours.")
    sender, now = await _sender(call, given), services.clock.now()
    address = sender.address
    until = None if given.hours is None else now + timedelta(hours=given.hours)
    block = Block(address, given.reason, who.technician_id, now, until)
    event = replace(
        line(call, "sender.blocked", hours=given.hours or 0),
        contact_id=sender.contact_id,
        sealed={"address": address, "reason": given.reason},
    )
    noted = services.blocks.noting(who.tenant_id, event)
    if not await noted.put(who.tenant_id, block, over_ban=may(Access.SUPERVISOR, who)):
        raise Problem(403, "not_allowed", "They are blocked for good. Only a supervisor or an admin may change that.")
    if given.check_id:
        # It may have ended by itself meanwhile, which is as good.
        await services.acts.reject(who, given.check_id, reason=given.reason)
    return answer(_shown(block), 201)


async def lift(call: Call) -> web.StreamResponse:
    """Let them through again. What was set for good takes a supervisor or an admin."""
    who, services, address = call.who, call.services, call.request.match_info["address"]
    standing = (await services.blocks.of(who.tenant_id, [address], services.clock.now())).get(address)
    if standing is None:
        raise not_found()
    if standing.until is None and not may(Access.SUPERVISOR, who):
        raise Problem(403, "not_allowed", "Only a supervisor or an admin may lift a block that is for good.")
    contact_id = await services.db.read(who.tenant_id, lambda conn: contact_at(conn, who.tenant_id, address))
    event = replace(line(call, "sender.unblocked"), contact_id=contact_id, sealed={"address": address})
    await services.blocks.noting(who.tenant_id, event).lift(who.tenant_id, address, ban=may(Access.SUPERVISOR, who))
    return no_content()


async def _sender(call: Call, given: BlockWith) -> Sender:
    if bool(given.address) == bool(given.check_id):
        raise Problem(422, "invalid", "Say whom: give an address, or the check they began.")
    tenant_id, db = call.who.tenant_id, call.services.db
    if given.check_id:
        check_id = checked(given.check_id)
        found = await db.read(tenant_id, lambda conn: sender_behind(conn, tenant_id, check_id=check_id))
        if found is None:
            raise not_found()
        return found
    try:
        address = to_e164(given.address, "")
    except BadNumber as why:
        raise Problem(422, "bad_number", f"The address {why}.") from None
    return Sender(address, await db.read(tenant_id, lambda conn: contact_at(conn, tenant_id, address)))


def _shown(block: Block) -> Blocked:
    return Blocked(
        address=block.address, reason=block.reason, technician_id=block.technician_id, at=block.at, until=block.until
    )


_PATH = "/api/v1/blocks"
ROUTES = (
    Route(
        "GET",
        _PATH,
        live,
        Access.TECHNICIAN,
        Surface.API,
        "List blocked senders",
        query=Paged,
        answers={200: Listed[Blocked]},
    ),
    Route("POST", _PATH, put, Access.TECHNICIAN, Surface.API, "Block a sender", body=BlockWith, answers={201: Blocked}),
    Route(
        "DELETE",
        _PATH + "/{address}",
        lift,
        Access.TECHNICIAN,
        Surface.API,
        "Let a sender through again",
        answers={204: None},
    ),
)
