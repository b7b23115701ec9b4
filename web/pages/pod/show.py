"""The pod itself: who is on the screen, whether they are verified, verifying them, calling them, and their codes.

A code never stands in it before a second press inside the frame (SEC-31): whoever shows the frame could lay something
over it and have the first one pressed for them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

from aiohttp import web

from dialogs.user_verify import Policy
from storage.checks import CheckRow
from web.api.ids import checked, our_id
from web.look import _
from web.pages.approval_forms import approval_routes
from web.pages.check_cards import card
from web.pages.contacts import announce_once, calling_of, running_of
from web.pages.context import frame, page, see_other, sentence
from web.pages.forms import Press
from web.pages.pod.forms import PodAnnounceForm, PodClaimForm
from web.pages.pod.frame import with_more
from web.pages.pod.hints import Hints, hints_of
from web.pages.pod.seen import Seen, seen_by_hints
from web.pages.ticket_views import DOWN, ticket_view
from web.pages.tickets_of import choices
from web.pages.verify_forms import verify_routes
from web.pages.verify_panel import Place, panel_of
from web.pages.verify_views import Attempt, Panel
from web.pages.views import Card
from web.pods import POD_OF
from web.ports import Acted
from web.problems import not_found
from web.routing import Access, Call, Handler, Route, Surface
from web.views import is_theirs, reveal

#: Live checks that are looked through for those of one person; no code lives as long as the time.
MOST_LIVE = 200
LIVE_AT_MOST = timedelta(days=1)
#: Ended ones that are listed.
PAST = 5


@dataclass(frozen=True, slots=True)
class Step:
    """What somebody has just pressed on one check. `asks`: whether they mean it is asked, with what they had chosen.
    `shows`: the code is shown. `refused`: why not, in words."""

    check_id: str = ""
    asks: PodClaimForm | None = None
    shows: bool = False
    refused: str = ""


NO_STEP = Step()


async def show(call: Call) -> web.StreamResponse:
    """The person and the ticket that the address hints at."""
    return await _drawn(call, hints_of(call.request), Attempt())


async def draw(call: Call, contact_id: str, ticket_id: str, attempt: Attempt) -> web.StreamResponse:
    """The same for the verification panel, which comes back here."""
    hints = hints_of(call.request).about(contact=contact_id, ticket=ticket_id)
    return await _drawn(call, hints, attempt)


async def claim(call: Call) -> web.StreamResponse:
    """I have this one: the first press asks whether I mean it, the second shows the code."""
    form: PodClaimForm = call.body
    check_id, hints = our_id(call, "check_id"), hints_of(call.request)
    if not form.sure:
        return await _drawn(call, hints, Attempt(), Step(check_id, asks=form))
    acted = await call.services.acts.claim(
        call.who, check_id, direction=form.direction, ticket=form.ticket, contact_id=form.contact_id
    )
    return await _drawn(call, hints, Attempt(), _step_of(acted, check_id))


async def show_code(call: Call) -> web.StreamResponse:
    """The code of a check that is mine already."""
    return await _drawn(call, hints_of(call.request), Attempt(), Step(our_id(call, "check_id"), shows=True))


async def announce(call: Call) -> web.StreamResponse:
    """I am calling them."""
    form: PodAnnounceForm = call.body
    acted = await announce_once(
        call,
        checked(form.contact_id),
        direction=form.direction,
        ticket=form.ticket,
        notify=form.notify == "yes",
    )
    return _back(call, acted, "announced")


async def withdraw(call: Call) -> web.StreamResponse:
    """Not any more."""
    return _back(call, await call.services.acts.withdraw(call.who, our_id(call, "announced_id")), "withdrawn")


def _step_of(acted: Acted, check_id: str) -> Step:
    if acted.refused == "not_found":
        raise not_found()
    return Step(check_id, shows=not acted.refused, refused=sentence(acted.refused) if acted.refused else "")


def _back(call: Call, acted: Acted, said: str) -> web.StreamResponse:
    if acted.refused in ("not_found", "contact_not_found"):
        raise not_found()
    more = {"refused": acted.refused} if acted.refused else {"said": said}
    if acted.refused and acted.not_before is not None:
        more["until"] = str(int(acted.not_before.timestamp()))
    return see_other(with_more(hints_of(call.request), **more))


async def _drawn(call: Call, hints: Hints, attempt: Attempt, step: Step = NO_STEP) -> web.StreamResponse:
    seen = await seen_by_hints(call, hints)
    if seen.contact is None:
        values = {"hints": hints, "seen": seen, "about": _about(seen), "down": DOWN if seen.down else ""}
        return page(call, "pod_find.html", frame(call, _("Who is it?")), values)
    ticket_id = seen.ticket.id if seen.ticket is not None else ""
    policy = call.request[POD_OF].settings.policy_of(seen.contact.client_id)
    panel, cards, calling, running = await asyncio.gather(
        panel_of(
            call,
            POD,
            seen.contact,
            ticket_id=ticket_id,
            fixed_ticket=bool(ticket_id),
            tickets=seen.tickets,
            here=hints.here,
            query=hints.about(ticket=hints.ticket).query,
            attempt=attempt,
        ),
        _cards(call, seen, step),
        calling_of(call, seen.contact),
        running_of(call, seen.contact),
    )
    live, past = cards
    code = next((one.code for one in live if one.code), "")
    values = {
        "hints": hints,
        "seen": seen,
        "contact": seen.contact,
        "about": _about(seen),
        "others": seen.ticket is not None and seen.ticket.contact_id not in ("", seen.contact.id),
        "down": DOWN if seen.down else "",
        "banner": policy.banner,
        "verify": panel,
        "opened": await _opens(call, policy, ticket_id, panel),
        "checks": live,
        "past": past,
        "step": step,
        "tickets": choices(seen.tickets, contact_id=seen.contact.id, chosen=ticket_id),
        "calling": calling,
        "running": running,
    }
    # What the address holds must not stand beside a code in a packed page, whose length would tell whether it is it.
    return page(call, "pod.html", frame(call, seen.contact.name), values, packed=not code)


def _about(seen: Seen) -> str:
    return ticket_view(seen.ticket).text if seen.ticket is not None else ""


async def _opens(call: Call, policy: Policy, ticket_id: str, panel: Panel) -> bool:
    """Whether the panel is open: while something runs in it, and where the policy says so, the first time a ticket is
    opened. A look from a ticket that was seen before keeps it closed, with one button to begin."""
    if panel.running is not None or panel.attempt.message or panel.second.live or panel.second.high:
        return True
    if not policy.show_on_load or not ticket_id or call.request.method != "GET":
        return False
    now = call.services.clock.now()
    return await call.services.pod_openings.is_first(call.who.tenant_id, ticket_id, now)


async def _cards(call: Call, seen: Seen, step: Step) -> tuple[list[Card], list[Card]]:
    """Their checks: those that live, and the last that are over. A code is read for the one that was asked for."""
    who, services = call.who, call.services
    now, contact = services.clock.now(), seen.contact
    assert contact is not None
    live = await services.checks.page(who.tenant_id, live=True, since=now - LIVE_AT_MOST, limit=MOST_LIVE)
    theirs = [row for row in live.items if _is_about(row, contact.id)]
    past = await services.checks.page(who.tenant_id, live=False, contact_id=contact.id, limit=PAST)
    made = []
    for row in theirs:
        asked = step.shows and row.id == step.check_id and is_theirs(row, call)
        code = await reveal(call, row.id, insist=True) if asked else ""
        shown = card(row, who.technician_id, code, now=now)
        made.append(replace(shown, tickets=choices(seen.tickets, contact_id=contact.id, chosen=_ticket_of(seen, row))))
    return made, [card(row, who.technician_id) for row in past.items]


def _is_about(row: CheckRow, contact_id: str) -> bool:
    return row.contact.id == contact_id if row.contact is not None else contact_id in {c.id for c in row.candidates}


def _ticket_of(seen: Seen, row: CheckRow) -> str:
    return row.ticket_id or (seen.ticket.id if seen.ticket is not None else "")


POD = Place("/pod", Surface.POD, draw, events="/pod/events", pod=True, announce="#call")


def _act(
    path: str, handler: Handler, summary: str, body: type[Press] | type[PodClaimForm] | type[PodAnnounceForm]
) -> Route:
    return Route("POST", path, handler, Access.TECHNICIAN, Surface.POD, summary, body=body, pod=True)


ROUTES = (
    Route("GET", "/pod", show, Access.TECHNICIAN, Surface.POD, "The pod", pod=True),
    _act("/pod/codes/{check_id}/claim", claim, "Claim a check", PodClaimForm),
    _act("/pod/codes/{check_id}/code", show_code, "Show its code", Press),
    _act("/pod/announce", announce, "Announce a call", PodAnnounceForm),
    _act("/pod/announced/{announced_id}/withdraw", withdraw, "Not any more", Press),
    *verify_routes(POD),
    *approval_routes(POD),
)
