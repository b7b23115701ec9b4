"""The list of everything the API can do, as a page of our own: no foreign bundle, works without script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from web.look import _
from web.openapi import operation_id, refusals_of
from web.pages.context import frame, look
from web.routing import Access, Call, Route, Surface

_WHO: Mapping[Access, str] = {
    Access.PUBLIC: _("anyone"),
    Access.TECHNICIAN: _("technicians"),
    Access.SUPERVISOR: _("supervisors"),
    Access.ADMIN: _("administrators"),
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One call as the page shows it. `fields`: name and whether it is required."""

    id: str
    method: str
    path: str
    summary: str
    about: str
    who: str
    fresh: bool
    scope: str
    fields: tuple[tuple[str, bool], ...]
    statuses: str


def routes(described: Sequence[Route]) -> tuple[Route, ...]:
    """The page at `/docs` about `described`."""
    operations = tuple(_operation(route) for route in described)

    async def docs(call: Call) -> web.StreamResponse:
        """Anyone may read it: it says what the API is, not what is in it."""
        shown = frame(call, _("API"))
        return look().answer(call.request, "docs.html", shown, {"operations": operations})

    return (Route("GET", "/docs", docs, Access.PUBLIC, Surface.PAGE, "What the API can do"),)


def _operation(route: Route) -> Operation:
    fields = tuple(
        (name, field.is_required())
        for model in (route.query, route.body)
        if model is not None
        for name, field in model.model_fields.items()
    )
    return Operation(
        id=operation_id(route),
        method=route.method,
        path=route.path,
        summary=route.summary,
        about=" ".join((route.handler.__doc__ or "").split()),
        who=_WHO[route.access],
        fresh=route.step_up,
        scope=route.scope.value if route.scope is not None else "",
        fields=fields,
        statuses=", ".join(str(status) for status in sorted({*route.answers, *refusals_of(route)})),
    )
