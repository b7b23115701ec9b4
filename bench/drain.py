"""How fast a full outbox empties, and that each text goes out once."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass

from bench.carrier import carrier
from bench.processes import start_beside, start_house
from bench.side import FIRST, HELLO_WORDS, Side, Size
from bench.stored import Stored

ITEMS = 10_000
_PATIENCE_S = 300.0


@dataclass(frozen=True, slots=True)
class Drained:
    """`per_second`: items from the first order to begin until all of them are with the carrier."""

    items: int
    houses: int
    per_second: float
    app_us: float
    server_us: float


async def measure_drain(stored: Stored, houses: int = 1, items: int = ITEMS) -> Drained:
    """Everybody texts while nobody sends; then `houses` houses begin to. Raises WrongRows."""
    size = Size(texts=items)
    async with AsyncExitStack() as stack:
        outside = await stack.enter_async_context(carrier())
        first = await start_house(stack, stored, contacts=items, carrier_url=outside.base_url)
        beside = [await start_beside(stack, first) for _ in range(houses - 1)]
        side = Side(first, stored, size)
        await side.counted(side.batch(side.regulars, HELLO_WORDS), 32, FIRST)
        await stored.analyse()
        everybody = [first, *beside]
        before = [(await one.ask("usage"))["cpu"] for one in everybody]
        worked, began = stored.cpu(), time.monotonic()
        await asyncio.gather(*(one.ask("dispatch") for one in everybody))
        await outside.wait_for(items, _PATIENCE_S)
        took = time.monotonic() - began
        await side.come_to_rest()
        cpu = sum([(await one.ask("usage"))["cpu"] for one in everybody]) - sum(before)
        outside.once_each()
        return Drained(items, houses, items / took, cpu / items * 1e6, (stored.cpu() - worked) / items * 1e6)


def describe(engine: str, drained: Drained) -> str:
    return (
        f"  {engine}, {drained.houses} process(es): {drained.items} items, {drained.per_second:.0f} a second, "
        "each of them once; "
        f"CPU of an item {drained.app_us:.0f} us, of the server {drained.server_us:.0f} us"
    )
