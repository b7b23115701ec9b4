"""Sees to it that a shield which has turned back by itself stays so, also when the clock is set back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from dialogs.messages import Unavailable
from dialogs.ports import Clock
from storage.database import Database
from storage.shields import keep_turned_back, next_to_turn_back

log = structlog.get_logger("shields")

#: Seconds between two looks at most: the clock may have been set on meanwhile, or another replica have made one green.
EVERY_S = 2.0
#: And at least. For so long a shield that has turned back could come back with the clock.
AT_LEAST_S = 0.02


async def turn_back(
    database: Database, clock: Clock, *, pause: Callable[[float], Awaitable[object]] = asyncio.sleep
) -> None:
    """Look until cancelled, and at the very moment when a shield turns back. On every replica: to write the same twice
    does no harm."""
    away = False
    while True:
        wait = EVERY_S
        try:
            await keep_turned_back(database, clock.now())
            following = await next_to_turn_back(database)
            if following is not None:
                wait = max(AT_LEAST_S, min(EVERY_S, (following - clock.now()).total_seconds()))
            away = False
        except Unavailable:
            if not away:
                log.warning("storage_unavailable")
            away = True
        await pause(wait)
