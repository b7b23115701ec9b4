"""How soon a commit is felt: by the carrier, as a text that goes out, and by a browser, as an event of its stream.

Measured from the moment the event loop hears of the commit to the moment the other side, in another process, has the
first bytes: the clock is the machine's own, which all processes share.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import aiohttp

from bench.carrier import Carrier, carrier
from bench.load import paced, percentile
from bench.processes import Load, Server, start_house
from bench.report import HEAD, Target
from bench.rows import WrongRows, check_rows
from bench.side import ANSWERED, PATIENCE_S, WORDS, Side, Size
from bench.stored import Stored
from bench.texts import Batch

#: The load under which delays are measured: some twenty times what a busy house hears.
PER_SECOND = 100.0


@dataclass(frozen=True, slots=True)
class Idle:
    """Seconds from commit to arrival, one for each text; of the stream one for each listener and text."""

    dispatch: list[float]
    stream: list[float]


@dataclass(frozen=True, slots=True)
class Delays:
    """`loaded`: seconds from commit to dispatch at `PER_SECOND` texts a second. Turns with the dispatcher at work
    beside them, and without one."""

    idle: Idle
    loaded: list[float]
    with_dispatcher: list[Load]
    without: list[Load]


async def measure_delays(size: Size, dispatching: Stored, silent: Stored, texts: int) -> Delays:
    """One house with a dispatcher and one without, in turns; then `texts` single texts on the idle one."""
    async with AsyncExitStack() as stack:
        outside = await stack.enter_async_context(carrier())
        sides = []
        for stored in (dispatching, silent):
            house = await start_house(stack, stored, contacts=size.texts, carrier_url=outside.base_url)
            sides.append(Side(house, stored, size))
            await sides[-1].open_conversations()
        side, without_one = sides
        await side.house.ask("dispatch")
        sent = size.texts
        await outside.wait_for(sent)
        with_dispatcher, without = [], []
        for _ in range(size.rounds):
            # The clock is about to jump, and what is under way then would look like a worker that died.
            await side.come_to_rest()
            with_dispatcher.append(await side.plain(32))
            sent += size.texts
            await outside.wait_for(sent)
            without.append(await without_one.plain(32))
        loaded = await under_load(outside, side, texts)
        return Delays(await one_by_one(outside, side, side.house, texts), loaded, with_dispatcher, without)


async def one_by_one(outside: Carrier, side: Side, watched: Server, texts: int, listeners: int = 1) -> Idle:
    """Single texts of the regulars to the first house, each when the one before it is done with; `listeners` hear of
    them at the watched one."""
    await side.come_to_rest()
    await side.advance()
    dispatch, stream = [], []
    async with AsyncExitStack() as stack:
        streams = await listen(stack, watched, listeners)
        for sender in side.regulars[:texts]:
            await side.come_to_rest()
            await side.house.ask("commits")
            before = len(outside.arrivals)
            await side.counted(side.batch([sender], WORDS), 1, ANSWERED)
            seen = await asyncio.gather(*map(next_event, streams))
            await outside.wait_for(before + 1)
            committed = (await side.house.ask("commits"))["commits"][sender]
            dispatch.append(outside.arrivals[before][1] - committed)
            stream += [at - committed for at in seen]
    return Idle(dispatch, stream)


async def listen(stack: AsyncExitStack, house: Server, listeners: int) -> Sequence[aiohttp.ClientResponse]:
    """So many open event streams, from which nothing has come yet. Raises WrongRows."""
    session = await stack.enter_async_context(
        aiohttp.ClientSession(
            headers={"Authorization": "Bearer " + house.facts["bearer"]},
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
        )
    )
    streams = []
    for _ in range(listeners):
        streams.append(await stack.enter_async_context(session.get(house.facts["base_url"] + "/events")))
        if streams[-1].status != 200:
            raise WrongRows(f"the event stream answered {streams[-1].status}")
    return streams


async def next_event(events: aiohttp.ClientResponse) -> float:
    """When the next line of the log arrives; who is present is not one, and has no id. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while not (await events.content.readline()).startswith(b"id:"):
            pass
        at = time.monotonic()
        await events.content.readuntil(b"\n\n")
        return at


async def under_load(outside: Carrier, side: Side, texts: int, per_second: float = PER_SECOND) -> list[float]:
    """Seconds from commit to dispatch of `texts` texts that come at an even pace, to all houses in turns."""
    await side.come_to_rest()
    await side.advance()
    for house in side.houses:
        await house.ask("commits")
    before, since = await side.stored.count(), len(outside.arrivals)
    people, many = side.regulars[:texts], len(side.houses)
    shares = [side.batch(people[at::many], WORDS, at=at) for at in range(many)]
    await asyncio.gather(
        *(
            paced(*house.address, share.requests, per_second / many)
            for house, share in zip(side.houses, shares, strict=True)
        )
    )
    await outside.wait_for(since + len(people))
    check_rows(ANSWERED, Batch((), len(people)), before, await side.stored.count())
    commits: dict[str, float] = {}
    for house in side.houses:
        commits |= (await house.ask("commits"))["commits"]
    return [at - commits[to] for to, at in outside.once_each(since).items()]


def describe(engine: str, delays: Delays) -> str:
    """What was found, in milliseconds and as a ratio."""
    ratios = [a.run.per_second / b.run.per_second for a, b in zip(delays.with_dispatcher, delays.without, strict=True)]
    dispatch = Target(f"{engine}: commit to dispatch, idle, p99 ms", 10, 5, less=True)
    lines = [
        HEAD,
        dispatch.row([percentile(delays.idle.dispatch, 0.99) * 1000]),
        f"  {engine}: commit to dispatch, idle: {quantiles(delays.idle.dispatch)}",
        f"  {engine}: commit to dispatch at {PER_SECOND:.0f} texts a second: {quantiles(delays.loaded)}",
        f"  {engine}: commit to event stream, idle: {quantiles(delays.idle.stream)}",
        f"  {engine}: turns while texts go out: {min(ratios):.2f}-{max(ratios):.2f} of turns with the dispatcher off, "
        "32 senders",
    ]
    return "\n".join(lines)


def quantiles(seconds: Sequence[float]) -> str:
    """In milliseconds."""
    p50, p99 = (percentile(seconds, share) * 1000 for share in (0.5, 0.99))
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, most {max(seconds) * 1000:.1f} ms ({len(seconds)})"
