"""Everything that runs over Redis, started and stopped together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import structlog

from dialogs.ports import Clock
from storage.redis.connection import Connection, NotNow
from storage.redis.fan_out import RedisFanOut
from storage.redis.limits import RedisBound
from storage.redis.listener import Listener
from storage.redis.presence import RedisPresence
from storage.redis.wakeups import RedisWakeUps
from storage.shared import Shared

log = structlog.get_logger("redis")


class _Tasks:
    """Background tasks that are cancelled together. None of them ends by itself unless it has an error of ours."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=f"redis {name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (why := task.exception()) is not None:
            log.error("redis_task_failed", task=task.get_name(), error=type(why).__name__)

    async def cancel(self) -> None:
        running = tuple(self._tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


class _Limits:
    """Keeps `storage.shared.Limits`' promise: a task for each bound."""

    def __init__(self, connection: Connection, clock: Clock, me: str, tasks: _Tasks) -> None:
        self._connection = connection
        self._clock = clock
        self._me = me
        self._tasks = tasks

    def bound(self, name: str, most: int, within: timedelta) -> RedisBound:
        made = RedisBound(self._connection, self._clock, self._me, name=name, most=most, within=within)
        self._tasks.start(made.run(), f"bound {name}")
        return made


@asynccontextmanager
async def opened(url: str, clock: Clock, me: str) -> AsyncIterator[Shared]:
    """See `storage.shared.open_shared`."""
    connection, tasks = Connection(url), _Tasks()
    listener = Listener(connection)
    wakeups = RedisWakeUps(connection, listener, me)
    fan_out = RedisFanOut(connection, listener)
    presence = RedisPresence(connection, clock, me)
    tasks.start(listener.run(), "listener")
    tasks.start(wakeups.run(), "wake-ups")
    tasks.start(fan_out.run(), "fan-out")
    tasks.start(presence.run(), "presence")
    try:
        limits = _Limits(connection, clock, me, tasks)
        yield Shared(wakeups, fan_out, presence, limits, lambda: _answers(connection))
    finally:
        await tasks.cancel()
        # The consoles of this replica have closed by now; the others need not wait until that fades away.
        await presence.say()
        await connection.close()


async def _answers(connection: Connection) -> bool:
    return not isinstance(await connection.run(("PING",)), NotNow)
