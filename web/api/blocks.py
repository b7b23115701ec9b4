"""Blocked senders: who is, blocking one, letting them through again."""

from __future__ import annotations

from aiohttp import web

from storage.blocks import Block, Sender, contact_at, sender_behind
from storage.phones import BadNumber, to_e164
from web import blocking
from web.answers import answer, no_content
from web.api.ids import checked
from web.api.shapes import Blocked, BlockWith, Listed, Paged
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
    sender = await _sender(call, given)
    made = await blocking.block(call, sender, reason=given.reason, hours=given.hours, check_id=given.check_id or "")
    return answer(_shown(made), 201)


async def lift(call: Call) -> web.StreamResponse:
    """Let them through again. What was set for good takes a supervisor or an admin."""
    await blocking.unblock(call, call.request.match_info["address"])
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
