"""How soon a commit is felt: by the carrier, as a text that goes out, and by a browser, as an event of its stream.

Measured from the moment the event loop hears of the commit to the moment the other side, in another process, has the
first bytes: the clock is the machine's own, which all processes share.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web

from bench.load import Run, percentile
from bench.measure import A_DAY_S, ANSWERED, Side, Size, people_needed
from bench.processes import start
from bench.rows import WrongRows, count_waiting
from bot.app import listen

#: A second by which everything that was set going must have arrived; far more than it takes.
PATIENCE_S = 60.0


@dataclass(slots=True)
class Carrier:
    """The least a carrier can be: takes every text, and remembers when."""

    base_url: str = ""
    arrivals: list[float] = field(default_factory=list)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def create(self, request: web.Request) -> web.Response:
        self.arrivals.append(time.monotonic())
        await request.read()
        async with self._arrived:
            self._arrived.notify_all()
        return web.json_response({"sid": f"SM{len(self.arrivals):032x}"}, status=201)

    async def wait_for(self, many: int) -> None:
        """Until that many texts have gone out. Raises WrongRows when they do not come."""
        try:
            async with asyncio.timeout(PATIENCE_S), self._arrived:
                await self._arrived.wait_for(lambda: len(self.arrivals) >= many)
        except TimeoutError:
            raise WrongRows(f"{len(self.arrivals)} texts went out, not {many}") from None


@asynccontextmanager
async def carrier() -> AsyncIterator[Carrier]:
    """A carrier that listens."""
    app, made = web.Application(), Carrier()
    app.add_routes([web.post("/2010-04-01/Accounts/{sid}/Messages.json", made.create)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    with listen("127.0.0.1", 0) as listening:
        await web.SockSite(runner, listening).start()
        made.base_url = "http://127.0.0.1:" + str(listening.getsockname()[1])
        yield made
        await runner.cleanup()


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds from commit to arrival, one for each text; and turns with the dispatcher at work beside them."""

    dispatch: list[float]
    stream: list[float]
    with_dispatcher: list[Run]
    without: list[Run]


async def measure_delays(folder: Path, size: Size, texts: int) -> Delays:
    """One house with a dispatcher and one without, in turns; then `texts` single texts on the idle one."""
    async with AsyncExitStack() as stack:
        outside = await stack.enter_async_context(carrier())
        sides = []
        for name in ("dispatching", "silent"):
            (folder / name).mkdir()
            house = await start(stack, "house", folder / name, str(people_needed(size)), outside.base_url)
            side = Side(house, house, folder / name / "bench.db", size)
            await side.open_conversations()
            sides.append((house, side))
        (house, side), (_, silent) = sides
        await house.ask("dispatch")
        database, sent = folder / "dispatching" / "bench.db", size.texts
        await outside.wait_for(sent)
        with_dispatcher, without = [], []
        for _ in range(size.rounds):
            # The clock is about to jump, and what is under way then would look like a worker that died.
            await _come_to_rest(database)
            with_dispatcher.append((await side.plain(32))[0])
            sent += size.texts
            await outside.wait_for(sent)
            without.append((await silent.plain(32))[0])
        await _come_to_rest(database)
        await house.ask("advance", seconds=A_DAY_S)
        dispatch, stream = await _one_by_one(outside, side, texts)
        return Delays(dispatch, stream, with_dispatcher, without)


async def _one_by_one(outside: Carrier, side: Side, texts: int) -> tuple[list[float], list[float]]:
    dispatch, stream = [], []
    facts = side.house.facts
    async with (
        aiohttp.ClientSession(headers={"Authorization": "Bearer " + facts["bearer"]}) as session,
        session.get(facts["base_url"] + "/events", timeout=aiohttp.ClientTimeout(total=None)) as events,
    ):
        if events.status != 200:
            raise WrongRows(f"the event stream answered {events.status}")
        for at in range(texts):
            await side.house.ask("commits")
            before = len(outside.arrivals)
            await side.one(at, ANSWERED)
            seen = await _next_event(events)
            await outside.wait_for(before + 1)
            committed = (await side.house.ask("commits"))["commits"][0]
            dispatch.append(outside.arrivals[before] - committed)
            stream.append(seen - committed)
    return dispatch, stream


async def _come_to_rest(database: Path) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while count_waiting(database):  # noqa: ASYNC110  another process writes; nothing here could set an event
            await asyncio.sleep(0.02)


async def _next_event(events: aiohttp.ClientResponse) -> float:
    async with asyncio.timeout(PATIENCE_S):
        while not (await events.content.readline()).startswith(b"data:"):
            pass
    return time.monotonic()


def describe(delays: Delays) -> str:
    """What was found, in milliseconds and as a ratio."""
    lines = []
    for name, waits in (("commit to dispatch, idle", delays.dispatch), ("commit to event stream, idle", delays.stream)):
        p50, p99 = (percentile(waits, share) * 1000 for share in (0.5, 0.99))
        lines.append(f"{name:<32} p50 {p50:.1f} ms, p99 {p99:.1f} ms ({len(waits)} texts)")
    lines[0] += "; must p99 < 10 / stretch p99 < 5"
    ratios = [a.per_second / b.per_second for a, b in zip(delays.with_dispatcher, delays.without, strict=True)]
    share = f"{min(ratios):.2f}-{max(ratios):.2f}"
    lines.append(f"{'turns while texts go out':<32} {share} of turns with the dispatcher off, 32 senders")
    return "\n".join(lines)
