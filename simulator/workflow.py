"""A workflow that posts to a channel in Teams: takes `{"text": string}` by POST, and refuses what the real one refuses.

As at the real one, the address itself is the secret, and the answer comes before the post stands anywhere.
"""

from __future__ import annotations

import hmac
import json
from collections import deque
from html import unescape

from aiohttp import web

from dialogs.ports import Clock

KEPT = 2000
#: What Teams takes, with everything around it.
LARGEST = 28 * 1024
PATH = "/simulator/workflow/{channel}"


class Workflow:
    """The workflow of one channel. `signature`: the secret part of its address."""

    def __init__(self, channel: str, *, clock: Clock, signature: str) -> None:
        self.channel = channel
        #: Statuses that the next requests are answered with, whatever is in them.
        self.failures: deque[int] = deque()
        self._clock = clock
        self._signature = signature
        self._posts: deque[dict[str, object]] = deque(maxlen=KEPT)

    def address(self, base_url: str) -> str:
        """Where to post, as the workflow shows it."""
        return f"{base_url}{PATH.format(channel=self.channel)}?api-version=1&sig={self._signature}"

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.post(PATH, self.take)]

    def outbox(self) -> list[dict[str, object]]:
        """What was posted, newest first, as the outbox inspector shows what left."""
        return list(reversed(self._posts))

    async def take(self, request: web.Request) -> web.Response:
        """One post."""
        if self.failures:
            status = self.failures.popleft()
            return web.Response(status=status, headers={"Retry-After": "2"} if status == 429 else {})
        if request.match_info["channel"] != self.channel:
            return web.json_response({"error": {"code": "WorkflowNotFound"}}, status=404)
        if not hmac.compare_digest(request.query.get("sig", ""), self._signature):
            return web.json_response({"error": {"code": "DirectApiAuthorizationRequired"}}, status=401)
        raw = await request.content.read(LARGEST + 1)
        if len(raw) > LARGEST:
            return web.json_response({"error": {"code": "RequestEntityTooLarge"}}, status=413)
        if request.content_type != "application/json":
            return web.json_response({"error": {"code": "UnsupportedMediaType"}}, status=415)
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        if not isinstance(body, dict) or not isinstance(body.get("text"), str):
            return web.json_response({"error": {"code": "TriggerInputSchemaMismatch"}}, status=400)
        shown = unescape(body["text"].replace("<br>", "\n"))
        self._posts.append(
            {
                "channel": "teams",
                "to": self.channel,
                "from": "watchword",
                "text": shown,
                "payload": body,
                "at": self._clock.now().isoformat(),
            }
        )
        return web.Response(status=202)
