"""The OpenAPI document, made from the routes themselves, so that it cannot say anything else than the code does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from web.answers import Trouble
from web.once import HEADER, MAX_KEY
from web.routing import Access, Route, Surface

_PARAMETER = re.compile(r"\{([a-z_]+)(?::[^}]*)?\}")
_REF = "#/components/schemas/{model}"

#: What every guarded call may be answered besides its own answers.
_REFUSALS: Mapping[int, str] = {
    400: "The request could not be read.",
    401: "Nobody is signed in, the key does not work (`key_not_valid`), or the sign-in must be fresh "
    "(`step_up_required`).",
    403: "The role does not allow it, the key has not the scope (`scope_missing`), or the request was forged.",
    404: "There is no such thing here; it may belong to another tenant.",
    408: "The request took too long to arrive.",
    409: "It cannot be done in the state things are in; `error` says why.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "Something in the request is wrong; `problems` says what and where.",
    429: "Too much at once; see `Retry-After` or `not_before`.",
    500: "Our fault; quote the id.",
    503: "Something we need is away; see `Retry-After`.",
}

_INTRO = """\
People sign in with `POST /api/v1/sessions` and send the token as `Authorization: Bearer ...`. Other programs send an
integration key (`wwk_...`) in the same header; an admin makes one under Settings, Keys. A key may do what its scopes
name and nothing else: `x-scope` says which one a call needs, and a call without `x-scope` is for people alone, such as
claiming, checking, ending and overriding. A key is never shown a code, and may make 600 calls a minute. Where
`x-step-up` stands, password and second factor must have been given in the last five minutes: answer
`step_up_required` with `POST /api/v1/sessions/current/proof`. Lists answer `{"items": [...], "next": null}`; hand
`next` back as `after`. Errors answer `{"error": "machine_word", "message": "what to do", "id": "..."}`. Times are ISO
8601 in UTC. A `POST` may carry an `Idempotency-Key` (kept for 24 hours, not where the answer is a secret): sent again
with the same body it gets the same answer and nothing happens twice.
"""


def document(routes: Iterable[Route], version: str) -> dict[str, Any]:
    """OpenAPI 3.1 of every route of the API among `routes`; the pages' own routes are left out."""
    shown = [route for route in routes if route.surface is Surface.API and not route.demo_only]
    refs, schemas = _schemas(shown)
    paths: dict[str, dict[str, Any]] = {}
    for route in shown:
        path = _PARAMETER.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, refs, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Watchword",
            "version": version,
            "description": _INTRO,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": {path: paths[path] for path in sorted(paths)},
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "log_in": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A technician's log-in, from `POST /api/v1/sessions`.",
                },
                "integration_key": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "wwk_...",
                    "description": "A key of another program, made by an admin. What a call needs stands with it.",
                },
            },
        },
    }


def _operation(route: Route, refs: Mapping[Any, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": operation_id(route),
        "summary": route.summary,
        "tags": [_tag(route.path)],
        "responses": _responses(route, refs),
        "security": _security(route),
        "x-access": route.access.value,
    }
    if route.scope is not None:
        operation["x-scope"] = route.scope.value
    if route.step_up:
        operation["x-step-up"] = True
    about = (route.handler.__doc__ or "").strip()
    if about:
        operation["description"] = re.sub(r"\s+", " ", about)
    parameters = [*_path_parameters(route.path), *_query_parameters(route, refs, schemas), *_key_parameter(route)]
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": refs[route.body, "validation"]}},
        }
    return operation


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.access is Access.PUBLIC:
        return []
    by_key = [{"integration_key": [route.scope.value]}] if route.scope is not None else []
    return [{"log_in": []}, *by_key]


def _responses(route: Route, refs: Mapping[Any, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, model in route.answers.items():
        responses[str(status)] = {"description": "Done." if status < 300 else "As it stands."}
        if model is not None:
            responses[str(status)]["content"] = {"application/json": {"schema": refs[model, "serialization"]}}
    for status in refusals_of(route):
        responses.setdefault(
            str(status),
            {
                "description": _REFUSALS[status],
                "content": {"application/json": {"schema": refs[Trouble, "serialization"]}},
            },
        )
    return dict(sorted(responses.items()))


def refusals_of(route: Route) -> Sequence[int]:
    """Which refusals a route can answer with."""
    if route.access is Access.PUBLIC and route.method == "GET":
        return [500, 503]
    statuses = {401, 500, 503} | ({403} if route.access is not Access.PUBLIC else set())
    if route.scope is not None:
        statuses |= {429}
    if "{" in route.path:
        statuses |= {404}
    if route.query is not None:
        statuses |= {404, 422}
    if route.method != "GET":
        statuses |= {400, 403, 404, 408, 409, 413, 415, 422, 429}
    return sorted(statuses)


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1, "maxLength": 64}}
        for name in _PARAMETER.findall(path)
    ]


def _query_parameters(route: Route, refs: Mapping[Any, Any], schemas: Mapping[str, Any]) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    name = refs[route.query, "validation"]["$ref"].rpartition("/")[2]
    model: Mapping[str, Any] = schemas[name]
    return [
        {"name": field, "in": "query", "required": field in model.get("required", ()), "schema": schema}
        for field, schema in model["properties"].items()
    ]


def _key_parameter(route: Route) -> list[dict[str, Any]]:
    if route.method != "POST" or route.access is Access.PUBLIC or route.grants:
        return []
    return [
        {
            "name": HEADER,
            "in": "header",
            "required": False,
            "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY},
        }
    ]


def _schemas(routes: Sequence[Route]) -> tuple[Mapping[Any, Any], dict[str, Any]]:
    wanted: dict[tuple[type[BaseModel], Any], None] = {(Trouble, "serialization"): None}
    for route in routes:
        for incoming in (route.body, route.query):
            if incoming is not None:
                wanted[incoming, "validation"] = None
        for outgoing in route.answers.values():
            if outgoing is not None:
                wanted[outgoing, "serialization"] = None
    refs, found = models_json_schema(list(wanted), ref_template=_REF)
    return refs, found.get("$defs", {})


def operation_id(route: Route) -> str:
    """A name for a call that is its own: `post_sessions`."""
    words = [word for word in re.split(r"[^a-z]+", route.path.removeprefix("/api/v1")) if word]
    return "_".join([route.method.lower(), *words])


def _tag(path: str) -> str:
    return path.removeprefix("/api/v1/").strip("/").split("/")[0]
