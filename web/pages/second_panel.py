"""What the verification panel says of second persons: whom it takes one for, who was asked, and whether high-risk work
is cleared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from dialogs.user_verify import Policy
from dialogs.ways import WayNow
from web.look import _
from web.pages.approval_views import ApprovalView, approval_view, high_view
from web.pages.contacts import AddressView
from web.pages.verify_rows import way_view
from web.pages.verify_views import Second
from web.routing import Call

if TYPE_CHECKING:
    from storage.approvals import ApprovalRow

#: How long a no, or that nobody decided, stands where the request stood.
ANSWER_FOR = timedelta(minutes=10)
#: Of one contact more never matter.
NEWEST = 10
NEEDED = "approval_required"


async def requests_about(call: Call, contact_id: str) -> Sequence[ApprovalRow]:
    """The newest, in any state."""
    return (await call.services.approvals.page(call.who.tenant_id, contact_id=contact_id, limit=NEWEST)).items


def ticket_asked_about(rows: Sequence[ApprovalRow], technician_id: str, now: datetime) -> str | None:
    """The ticket of the request that this technician waits for, or may use: it is good for that one alone. Empty: about
    none; None: there is no such request."""
    mine = (row for row in rows if row.technician_id == technician_id and row.is_live(now))
    return next((row.ticket_id for row in mine), None)


async def second_of(
    call: Call,
    contact_id: str,
    policy: Policy,
    rows: Sequence[ApprovalRow],
    found: Sequence[WayNow],
    addresses: Mapping[str, AddressView],
    *,
    about: str,
    chosen: str,
    now: datetime,
) -> Second:
    """`rows`: the newest requests about them. `about`: the ticket, or empty; `chosen`: the way that is to stand in the
    form first."""
    who, services = call.who, call.services
    ticket_id = "" if about == "new" else about  # one that is yet to be made has nothing to its name
    clearance = await services.approvals.clearance(who.tenant_id, contact_id, ticket_id, policy, now)
    views = [approval_view(row, who, policy, now, clearance.methods if row.kind == "high" else ()) for row in rows]
    asking = (way_view(way, addresses, chosen=chosen) for way in found if way.why == NEEDED)
    return Second(
        asking=tuple(w if w.note_for else replace(w, note_for=_("a second person reads it")) for w in asking),
        live=tuple(view for view in views if view.live),
        answered=tuple(view for view in views if view.mine and not view.live and _is_news(view, views, now)),
        high=high_view(clearance, policy),
        by_two=policy.high_by_two,
    )


def _is_news(view: ApprovalView, views: Sequence[ApprovalView], now: datetime) -> bool:
    """A no is news, until the same is agreed to; so is a silence, from when it was over by itself."""
    same = (view.is_high, view.ticket_id, view.what)
    since = (v for v in views if v.mine and v.agreed and v.word != "refused" and v.created_at > view.created_at)
    if any((v.is_high, v.ticket_id, v.what) == same for v in since):
        return False
    if view.word == "refused":
        return now - view.ended_at < ANSWER_FOR
    return view.word == "expired" and not view.agreed and now - view.expired_at < ANSWER_FOR


def first_of(ready: Sequence[WayNow]) -> WayNow | None:
    """The way to stand in the form first: what a second person has just agreed to, else the policy's first."""
    return next((way for way in ready if way.approval), ready[0] if ready else None)
