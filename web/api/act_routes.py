"""Routes by which people act on one verification, in either direction: they differ in their names and answers only."""

from __future__ import annotations

from pydantic import BaseModel

from web.bodies import Strict
from web.routing import Access, Handler, Route, Surface


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
