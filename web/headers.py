"""Response headers of every answer: pages, API, static files, webhooks, errors, streams (SEC-32).

Hung on the moment before an answer is sent, because that is the one place that every answer passes, also a stream
that writes for hours and an error that no handler made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web
from multidict import CIMultiDictProxy

#: No nonces and nothing inline; reports go to the one route that counts them.
POLICY: Mapping[str, str] = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "worker-src": "'self'",
    "object-src": "'none'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
    "report-uri": "/csp-report",
}


def written(policy: Mapping[str, str]) -> str:
    """A policy as the header says it."""
    return "; ".join(f"{name} {value}" for name, value in policy.items())


ALWAYS: Mapping[str, str] = {
    "Content-Security-Policy": written(POLICY),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()",
    "X-Robots-Tag": "noindex",
}
HSTS = "max-age=31536000; includeSubDomains"


@dataclass(frozen=True, slots=True)
class Around:
    """What may stand around a page in the browser, where that is more than nothing. `ancestors`: exact origins whose
    pages may show it in a frame (SEC-31). Such a page, and the window it opens, may know of each other."""

    ancestors: tuple[str, ...] = ()


#: Set on requests whose answer may be shown in a frame, or belongs to the window that such a frame opens.
AROUND: web.RequestKey[Around] = web.RequestKey("around", Around)


def of_every_answer(public_url: str) -> dict[str, str]:
    """What every answer carries, also one that no handler made."""
    # The server's own name and version are nobody's business (SEC-57); a header set to "" is sent, so it says ours.
    fixed = {**ALWAYS, "Cache-Control": "no-store", "Server": "watchword"}
    if public_url.startswith("https://"):
        fixed["Strict-Transport-Security"] = HSTS
    return fixed


def install_headers(app: web.Application, public_url: str) -> None:
    """Put the headers on everything `app` answers. HSTS only where we are reached by https: on http it means nothing,
    and on a loopback name it would break other programs."""
    fixed = of_every_answer(public_url)

    async def put(request: web.Request, response: web.StreamResponse) -> None:
        for name, value in _with(fixed, request.get(AROUND)).items():
            # A handler may say something stricter of its own; it never needs to say it twice.
            response.headers.setdefault(name, value)
        # By now aiohttp has put its own here.
        response.headers["Server"] = fixed["Server"]

    app.on_response_prepare.append(put)


def _with(fixed: Mapping[str, str], around: Around | None) -> Mapping[str, str]:
    """The same headers for a page that something may stand around."""
    if around is None:
        return fixed
    # Also where nobody may frame it: a sign-in window that is cut off from its opener cannot hand anything over.
    changed = {**fixed, "Cross-Origin-Opener-Policy": "unsafe-none"}
    if around.ancestors:
        # The older header knows no exact origins, so it goes; the policy says it instead.
        del changed["X-Frame-Options"]
        policy = {**POLICY, "frame-ancestors": " ".join(around.ancestors)}
        changed["Content-Security-Policy"] = written(policy)
    return changed


def missing(headers: Mapping[str, str] | CIMultiDictProxy[str]) -> list[str]:
    """Names of the headers that an answer should carry and does not, for tests and `doctor`."""
    framed = "frame-ancestors 'none'" not in headers.get("Content-Security-Policy", "")
    wanted = (name for name in (*ALWAYS, "Cache-Control") if not (framed and name == "X-Frame-Options"))
    return [name for name in wanted if name not in headers]
