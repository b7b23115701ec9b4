"""Being told at once what another process has committed: PostgreSQL's NOTIFY on one channel, without a payload.

A notice says only that something may have changed; whoever is woken looks for itself. A notice may be lost with its
connection, so after each reconnect all are woken once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import structlog

from storage.postgres.connecting import connect
from storage.postgres.failures import ERRORS

CHANNEL = "watchword"
#: A quiet line may be a dead one, which only asking shows: so often, in seconds, with as long for the answer.
_CHECK_EVERY_S = 15.0
#: Pauses between attempts to reconnect, doubling. A database that is back is listened to again within the longest.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0

log = structlog.get_logger("listening")


class Listening:
    """Calls `wake` on the event loop for every notice, of this process too, and after every (re)connect.

    It has a connection of its own, straight to the server: a pooler that hands connections out by transaction loses
    notices. While it is not `connected`, what others commit is found by the timed looks of those it would have woken.
    """

    def __init__(self, url: str, wake: Callable[[], None]) -> None:
        self._url = url
        self._wake = wake
        self.connected = False

    async def run(self) -> None:
        """Until cancelled."""
        pause = _FIRST_PAUSE_S
        while True:
            try:
                connection = await connect(self._url)
            except ERRORS as why:
                log.warning("cannot_listen", why=type(why).__name__, again_in_s=pause)
            else:
                pause = _FIRST_PAUSE_S
                await self._listen(connection)
                log.warning("stopped_listening", again_in_s=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def _listen(self, connection: Any) -> None:
        """Until the connection is lost."""
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(CHANNEL, lambda *_: self._wake())
            self.connected = True
            self._wake()
            while not await _within(lost):
                async with asyncio.timeout(_CHECK_EVERY_S):
                    await connection.execute("SELECT 1")
        except ERRORS:
            pass
        finally:
            self.connected = False
            with contextlib.suppress(*ERRORS):
                await connection.close(timeout=1)


async def _within(lost: asyncio.Event) -> bool:
    """Whether it is set before it is time to ask. Not `wait_for`, which in Python 3.11 may swallow a cancellation."""
    try:
        async with asyncio.timeout(_CHECK_EVERY_S):
            await lost.wait()
    except TimeoutError:
        return False
    return True
