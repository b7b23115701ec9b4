"""Blocked senders: who is, why and until when; blocking one, and letting them through again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from aiohttp import web

from storage.blocks import Sender, sender_behind
from storage.phones import readable
from web import blocking
from web.api.ids import checked
from web.look import _
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
            may_lift=blocking.may_lift(who, b),
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
    sender = await _sender(call, form)
    hours = None if form.hours == FOR_GOOD else int(form.hours)
    try:
        await blocking.block(call, sender, reason=form.reason, hours=hours, check_id=form.check_id)
    except Problem as refused:
        return await _form(call, form, _(refused.message))
    return see_other(own_path(form.back, "/codes"), said="blocked")


async def unblock(call: Call) -> web.StreamResponse:
    """Let them through again."""
    form: UnblockForm = call.body
    await blocking.unblock(call, form.address)
    return see_other("/blocks", said="unblocked")


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
        "for_good": blocking.may_ban(call.who),
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
