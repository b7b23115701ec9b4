"""What runs beside the server for as long as it does: one task for each, begun again should one fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger("background")

#: Seconds until what failed by an error of our own is begun again: it may fail for ever, but not all the time.
AGAIN_S = 5.0


class Background:
    """Add, then start; stopping ends them in the reverse order of adding."""

    def __init__(self) -> None:
        self._works: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        self._tasks: list[asyncio.Task[None]] = []

    def add(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """`work` runs until it is cancelled; one that ends by itself has nothing to do here."""
        self._works.append((name, work))

    def start(self) -> None:
        self._tasks = [asyncio.create_task(_kept_up(name, work), name=name) for name, work in self._works]

    async def stop(self) -> None:
        while self._tasks:
            task = self._tasks.pop()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _kept_up(name: str, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            return await work()
        except Exception as error:
            # Nobody waits for these tasks: one that ended would be missed only when it is needed.
            log.error("background_failed", worker=name, error=type(error).__name__)
        await asyncio.sleep(AGAIN_S)
