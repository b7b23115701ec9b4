"""Sees to it that a shield which has turned back by itself stays so, also when the clock is set back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from dialogs.messages import Unavailable
from dialogs.ports import Clock
from storage.database import Database
from storage.shields import keep_turned_back

log = structlog.get_logger("shields")

#: Seconds between two looks: for so long a shield that has turned back could come back with the clock.
EVERY_S = 2.0


async def turn_back(
    database: Database, clock: Clock, *, pause: Callable[[float], Awaitable[object]] = asyncio.sleep
) -> None:
    """Look until cancelled. On every replica: to write the same twice does no harm."""
    away = False
    while True:
        try:
            await keep_turned_back(database, clock.now())
            away = False
        except Unavailable:
            if not away:
                log.warning("storage_unavailable")
            away = True
        await pause(EVERY_S)
