"""What is measured side by side: hello, the references, plain texts and `#verify` on both engines, in turns.

Absolute figures move by tens of percent between batches on a shared machine; what is measured within a second of each
other moves together, so only the ratios of one round are kept, and their range over the rounds is the result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from bench.engines import PostgresServer
from bench.load import Run
from bench.processes import Load, Server, start, start_house
from bench.reference import CORE_PATH, HELLO_PATH, LEAN_PATH
from bench.rows import check_answers, check_rows
from bench.side import ANSWERED, HELLO_WORDS, SENDERS, WARMING, WORDS, Side, Size, people_needed, target
from bench.stored import OnServer, Stored, new_database, new_file
from bench.texts import Batch, Texts, get, mobiles
from bench.world import SMS_PATH

HELLO: Final = "hello"
R: Final = "R"
LEAN: Final = "lean R"
PLAIN: Final = "plain text, answered"
QUIET: Final = "plain text, no answer due"
CHECK: Final = "#verify"
CORE: Final = "Core turn, 5 statements"
#: The kinds of text, in the order in which they are sent.
TEXTS = (PLAIN, QUIET, CHECK)


@dataclass(slots=True)
class Slice:
    """One kind of request at one number of senders, in every round. `ratios`: reference -> share of its requests a
    second, a round each."""

    runs: list[Run] = field(default_factory=list)
    app_us: list[float] = field(default_factory=list)
    server_us: list[float] = field(default_factory=list)
    ratios: dict[str, list[float]] = field(default_factory=lambda: {R: [], LEAN: []})

    def add(self, load: Load) -> None:
        self.runs.append(load.run)
        self.app_us.append(load.app_us)
        self.server_us.append(load.server_us)


#: By engine (empty where there is none), kind and senders.
Results = Mapping[tuple[str, str, int], Slice]


class References:
    """The process whose handlers all others are compared with."""

    def __init__(self, server: Server, house: Server, size: Size, core: OnServer | None = None) -> None:
        self._server = server
        self._core = core
        self._size = size
        self._base_url = server.facts["base_url"]
        people = list(islice(mobiles(), size.texts))
        self._people = people
        # These write nothing, so the same requests serve them again and again.
        senders = (people * size.reference)[: size.reference]
        self._same = {
            name: Texts(target(house.facts, self._base_url, path), seed).batch(senders, WORDS)
            for seed, (name, path) in enumerate(((R, SMS_PATH), (LEAN, LEAN_PATH)), start=2)
        }
        self._hello = Batch((get(self._base_url + HELLO_PATH),) * size.reference, size.reference)
        self._core_texts = Texts(target(house.facts, self._base_url, CORE_PATH), seed=9)

    async def both(self, senders: int) -> Mapping[str, Load]:
        """R and lean R."""
        return {name: await self._sent(batch, senders) for name, batch in self._same.items()}

    async def hello(self, senders: int) -> Load:
        return await self._sent(self._hello, senders)

    async def open_conversations(self) -> None:
        """Every regular's first text to the Core turn."""
        await self._counted(self._core_texts.batch(self._people, HELLO_WORDS), 8, conversations=1)
        assert self._core is not None
        await self._core.analyse()

    async def core(self, senders: int) -> Load:
        people = self._people[: self._size.alone if senders == 1 else self._size.texts]
        return await self._counted(self._core_texts.batch(people, WORDS), senders)

    async def _counted(self, batch: Batch, senders: int, conversations: int = 0) -> Load:
        assert self._core is not None
        before = await self._core.count()
        load = await self._server.load(batch, senders, self._core)
        check_answers(batch, load.run)
        check_rows({**ANSWERED, "conversations": conversations}, batch, before, await self._core.count())
        return load

    async def _sent(self, batch: Batch, senders: int) -> Load:
        load = await self._server.load(batch, senders)
        check_answers(batch, load.run)
        return load


async def rounds(references: References, sides: Sequence[Side], size: Size, *, core: bool) -> Results:
    """Everything, in turns: both references before and after each of the others, so that a neighbour's load falls on
    all of them."""
    found: dict[tuple[str, str, int], Slice] = defaultdict(Slice)
    for side in sides:
        await side.ask(WARMING)
    for _ in range(size.rounds):
        # The server does so by itself, but it looks once a minute, and tables grow here as they do in a month.
        for side in sides:
            await side.stored.analyse()
        for senders in SENDERS:
            before = await _references(found, references, senders)
            kinds = [("", HELLO), *((side.stored.name, kind) for kind in TEXTS for side in sides)]
            for engine, kind in [*kinds, ("", CORE)] if core else kinds:
                load = await _one(references, sides, engine, kind, senders)
                after = await _references(found, references, senders)
                one = found[engine, kind, senders]
                one.add(load)
                for name, ratios in one.ratios.items():
                    around = before[name].run.per_second + after[name].run.per_second
                    ratios.append(2 * load.run.per_second / around)
                before = after
    return found


async def _one(references: References, sides: Sequence[Side], engine: str, kind: str, senders: int) -> Load:
    if kind == HELLO:
        return await references.hello(senders)
    if kind == CORE:
        return await references.core(senders)
    side = next(side for side in sides if side.stored.name == engine)
    return await {PLAIN: side.plain, QUIET: side.quiet, CHECK: side.verify}[kind](senders)


async def _references(
    found: dict[tuple[str, str, int], Slice], references: References, senders: int
) -> Mapping[str, Load]:
    loads = await references.both(senders)
    for name, load in loads.items():
        found["", name, senders].add(load)
    return loads


async def measure(folder: Path, size: Size, server: PostgresServer | None) -> Results:
    """Start a house on each engine and the references, and measure. Raises WrongRows when a run has not written what
    it should."""
    async with AsyncExitStack() as stack:
        databases: list[Stored] = [await new_file(folder)]
        core = None
        if server is not None:
            databases.append(await new_database(stack, server, "turns"))
            core = await new_database(stack, server, "core")
        houses = [await start_house(stack, stored, contacts=people_needed(size)) for stored in databases]
        facts = houses[0].facts
        reference = await start(
            stack,
            "reference",
            account_sid=facts["account_sid"],
            auth_token=facts["auth_token"],
            # The superuser's, for whom row security does not hold: the reference is not made dearer than it was.
            core_url=core.server.url(core.database) if core is not None else "",
        )
        references = References(reference, houses[0], size, core)
        sides = [Side(house, stored, size) for house, stored in zip(houses, databases, strict=True)]
        for side in sides:
            await side.open_conversations()
        if core is not None:
            await references.open_conversations()
        return await rounds(references, sides, size, core=core is not None)


async def profile(stored: Stored, size: Size) -> Mapping[str, str]:
    """Plain texts under the profiler: thread -> its table. The profiler's own cost is in the figures."""
    async with AsyncExitStack() as stack:
        house = await start_house(stack, stored, contacts=people_needed(size))
        side = Side(house, stored, size)
        await side.open_conversations()
        await house.ask("profile", on=True)
        await side.plain(32)
        return await house.ask("profile", on=False)
