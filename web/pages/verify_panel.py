"""The verification panel: one contact's shields, the ways to verify them now, and how the newest one fares. Pages of
contacts and tickets, the flow of both directions and the pod all draw this one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aiohttp import web

from dialogs.user_verify import METHODS, Method
from dialogs.ways import WayNow
from psa.base import PsaError, TicketRef
from psa.preselect import open_tickets
from web.look import _
from web.pages.check_cards import has_just_confirmed
from web.pages.contacts import ContactView
from web.pages.context import length, sentence
from web.pages.second_panel import NEEDED, first_of, requests_about, second_of, ticket_asked_about
from web.pages.tickets_of import ticket_text
from web.pages.verify_high import actions, not_for_high, said_of_high
from web.pages.verify_override import whom_to_ask
from web.pages.verify_rows import past_view, running_of, shields_of, way_view
from web.pages.verify_views import Attempt, Locked, Panel
from web.pages.verify_words import DO
from web.pages.views import Choice
from web.problems import not_found
from web.routing import Call, Surface

if TYPE_CHECKING:
    from storage.checks import CheckRow

#: What stands in the way of a person and not of one way, so it is said once and in full.
_IN_FULL = ("denied_lately", "method_locked", "method_disabled", "too_many_sends", "prefix_paused")

#: Draws the page of a place again, for what was tried and refused: contact, ticket (empty: none), attempt.
Draw = Callable[[Call, str, str, Attempt], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the panel stands. `acts`: what the paths of its forms begin with, empty in the console. `surface`: of those
    routes. `events`: the address of the event stream. `draw`: draws the page again after a refusal. `pod`: accounts
    without access to the console may use it. `announce`: where a call to the contact is announced, with `{contact_id}`
    in it."""

    acts: str
    surface: Surface
    draw: Draw
    events: str = "/events"
    pod: bool = False
    announce: str = "/contacts/{contact_id}#call"

    def page_of(self, contact_id: str, ticket_id: str = "") -> str:
        """The page on which one contact is verified."""
        query = f"?{urlencode({'ticket': ticket_id})}" if ticket_id else ""
        return f"{self.acts}/contacts/{contact_id}/verify{query}"


async def panel_of(
    call: Call,
    place: Place,
    contact: ContactView,
    *,
    ticket_id: str = "",
    fixed_ticket: bool = False,
    tickets: Sequence[TicketRef] | None = None,
    here: str = "",
    query: str = "",
    attempt: Attempt | None = None,
) -> Panel:
    """All of it, read now. `ticket_id`: what it is about; with `fixed_ticket` it is not offered to choose another one.
    `tickets`: open ones, where the page has read them already. `here`: the page's own path, to come back to.
    `query`: what the addresses of the forms end with, `?` included."""
    who, services, attempt = call.who, call.services, attempt or Attempt()
    now = services.clock.now()
    # Read before the rows: what happens meanwhile has a later number, so the stream brings it once more, never not.
    seq = await services.log.newest(who.tenant_id)
    tenant = await services.tenants.get(who.tenant_id)
    if tenant is None:
        raise not_found()
    policy = tenant.settings.policy_of(contact.client_id)
    lately_checked = (await services.checks.page(who.tenant_id, contact_id=contact.id, limit=5)).items
    checked_me = _checked_me(lately_checked, who.technician_id, now)
    requests = await requests_about(call, contact.id)
    asked_about = ticket_asked_about(requests, who.technician_id, now)
    if not ticket_id and not fixed_ticket:
        lately = checked_me.ticket_id if checked_me else asked_about or ""
        ticket_id = attempt.of("ticket") if attempt.typed else lately
    if tickets is None:
        tickets = () if fixed_ticket else await _open_tickets(call, contact)
    rows = await services.verifications.of_contact(who.tenant_id, contact.id, limit=policy.history_length)
    newest = rows[0] if rows else None
    if newest is not None and newest.word == "sent":
        newest = (
            await services.verifications.get(who.tenant_id, newest.id, for_technician=who.technician_id, now=now)
            or newest
        )
    shields = await services.verifications.shields(who.tenant_id, contact.id, now)
    choices = _tickets(tickets, contact.id, ticket_id, decided=bool(attempt.typed or checked_me or asked_about == ""))
    about = ticket_id if fixed_ticket else next((c.value for c in choices if c.chosen), "")
    found = await services.verifying.methods(who, contact.id, ticket=about) or ()
    by_id = {a.id: a for a in contact.addresses}
    ready = [way for way in found if way.state == "ready"]
    first = first_of(ready)
    chosen = attempt.of("way") or (_value(first) if first else "")
    second = await second_of(call, contact.id, policy, requests, found, by_id, about=about, chosen=chosen, now=now)
    missing = dict.fromkeys(DO[way.method] for way in found if not METHODS[way.method].built)
    blocked = [way for way in found if way.state != "ready" and METHODS[way.method].built and way.why != NEEDED]
    weak = await not_for_high(call, contact.id, policy, ready, about=about)
    high = not ready or len(weak) < len(ready)
    helped = [way for way in blocked if way.override]
    ask_whom = await whom_to_ask(call) if helped else ""
    return Panel(
        contact_id=contact.id,
        name=contact.name,
        first_name=contact.name.split()[0] if contact.name.split() else contact.name,
        acts=place.acts,
        here=here or place.page_of(contact.id, ticket_id if fixed_ticket else ""),
        query=query,
        in_pod=place.pod,
        events=place.events,
        shields=shields_of(contact.addresses, shields, ticket_id if fixed_ticket else ""),
        running=running_of(newest, who.technician_id, policy, now),
        ways=tuple(
            way_view(way, by_id, chosen=chosen, weak=high and (way.method.value, way.address_id) in weak)
            for way in ready
        ),
        blocked=tuple(way_view(way, by_id) for way in blocked),
        missing=", ".join(missing),
        obstacles=_obstacles(blocked, now),
        conflict=any(way.why == "direction_conflict" for way in blocked),
        conflict_wait=_conflict_wait(blocked, now),
        overrides=tuple(way_view(way, by_id, chosen=chosen) for way in helped) if not ask_whom else (),
        ask_whom=ask_whom,
        tickets=choices,
        fixed_ticket=fixed_ticket,
        about=ticket_id if fixed_ticket else "",
        actions=actions(attempt.of("action"), high=high),
        no_high=said_of_high(high=high),
        history=tuple(past_view(row) for row in rows),
        attempt=attempt,
        checked_me=_checked_words(checked_me),
        checking_me=_checking_me(lately_checked, who.technician_id, now),
        locked=_locked(blocked) if who.role == "admin" and not place.pod else (),
        announce=place.announce.replace("{contact_id}", contact.id),
        second=second,
        seq=seq,
    )


def _value(way: WayNow) -> str:
    return f"{way.method}.{way.address_id}"


async def _open_tickets(call: Call, contact: ContactView) -> Sequence[TicketRef]:
    psa = call.services.psa(call.who.tenant_id)
    try:
        return await open_tickets(psa, client_id=contact.client_id, contact_id=contact.id)
    except PsaError:
        # The caller waits; a ticket can be linked later.
        return ()


def _tickets(tickets: Sequence[TicketRef], contact_id: str, wanted: str, *, decided: bool) -> tuple[Choice, ...]:
    """Entries of the select. Without a wish the contact's own newest ticket is chosen, else none."""
    known = {t.id for t in tickets}
    own = next((t.id for t in tickets if t.contact_id == contact_id), "")
    chosen = wanted if wanted in known or decided else own
    named = tuple(Choice(t.id, ticket_text(t.number, t.title), t.id == chosen) for t in tickets)
    new = Choice("new", _("New ticket"), chosen == "new")
    return (*named, new, Choice("", _("No ticket yet"), chosen not in {*known, "new"}))


def _obstacles(blocked: Sequence[WayNow], now: datetime) -> tuple[str, ...]:
    said: dict[str, str] = {}
    for way in blocked:
        if way.why in _IN_FULL and way.why not in said:
            said[way.why] = sentence(way.why)
            if way.not_before is not None:
                said[way.why] += " " + _("Try again in %s.") % length(way.not_before - now)
    return tuple(said.values())


def _conflict_wait(blocked: Sequence[WayNow], now: datetime) -> str:
    until = next((w.not_before for w in blocked if w.why == "direction_conflict" and w.not_before is not None), None)
    return length(until - now) if until is not None else ""


def _locked(blocked: Sequence[WayNow]) -> tuple[Locked, ...]:
    methods = dict.fromkeys(way.method for way in blocked if way.why in ("method_locked", "method_disabled"))
    return tuple(Locked(method.value, DO[Method(method)]) for method in methods)


def _checked_me(found: Sequence[CheckRow], viewer_id: str, now: datetime) -> CheckRow | None:
    """The check in which they have just confirmed whoever is signed in; those that were replaced do not count."""
    newest = next((row for row in found if row.word != "superseded"), None)
    return newest if newest is not None and has_just_confirmed(newest, viewer_id, now) else None


def _checking_me(found: Sequence[CheckRow], viewer_id: str, now: datetime) -> bool:
    """Whether all their checks that are open are of whoever is signed in: then nobody else is after a code."""
    live = [row for row in found if row.is_live(now)]
    return bool(live) and all(row.technician is not None and row.technician.id == viewer_id for row in live)


def _checked_words(row: CheckRow | None) -> str:
    if row is None:
        return ""
    about = ticket_text(row.ticket_number, "") if row.ticket_id else ""
    return _("They have just checked you, about %s.") % about if about else _("They have just checked you.")
