"""What went wrong, as a value: one vocabulary for the API's JSON and the pages' plain words (SEC-57)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web

from web.ports import REFUSALS, Acted, Acting
from web.services import Services


@dataclass(eq=False)
class Problem(Exception):
    """A request that is not granted. Raise it from a handler or a guard; the edge turns it into an answer.

    Not frozen like our other records, because Python writes the traceback into an exception on its way up.

    `error` is a machine word, `message` says what happened and what to do, never what is inside the server.
    `details` are further machine-readable facts for the API (`problems`, `not_before`). `retry_after` is in seconds.
    """

    status: int
    error: str
    message: str
    details: Mapping[str, object] = field(default_factory=dict)
    retry_after: int | None = None
    allow: Sequence[str] = ()


class ShowProblem(Protocol):
    """How a page says that something went wrong. `id` is the correlation id to print. `acting` is None when nobody is
    signed in. For `sign_in_required` and `step_up_required` it may answer a redirect to the page that asks for it.
    """

    def __call__(
        self, request: web.Request, services: Services, problem: Problem, *, id: str, acting: Acting | None
    ) -> web.StreamResponse: ...


def not_found() -> Problem:
    """The same words for what never was, what is gone and what belongs to another tenant (SEC-36)."""
    return Problem(404, "not_found", "There is nothing here. The link may be old, or it belongs to somebody else.")


def refused(acted: Acted) -> Problem | None:
    """The refusal of an act as a problem, None when the act happened."""
    if not acted.refused:
        return None
    status, message = REFUSALS[acted.refused]
    details: dict[str, object] = {}
    if acted.not_before is not None:
        details["not_before"] = acted.not_before
        message += f" Try again at {acted.not_before:%H:%M} UTC, or reach the person another way."
    return Problem(status, acted.refused, message, details, retry_after=1 if status == 503 else None)


def bad_cursor() -> Problem:
    """`after` was not given out by us, or for another list."""
    return Problem(422, "bad_cursor", "This `after` is not one we gave out. Ask for the first page, without it.")
