"""Numbers and addresses that Microsoft 365 has otherwise than we do, where so many changed at once that nobody believes
it unseen: an admin takes them over or leaves things as they are, one by one or all (SEC-13)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlencode

from aiohttp import web
from pydantic import Field

from storage.paging import BadCursor
from storage.phones import readable
from storage.sources.changes import OthersWait, SourceChange
from web.api.ids import is_our_id
from web.look import _
from web.noting import line
from web.pages.contacts import KINDS
from web.pages.context import see_other
from web.pages.forms import Form
from web.pages.settings.microsoft import PART
from web.pages.settings.microsoft_organisation import ONE as ORGANISATION
from web.pages.settings.microsoft_organisation import organisation_of
from web.pages.settings.microsoft_views import PATH, organisation_view
from web.pages.settings.parts import settings_page
from web.problems import Problem
from web.routing import Access, Call, Route, Surface

ONE = ORGANISATION + "/changes"
#: As many as a page shows may be ticked.
MOST_TICKED = 200
WHAT: Mapping[str, str] = {
    "added": _("new there"),
    "changed": _("changed there"),
    "removed": _("no longer there"),
}


class DecisionForm(Form):
    """What to do, with those that are ticked or with all. `seen`: which ones waited when the page was drawn."""

    decision: Literal["apply", "refuse", "apply_all", "refuse_all"]
    change: Annotated[tuple[str, ...], Field(max_length=MOST_TICKED)] = ()
    seen: Annotated[str, Field(max_length=64, pattern=r"^[0-9a-f]*$")] = ""


@dataclass(frozen=True, slots=True)
class ChangeView:
    """A change as the list shows it; an empty `before` or `after` says that there is none."""

    id: str
    contact_id: str
    name: str
    kind: str
    what: str
    before: str
    after: str
    found_at: datetime


async def show_changes(call: Call) -> web.StreamResponse:
    """What waits, before and after beside each other."""
    return await _page(call)


async def decide(call: Call) -> web.StreamResponse:
    """Take them over, or leave them as they are here. What is done to a number by this is what is done by hand."""
    given: DecisionForm = call.body
    found, services, tenant_id = await organisation_of(call), call.services, call.who.tenant_id
    apply = given.decision.startswith("apply")
    if apply:
        about = line(call, "source.changes_approved", organisation=found.id)
    else:
        about = line(call, "source.changes_refused", organisation=found.id)
    word: Literal["apply", "refuse"] = "apply" if apply else "refuse"
    if given.decision.endswith("_all"):
        try:
            done = await services.source_changes.decide(
                tenant_id, word, about, organisation_id=found.id, seen=given.seen
            )
        except OthersWait:
            return await _page(call, _("Others have come or gone meanwhile. Look at them again; nothing was done."))
    else:
        ticked = [id for id in given.change if is_our_id(id)]
        if not ticked:
            return await _page(call, _("Tick at least one, or use the button for all."))
        done = await services.source_changes.decide(tenant_id, word, about, change_ids=ticked)
    if not done:
        return await _page(call, _("Those were decided already. This is what waits now."))
    services.source_acts.wake()
    return see_other(_path(call), said="changes_applied" if apply else "changes_refused")


def _path(call: Call) -> str:
    places = call.request.match_info
    return f"{PATH}/{places['source_id']}/organisations/{places['organisation_id']}/changes"


async def _page(call: Call, problem: str = "") -> web.Response:
    organisation = await organisation_of(call)
    cursor = call.request.query.get("after", "")
    # Read before the rows: what comes meanwhile is on the page, and its buttons say so.
    seen = await call.services.source_changes.mark(call.who.tenant_id, organisation.id)
    try:
        found = await call.services.source_changes.waiting(call.who.tenant_id, organisation.id, cursor=cursor)
    except BadCursor:
        raise Problem(400, "bad_cursor", "That link is old. Start again from the first page.") from None
    values: dict[str, object] = {
        "one": organisation_view(organisation, call.services.clock.now()),
        "changes": [_view(change) for change in found.items],
        "more": urlencode({"after": found.next}) if found.next else "",
        "later": bool(cursor),
        "seen": seen,
    }
    status = 422 if problem else 200
    return settings_page(call, PART, "settings_microsoft_changes.html", values, status=status, problem=problem)


def _view(change: SourceChange) -> ChangeView:
    return ChangeView(
        change.id,
        change.contact_id,
        change.contact_name,
        KINDS.get(change.kind, change.kind),
        WHAT.get(change.what, change.what),
        readable(change.before) if change.before else "",
        readable(change.after) if change.after else "",
        change.found_at,
    )


ROUTES = (
    Route("GET", ONE, show_changes, Access.ADMIN, Surface.PAGE, "Changes that wait"),
    Route("POST", ONE, decide, Access.ADMIN, Surface.PAGE, "Decide on them", body=DecisionForm, step_up=True),
)
