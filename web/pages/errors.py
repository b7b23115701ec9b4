"""When something is not granted: a page that says what happened and what to do, and never what is inside."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from web import csrf
from web.guards import SURFACE
from web.log_in import FOR_POD, held_token
from web.look import Frame, _
from web.pages.context import look, see_other, wants_json
from web.pages.pod.frame import show_pod_problem
from web.pages.prove import prove_page
from web.pages.visits import is_visit, show_visit_problem
from web.ports import Acting
from web.problems import Problem
from web.routing import Surface
from web.services import Services
from web.step_up import ProofWanted

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
    """A page, or for our scripts its sentence as JSON. Who is not signed in is taken there; who must prove it again
    does so on the way when there is a form to go on with, else on a page of its own."""
    if request.get(FOR_POD, False):
        return show_pod_problem(request, services, problem, id=id)
    if is_visit(request):
        title = TITLES.get(problem.status, _("Something went wrong"))
        return show_visit_problem(request, services, look(), problem, title, id=id)
    if wants_json(request):
        said = {"refused": problem.error, "message": problem.message, "id": id}
        return web.json_response(said, status=problem.status)
    came_from = request.path_qs if request.method in ("GET", "HEAD") else _page_of(request.path)
    if isinstance(problem, ProofWanted) and acting is not None:
        return prove_page(request, services, problem, acting, back=came_from)
    if problem.error in ("sign_in_required", "step_up_required") and request.get(SURFACE) is not Surface.POPUP:
        path = "/sign-in" if problem.error == "sign_in_required" else "/step-up"
        return see_other(path, next=came_from) if came_from else see_other(path)
    frame = Frame(
        title=TITLES.get(problem.status, _("Something went wrong")),
        name=acting.name if acting else "",
        admin=acting.role == "admin" if acting else False,
        console=acting.ui_access if acting else True,
        csrf=csrf.token_for(held_token(request)) if acting else "",
        demo=services.demo is not None,
        now=services.clock.now(),
    )
    # An address that is no route of ours never looks at the log-in, so the way out fits those with and without one.
    values: dict[str, object] = {"message": problem.message, "id": id}
    return look().answer(request, "problem.html", frame, values, status=problem.status)


#: Where forms stand, by how their addresses begin.
_SECTIONS = frozenset(
    {"clients", "codes", "contacts", "history", "imports", "profile", "reports", "settings", "tickets"}
)


def _page_of(path: str) -> str:
    """The page a form stands on, as far as its address tells: after a sign-in the person goes back there and presses
    the button again, because a POST is never repeated for them."""
    first, _slash, rest = path.removeprefix("/").partition("/")
    part = rest.partition("/")[0]
    if first == "settings" and part:
        return f"/settings/{part}"
    return f"/{first}" if first in _SECTIONS else ""
