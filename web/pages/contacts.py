"""People: found by what anyone remembers of them, with what is true of them, and the one tap before a call."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from storage.directory import NEW_FOR, StoredContact
from storage.opt_outs import opted_out
from storage.paging import BadCursor, Page
from storage.phones import readable
from web.look import _
from web.pages.board import announced_of
from web.pages.views import Calling
from web.ports import Acted
from web.problems import Problem, not_found
from web.regions import own_region
from web.routing import Call

#: A second press on a slow line comes within so long.
SAME_PRESS = timedelta(seconds=60)
#: What a person types when they look for a number.
_NUMBER = re.compile(r"[+(]?[\d][\d\s()./-]{3,}")
KINDS = {"mobile": _("Mobile"), "phone": _("Phone"), "email": _("E-mail")}
#: What a person with a telephone in hand looks for first.
_ORDER = {kind: place for place, kind in enumerate(KINDS)}


@dataclass(frozen=True, slots=True)
class AddressView:
    """One way to reach somebody. `opted_out`: they texted STOP, so no text may go there. `word`: the kind as stored.
    `changed_at`: when a person has set it, None where that is long ago or never was. `is_default`: the one to use of
    its kind; `may_use`: another one is."""

    kind: str
    value: str
    opted_out: bool = False
    id: str = ""
    word: str = ""
    is_default: bool = False
    may_use: bool = False
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ContactView:
    """A contact. `address` is the one shown in lists; `may_text`: a mobile number that has not opted out;
    `stopped`: one that has."""

    id: str
    name: str
    company: str
    client_id: str
    address: str
    addresses: tuple[AddressView, ...] = ()
    may_text: bool = False
    stopped: bool = False
    locale: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """One page of contacts. `more` is the query string of the next page, empty on the last."""

    contacts: tuple[ContactView, ...]
    more: str


async def find(call: Call, q: str, cursor: str, *, client_id: str = "") -> Found:
    """Contacts by name, company, e-mail or number, of one company where it is given; all of them by name when nothing
    is asked."""
    who, services = call.who, call.services
    q = q.strip()[:120]
    try:
        if is_number(q):
            page: Page[StoredContact] = await services.directory.find(
                who.tenant_id, phone=q, region=await own_region(call), cursor=cursor, client_id=client_id
            )
        else:
            page = await services.directory.find(who.tenant_id, q=q, cursor=cursor, client_id=client_id)
    except BadCursor:
        raise Problem(400, "bad_cursor", "That link is old. Start again from the first page.") from None
    more = urlencode({"q": q, "after": page.next}) if page.next else ""
    return Found(tuple(view(c) for c in page.items), more)


def is_number(q: str) -> bool:
    """Whether somebody looks for a number."""
    return _NUMBER.fullmatch(q) is not None


def view(contact: StoredContact, opted_out: Collection[str] = (), now: datetime | None = None) -> ContactView:
    """A stored contact as pages show it; `opted_out` are the addresses that sent STOP. With `now` it says which
    addresses are new."""
    mobile = contact.default("mobile")
    shown = mobile or contact.default("phone") or contact.default("email")
    addresses = tuple(
        AddressView(
            KINDS.get(a.kind, a.kind),
            readable(a.value),
            a.value in opted_out,
            a.id,
            a.kind,
            a.is_default,
            not a.is_default,
            a.changed_at if a.changed_at and now and now - a.changed_at < NEW_FOR else None,
        )
        for a in sorted(contact.addresses, key=lambda a: _ORDER.get(a.kind, len(_ORDER)))
    )
    return ContactView(
        contact.id,
        contact.name,
        contact.client_name,
        contact.client_id,
        readable(shown),
        addresses,
        may_text=bool(mobile) and mobile not in opted_out,
        stopped=mobile in opted_out,
        locale=contact.locale,
    )


async def contact_of(call: Call, contact_id: str) -> ContactView:
    """The contact of this id as pages show them. Raises the 404 of a page."""
    found = await call.services.directory.contact(call.who.tenant_id, contact_id)
    if found is None:
        raise not_found()
    numbers = await call.services.tenants.numbers(call.who.tenant_id)
    ours = next((n.facts.address for n in numbers if n.facts.purpose == "verification" and n.facts.primary), "")
    theirs = [a.value for a in found.addresses]
    tenant_id = call.who.tenant_id
    stopped = await call.services.db.read(tenant_id, lambda conn: opted_out(conn, tenant_id, theirs, ours))
    return view(found, stopped, call.services.clock.now())


async def calling_of(call: Call, contact: ContactView) -> Calling | None:
    """My announcement of a call to them, where there is one."""
    mine = await announced_of(call)
    return next((c for c in mine if c.contact_id == contact.id), None)


async def announce_once(call: Call, contact_id: str, *, direction: str, ticket: str, notify: bool) -> Acted:
    """I am calling them. The same said already is a second press, on a slow line, of a button that stands on no page
    while the first one counts: they get no second text."""
    who, services, now = call.who, call.services, call.services.clock.now()
    mine = await services.announced.live(who.tenant_id, now, contact_id=contact_id, technician_id=who.technician_id)
    for one in mine:
        same = (one.direction, one.ticket_id or one.ticket) == (direction, ticket)
        if same and now - one.created_at < SAME_PRESS:
            return Acted(one.id)
    return await services.acts.announce(who, contact_id=contact_id, direction=direction, ticket=ticket, notify=notify)


async def running_of(call: Call, contact: ContactView) -> str:
    """The id of a check of theirs that runs now: announcing the call would come too late for it."""
    now = call.services.clock.now()
    found = await call.services.checks.page(call.who.tenant_id, live=True, contact_id=contact.id, limit=5)
    return next((row.id for row in found.items if row.is_live(now)), "")
