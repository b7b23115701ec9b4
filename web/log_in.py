"""Who is asking: the log-in behind a cookie or a bearer token, or the integration key, and where the request comes from
(SEC-29, SEC-34, SEC-35)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from aiohttp import web

from identity import integration_keys, sessions
from identity.sign_in import KNOWN_FOR, LogInGranted, Origin, Proof, Refused
from web.csrf import COOKIE
from web.ports import Acting
from web.problems import Problem
from web.services import Services

if TYPE_CHECKING:
    from storage.accounts import StoredLogIn

#: The token that takes the place of the one a request came with, once its log-in was proven anew on the way.
NEW_TOKEN: web.RequestKey[str] = web.RequestKey("new_token", str)
#: A token is 43 characters; anything much longer is not ours and is not worth a look-up.
MAX_TOKEN = 128
#: The log-in of the pod: a cookie of its own, which works inside a frame of another site and nowhere else.
POD_COOKIE = "__Host-wwpod"
#: Set on requests for pages of the pod, which know the log-ins of the pod alone; all others never do (SEC-29).
FOR_POD: web.RequestKey[bool] = web.RequestKey("for_pod", bool)
#: By which a browser is known in which the second factor was given lately.
KNOWN_COOKIE = "__Host-ww-known"


@dataclass(frozen=True, slots=True)
class Recognised:
    """A running log-in. `elsewhere`: the request comes from another network or browser than it was made in. A key is
    always elsewhere and never fresh: it is shown no code and proves nobody."""

    acting: Acting
    elsewhere: bool
    fresh: bool


async def recognise(request: web.Request, services: Services) -> Recognised | None:
    """The running log-in or key this request carries, None for none. A bearer token is looked at before the cookie,
    and each kind counts only where it belongs: a cookie's token shown as bearer would slip past the check of forged
    requests.
    """
    kind, token = shown_token(request)
    if not token or len(token) > MAX_TOKEN:
        return None
    if kind == "bearer" and integration_keys.looks_like_one(token):
        return await _by_key(token, services)
    now = services.clock.now()
    found: StoredLogIn | None = await services.accounts.find_log_in(sessions.token_digest(token), now)
    if found is None or found.kind != kind or sessions.is_over(found, now):
        return None
    await services.accounts.touch(found, now)
    origin = origin_of(request, services)
    acting = Acting(
        tenant_id=found.tenant_id,
        technician_id=found.technician_id,
        name=found.name,
        first_name=found.first_name,
        role="admin" if found.role == "admin" else "technician",
        supervisor=found.supervisor,
        log_in_id=found.id,
        kind=kind,
        proven_at=found.proven_at,
        ui_access=found.ui_access,
    )
    elsewhere = sessions.is_elsewhere(found, origin.address, origin.user_agent)
    return Recognised(acting, elsewhere, sessions.is_fresh(found, now))


async def _by_key(key: str, services: Services) -> Recognised | None:
    """The program behind an integration key: it has scopes, and no role, no technician and no proof."""
    now = services.clock.now()
    found = await services.integration_keys.find(sessions.token_digest(key))
    if found is None or integration_keys.is_over(found, now):
        return None
    await services.integration_keys.touch(found, now)
    acting = Acting(
        tenant_id=found.tenant_id,
        technician_id="",
        name=found.name,
        first_name=found.name,
        role="technician",
        supervisor=False,
        log_in_id=found.id,
        kind="key",
        proven_at=found.created_at,
        ui_access=False,
        scopes=found.scopes,
    )
    return Recognised(acting, elsewhere=True, fresh=False)


def shown_token(request: web.Request) -> tuple[Literal["cookie", "pod", "bearer"], str]:
    """The token a request shows, and how; an empty token when it shows none."""
    if request.get(FOR_POD, False):
        return "pod", request.cookies.get(POD_COOKIE, "")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme:
        return "bearer", token.strip() if scheme.lower() == "bearer" else ""
    return "cookie", request.cookies.get(COOKIE, "")


def origin_of(request: web.Request, services: Services) -> Origin:
    """Where the request comes from. Behind our own proxy that is the last entry of `X-Forwarded-For`, the only one the
    proxy wrote itself; without one the header is the sender's own invention."""
    address = request.remote or ""
    if services.behind_proxy:
        forwarded = ",".join(request.headers.getall("X-Forwarded-For", []))
        address = forwarded.rpartition(",")[2].strip() or address
    return Origin(address, request.headers.get("User-Agent", "")[:512])


async def log_in_here(request: web.Request, services: Services, login: str, proof: Proof) -> LogInGranted | Refused:
    """Sign somebody in on a page. A log-in that the browser still holds ends, so no token survives a sign-in."""
    return await services.sign_in.log_in(
        login,
        proof,
        origin_of(request, services),
        replaces=request.cookies.get(COOKIE, ""),
        known=known_token(request),
    )


async def prove_again_here(
    request: web.Request, services: Services, who: Acting, proof: Proof
) -> LogInGranted | Refused:
    """Prove a running log-in anew on a page; its token changes."""
    return await services.sign_in.prove_again(
        who.tenant_id, who.technician_id, who.log_in_id, proof, origin_of(request, services)
    )


def set_log_in_cookie(response: web.StreamResponse, token: str) -> None:
    """Hand the browser its log-in. No end date: it goes with the browser, and the server ends it in any case."""
    response.set_cookie(COOKIE, token, path="/", secure=True, httponly=True, samesite="Lax")


def held_token(request: web.Request) -> str:
    """The log-in's token that the browser will hold after this answer; empty for none. Form tokens are made from it."""
    if request.get(FOR_POD, False):
        return request.cookies.get(POD_COOKIE, "")
    return request.get(NEW_TOKEN) or request.cookies.get(COOKIE, "")


def install_new_tokens(app: web.Application) -> None:
    """Hand a token that has changed on the way to the browser, whatever the answer is: a page, a stream, a refusal."""

    async def put(request: web.Request, response: web.StreamResponse) -> None:
        token = request.get(NEW_TOKEN)
        if token and COOKIE not in response.cookies:
            # aiohttp has written its cookies down by now, so this one is written by hand.
            as_written = web.Response()
            set_log_in_cookie(as_written, token)
            response.headers.add("Set-Cookie", as_written.cookies[COOKIE].OutputString())

    app.on_response_prepare.append(put)


def set_pod_cookie(response: web.StreamResponse, token: str) -> None:
    """Hand a frame its log-in; an empty token takes it away. Written by hand: the standard library does not know
    `Partitioned` before Python 3.14, and without it browsers drop the cookies of a frame."""
    gone = "" if token else " Max-Age=0;"
    response.headers.add(
        "Set-Cookie", f"{POD_COOKIE}={token};{gone} Path=/; Secure; HttpOnly; SameSite=None; Partitioned"
    )


def set_known_cookie(response: web.StreamResponse, token: str) -> None:
    """Let the browser be known, for accounts that are not asked for the second factor each time. Nothing to do for an
    empty token."""
    if token:
        lasts = int(KNOWN_FOR.total_seconds())
        response.set_cookie(KNOWN_COOKIE, token, max_age=lasts, path="/", secure=True, httponly=True, samesite="Lax")


def known_token(request: web.Request) -> str:
    """The token by which this browser may be known, empty for none."""
    token = request.cookies.get(KNOWN_COOKIE, "")
    return token if len(token) <= MAX_TOKEN else ""


def drop_log_in_cookie(response: web.StreamResponse) -> None:
    """Take the log-in out of the browser again."""
    response.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Lax")


def require_same_place(elsewhere: bool) -> None:
    """Raise before a code is shown to a log-in that has moved: the token may have been stolen (SEC-34)."""
    if elsewhere:
        raise Problem(
            401,
            "step_up_required",
            "You are on another network or browser than at sign-in. Give password and code again to see codes.",
        )
