"""Where the time of a plain text goes on PostgreSQL, stage by stage: the store's own batches with a stop-watch around.

The stages follow one another, so their waits add up to the batch: what a stage waits for is the server's work, the way
there and back, and the flush of the log. What the server itself says of its statements is printed beside.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from bench.parts import A_DAY_S, Arrivals, Best
from bench.stored import OnServer
from bench.texts import mobiles
from bench.world import Wanted, World, open_world
from bot.app import listen
from bot.drafts import Draft
from bot.inbound import Reading
from bot.wording import Wording
from dialogs.messages import Inbound
from dialogs.turns import Decision, Facts, InboundAsk, InboundFacts, Turn
from storage.postgres.batch import Batches, Decided, Done
from storage.postgres.facts import FactLoader
from storage.postgres.line import Line
from storage.postgres.sends import Sends
from storage.postgres.waiting import Waiting
from storage.turn_facts import Found

SIZES = (32, 1)
BATCHES = 40

ROUTE, BEGIN, FACTS, READ, DECIDE, ROWS, WRITE, COMMIT = (
    "form, signature, translate",
    "begin, and who may be seen",
    "facts: the statement",
    "facts: what we make of it",
    "decide",
    "rows, seals, log line",
    "write: the statement",
    "commit and notice",
)
ORDER = (ROUTE, BEGIN, FACTS, READ, DECIDE, ROWS, WRITE, COMMIT)


@dataclass(slots=True)
class Watch:
    """Adds up what each stage of a batch takes."""

    best: Best
    inside: float = 0.0

    async def waited(self, name: str, work: Any) -> Any:
        began = time.perf_counter()
        try:
            return await work
        finally:
            took = time.perf_counter() - began
            self.inside += took
            self.best.add(name, took)

    def since(self, name: str, began: float) -> None:
        """What went by since then and outside any inner stage."""
        self.best.add(name, time.perf_counter() - began - self.inside)


class Watched:
    """A connection whose statements are timed, each as a stage."""

    def __init__(self, connection: Any, watch: Watch) -> None:
        self._connection = connection
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def fetch(self, text: str, *values: object) -> Any:
        return await self._watch.waited(FACTS, self._connection.fetch(text, *values))

    async def fetchrow(self, text: str, *values: object) -> Any:
        return await self._watch.waited(WRITE, self._connection.fetchrow(text, *values))

    async def execute(self, text: str, *values: object) -> Any:
        name = COMMIT if text.startswith("COMMIT") else BEGIN
        return await self._watch.waited(name, self._connection.execute(text, *values))


class WatchedLine(Line):
    def __init__(self, url: str, watch: Watch) -> None:
        super().__init__(url)
        self._watch = watch

    async def connection(self) -> Any:
        return Watched(await super().connection(), self._watch)


class WatchedLoader(FactLoader):
    watch: Watch

    async def load(self, connection: Any, turns: Sequence[Turn[Any]]) -> tuple[list[Found], Sends]:
        self.watch.inside, began = 0.0, time.perf_counter()
        found = await super().load(connection, turns)
        self.watch.since(READ, began)
        return found


class WatchedBatches(Batches):
    watch: Watch
    decided_at = 0.0

    def _decide(
        self, batch: Sequence[Waiting], found: Sequence[Found], sends: Sends, hinted: dict[int, str], done: Done
    ) -> list[Decided]:
        self.watch.inside, began = 0.0, time.perf_counter()
        decided = super()._decide(batch, found, sends, hinted, done)
        self.watch.since(DECIDE, began)
        self.decided_at, self.watch.inside = time.perf_counter(), 0.0
        return decided

    async def _within(self, connection: Any, batch: list[Waiting]) -> Done:
        done = await super()._within(connection, batch)
        # Between deciding and the end there are the rows, and the one statement that writes them.
        self.watch.since(ROWS, self.decided_at)
        return done


@dataclass(frozen=True, slots=True)
class Stages:
    """Stage -> microseconds a text, by size of the batch; and what the server says: calls, mean microseconds, text."""

    by_size: dict[int, dict[str, float]]
    whole: dict[int, float]
    statements: list[tuple[int, float, str]]


async def measure_parts(stored: OnServer) -> Stages:
    """Batches of each size, the best of many; nothing else runs beside them."""
    stages: dict[int, dict[str, float]] = {}
    whole: dict[int, float] = {}
    people = list(islice(mobiles(), max(SIZES) * BATCHES))
    await (await stored.connection()).execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    async with AsyncExitStack() as stack:
        listening = stack.enter_context(listen("127.0.0.1", 0))
        wanted = Wanted(stored.url, stored.owner_url, contacts=len(people), background=False)
        world = await open_world(listening, wanted, stack)
        for size in SIZES:
            best = Best(size)
            turns = _Turns(world, stored.url, best)
            stack.push_async_callback(turns.line.close)
            for body in ("Hello?", "My mail does not open since this morning.") if size > 1 else ("It is slow.",) * 2:
                best.least.clear()
                turns.best_whole = 1e9
                world.clock.advance(A_DAY_S)
                await (await stored.connection()).execute("SELECT pg_stat_statements_reset()")
                for at in range(0, size * BATCHES, size):
                    await turns.batch(people[at : at + size], body)
                await stored.analyse()
            stages[size], whole[size] = dict(best.least), turns.best_whole
            if size > 1:
                statements = await _statements(stored)
    return Stages(stages, whole, statements)


async def _statements(stored: OnServer) -> list[tuple[int, float, str]]:
    rows = await (await stored.connection()).fetch(
        "SELECT calls, mean_exec_time * 1000, query FROM pg_stat_statements WHERE calls >= $1 ORDER BY 2 DESC",
        BATCHES // 2,
    )
    return [(row[0], row[1], " ".join(row[2].split())[:70]) for row in rows]


class _Turns:
    def __init__(self, world: World, url: str, best: Best) -> None:
        self._world = world
        self._best = best
        self._arrivals = Arrivals(world, best)
        watch = Watch(best)
        loader = WatchedLoader(world.house.keyring)
        self.line = WatchedLine(url, watch)
        self._batches = WatchedBatches(self.line, loader)
        loader.watch = self._batches.watch = watch
        self._wording = Wording(world.house.settings.public_url)
        self.best_whole = 1e9

    async def batch(self, people: list[str], body: str) -> None:
        began, now = time.perf_counter(), self._world.clock.now()
        loop = asyncio.get_running_loop()
        batch = []
        for person in people:
            inbound = self._arrivals.arrive(person, body, ROUTE)
            turn = Turn(InboundAsk(inbound), partial(self._decide, inbound), now)
            batch.append(Waiting(turn, loop.create_future()))
        done = await self._batches.run(batch)
        assert len(done.answers) == len(people), "a text was not taken"
        self._best.end_batch()
        self.best_whole = min(self.best_whole, (time.perf_counter() - began) / len(people) * 1e6)

    def _decide(self, inbound: Inbound, facts: Facts) -> Decision[Any]:
        assert isinstance(facts, InboundFacts)
        random = self._world.house.random
        draft = Draft(facts.tenant, self._world.clock.now(), random, self._wording)
        return Reading(facts, inbound, draft, random, False).decide()


def describe(found: Stages) -> str:
    lines = [f"{'microseconds a text':<30}" + "".join(f"{f'batch of {size}':>14}" for size in found.by_size)]
    for name in ORDER:
        lines.append(f"{name:<30}" + "".join(f"{stages.get(name, 0.0):>14.1f}" for stages in found.by_size.values()))
    lines.append(f"{'best batch, whole':<30}" + "".join(f"{took:>14.1f}" for took in found.whole.values()))
    lines.append("\nWhat the server says of batches of 32; microseconds a statement, without planning and the way:")
    lines += [f"{calls:>6} x {took:>8.1f}  {text}" for calls, took, text in found.statements]
    return "\n".join(lines)
