"""Says in the log when the database's clock and ours drift apart, for codes expire by the clock (REL-11)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from bot.clock import DatabaseClock
from bot.metrics_load import SKEW_MATTERS
from dialogs.messages import Unavailable
from dialogs.ports import Clock
from storage.database import Database, Unscoped
from storage.health import read_skew

log = structlog.get_logger("clock")

#: Seconds between two looks. Clocks drift slowly; one that jumps is found by the codes first.
EVERY = 60.0
#: Seconds between two looks at the database's time; quartz drifts by microseconds meanwhile.
KEPT_EVERY = 10.0


async def watch_skew(
    database: Database,
    clock: Clock,
    *,
    every: float = EVERY,
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Look until cancelled, and say once that the clocks differ and once that they agree again. Ends by itself where
    the database lives in this process and has no clock of its own."""
    apart = False
    while True:
        try:
            skew = await database.read(Unscoped.OPERATOR, lambda conn: read_skew(conn, clock.now))
        except Unavailable:
            await pause(every)
            continue
        if skew is None:
            return
        if (abs(skew) > SKEW_MATTERS) != apart:
            apart = not apart
            say = log.warning if apart else log.info
            say("clocks_differ" if apart else "clocks_agree", seconds=round(skew.total_seconds(), 3))
        await pause(every)


async def look_at_time(database: Database, clock: DatabaseClock) -> None:
    """Take over the database's time. Raises Unavailable."""
    ahead = await database.read(Unscoped.OPERATOR, lambda conn: read_skew(conn, clock.now))
    if ahead is not None:
        clock.correct(ahead)


async def keep_time(
    database: Database, clock: DatabaseClock, *, pause: Callable[[float], Awaitable[object]] = asyncio.sleep
) -> None:
    """Go on taking it over until cancelled; while the database is away our own ticking carries the time on."""
    while True:
        await pause(KEPT_EVERY)
        with suppress(Unavailable):
            await look_at_time(database, clock)
