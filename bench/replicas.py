"""Two houses on one PostgreSQL: what they take together, and how soon one hears of what the other has committed."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from statistics import median

from bench.carrier import carrier
from bench.delays import PER_SECOND, Idle, one_by_one, quantiles, under_load
from bench.processes import start_beside, start_house
from bench.report import spread
from bench.side import ANSWERED, WORDS, Side, Size
from bench.stored import OnServer

LISTENERS = 50


@dataclass(slots=True)
class Turns:
    """Requests a second in every round: by one house with 32 senders, and by both with 16 each."""

    one: list[float] = field(default_factory=list)
    two: list[float] = field(default_factory=list)
    server_us: list[float] = field(default_factory=list)


async def measure_turns(stored: OnServer, size: Size) -> Turns:
    """Raises WrongRows."""
    async with AsyncExitStack() as stack:
        first = await start_house(stack, stored, contacts=size.texts)
        side = Side(first, stored, size, await start_beside(stack, first))
        await side.open_conversations()
        found, half = Turns(), size.texts // 2
        for _ in range(size.rounds + 1):
            found.one.append((await side.plain(32)).run.per_second)
            await side.advance()
            batches = [
                side.batch(people, WORDS, at=at)
                for at, people in enumerate((side.regulars[:half], side.regulars[half:]))
            ]
            loads = await side.counted_all(batches, 16, ANSWERED)
            found.two.append(size.texts / max(load.run.seconds for load in loads))
            found.server_us.append(loads[0].server_us)
        # The second house's first round prepares its statements.
        return Turns(found.one[1:], found.two[1:], found.server_us[1:])


@dataclass(frozen=True, slots=True)
class Across:
    """Commits at one house, which sends nothing, heard of at the other; then both send and both are texted."""

    idle: Idle
    loaded: list[float]


async def measure_across(stored: OnServer, redis_url: str, texts: int, listeners: int = LISTENERS) -> Across:
    """`redis_url`: empty without one. Raises WrongRows."""
    async with AsyncExitStack() as stack:
        outside = await stack.enter_async_context(carrier())
        first = await start_house(stack, stored, contacts=texts, carrier_url=outside.base_url, redis_url=redis_url)
        second = await start_beside(stack, first)
        side = Side(first, stored, Size(texts=texts), second)
        await side.open_conversations()
        await second.ask("dispatch")
        await outside.wait_for(texts)
        idle = await one_by_one(outside, side, second, texts, listeners)
        await first.ask("dispatch")
        return Across(idle, await under_load(outside, side, texts))


def describe_turns(found: Turns) -> str:
    ratios = [two / one for one, two in zip(found.one, found.two, strict=True)]
    return (
        f"  PostgreSQL, two processes: {median(found.two):.0f} requests a second together, {spread(ratios)} of what "
        f"one takes ({median(found.one):.0f}); server {median(found.server_us):.0f} us a turn.\n  On two processors, "
        "which they share with the server and the generator, this shows only whether they stand in one another's way."
    )


def describe_across(name: str, across: Across) -> str:
    return "\n".join(
        (
            f"  {name}: commit here to dispatch there, idle: {quantiles(across.idle.dispatch)}",
            f"  {name}: commit here to {LISTENERS} event streams there, idle: {quantiles(across.idle.stream)}",
            f"  {name}: commit to dispatch, both at work, {PER_SECOND:.0f} texts a second: {quantiles(across.loaded)}",
        )
    )
