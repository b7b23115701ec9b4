"""Waking the other replicas after a commit of this one, so that nobody waits for the next look at the database.

A wake-up says nothing but that something happened, and one that is lost costs the time to the next look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from storage.redis.connection import Connection
from storage.redis.listener import Listener
from storage.redis.names import WAKE


class RedisWakeUps:
    """`me`: a name no other replica has, so that one's own wake-ups are told from those of the others."""

    def __init__(self, connection: Connection, listener: Listener, me: str) -> None:
        self._connection = connection
        self._me = me.encode()
        self._callbacks: list[Callable[[], None]] = []
        self._due = asyncio.Event()
        self._listener = listener
        listener.listen(WAKE, self._heard)
        listener.on_change(self._changed)

    def on_wake(self, callback: Callable[[], None]) -> None:
        """Have `callback` called on the event loop when another replica has committed something, and after each
        return of Redis, since something may have been missed."""
        self._callbacks.append(callback)

    def tell(self) -> None:
        """This replica has committed something. On the event loop; cheap, and as often as you like."""
        self._due.set()

    async def run(self) -> None:
        """Publish until cancelled: one wake-up is under way at most, and it stands for all commits before it."""
        while True:
            await self._due.wait()
            self._due.clear()
            await self._connection.run(("PUBLISH", WAKE, self._me))

    def _heard(self, message: bytes) -> None:
        if message != self._me:
            self._wake()

    def _changed(self, channel: str) -> None:
        if channel == WAKE and self._listener.hears(WAKE):
            self._wake()

    def _wake(self) -> None:
        for callback in self._callbacks:
            callback()
