"""What stands between a request and a handler: who it is, whether they may, whether they meant it, and what they sent.

The order matters: nobody learns what a route takes before they may use it, and nothing is read that will be refused.
A handler gets a `Call` with checked values and raises `Problem` for what it does not grant.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
from aiohttp import web

from dialogs.messages import Unavailable
from dialogs.ports import Contended
from identity.integration_keys import looks_like_one
from web import bodies, csrf, pods, step_up
from web.answers import extra, trouble
from web.headers import AROUND, Around
from web.log_in import Recognised, held_token, recognise, shown_token
from web.noting import line
from web.once import once_per_key
from web.ports import Acting
from web.problems import Problem, ShowProblem
from web.routing import Access, Call, Route, Surface, Upload
from web.second_person import note_asked
from web.services import Services

log = structlog.get_logger(__name__)

#: What the guards found out about a request, for the edge that answers problems.
ACTING: web.RequestKey[Acting] = web.RequestKey("acting", Acting)
SURFACE: web.RequestKey[Surface] = web.RequestKey("surface", Surface)

#: Refusals that say somebody tried what they may not, or was made to.
DENIALS = frozenset({"not_allowed", "forged_request", "scope_missing", "pod_only"})

_UNAVAILABLE = Problem(503, "unavailable", "That cannot be done right now. Try again in a moment.", retry_after=2)


def guard(route: Route, services: Services) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The handler of `route` behind every check its declaration asks for."""
    own_origins = origins(services.public_url)

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await through(request)
        except Problem as problem:
            if problem.error in DENIALS and ACTING in request:
                await _note_denial(Call(request, services, request[ACTING]), route, problem)
            raise

    async def through(request: web.Request) -> web.StreamResponse:
        request[SURFACE] = route.surface
        if route.demo_only and services.demo is None:
            raise _no_such_page()
        if route.access is Access.PUBLIC and (route.surface is Surface.ASSET or route.anonymous):
            return await route.handler(Call(request, services, None))
        if route.surface is Surface.POPUP:
            request[AROUND] = Around()
        known = await (pods.enter(request, services) if route.in_frame else recognise(request, services))
        if known is not None:
            request[ACTING] = known.acting
            if route.surface is Surface.PAGE and request.headers.get("Accept", "") != "application/json":
                await note_asked(request, services, known.acting)
        _admit(request, route, known)
        if known is not None and known.acting.kind == "key":
            _count_call(services, known.acting)
        unsafe = request.method in csrf.UNSAFE
        by_cookie = known is not None and known.acting.kind in ("cookie", "pod")
        if unsafe:
            _refuse_foreign(request, own_origins, known)
        bodies.refuse_address(request.query.items(), request.match_info.values())
        query = None
        if route.query is not None:
            query = bodies.check_fields(route.query, {k: request.query.getall(k) for k in request.query})
        body: object = None
        raw, files = b"", dict[str, Upload]()
        if unsafe and route.surface.takes_forms:
            fields, raw, files = await _read_form(request, route, by_cookie=by_cookie)
            if route.step_up and known is not None:
                known = await step_up.proven(request, services, known, fields, files, route.body)
                request[ACTING] = known.acting
            body = bodies.check_fields(route.body or bodies.Nothing, fields)
        elif unsafe:
            body, raw = await _read_json(request, route, by_cookie=by_cookie)
        acting = known.acting if known else None
        moved = known is not None and known.elsewhere
        call = Call(request, services, acting, body, query, elsewhere=moved, files=files)
        if acting is not None and route.surface is Surface.API and request.method == "POST" and not route.grants:
            return await once_per_key(route.handler, call, raw)
        return await route.handler(call)

    return handle


async def _note_denial(call: Call, route: Route, problem: Problem) -> None:
    """A denial to somebody who is signed in goes into the log (SEC-56); those to strangers have no tenant."""
    event = line(call, "access.denied", word=problem.error, method=route.method, route=route.path)
    about = f"{call.who.log_in_id}|{problem.error}|{route.method} {route.path}"
    await call.services.accounts.note_denial(call.who.tenant_id, event, about)


def origins(public_url: str) -> frozenset[str]:
    """Origins that pages of ours have. Loopback answers to two names, and a person may type either."""
    own = csrf.origin_of(public_url)
    names = {own}
    for name, other in (("//127.0.0.1", "//localhost"), ("//localhost", "//127.0.0.1")):
        if name in own:
            names.add(own.replace(name, other))
    return frozenset(names)


def may(access: Access, acting: Acting) -> bool:
    """Whether this technician reaches that level; an admin reaches every level, a supervisor all but the admin's."""
    match access:
        case Access.ADMIN:
            return acting.role == "admin"
        case Access.SUPERVISOR:
            return acting.role == "admin" or acting.supervisor
        case Access.TECHNICIAN | Access.PUBLIC:
            return True


def _admit(request: web.Request, route: Route, known: Recognised | None) -> None:
    if route.access is Access.PUBLIC:
        return
    if known is None:
        kind, token = shown_token(request)
        if kind == "bearer" and looks_like_one(token):
            raise Problem(401, "key_not_valid", "This key does not work: it has run out, was revoked, or is mistyped.")
        raise Problem(401, "sign_in_required", "Sign in first. A log-in ends after a while without use.")
    if known.acting.kind == "key":
        if route.scope is None or route.scope.value not in known.acting.scopes:
            raise Problem(
                403, "scope_missing", "This key may not do that. An admin can make one that may, if any key may at all."
            )
        return
    if not known.acting.ui_access and not route.pod:
        raise Problem(
            403, "pod_only", "Your account works inside your ticket system only. An admin can open the console to you."
        )
    if not may(route.access, known.acting):
        who = "an admin" if route.access is Access.ADMIN else "a supervisor"
        raise Problem(403, "not_allowed", f"Only {who} can do this. Ask {who} on your team.")
    if route.step_up and not known.fresh and not _brings_its_proof(route, known):
        raise step_up.stale()


def _brings_its_proof(route: Route, known: Recognised) -> bool:
    """A form may be sent again with the proof in it; it is asked for once the form has been read."""
    return route.surface is Surface.PAGE and route.method in csrf.UNSAFE and known.acting.kind == "cookie"


def _count_call(services: Services, acting: Acting) -> None:
    """A program that runs wild is held back, so that people's own calls do not wait behind it."""
    bound, key_id, now = services.key_bound, acting.log_in_id, services.clock.now()
    if not bound.has_room(key_id, now):
        room_at = bound.lately(key_id, now)[0] + bound.within
        wait = max(1, math.ceil((room_at - now).total_seconds()))
        raise Problem(
            429, "too_many_calls", f"This key may make {bound.most} calls a minute. Slow down.", retry_after=wait
        )
    bound.count(key_id, now)


def _refuse_foreign(request: web.Request, own_origins: frozenset[str], known: Recognised | None) -> None:
    """Refuse what another site's page sends. Without a log-in there is nothing to abuse but the sign-in itself, so
    there a request that says nothing about its origin passes: it is a program, not a browser."""
    by = known.acting.kind if known is not None else ""
    if by in ("bearer", "key"):
        # No browser adds a token by itself; a page that knows it needs no forged request. The mere header says nothing:
        # browsers do add one of their own where an address holds a name and a password.
        return
    if not csrf.comes_from_us(request.headers, own_origins, when_unsaid=by not in ("cookie", "pod")):
        raise _forged()


async def _read_form(
    request: web.Request, route: Route, *, by_cookie: bool
) -> tuple[dict[str, list[str]], bytes, dict[str, Upload]]:
    """The fields of a form, its bytes, and its files. A log-in by cookie must carry the form token, in the form or in
    the header."""
    raw = await bodies.read_body(request, max(bodies.MAX_FORM, route.upload))
    files: dict[str, Upload] = {}
    if route.upload and request.content_type == "multipart/form-data":
        fields, found = bodies.read_multipart(raw, request.headers.get("Content-Type", ""))
        files = {name: Upload(*file) for name, file in found.items()}
    else:
        fields = bodies.read_form(raw, request.content_type)
    given = (fields.pop(csrf.FIELD, None) or [request.headers.get(csrf.HEADER, "")])[0]
    _require_token(request, given, by_cookie=by_cookie)
    return fields, raw, files


async def _read_json(request: web.Request, route: Route, *, by_cookie: bool) -> tuple[object, bytes]:
    """The checked body and its bytes."""
    _require_token(request, request.headers.get(csrf.HEADER, ""), by_cookie=by_cookie)
    raw = await bodies.read_body(request, bodies.MAX_JSON)
    return bodies.check(route.body or bodies.Nothing, bodies.read_json(raw, request.content_type)), raw


def _require_token(request: web.Request, given: str, *, by_cookie: bool) -> None:
    if by_cookie and not csrf.token_matches(held_token(request), given):
        raise _forged()


def _forged() -> Problem:
    return Problem(403, "forged_request", "This did not come from a page of ours. Reload the page and try again.")


def _no_such_page() -> Problem:
    return Problem(404, "not_found", "There is nothing here. The link may be old, or it belongs to somebody else.")


def edge(services: Services, show_problem: ShowProblem) -> Callable[..., Awaitable[web.StreamResponse]]:
    """The middleware that turns everything that was raised into an answer, the unexpected into one that tells nothing
    but an id under which the log has the rest (SEC-57)."""

    @web.middleware
    async def answer_problems(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        try:
            return await handler(request)
        except Exception as raised:
            if isinstance(raised, web.HTTPException) and raised.status < 400:
                raise
            if isinstance(raised, ConnectionError) and (request.transport is None or request.transport.is_closing()):
                # The reader has left, which nobody needs to hear of.
                raise
            problem, id = _explained(request, services, raised)
            if request.writer.output_size > 0:
                # Half an answer is out already and cannot be taken back; a cut is at least no lie.
                raise ConnectionResetError("the answer broke off") from None
        if speaks_json(request):
            return trouble(problem, id)
        response = show_problem(request, services, problem, id=id, acting=request.get(ACTING))
        for name, value in extra(problem).items():
            if name != "WWW-Authenticate":
                response.headers[name] = value
        return response

    return answer_problems


def _explained(request: web.Request, services: Services, raised: Exception) -> tuple[Problem, str]:
    """What is said about an exception, and the id under which the log has the rest."""
    id = _new_id(services)
    match raised:
        case Problem():
            return raised, id
        case Unavailable() | Contended():
            log.warning("unavailable", id=id, method=request.method, route=_route_of(request), why=_kind_of(raised))
            return _UNAVAILABLE, id
        case web.HTTPException():
            return _from_http(raised), id
        case _:
            # The kind of error and where: its words may hold what a person wrote.
            where = {"method": request.method, "route": _route_of(request), "calls": _calls_of(raised)}
            log.error("unexpected", id=id, kind=_kind_of(raised), **where)
            said = "Something went wrong on our side. Try again; if it stays, quote the id."
            return Problem(500, "internal", said), id


def speaks_json(request: web.Request) -> bool:
    """Whether a problem is answered as JSON: to the API, to streams, and on paths that only programs use."""
    surface = request.get(SURFACE)
    if surface is not None:
        return surface in (Surface.API, Surface.STREAM)
    return request.path.startswith(("/api/", "/webhooks/", "/docs/openapi.json"))


def _from_http(http: web.HTTPException) -> Problem:
    """aiohttp's own refusals in our words."""
    match http:
        case web.HTTPMethodNotAllowed():
            return Problem(
                405, "wrong_method", "This address does not take that method.", allow=sorted(http.allowed_methods)
            )
        case web.HTTPNotFound():
            return _no_such_page()
        case web.HTTPRequestEntityTooLarge():
            return Problem(413, "too_large", "That is too much at once.")
        case _ if http.status >= 500:
            return Problem(http.status, "unavailable", _UNAVAILABLE.message)
        case _:
            return Problem(http.status, "bad_request", "That request could not be understood.")


def _route_of(request: web.Request) -> str:
    """The route's pattern, never the path: a path may hold a token."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""


def _kind_of(error: Exception) -> str:
    return type(error).__name__


def _calls_of(error: Exception) -> list[str]:
    """The calls that led to an error, innermost last; no values."""
    return [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]


def _new_id(services: Services) -> str:
    return services.random.new_id(services.clock.now())
