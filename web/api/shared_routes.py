"""Routes that verifications in both directions and requests to second persons have alike: they differ in their names
and answers only."""

from __future__ import annotations

from pydantic import BaseModel

from web.bodies import Strict
from web.routing import Access, Handler, Route, Scope, Surface


def look_at(
    path: str, handler: Handler, summary: str, shown: type[BaseModel], query: type[BaseModel] | None = None
) -> Route:
    """`GET {path}`, for technicians, also in the pod, and for programs that may read checks: one, or a list with its
    filters."""
    return Route(
        "GET",
        path,
        handler,
        Access.TECHNICIAN,
        Surface.API,
        summary,
        query=query,
        answers={200: shown},
        scope=Scope.CHECKS_READ,
        pod=True,
    )


def act_on(
    path: str,
    name: str,
    handler: Handler,
    summary: str,
    shown: type[BaseModel],
    body: type[Strict] | None = None,
) -> Route:
    """`POST {path}/{id}/{name}`, for technicians, also in the pod; the answer is the verification as it is then."""
    return Route(
        "POST",
        f"{path}/{{id}}/{name}",
        handler,
        Access.TECHNICIAN,
        Surface.API,
        summary,
        body=body,
        answers={200: shown},
        pod=True,
    )
