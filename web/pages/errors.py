"""When something is not granted: a page that says what happened and what to do, and never what is inside."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from web import csrf
from web.look import Frame, _
from web.pages.context import look, see_other, wants_json
from web.ports import Acting
from web.problems import Problem
from web.services import Services

TITLES: Mapping[int, str] = {
    400: _("That did not arrive complete"),
    403: _("Not allowed"),
    404: _("Not found"),
    405: _("That does not work this way"),
    408: _("That took too long"),
    409: _("That cannot be done now"),
    413: _("That is too much"),
    415: _("That did not arrive complete"),
    422: _("Something is missing"),
    429: _("Too often"),
    503: _("Not available right now"),
}


def show_problem(
    request: web.Request, services: Services, problem: Problem, *, id: str, acting: Acting | None
) -> web.StreamResponse:
    """A page, or for our scripts its sentence as JSON. Who is not signed in, or must prove it again, is taken there."""
    if wants_json(request):
        said = {"refused": problem.error, "message": problem.message, "id": id}
        return web.json_response(said, status=problem.status)
    came_from = request.path_qs if request.method in ("GET", "HEAD") else _page_of(request.path)
    if problem.error in ("sign_in_required", "step_up_required"):
        path = "/sign-in" if problem.error == "sign_in_required" else "/step-up"
        return see_other(path, next=came_from) if came_from else see_other(path)
    frame = Frame(
        title=TITLES.get(problem.status, _("Something went wrong")),
        name=acting.name if acting else "",
        csrf=csrf.token_for(request.cookies.get(csrf.COOKIE, "")) if acting else "",
        demo=services.demo is not None,
        now=services.clock.now(),
    )
    # An address that is no route of ours never looks at the log-in, so the way out fits those with and without one.
    values: dict[str, object] = {"message": problem.message, "id": id}
    return look().answer(request, "problem.html", frame, values, status=problem.status)


def _page_of(path: str) -> str:
    """The page a form stands on, as far as its address tells: after a proof the person goes back there and presses
    the button again, because a POST is never repeated for them."""
    first = path.split("/")[1] if path.startswith("/") else ""
    return f"/{first}" if first in ("codes", "contacts", "tickets", "profile") else ""
