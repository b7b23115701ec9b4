"""The frame of pages for people without an account, who come by a link that was sent to them."""

from __future__ import annotations

from aiohttp import web

from web import csrf
from web.brand import sheet_address
from web.log_in import held_token
from web.look import Frame, Look
from web.ports import Acting
from web.problems import Problem
from web.services import Services

#: How the paths of such pages begin.
VISITS = ("/v/",)


def is_visit(request: web.Request) -> bool:
    """Whether it is one of these pages that was asked for."""
    return request.path.startswith(VISITS)


def visit_frame(
    request: web.Request, services: Services, title: str, *, tenant_id: str = "", acting: Acting | None = None
) -> Frame:
    """In the tenant's looks, without a name and without navigation, also where somebody of ours is signed in."""
    mark = services.brands.at_hand(tenant_id) if tenant_id else None
    return Frame(
        title=title,
        sheet=sheet_address(tenant_id, mark) if mark is not None else "",
        logo=mark is not None and mark.has_logo,
        csrf=csrf.token_for(held_token(request)) if acting is not None else "",
        demo=services.demo is not None,
        now=services.clock.now(),
    )


def show_visit_problem(
    request: web.Request, services: Services, look: Look, problem: Problem, title: str, *, id: str
) -> web.Response:
    """What went wrong, for somebody who has no console to go back to."""
    shown = visit_frame(request, services, title)
    values = {"host": "", "message": problem.message, "id": id}
    return look.answer(request, "visit_problem.html", shown, values, status=problem.status)
