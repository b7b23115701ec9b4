"""Blocked senders: who is, why and until when; blocking one, and letting them through again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlencode

from aiohttp import web

from storage.blocks import LONGEST_REASON, SHORTEST_REASON, Block, Sender, contact_at, sender_behind
from storage.phones import readable
from web.api.ids import checked
from web.look import _
from web.noting import line
from web.pages.context import frame, own_path, page, see_other
from web.pages.forms import BlockForm, UnblockForm
from web.problems import Problem, not_found
from web.routing import Access, Call, Route, Surface

FOR_GOOD = "0"
SHOWN = 100


@dataclass(frozen=True, slots=True)
class BlockView:
    """One blocked sender. `until` is None for a ban; `may_lift`: this technician may let them through."""

    address: str
    number: str
    reason: str
    who: str
    at: datetime
    until: datetime | None
    may_lift: bool


async def show_blocks(call: Call) -> web.StreamResponse:
    """All of them, by number."""
    who, services = call.who, call.services
    after = call.request.query.get("after", "")[:254]
    found, more = await services.blocks.live(who.tenant_id, services.clock.now(), after=after, limit=SHOWN)
    names = {t.id: t.name for t in await services.people.technicians(who.tenant_id)} if found else {}
    views = [
        BlockView(
            b.address,
            readable(b.address),
            b.reason,
            names.get(b.technician_id, _("somebody who has left")),
            b.at,
            b.until,
            may_lift=_may_lift(call, b),
        )
        for b in found
    ]
    values = {"blocks": views, "more": urlencode({"after": more}) if more else ""}
    return page(call, "blocks.html", frame(call, _("Blocked senders"), "codes"), values)


async def ask(call: Call) -> web.StreamResponse:
    """Whom, for how long, why: the form."""
    query = call.request.query
    check_id, line_id, address_id = (
        checked(given) if (given := query.get(name, "")) else "" for name in ("check_id", "line_id", "address_id")
    )
    back = own_path(query.get("back", "")[:300], "/codes")
    return await _form(call, BlockForm(check_id=check_id, line_id=line_id, address_id=address_id, back=back))


async def block(call: Call) -> web.StreamResponse:
    """Nothing they send starts or is answered from now on. A check of theirs that runs ends, with the same reason."""
    form: BlockForm = call.body
    who, services = call.who, call.services
    sender = await _sender(call, form)
    address = sender.address
    reason = " ".join(form.reason.split())
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        return await _form(call, form, _("Say why, in a few words: colleagues will ask themselves months from now."))
    if form.hours == FOR_GOOD and not _may_ban(call):
        return await _form(call, form, _("Only a supervisor or an admin may block for good. Choose a time."))
    now = services.clock.now()
    until = None if form.hours == FOR_GOOD else now + timedelta(hours=int(form.hours))
    event = replace(line(call, "sender.blocked", hours=int(form.hours)), sealed={"address": address, "reason": reason})
    blocks = services.blocks.noting(who.tenant_id, replace(event, contact_id=sender.contact_id))
    if not await blocks.put(
        who.tenant_id, Block(address, reason, who.technician_id, now, until), over_ban=_may_ban(call)
    ):
        return await _form(call, form, _("They are blocked for good. Only a supervisor or an admin may change that."))
    if form.check_id:
        # It may have ended by itself meanwhile, which is as good.
        await services.acts.reject(who, form.check_id, reason=reason)
    return see_other(own_path(form.back, "/codes"), said="blocked")


async def unblock(call: Call) -> web.StreamResponse:
    """Let them through again."""
    form: UnblockForm = call.body
    who, services = call.who, call.services
    standing = (await services.blocks.of(who.tenant_id, [form.address], services.clock.now())).get(form.address)
    if standing is None:
        raise not_found()
    if not _may_lift(call, standing):
        raise Problem(
            403, "not_allowed", "Only a supervisor or an admin may lift a block that another one set for good."
        )
    contact_id = await services.db.read(who.tenant_id, lambda conn: contact_at(conn, who.tenant_id, form.address))
    event = replace(line(call, "sender.unblocked"), contact_id=contact_id, sealed={"address": form.address})
    await services.blocks.noting(who.tenant_id, event).lift(who.tenant_id, form.address, ban=_may_ban(call))
    return see_other("/blocks", said="unblocked")


def _may_lift(call: Call, standing: Block) -> bool:
    """What was set for good, only those lift who may set it."""
    return standing.until is not None or _may_ban(call)


def _may_ban(call: Call) -> bool:
    return call.who.supervisor or call.who.role == "admin"


async def _sender(call: Call, form: BlockForm) -> Sender:
    """Whom the form names. Raises the 404 of a page."""
    given = {"check_id": form.check_id, "line_id": form.line_id, "address_id": form.address_id}
    named = {name: checked(id) for name, id in given.items() if id}
    if len(named) != 1:
        raise not_found()
    tenant_id = call.who.tenant_id
    found = await call.services.db.read(tenant_id, lambda conn: sender_behind(conn, tenant_id, **named))
    if found is None:
        raise not_found()
    return found


async def _form(call: Call, form: BlockForm, problem: str = "") -> web.StreamResponse:
    address = (await _sender(call, form)).address
    standing = (await call.services.blocks.of(call.who.tenant_id, [address], call.services.clock.now())).get(address)
    shown = readable(address)
    values = {
        # A technician who blocks a stranger needs to know which one it is, not the whole number.
        "number": shown[-4:].rjust(len(shown), "•") if form.line_id or form.check_id else shown,
        "form": form,
        "for_good": _may_ban(call),
        "standing": standing,
        "problem": problem,
    }
    return page(call, "block.html", frame(call, _("Block a sender"), "codes"), values, status=422 if problem else 200)


ROUTES = (
    Route("GET", "/blocks", show_blocks, Access.TECHNICIAN, Surface.PAGE, "Blocked senders"),
    Route("GET", "/blocks/new", ask, Access.TECHNICIAN, Surface.PAGE, "Block a sender"),
    Route("POST", "/blocks", block, Access.TECHNICIAN, Surface.PAGE, "Block a sender", body=BlockForm),
    Route("POST", "/blocks/lift", unblock, Access.TECHNICIAN, Surface.PAGE, "Let through again", body=UnblockForm),
)
