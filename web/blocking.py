"""Blocking a sender and letting them through again: who may, and what goes with it. One act for pages and the API."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from storage.blocks import LONGEST_REASON, SHORTEST_REASON, Block, Sender, contact_at
from web.guards import may
from web.noting import line
from web.ports import Acting
from web.problems import Problem, not_found
from web.routing import Access, Call


def may_ban(who: Acting) -> bool:
    """Whether they may block for good, and lift what is for good."""
    return may(Access.SUPERVISOR, who)


def may_lift(who: Acting, standing: Block) -> bool:
    """What was set for good, only those lift who may set it."""
    return standing.until is not None or may_ban(who)


async def block(call: Call, sender: Sender, *, reason: str, hours: int | None, check_id: str = "") -> Block:
    """Nothing they send starts or is answered from now on, and nothing goes to them; `hours` None: for good. A check of
    theirs that is named ends with the same reason, and so does every verification by their number. Raises the 403 of
    whoever may not, and the 422 of a reason that says nothing."""
    who, services, reason = call.who, call.services, " ".join(reason.split())
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise Problem(422, "invalid", "Say why, in a few words: colleagues will ask themselves months from now.")
    if hours is None and not may_ban(who):
        raise Problem(403, "not_allowed", "Only a supervisor or an admin may block for good. Choose a time.")
    now = services.clock.now()
    until = None if hours is None else now + timedelta(hours=hours)
    made = Block(sender.address, reason, who.technician_id, now, until)
    event = replace(
        line(call, "sender.blocked", hours=hours or 0),
        contact_id=sender.contact_id,
        sealed={"address": sender.address, "reason": reason},
    )
    put = services.blocks.noting(who.tenant_id, event).put
    if not await put(who.tenant_id, made, lambda: services.random.new_id(now), over_ban=may_ban(who)):
        raise Problem(403, "not_allowed", "They are blocked for good. Only a supervisor or an admin may change that.")
    if check_id:
        # It may have ended by itself meanwhile, which is as good.
        await services.acts.reject(who, check_id, reason=reason)
    return made


async def unblock(call: Call, address: str) -> None:
    """Let them through again. Raises the 404 of nobody and the 403 of whoever may not."""
    who, services = call.who, call.services
    standing = (await services.blocks.of(who.tenant_id, [address], services.clock.now())).get(address)
    if standing is None:
        raise not_found()
    if not may_lift(who, standing):
        raise _for_good()
    contact_id = await services.db.read(who.tenant_id, lambda conn: contact_at(conn, who.tenant_id, address))
    event = replace(line(call, "sender.unblocked"), contact_id=contact_id, sealed={"address": address})
    if not await services.blocks.noting(who.tenant_id, event).lift(who.tenant_id, address, ban=may_ban(who)):
        # Somebody was faster: they have let them through, or blocked them for good.
        still = address in await services.blocks.of(who.tenant_id, [address], services.clock.now())
        raise _for_good() if still else not_found()


def _for_good() -> Problem:
    return Problem(403, "not_allowed", "Only a supervisor or an admin may lift a block that another one set for good.")
