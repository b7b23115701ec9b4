"""`Idempotency-Key`: a POST that is sent again because its answer got lost does not happen again (REL-02).

The answer is kept for 24 h, without the code it may have shown: that is filled in again when, and only when, whoever
asks may still see it. Routes that grant a log-in are left out, because their answer is a secret.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from aiohttp import web

from web.problems import Problem
from web.routing import Call, Handler
from web.views import reveal

HEADER = "Idempotency-Key"
MAX_KEY = 255


async def once_per_key(handler: Handler, call: Call, raw: bytes) -> web.StreamResponse:
    """Let `handler` answer the first call with this key and repeat its answer to the others.

    Refusals are answers too and are kept. What failed on our side is forgotten, so that it may be tried again at once.
    """
    given = call.request.headers.get(HEADER)
    if given is None:
        return await handler(call)
    if not 1 <= len(given) <= MAX_KEY:
        raise Problem(422, "bad_idempotency_key", f"An Idempotency-Key has 1 to {MAX_KEY} characters.")
    kept, tenant_id = call.services.idempotency, call.who.tenant_id
    key = hashlib.sha256(f"{call.who.actor_id}\0{given}".encode("utf-8", "replace")).digest()
    about = hashlib.sha256(f"{call.request.method}\0{call.request.path_qs}\0".encode("utf-8", "replace") + raw).digest()
    entered = await kept.enter(tenant_id, key, about, call.services.clock.now())
    match entered.outcome:
        case "other_request":
            raise Problem(
                422, "idempotency_key_reused", "This Idempotency-Key was used for another request. Choose a new one."
            )
        case "busy":
            raise Problem(409, "in_progress", "The first call with this key is still being worked on.", retry_after=1)
        case "done":
            return await _repeat(call, entered.status, entered.answer)
    try:
        response = await handler(call)
    except Problem as problem:
        if problem.status < 500 and problem.status not in (401, 429):
            await kept.finish(tenant_id, key, problem.status, _as_text(problem))
        else:
            await kept.forget(tenant_id, key)
        raise
    except BaseException:
        await kept.forget(tenant_id, key)
        raise
    body = response.body if isinstance(response, web.Response) and isinstance(response.body, bytes) else b""
    await kept.finish(tenant_id, key, response.status, _without_code(body))
    return response


async def _repeat(call: Call, status: int, answer: str) -> web.StreamResponse:
    """The first answer once more; a refusal is raised again, so that it gets an id of its own for this request."""
    value: Any = json.loads(answer) if answer else None
    if isinstance(value, dict) and "refused" in value:
        raise Problem(status, value["refused"], value["message"])
    if isinstance(value, dict) and "code" in value:
        value["code"] = await reveal(call, str(value.get("id", ""))) or None
    body = json.dumps(value).encode() if value is not None else None
    return web.Response(body=body, status=status, content_type="application/json" if body else None)


def _as_text(problem: Problem) -> str:
    return json.dumps({"refused": problem.error, "message": problem.message})


def _without_code(body: bytes) -> str:
    """The answer as it may be stored: codes are never kept outside the check they belong to (SEC-17)."""
    if not body:
        return ""
    value = json.loads(body)
    if isinstance(value, dict):
        # The number to be said is read anew where it is wanted: it is told to its technician alone.
        value |= {secret: None for secret in ("code", "spoken_number") if secret in value}
    return json.dumps(value)
