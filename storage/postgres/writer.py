"""Group commit: turns that wait share one transaction, on one connection.

A batch costs four ways to the server and back (begin, facts, rows, commit) and one flush of its log, however many
turns are in it. There are no savepoints: when somebody has lost a race the transaction is undone and the others are
done again without them; when anything else fails each turn is done again in a transaction of its own, so that a
failure costs nobody but its own caller. `decide` must therefore bear to be called again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from dialogs.messages import Unavailable
from dialogs.ports import Contended
from dialogs.turns import Turn, TurnResult
from storage.postgres.batch import Batches
from storage.postgres.failures import ERRORS, lost_race, why_down
from storage.postgres.waiting import Lines, Waiting

R = TypeVar("R")

MAX_BATCH = 128
#: How many may wait (REL-16): about a second's work. One more is told at once to come back later.
MAX_WAITING = 4096
#: When many have just been answered together, many are about to ask again: the first of them is not worth a commit of
#: its own, which would hold up all the others. A lone caller never waits.
GATHERING_S = 0.001
#: How often one turn may lose its race (REL-09).
TRIES = 5


class Writer:
    """Takes batches one at a time. `tell` is called on the event loop after each commit that wrote something."""

    def __init__(self, batches: Batches, tell: Callable[[], None]) -> None:
        self._batches = batches
        self._tell = tell
        self._waiting = Lines()
        self._working: asyncio.Task[None] | None = None
        self._enough: asyncio.Event = asyncio.Event()
        self._expected = 0
        self._closed = False

    async def submit(self, turn: Turn[R]) -> TurnResult[R]:
        """Returns after the commit. Raises what `decide` raises, Unavailable when the database cannot be written or
        too many wait, Contended when every try lost its race."""
        if self._closed:
            raise Unavailable("the store is closed")
        if len(self._waiting) >= MAX_WAITING:
            raise Unavailable("too many messages wait already")
        waiting = Waiting(turn, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._working is None:
            self._working = asyncio.create_task(self._work(), name="turns")
        elif len(self._waiting) >= self._expected:
            self._enough.set()
        result: TurnResult[R] = await waiting.future
        return result

    async def close(self) -> None:
        """Do what waits, then stop."""
        self._closed = True
        self._enough.set()
        if self._working is not None:
            await self._working

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._gather()
                batch = self._waiting.take(MAX_BATCH)
                self._expected = len(batch) * 3 // 4
                await self._do(batch)
                # Those who have been answered get to ask again.
                await asyncio.sleep(0)
        finally:
            self._working = None

    async def _gather(self) -> None:
        """Wait a little for those who are likely to come."""
        if len(self._waiting) >= self._expected or self._closed:
            return
        self._enough.clear()
        loop = asyncio.get_running_loop()
        patience = loop.call_later(GATHERING_S, self._enough.set)
        await self._enough.wait()
        patience.cancel()

    async def _do(self, batch: list[Waiting]) -> None:
        """Answer all of the batch, or put back what has to wait."""
        try:
            done = await self._batches.run(batch)
        except Unavailable as why:
            _fail(batch, why)
            return
        # Whatever is wrong with one turn is its caller's to hear, and must not stop the others.
        except Exception as why:
            await self._failed(batch, why)
            return
        for waiting, outcome in done.answers:
            waiting.answer(outcome)
        if done.wrote:
            self._tell()
        lost = []
        for waiting in done.lost:
            waiting.tries += 1
            if waiting.tries >= TRIES:
                waiting.answer(Contended(f"lost {TRIES} races"))
            else:
                lost.append(waiting)
        self._waiting.put_back(lost + done.later)
        if done.undone:
            await self._do(done.undone)

    async def _failed(self, batch: list[Waiting], why: Exception) -> None:
        down = why_down(why) if isinstance(why, ERRORS) else ""
        if down:
            unavailable = Unavailable(down)
            unavailable.__cause__ = why
            _fail(batch, unavailable)
        elif len(batch) > 1:
            for waiting in batch:
                await self._do([waiting])
        elif lost_race(why) or _stands_in_the_way(why):
            batch[0].tries += 1
            if batch[0].tries >= TRIES:
                batch[0].answer(Contended(f"lost {TRIES} races"))
            else:
                self._waiting.put_back(batch)
        else:
            _fail(batch, why)


def _stands_in_the_way(why: Exception) -> bool:
    """A check that changed hands found another live one of the same person."""
    return str(getattr(why, "constraint_name", None) or "").startswith("uq_dialogs_live")


def _fail(batch: list[Waiting], why: Exception) -> None:
    for waiting in batch:
        waiting.answer(why)
