"""A stand-in for another tool that is told of events: it checks each as Standard Webhooks has it, keeps what was right,
and refuses as real ones do. The check is written from the standard and shares nothing with whoever signs."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aiohttp import web

from dialogs.ports import Clock

PATH = "/simulator/tool"
#: A message that is older or newer than this may be a repeat by somebody who listened.
TOLERANCE = timedelta(minutes=5)
MOST_KEPT = 2000

#: The secrets that the tool was given, each as `whsec_...`.
Secrets = Callable[[], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Taken:
    """An event that was signed right. `times`: how often it came, with the same id."""

    id: str
    type: str
    body: str
    at: datetime
    times: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer with instead of taking an event."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Tool:
    """Takes events at `PATH`. `answers`: what to answer with next, the first first; each is used up by one request.
    `tries` counts all requests, `refused` those that were signed wrong."""

    secrets: Secrets
    clock: Clock
    answers: deque[Answer] = field(default_factory=deque)
    taken: dict[str, Taken] = field(default_factory=dict)
    tries: int = 0
    refused: int = 0
    #: Something came: for tests that wait for it.
    came: asyncio.Queue[int] = field(default_factory=asyncio.Queue)

    def routes(self) -> list[web.RouteDef]:
        return [web.post(PATH, self.take)]

    def outbox(self) -> list[dict[str, object]]:
        """What was taken, newest first, as the outbox inspector shows what left."""
        return [
            {
                "channel": "webhook",
                "to": PATH,
                "from": "watchword",
                "text": taken.type,
                "payload": {"webhook_id": taken.id, "times": taken.times, **json.loads(taken.body)},
                "at": taken.at.isoformat(),
            }
            for taken in reversed(self.taken.values())
        ]

    async def take(self, request: web.Request) -> web.Response:
        """204 for a good event, also a repeated one; 401 for a bad signature; 400 for what is none."""
        self.tries += 1
        body = await request.read()
        answer = await self._answer(request, body)
        self.came.put_nowait(answer.status)
        return web.Response(status=answer.status, headers=dict(answer.headers))

    async def _answer(self, request: web.Request, body: bytes) -> Answer:
        if self.answers:
            return self.answers.popleft()
        if not await self._is_signed(request, body):
            self.refused += 1
            return Answer(401)
        try:
            kind = str(json.loads(body)["type"])
        except (ValueError, KeyError, TypeError):
            return Answer(400)
        self._keep(request.headers["webhook-id"], kind, body.decode())
        return Answer(204)

    async def _is_signed(self, request: web.Request, body: bytes) -> bool:
        id, stamp = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
        if not (id and stamp.isdecimal()) or abs(self.clock.now().timestamp() - int(stamp)) > TOLERANCE.total_seconds():
            return False
        given = [part.partition(",") for part in request.headers.get("webhook-signature", "").split(" ")]
        wanted = [_signature(secret, id, stamp, body) for secret in await self.secrets()]
        return any(
            version == "v1" and hmac.compare_digest(sent.encode(), one.encode())
            for version, _, sent in given
            for one in wanted
        )

    def _keep(self, id: str, kind: str, body: str) -> None:
        before = self.taken.get(id)
        times = before.times + 1 if before else 1
        self.taken[id] = Taken(id, kind, body, self.clock.now(), times)
        while len(self.taken) > MOST_KEPT:
            del self.taken[next(iter(self.taken))]


def _signature(secret: str, id: str, stamp: str, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return base64.b64encode(hmac.digest(key, f"{id}.{stamp}.".encode() + body, hashlib.sha256)).decode()
