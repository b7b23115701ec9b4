"""One connection that listens for everything this process wants to hear, and finds its own way back.

It asks Redis twice a second whether it is still there, so that a frozen one is noticed within a second. `hears` says
whether a channel can be relied on at this moment; when it stops or begins to, whoever listens is told.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, NoReturn

from redis.asyncio.client import PubSub

from storage.redis.connection import AWAY, Connection

#: Seconds between two questions whether Redis is there, which are also the time to answer one.
BEAT = 0.5
#: Seconds that one look for messages takes; a channel that is asked for meanwhile waits that long.
LOOK = 0.1
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0


class Listener:
    """Channels with what to do about their messages. `run` is one task of the program."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._wanted: dict[str, Callable[[bytes], None]] = {}
        self._asked: set[str] = set()
        self._heard: set[str] = set()
        self._changed: list[Callable[[str], None]] = []

    def listen(self, channel: str, heard: Callable[[bytes], None]) -> None:
        """Have `heard` called with each message; it must not raise."""
        self._wanted[channel] = heard

    def forget(self, channel: str) -> None:
        """No more of these. Whoever listens again at once finds the channel still heard."""
        self._wanted.pop(channel, None)

    def hears(self, channel: str) -> bool:
        """Whether what is published there arrives here."""
        return channel in self._heard and channel in self._wanted

    def on_change(self, callback: Callable[[str], None]) -> None:
        """Have `callback` called with a channel that begins or ceases to be heard."""
        self._changed.append(callback)

    async def run(self) -> None:
        """Listen until cancelled."""
        pause = FIRST_PAUSE
        while True:
            try:
                async with contextlib.aclosing(self._connection.ear()) as ear:
                    async with asyncio.timeout(BEAT):
                        await self._ask(ear)
                    await self._follow(ear)
            except AWAY as why:
                pause = FIRST_PAUSE if self._heard else min(pause * 2, LONGEST_PAUSE)
                self._connection.failed(why)
            finally:
                self._lost()
            await asyncio.sleep(pause)

    async def _ask(self, ear: PubSub) -> None:
        """Have Redis send exactly what is wanted."""
        wanted = set(self._wanted)  # more may be wanted while this is under way
        if new := wanted - self._asked:
            await ear.subscribe(*new)
        if old := self._asked - wanted:
            self._heard -= old
            await ear.unsubscribe(*old)
        self._asked = wanted

    async def _follow(self, ear: PubSub) -> NoReturn:
        """Deal with what comes. Raises one of `AWAY` when the connection breaks off or Redis has gone silent."""
        loop = asyncio.get_running_loop()
        asked_at, answered = loop.time(), False  # the subscription just sent counts as a question
        while True:
            message = await ear.get_message(timeout=LOOK)
            if message is not None:
                answered = self._take(message) or answered
            if self._asked != self._wanted.keys():
                await self._ask(ear)
            if loop.time() >= asked_at + BEAT:
                if not answered:
                    raise TimeoutError("Redis has gone silent")
                asked_at, answered = loop.time(), False
                await ear.ping()

    def _take(self, message: dict[str, Any]) -> bool:
        """True for an answer of Redis's own, which proves that it is there now; messages may be old."""
        kind, channel = message["type"], _text(message["channel"])
        if kind == "message":
            if (heard := self._wanted.get(channel)) is not None:
                heard(message["data"])
            return False
        if kind == "subscribe" and channel in self._wanted:
            self._connection.answered()
            self._heard.add(channel)
            self._tell(channel)
        return True

    def _lost(self) -> None:
        heard, self._heard, self._asked = self._heard, set(), set()
        for channel in heard:
            self._tell(channel)

    def _tell(self, channel: str) -> None:
        for callback in self._changed:
            callback(channel)


def _text(name: object) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name or "")
