"""The window in which somebody signs in to a pod: whoever checks who they are refuses to stand in a frame.

It belongs to no frame and is opened by a press. It knows the log-in of the console, like any page of ours, and hands a
sign-in over to the one frame whose challenge it was given: by a code to its opener, or, where a ticket system cuts that
line, by letters that a person compares.
"""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web

from identity.sign_in import LogInGranted, Proof, Refused
from storage.pod_sign_ins import Way
from storage.tenants import StoredTenant
from web import csrf
from web.csrf import COOKIE
from web.log_in import known_token, log_in_here, prove_again_here, set_known_cookie, set_log_in_cookie
from web.look import _
from web.pages.context import frame, length, page, see_other
from web.pages.forms import Form
from web.pages.pod.forms import WindowForm, WindowProofForm, WindowSignInForm
from web.pages.pod.secrets import code_digest, letters_of, pairing_digest
from web.pages.sign_in import PROBLEMS, STATUS
from web.ports import Acting
from web.problems import Problem
from web.routing import Access, Call, Handler, Route, Surface

#: A code goes from window to frame in a moment; letters are compared by a person.
CODE_LASTS = timedelta(seconds=60)
PAIRING_LASTS = timedelta(minutes=5)
PATH = "/pod/sign-in"
NO_FRAME = _("Open this window from the pod, by its button: it has to know which pod you sign in to.")
OTHER_COMPANY = _("You are signed in with an account of another company. Sign in with one of %s.")


async def show_window(call: Call) -> web.StreamResponse:
    """The way in: the form, or one press for somebody who is signed in here already."""
    asked: WindowForm = call.query
    tenant = await _tenant(call, asked)
    if call.acting is None:
        return _form(call, tenant, asked)
    if call.acting.tenant_id != tenant.id:
        return _form(call, tenant, asked, problem=OTHER_COMPANY % tenant.name)
    if call.elsewhere:
        return _again(call, tenant, asked)
    values = {"tenant": tenant, "asked": asked, "again": False, "problem": "", "code_may_wait": False}
    return page(call, "pod_window.html", frame(call, _("Open the pod")), values)


async def show_again(call: Call) -> web.StreamResponse:
    """The way to prove it again, for a step in the pod that asks for that."""
    asked: WindowForm = call.query
    return _again(call, await _tenant(call, asked), asked)


async def sign_in(call: Call) -> web.StreamResponse:
    """Sign in as on the console's page, and hand it over."""
    given: WindowSignInForm = call.body
    tenant = await _tenant(call, given)
    granted = await log_in_here(call.request, call.services, given.login, Proof(given.password, given.code))
    if isinstance(granted, Refused):
        return _form(call, tenant, given, login=given.login, refused=granted)
    response: web.StreamResponse
    if granted.tenant_id != tenant.id:
        response = _form(call, tenant, given, problem=OTHER_COMPANY % tenant.name)
    else:
        response = await _hand_over(call, tenant, given, granted)
    set_log_in_cookie(response, granted.token)
    set_known_cookie(response, granted.known_token)
    return response


async def go_on(call: Call) -> web.StreamResponse:
    """Whoever is signed in here lets the pod in, too. From another network or browser than they signed in from they
    prove it first: the frame's log-in would be at home there, and would be shown codes (SEC-34)."""
    given: WindowForm = call.body
    tenant = await _tenant(call, given)
    if call.who.tenant_id != tenant.id or call.elsewhere:
        return see_other(f"{PATH}?tenant={tenant.slug}&challenge={given.challenge}")
    return await _hand_over(call, tenant, given, call.who)


async def prove_again(call: Call) -> web.StreamResponse:
    """Prove it again; the pod gets a new log-in that is as fresh."""
    given: WindowProofForm = call.body
    who, tenant = call.who, await _tenant(call, given)
    if who.tenant_id != tenant.id:
        return see_other(f"{PATH}?tenant={tenant.slug}&challenge={given.challenge}")
    granted = await prove_again_here(call.request, call.services, who, Proof(given.password, given.code))
    if isinstance(granted, Refused):
        return _again(call, tenant, given, refused=granted)
    response = await _hand_over(call, tenant, given, granted)
    set_log_in_cookie(response, granted.token)
    return response


async def pair(call: Call) -> web.StreamResponse:
    """A person says that both windows show the same letters: the frame may take the sign-in over."""
    given: WindowForm = call.body
    tenant = await _tenant(call, given)
    if call.who.tenant_id != tenant.id:
        return see_other(f"{PATH}?tenant={tenant.slug}&challenge={given.challenge}")
    await _lay_ready(call, call.who, "pod_pairing", pairing_digest(given.challenge), PAIRING_LASTS)
    return page(call, "pod_paired.html", frame(call, _("The pod may come in")), {"tenant": tenant})


async def _hand_over(
    call: Call, tenant: StoredTenant, asked: WindowForm, who: Acting | LogInGranted
) -> web.StreamResponse:
    """The page that gives the code to its opener, and shows the letters where it has none."""
    code = call.services.random.token()
    await _lay_ready(call, who, "pod_code", code_digest(code, asked.challenge), CODE_LASTS)
    token = who.token if isinstance(who, LogInGranted) else call.request.cookies.get(COOKIE, "")
    values = {
        "tenant": tenant,
        "asked": asked,
        "code": code,
        "letters": letters_of(asked.challenge),
        "token": csrf.token_for(token),
    }
    # A packed page tells by its length whether what stands in it twice is the same: a code must not.
    return page(call, "pod_handed.html", frame(call, _("Signed in")), values, packed=False)


async def _lay_ready(call: Call, who: Acting | LogInGranted, way: Way, digest: str, lasts: timedelta) -> None:
    services, now = call.services, call.services.clock.now()
    laid = await services.pod_sign_ins.hand_over(
        tenant_id=who.tenant_id,
        technician_id=who.technician_id,
        id=services.random.new_id(now),
        digest=digest,
        way=way,
        log_in_id=who.log_in_id,
        now=now,
        expires_at=now + lasts,
    )
    if not laid:
        raise Problem(
            429, "too_many_calls", _("You have signed in to pods very often just now. Try again in five minutes.")
        )


async def _tenant(call: Call, asked: WindowForm) -> StoredTenant:
    tenant = await call.services.tenants.by_slug(asked.tenant)
    if tenant is None:
        raise Problem(404, "not_found", NO_FRAME)
    return tenant


def _form(
    call: Call,
    tenant: StoredTenant,
    asked: WindowForm,
    *,
    login: str = "",
    problem: str = "",
    refused: Refused | None = None,
) -> web.Response:
    values = {
        "tenant": tenant,
        "asked": asked,
        "again": False,
        "login": login,
        "code_may_wait": bool(known_token(call.request)),
    }
    return _proof_page(call, _("Sign in"), values, problem, refused)


def _again(call: Call, tenant: StoredTenant, asked: WindowForm, *, refused: Refused | None = None) -> web.Response:
    values = {"tenant": tenant, "asked": asked, "again": True, "login": "", "code_may_wait": False}
    return _proof_page(call, _("Show that it is you"), values, "", refused)


def _proof_page(
    call: Call, title: str, values: dict[str, object], problem: str, refused: Refused | None
) -> web.Response:
    wait = refused.retry_at - call.services.clock.now() if refused and refused.retry_at else None
    if refused is not None:
        problem = PROBLEMS[refused.word] % length(wait) if wait is not None else PROBLEMS[refused.word]
    response = page(
        call,
        "pod_window.html",
        frame(call, title),
        values | {"problem": problem, "form": True},
        status=STATUS[refused.word] if refused else 200,
    )
    if wait is not None:
        response.headers["Retry-After"] = str(max(1, round(wait.total_seconds())))
    return response


def _route(
    method: str, path: str, handler: Handler, access: Access, summary: str, *, body: type[Form] | None = None
) -> Route:
    query = WindowForm if method == "GET" else None
    return Route(method, path, handler, access, Surface.POPUP, summary, body=body, query=query, pod=True)


ROUTES = (
    _route("GET", PATH, show_window, Access.PUBLIC, "Sign in to the pod"),
    _route("POST", PATH, sign_in, Access.PUBLIC, "Sign in, and hand it over", body=WindowSignInForm),
    _route("POST", f"{PATH}/go-on", go_on, Access.TECHNICIAN, "Let the pod in, too", body=WindowForm),
    _route("GET", f"{PATH}/again", show_again, Access.TECHNICIAN, "Prove it again for the pod"),
    _route("POST", f"{PATH}/again", prove_again, Access.TECHNICIAN, "Prove it again", body=WindowProofForm),
    _route("POST", f"{PATH}/pair", pair, Access.TECHNICIAN, "The letters are the same", body=WindowForm),
)
