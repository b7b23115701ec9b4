"""What colleagues ask a second person for: everything that waits, one request alone for one thumb, and the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from aiohttp import web
from pydantic import Field

from dialogs.user_verify import Method, Policy
from web.api.ids import our_id
from web.look import _
from web.pages.approval_views import BLANK, ApprovalView, approval_view
from web.pages.context import after, frame, json_answer, own_path, page
from web.pages.forms import Press
from web.pages.views import as_json
from web.ports import Acted
from web.problems import not_found
from web.routing import Access, Call, Handler, Route, Surface
from web.second_person import policies_of

if TYPE_CHECKING:
    from storage.approvals import ApprovalRow

PATH = "/approvals"
#: Requests live a quarter of an hour, and a yes half an hour: more than this never stand at once.
MOST_LIVE = 100
#: Of those that are over so many are listed, of so long.
SHOWN = 20
RECENT = timedelta(hours=24)


class NoForm(Press):
    """Why not; may be empty."""

    reason: Annotated[str, Field(max_length=2000)] = ""


@dataclass(frozen=True, slots=True)
class Approvals:
    """All of the page. `waiting`: those whoever looks may decide come first. `seq`: where the event stream stands."""

    waiting: tuple[ApprovalView, ...]
    past: tuple[ApprovalView, ...]
    now: datetime
    seq: int = 0


async def show(call: Call) -> web.StreamResponse:
    """What waits, and what was decided lately."""
    return _page(call, await _all(call), here=PATH, single="")


async def rows(call: Call) -> web.StreamResponse:
    """The same as JSON for the page's script."""
    return json_answer(call, as_json(await _all(call)))


async def show_one(call: Call) -> web.StreamResponse:
    """One alone, for one thumb: where alerts and notes lead."""
    approval_id = our_id(call, "approval_id")
    found = await _one(call, approval_id)
    return _page(call, found, here=f"{PATH}/{approval_id}", single=approval_id)


async def rows_of_one(call: Call) -> web.StreamResponse:
    """The same as JSON."""
    return json_answer(call, as_json(await _one(call, our_id(call, "approval_id"))))


async def grant(call: Call) -> web.StreamResponse:
    """I agree."""
    acted = await call.services.approval_acts.grant(call.who, our_id(call, "approval_id"))
    return _after(call, acted, "approval_granted")


async def refuse(call: Call) -> web.StreamResponse:
    """I do not."""
    form: NoForm = call.body
    acted = await call.services.approval_acts.refuse(call.who, our_id(call, "approval_id"), reason=form.reason)
    return _after(call, acted, "approval_refused")


async def _all(call: Call) -> Approvals:
    who, services = call.who, call.services
    # Read before the rows: what happens meanwhile has a later number, so the stream brings it once more, never not.
    seq, now = await services.log.newest(who.tenant_id), services.clock.now()
    live = await services.approvals.page(who.tenant_id, live=True, limit=MOST_LIVE)
    over = await services.approvals.page(who.tenant_id, live=False, limit=SHOWN)
    recent = [row for row in over.items if now - row.created_at < RECENT]
    views = await views_of(call, [*live.items, *recent])
    waiting = sorted((v for v in views if v.kind == "approval"), key=lambda v: (not v.may_decide, v.expires_at))
    return Approvals(tuple(waiting), tuple(v for v in views if v.kind == "past"), now, seq)


async def _one(call: Call, approval_id: str) -> Approvals:
    who, services = call.who, call.services
    seq = await services.log.newest(who.tenant_id)
    row = await services.approvals.get(who.tenant_id, approval_id)
    if row is None:
        raise not_found()
    (view,) = await views_of(call, [row])
    waits = view.kind == "approval"
    return Approvals((view,) if waits else (), () if waits else (view,), services.clock.now(), seq)


async def views_of(call: Call, rows: Sequence[ApprovalRow]) -> list[ApprovalView]:
    """Newest first, as they came; what has been decided is of kind `past`."""
    who, now = call.who, call.services.clock.now()
    policies = await policies_of(call.services, who.tenant_id, rows)
    made = []
    for row in rows:
        policy = policies[row.contact_id]
        view = approval_view(row, who, policy, now, await _counted(call, row, policy, now))
        made.append(view if row.state == "waiting" and view.live else replace(view, kind="past"))
    return made


async def _counted(call: Call, row: ApprovalRow, policy: Policy, now: datetime) -> tuple[Method, ...]:
    """What the person is verified by so far: whoever decides about high-risk work wants to see it."""
    if row.kind != "high" or row.methods or not row.is_live(now):
        return ()
    found = await call.services.approvals.clearance(call.who.tenant_id, row.contact_id, row.ticket_id, policy, now)
    return found.methods


def _page(call: Call, found: Approvals, *, here: str, single: str) -> web.StreamResponse:
    values: Mapping[str, object] = {"found": found, "blank": BLANK, "here": here, "single": single}
    return page(call, "approvals.html", frame(call, _("Approvals"), "approvals"), values)


def _after(call: Call, acted: Acted, said: str) -> web.StreamResponse:
    """Back to the page the button stood on."""
    if acted.refused == "approval_not_found":
        raise not_found()
    form: Press = call.body
    return after(call, acted, said, own_path(form.back, f"{PATH}/{our_id(call, 'approval_id')}"))


def _get(path: str, handler: Handler, summary: str) -> Route:
    # A single one is for accounts of the pod too: alerts lead to it.
    return Route(
        "GET", path, handler, Access.TECHNICIAN, Surface.PAGE, summary, pod=path.startswith(PATH + "/{approval_id}")
    )


def _act(name: str, handler: Handler, summary: str, body: type[Press], *, step_up: bool = False) -> Route:
    return Route(
        "POST",
        f"{PATH}/{{approval_id}}/{name}",
        handler,
        Access.TECHNICIAN,
        Surface.PAGE,
        summary,
        body=body,
        step_up=step_up,
        pod=True,
    )


ROUTES = (
    _get(PATH, show, "What colleagues ask a second person for"),
    _get(PATH + "/rows", rows, "Its rows"),
    _get(PATH + "/{approval_id}", show_one, "One request"),
    _get(PATH + "/{approval_id}/rows", rows_of_one, "Its row"),
    _act("grant", grant, "Agree", Press, step_up=True),
    _act("refuse", refuse, "Say no", NoForm),
)
