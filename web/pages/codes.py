"""The board of checks, the one-thumb page of a single check, and everything a technician does there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from storage.paging import BadCursor
from web.api.ids import is_our_id, our_id
from web.look import _
from web.noting import line
from web.pages.board import beside_of, board_of, board_of_one, rows_of_some, today_of
from web.pages.context import after, frame, json_answer, own_path, page, see_other, wants_json
from web.pages.finding import EVERYTHING, WHOLE, Sought, found_in, sought_in
from web.pages.first_steps import FirstSteps, first_steps
from web.pages.forms import ClaimForm, Press, RejectForm, TicketForm, VerbalForm
from web.pages.shared_rows import SHARED
from web.pages.tickets_of import Shelf
from web.pages.views import EPOCH, Board, Calling, Card, Colleague, Notice, Step, as_json
from web.ports import Acted
from web.problems import Problem, not_found
from web.routing import Access, Call, Handler, Route, Surface

#: Checks a script may ask for in one go.
AT_ONCE = 50
#: What the page's `<template>` elements are drawn from; scripts fill in the rest.
BLANK = {
    "card": Card("", "waiting", ""),
    "warning": Notice("", "", "", EPOCH),
    "calling": Calling("", "", "", "", EPOCH),
    "step": Step("", EPOCH, ""),
    "colleague": Colleague("", ""),
}


class Codes:
    """The handlers of `/codes`."""

    async def home(self, call: Call) -> web.StreamResponse:
        """The console begins with the codes."""
        return see_other("/codes")

    async def show(self, call: Call) -> web.StreamResponse:
        """What waits, what runs, what ended today. `q` and `show` say which of it is to be seen, `earlier` where the
        list of today goes on."""
        board = await _board(call)
        sought = sought_in(call.request.query)
        return self._page(
            call, board, _("Codes"), rows="/codes/rows", here="/codes", sought=sought, steps=await first_steps(call)
        )

    async def rows(self, call: Call) -> web.StreamResponse:
        """The same as JSON for the page's script: all of it, only the checks named by `check`, or with `part` only
        what stands beside the rows (`beside`), or only more of today (`today`)."""
        wanted = call.request.query.getall("check", [])
        if wanted:
            ids = [check_id for check_id in wanted[:AT_ONCE] if is_our_id(check_id)]
            return json_answer(call, await rows_of_some(call, _shelf(call), ids))
        part = call.request.query.get("part")
        if part == "today":
            board = await _board(call, live=False)
            return json_answer(call, {name: as_json(getattr(board, name)) for name in ("today", "ended", "earlier")})
        if part == "beside":
            beside = await beside_of(call)
            names = ("strangers", "warnings", "calling", "here", "now")
            return json_answer(call, {name: as_json(getattr(beside, name)) for name in names})
        return json_answer(call, as_json(await _board(call)))

    async def show_one(self, call: Call) -> web.StreamResponse:
        """One check, for one thumb: where the alert texts lead."""
        check_id = _check_id(call)
        board = await board_of_one(call, _shelf(call), check_id)
        path = f"/codes/{check_id}"
        return self._page(call, board, _("One check"), rows=f"{path}/rows", here=path, story=board.story)

    async def rows_of_one(self, call: Call) -> web.StreamResponse:
        """The same as JSON."""
        return json_answer(call, as_json(await board_of_one(call, _shelf(call), _check_id(call))))

    async def claim(self, call: Call) -> web.StreamResponse:
        """I am calling them: the check is mine, and the code stands on my page."""
        form: ClaimForm = call.body
        acts, check_id = call.services.acts, _check_id(call)
        acted = await acts.claim(
            call.who, check_id, direction=form.direction, ticket=form.ticket, contact_id=form.contact_id
        )
        if form.ticket == "new":
            _shelf(call).forget(call.who.tenant_id)
        return _after(call, acted, "claim")

    async def release(self, call: Call) -> web.StreamResponse:
        """Let go of it."""
        return _after(call, await call.services.acts.release(call.who, _check_id(call)), "release")

    async def take_over(self, call: Call) -> web.StreamResponse:
        """Take it from another technician."""
        return _after(call, await call.services.acts.take_over(call.who, _check_id(call)), "take-over")

    async def verbal(self, call: Call) -> web.StreamResponse:
        """They said yes out loud."""
        form: VerbalForm = call.body
        return _after(call, await call.services.acts.verbal(call.who, _check_id(call), note=form.note), "verbal")

    async def reject(self, call: Call) -> web.StreamResponse:
        """End it."""
        form: RejectForm = call.body
        return _after(call, await call.services.acts.reject(call.who, _check_id(call), reason=form.reason), "reject")

    async def link_ticket(self, call: Call) -> web.StreamResponse:
        """Link a ticket, or another one."""
        form: TicketForm = call.body
        acted = await call.services.acts.link_ticket(call.who, _check_id(call), ticket=form.ticket)
        if form.ticket == "new":
            _shelf(call).forget(call.who.tenant_id)
        return _after(call, acted, "ticket")

    async def resend(self, call: Call) -> web.StreamResponse:
        """The code did not arrive: send the same one again."""
        return _after(call, await call.services.acts.resend(call.who, _check_id(call)), "resend")

    async def write_note(self, call: Call) -> web.StreamResponse:
        """Write the result to the ticket."""
        return _after(call, await call.services.acts.approve_note(call.who, _check_id(call)), "note")

    async def alert_seen(self, call: Call) -> web.StreamResponse:
        """Somebody has seen the alert; whoever was first stays on record, and being second is no mistake."""
        who, services = call.who, call.services
        alert_id = our_id(call, "alert_id")
        alerts = services.alerts.noting(who.tenant_id, line(call, "alert.acknowledged", alert=alert_id))
        first = await alerts.acknowledge(who.tenant_id, alert_id, who.technician_id, services.clock.now())
        there = first or await services.alerts.is_there(who.tenant_id, alert_id)
        return after(call, Acted(alert_id, "" if there else "not_found"), "seen", "/codes")

    def _page(
        self,
        call: Call,
        board: Board,
        title: str,
        *,
        rows: str,
        here: str,
        story: Sequence[Step] | None = None,
        sought: Sought = EVERYTHING,
        steps: FirstSteps | None = None,
    ) -> web.StreamResponse:
        values = {
            "board": board,
            "blank": BLANK,
            "rows": rows,
            "here": here,
            "single": story is not None,
            "story": story,
            "me": call.who.technician_id,
            "steps": steps,
            "sought": sought,
            "found": found_in(board, sought, call.who.technician_id),
            "whole": WHOLE,
        }
        shown = frame(call, title, "codes")
        # A packed page tells by its length whether what stands in it twice is the same: what was typed must not stand
        # beside a code in one.
        packed = not (sought.words and any(one.code for one in board.live))
        return page(call, "codes.html", shown, values, packed=packed)


async def _board(call: Call, *, live: bool = True) -> Board:
    read = board_of if live else today_of
    try:
        return await read(call, _shelf(call), earlier=call.request.query.get("earlier", ""))
    except BadCursor:
        raise Problem(400, "bad_cursor", _("That link is old. Start again from the first page.")) from None


def _shelf(call: Call) -> Shelf:
    return call.request.app[SHARED].shelf


def _check_id(call: Call) -> str:
    return our_id(call, "check_id")


def _after(call: Call, acted: Acted, said: str) -> web.StreamResponse:
    """Back to the page the button stood on."""
    if acted.refused == "not_found" and not wants_json(call.request):
        raise not_found()
    form: Press = call.body
    return after(call, acted, said, own_path(form.back))


def _act(path: str, handler: Handler, summary: str, body: type[Press]) -> Route:
    return Route("POST", path, handler, Access.TECHNICIAN, Surface.PAGE, summary, body=body, pod=_of_one_check(path))


def _get(path: str, handler: Callable[[Call], Awaitable[web.StreamResponse]], summary: str) -> Route:
    return Route("GET", path, handler, Access.TECHNICIAN, Surface.PAGE, summary, pod=_of_one_check(path))


def _of_one_check(path: str) -> bool:
    """A single check is for accounts of the pod too: alerts and tickets lead to it."""
    return path.startswith("/codes/{check_id}")


def routes() -> tuple[Route, ...]:
    """All of it, around one set of handlers."""
    codes = Codes()
    one = "/codes/{check_id}"
    return (
        _get("/", codes.home, "Home"),
        _get("/codes", codes.show, "The board of checks"),
        _get("/codes/rows", codes.rows, "Its rows"),
        _get(one, codes.show_one, "One check"),
        _get(one + "/rows", codes.rows_of_one, "Its row"),
        _act(one + "/claim", codes.claim, "Claim", ClaimForm),
        _act(one + "/release", codes.release, "Let go", Press),
        _act(one + "/take-over", codes.take_over, "Take over", Press),
        _act(one + "/verbal", codes.verbal, "Spoken yes", VerbalForm),
        _act(one + "/reject", codes.reject, "End it", RejectForm),
        _act(one + "/ticket", codes.link_ticket, "Link a ticket", TicketForm),
        _act(one + "/resend", codes.resend, "Send the code again", Press),
        _act(one + "/note", codes.write_note, "Write the result to the ticket", Press),
        _act("/alerts/{alert_id}/seen", codes.alert_seen, "Alert seen", Press),
    )
