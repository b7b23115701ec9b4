"""How a route is declared: who may use it, by which log-in, what goes in and what comes out.

Every route of the product is one `Route` value. The guards in `web/guards.py` read it, the OpenAPI document is made
from it, and the role matrix of the tests is generated from it, so none of the three can be forgotten (SEC-36).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from aiohttp import web
from pydantic import BaseModel

from web.ports import Acting

if TYPE_CHECKING:
    from web.services import Services


class Access(Enum):
    """The least a person must be. Deny by default: there is no default value."""

    PUBLIC = "public"
    TECHNICIAN = "technician"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


class Scope(Enum):
    """What an integration key may be allowed (SEC-35). Reading never shows a code; nothing here claims, checks a code
    of an end user, or overrides."""

    CHECKS_READ = "checks:read"
    CONTACTS_READ = "contacts:read"
    CONTACTS_WRITE = "contacts:write"
    TICKETS_READ = "tickets:read"
    TICKETS_WRITE = "tickets:write"
    AUDIT_READ = "audit:read"
    REPORTS_READ = "reports:read"


class Surface(Enum):
    """What kind of answer it gives, which decides headers, error form and CSRF rule."""

    PAGE = "page"
    API = "api"
    STREAM = "stream"
    ASSET = "asset"
    #: A page that a ticket system of the tenant's may show in a frame; it knows the log-ins of the pod and no others.
    POD = "pod"
    #: A page of the small window that the pod opens for signing in: never in a frame, and it may know who opened it.
    POPUP = "popup"

    @property
    def takes_forms(self) -> bool:
        """Whether what is sent to it comes from a form of ours, and what goes wrong is answered with a page."""
        return self in (Surface.PAGE, Surface.POD, Surface.POPUP)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file out of a form: the name the browser gave it (data, never a path), and what is in it."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """One request, past every guard. `acting` is None on public routes only; `body` and `query` are the checked models
    when the route declares them (body: JSON on the API, form fields on pages). `files`: by the name of their field.
    `elsewhere`: the request comes from another network or browser than the log-in was made in, so no code is shown
    before it is proven again (SEC-34).
    """

    request: web.Request
    services: Services
    acting: Acting | None
    body: Any = None
    query: Any = None
    elsewhere: bool = False
    files: Mapping[str, Upload] = field(default_factory=dict)

    @property
    def who(self) -> Acting:
        """The signed-in technician; only for routes that are not public."""
        if self.acting is None:
            raise LookupError("a public route asked who is signed in")
        return self.acting


Handler = Callable[[Call], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One route. `demo_only`: exists in demo mode alone. `step_up`: password and second factor at most five minutes
    old (SEC-34). `answers`: status -> model, for the OpenAPI document. `grants`: the answer is a secret, so it is never
    kept for an `Idempotency-Key`. `anonymous`: nobody is recognised, so it answers also when log-ins cannot be read.
    `scope`: which integration keys may use it; None: only people. `pod`: accounts without access to the console may
    use it too. `of_pod`: a stream for the pod's pages, which knows the pod's log-ins and no others. `upload`: the form
    may carry files, so many bytes altogether at most."""

    method: str
    path: str
    handler: Handler
    access: Access
    surface: Surface
    summary: str
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    answers: dict[int, type[BaseModel] | None] = field(default_factory=dict)
    step_up: bool = False
    demo_only: bool = False
    grants: bool = False
    anonymous: bool = False
    scope: Scope | None = None
    pod: bool = False
    of_pod: bool = False
    upload: int = 0

    @property
    def in_frame(self) -> bool:
        """Whether it answers inside a ticket system's frame, where the log-ins of the pod count and no others."""
        return self.surface is Surface.POD or self.of_pod
