"""Answers of the API: models as JSON, problems as `{"error", "message", "id"}`, times as ISO 8601 in UTC with Z."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, PlainSerializer, WithJsonSchema

from web.problems import Problem


def iso(at: datetime) -> str:
    """`2026-03-04T05:06:07Z`, with fractions only where there are any."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


#: A moment in an answer.
Moment = Annotated[
    datetime,
    PlainSerializer(iso, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-04T05:06:07Z"]}),
]


class Reply(BaseModel):
    """The base of every model that goes out."""


class Trouble(Reply):
    """Why a request was not granted: a machine word, what to do, and an id to quote to whoever runs this."""

    error: str
    message: str
    id: str
    problems: list[dict[str, str]] | None = None
    not_before: Moment | None = None
    tries_left: int | None = None


def answer(model: Reply, status: int = 200) -> web.Response:
    """`model` as JSON."""
    return web.Response(body=model.model_dump_json().encode(), status=status, content_type="application/json")


def no_content() -> web.Response:
    """Done, and nothing to say."""
    return web.Response(status=204)


def trouble(problem: Problem, id: str) -> web.Response:
    """A problem as the API says it."""
    body: dict[str, object] = {"error": problem.error, "message": problem.message, "id": id}
    body |= {name: iso(v) if isinstance(v, datetime) else v for name, v in problem.details.items()}
    response = web.Response(
        body=json.dumps(body).encode(), status=problem.status, content_type="application/json", headers=extra(problem)
    )
    return response


def extra(problem: Problem) -> dict[str, str]:
    """Headers that belong to a problem, in whatever form it is answered."""
    headers: dict[str, str] = {}
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    if problem.allow:
        headers["Allow"] = ", ".join(problem.allow)
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return headers
