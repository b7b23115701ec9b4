"""Gives the lines of the log their place, on PostgreSQL, where many servers write at once and none waits for another.

A line is written without `seq`; moments later the sequencer numbers all that wait, in the order of their times, with no
gap and no number twice. Whoever holds the lock does it, so any number of servers may run one. A number once seen is
final: a line that is committed later gets a later place.
"""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import Callable
from typing import Any

import structlog

from storage.postgres.connecting import connect
from storage.postgres.failures import ERRORS
from storage.postgres.listening import CHANNEL
from storage.postgres.row_security import Reason

#: Lines to a batch: a fraction of a second's work for the server, and never enough to hold up a commit for long.
BATCH = 2000
_STATEMENT_TIMEOUT_S = 10.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
#: Seconds to let more lines gather when lines come all the time: a moment for consoles that wait for them, longer when
#: so many come that the same work in fewer pieces leaves more of the server to the turns.
_GATHER_S, _GATHER_MANY_S = 0.004, 0.02
_MANY = 24
#: The advisory lock of whoever is giving places; nothing else uses this number.
LOCK = zlib.crc32(b"watchword sequencer")

# Sent as one message, which PostgreSQL runs as one transaction: one round trip. The lock comes first and the numbering
# after it, as a statement of its own, so that it sees what the last holder of the lock has numbered. Rows are taken by
# their physical place, straight from the index of waiting lines; nothing but this ever changes a line. It does not wait
# for the disk: whoever signs lines commits after it and does wait, which carries these places to the disk as well.
# Places that a power cut takes away are given again, to the same lines.
_PLACE = f"""
SELECT set_config('watchword.scope', '{Reason.OPERATOR.value}', true), pg_advisory_xact_lock({LOCK});
WITH waiting AS MATERIALIZED (
    SELECT ctid AS line, row_number() OVER (ORDER BY at, id) AS nth
    FROM (SELECT ctid, at, id FROM audit WHERE seq IS NULL ORDER BY at, id LIMIT {BATCH}) AS first
), last AS MATERIALIZED (SELECT coalesce(max(seq), 0) AS seq FROM audit)
UPDATE audit SET seq = last.seq + waiting.nth FROM waiting, last WHERE audit.ctid = waiting.line
"""  # noqa: S608  numbers and a word of ours


log = structlog.get_logger("sequencer")


class Sequencer:
    """One connection, straight to the server. Errors are logged and it goes on; meanwhile lines wait, none is lost."""

    def __init__(self, url: str, *, look_every: float = 2.0) -> None:
        """`url`: the application's role. `look_every`: seconds until it looks without a call, should one be lost."""
        self._url = url
        self._look_every = look_every
        self._woken = asyncio.Event()
        self._connection: Any = None
        self._on_placed: list[Callable[[], None]] = []
        self.placed = 0

    def on_placed(self, callback: Callable[[], None]) -> None:
        """Call `callback` on the event loop after each commit of places that were given here."""
        self._on_placed.append(callback)

    def wake(self) -> None:
        """Lines were committed, here or elsewhere. On the event loop."""
        self._woken.set()

    async def run(self) -> None:
        """Place lines until cancelled."""
        pause = _FIRST_PAUSE_S
        try:
            while True:
                self._woken.clear()
                try:
                    placed = await self.place()
                    pause = _FIRST_PAUSE_S
                except ERRORS as why:
                    log.warning("lines_not_placed", why=type(why).__name__, again_in_s=pause)
                    await self.close()
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE_S)
                    continue
                if placed:
                    await asyncio.sleep(_GATHER_MANY_S if placed >= _MANY else _GATHER_S)
                    continue
                # Not `wait_for`: before Python 3.12 it may swallow a cancellation.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._look_every):
                        await self._woken.wait()
        finally:
            await self.close()

    async def place(self) -> int:
        """Number what waits, at most `BATCH` lines, and tell every server; how many. Raises what PostgreSQL raises."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._url, statement_timeout=_STATEMENT_TIMEOUT_S)
        done: str = await self._connection.execute(_PLACE)
        count = int(done.removeprefix("UPDATE "))
        if count:
            self.placed += count
            for callback in self._on_placed:
                callback()
            # After the commit, as a notice inside it would hold up every other commit until this one is on disk.
            await self._connection.execute(f"NOTIFY {CHANNEL}")
        return count

    async def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(*ERRORS):
                await connection.close(timeout=1)
