"""Posts each signed checkpoint of the log to an address of the operator's (SEC-55): a copy that nobody here can change.

The sealer never waits for it: checkpoints queue up here, the oldest give way when nothing gets through, and the next
one that arrives covers all the lines of those that did not.
"""

from __future__ import annotations

import asyncio
from collections import deque

import aiohttp
import structlog

#: Checkpoints that may wait; at one in five minutes that is more than two days.
WAITING = 600
TIMEOUT_S = 10.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 300.0
#: Tries for one checkpoint, unless it is the newest: that one is worth trying as long as we run.
TRIES = 8

log = structlog.get_logger("checkpoint_webhook")


class CheckpointWebhook:
    """`offer` may be called at any time on the event loop; `run` is a task of the program. The operator's address is
    trusted and not held against the rules for addresses that tenants enter."""

    def __init__(self, session: aiohttp.ClientSession, url: str, *, first_pause: float = _FIRST_PAUSE_S) -> None:
        self._session = session
        self._url = url
        self._first_pause = first_pause
        self._waiting: deque[str] = deque(maxlen=WAITING)
        self._came = asyncio.Event()
        self.posted = 0
        self.given_up = 0

    def offer(self, note: str) -> None:
        """Have the note posted, soon. Never waits."""
        self._waiting.append(note)
        self._came.set()

    async def run(self) -> None:
        """Post what was offered, in order, until cancelled."""
        while True:
            await self._came.wait()
            self._came.clear()
            while self._waiting:
                await self._deliver(self._waiting.popleft())

    async def _deliver(self, note: str) -> None:
        pause, tries = self._first_pause, 0
        while True:
            why = await self._post(note)
            if not why:
                self.posted += 1
                return
            tries += 1
            if tries >= TRIES and self._waiting:
                self.given_up += 1
                log.warning("checkpoint_not_posted", why=why, tries=tries)
                return
            log.info("checkpoint_waits", why=why, again_in_s=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def _post(self, note: str) -> str:
        """Why it did not arrive; empty when it did."""
        try:
            async with self._session.post(
                self._url,
                data=note.encode(),
                headers={"Content-Type": "text/plain; charset=utf-8"},
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
                allow_redirects=False,
            ) as answer:
                return "" if answer.status < 300 else f"status {answer.status}"
        except (aiohttp.ClientError, TimeoutError, OSError) as why:
            return type(why).__name__
