"""The page in the way of a sensitive form: show that it is you, and the form goes on with everything in it."""

from __future__ import annotations

from aiohttp import web

from web.look import _
from web.pages.context import HOME, frame, length, look
from web.pages.sign_in import PROBLEMS
from web.ports import Acting
from web.routing import Call
from web.services import Services
from web.step_up import CODE, PASSWORD, ProofWanted


def prove_page(
    request: web.Request, services: Services, wanted: ProofWanted, acting: Acting, *, back: str
) -> web.Response:
    """The page; `back` is where they go who would rather not."""
    now = services.clock.now()
    shown = frame(Call(request, services, acting), _("Show that it is you"))
    problem, wait = "", None
    if wanted.refused is not None:
        problem = PROBLEMS[wanted.refused.word]
        if wanted.refused.retry_at is not None:
            wait = wanted.refused.retry_at - now
            problem = problem % length(wait)
    values: dict[str, object] = {
        "action": request.path_qs,
        "carried": wanted.carried,
        "files": wanted.files or {},
        "secrets": wanted.secrets or {},
        "problem": problem,
        "back": back or HOME,
        "password_field": PASSWORD,
        "code_field": CODE,
    }
    response = look().answer(request, "prove.html", shown, values, status=wanted.status)
    if wait is not None:
        response.headers["Retry-After"] = str(max(1, round(wait.total_seconds())))
    return response
