"""Signing in, proving it again, and signing out."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web

from identity.sign_in import LogInGranted, Proof, Refused
from web.csrf import COOKIE
from web.log_in import (
    drop_log_in_cookie,
    known_token,
    log_in_here,
    prove_again_here,
    set_known_cookie,
    set_log_in_cookie,
)
from web.look import _
from web.noting import line
from web.pages.context import HOME, frame, length, own_path, page, see_other
from web.pages.forms import Form, SignInForm, StepUpForm
from web.routing import Access, Call, Route, Surface

#: The same words whatever was wrong: login, password, code, or an account that does not exist.
PROBLEMS = {
    "wrong": _("Login, password or code is not right. A code works once: wait for the next one."),
    "throttled": _("Too many tries. Try again in %s."),
    "disabled": _("This account is switched off. Ask an admin of your team."),
    "ended": _("This log-in has ended. Sign in again."),
}
STATUS = {"wrong": 422, "throttled": 429, "disabled": 403, "ended": 401}


async def show_sign_in(call: Call) -> web.StreamResponse:
    """The sign-in page; whoever is signed in goes on to where they wanted."""
    next_path = own_path(call.request.query.get("next", ""))
    if call.acting is not None:
        return see_other(_home_of(next_path, ui_access=call.acting.ui_access))
    return _sign_in_page(call, next_path, login=call.request.query.get("login", "")[:254])


async def sign_in(call: Call) -> web.StreamResponse:
    """Check everything in one step."""
    given: SignInForm = call.body
    next_path = own_path(given.next)
    granted = await log_in_here(call.request, call.services, given.login, Proof(given.password, given.code))
    if isinstance(granted, Refused):
        return _sign_in_page(call, next_path, login=given.login, refused=granted)
    response = _gone_to(_home_of(next_path, ui_access=granted.ui_access), granted)
    set_log_in_cookie(response, granted.token)
    set_known_cookie(response, granted.known_token)
    return response


async def sign_out(call: Call) -> web.StreamResponse:
    """End the log-in here and on every copy."""
    who = call.who
    ended = line(call, "sign_in.ended", log_in=who.log_in_id, why="signed_out")
    accounts = call.services.accounts.noting(who.tenant_id, ended)
    await accounts.revoke(who.tenant_id, who.technician_id, who.log_in_id, call.services.clock.now())
    response = see_other("/sign-in")
    drop_log_in_cookie(response)
    return response


async def show_step_up(call: Call) -> web.StreamResponse:
    """Ask for password and second factor again."""
    return _step_up_page(call, own_path(call.request.query.get("next", "")))


async def step_up(call: Call) -> web.StreamResponse:
    """Prove the log-in anew; its token changes."""
    given: StepUpForm = call.body
    who, next_path = call.who, own_path(given.next)
    granted = await prove_again_here(call.request, call.services, who, Proof(given.password, given.code))
    if isinstance(granted, Refused):
        return _step_up_page(call, next_path, refused=granted)
    response = _gone_to(next_path, granted, said="proven")
    set_log_in_cookie(response, granted.token)
    return response


def _gone_to(next_path: str, granted: LogInGranted, said: str = "") -> web.Response:
    if granted.recovery_codes_left is not None:
        said = "recovery_used"
    return see_other(next_path, said=said) if said and "?" not in next_path else see_other(next_path)


def _home_of(next_path: str, *, ui_access: bool) -> str:
    """Where to go; the console is no home for somebody who works inside the ticket system only."""
    return "/profile" if next_path == HOME and not ui_access else next_path


def _sign_in_page(call: Call, next_path: str, *, login: str, refused: Refused | None = None) -> web.Response:
    values: dict[str, object] = {
        "action": "/sign-in",
        "ask_login": True,
        "login": login,
        "button": _("Sign in"),
        "code_may_wait": bool(known_token(call.request)),
        "reason": _reason(call, next_path) if refused is None else "",
    }
    return _proof_page(call, _("Sign in"), next_path, values, refused)


def _reason(call: Call, next_path: str) -> str:
    """Why somebody stands here: their browser still holds a log-in that is over, or they came by a link."""
    if call.request.cookies.get(COOKIE):
        return _("Your log-in has ended. Sign in to go on.")
    return _("Sign in to go on.") if next_path != HOME else ""


def _step_up_page(call: Call, next_path: str, refused: Refused | None = None) -> web.Response:
    values: dict[str, object] = {
        "action": "/step-up",
        "ask_login": False,
        "login": "",
        "button": _("Go on"),
        "code_may_wait": False,
        "reason": _(
            "Enter your password and a code once more: this step is sensitive, or your network or browser has changed."
        ),
    }
    return _proof_page(call, _("Show that it is you"), next_path, values, refused)


def _proof_page(
    call: Call, title: str, next_path: str, values: dict[str, object], refused: Refused | None
) -> web.Response:
    retry_at: datetime | None = refused.retry_at if refused else None
    wait = retry_at - call.services.clock.now() if retry_at is not None else None
    problem = PROBLEMS[refused.word] if refused else ""
    values |= {"next": next_path, "problem": problem % length(wait) if wait is not None else problem}
    response = page(call, "sign_in.html", frame(call, title), values, status=STATUS[refused.word] if refused else 200)
    if wait is not None:
        response.headers["Retry-After"] = str(max(1, round(wait.total_seconds())))
    return response


ROUTES = (
    Route("GET", "/sign-in", show_sign_in, Access.PUBLIC, Surface.PAGE, "Sign-in page"),
    Route("POST", "/sign-in", sign_in, Access.PUBLIC, Surface.PAGE, "Sign in", body=SignInForm),
    Route("POST", "/sign-out", sign_out, Access.TECHNICIAN, Surface.PAGE, "Sign out", body=Form, pod=True),
    Route("GET", "/step-up", show_step_up, Access.TECHNICIAN, Surface.PAGE, "Step-up page", pod=True),
    Route(
        "POST", "/step-up", step_up, Access.TECHNICIAN, Surface.PAGE, "Prove the log-in anew", body=StepUpForm, pod=True
    ),
)
