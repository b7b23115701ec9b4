"""What is measured side by side: hello, both references, plain texts and `#verify`, in turns within one run.

Absolute figures move by tens of percent between batches on a shared machine; what is measured within a second of each
other moves together, so only the ratios of one round are kept, and their range over the rounds is the result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from bench.load import Run
from bench.processes import Server, start
from bench.rows import check_answers, check_rows, count_rows
from bench.servers import HELLO_PATH, LEAN_PATH
from bench.texts import Batch, Target, Texts, get, mobiles
from bench.world import SMS_PATH

SENDERS = (1, 8, 32, 64)
#: Share of texts that come a second time.
REPEATED = 0.05
#: The clock moves on between slices, so that the desk answers again and yesterday's codes count no more.
A_DAY_S = 25 * 3600

WORDS = "My mail does not open since this morning."

#: Rows that one text leaves behind.
ANSWERED = {"inbound": 1, "audit": 1, "outbox": 1, "conversations": 0, "dialogs": 0}
UNANSWERED = {**ANSWERED, "outbox": 0}
FIRST = {**ANSWERED, "conversations": 1}
VERIFY = {**ANSWERED, "dialogs": 1, "timers": 2, "challenge_sends": 1}


@dataclass(frozen=True, slots=True)
class Size:
    """How much: slices of `texts` requests with many senders, of `alone` with one, of `reference` to each reference;
    `rounds` of everything."""

    rounds: int = 3
    texts: int = 1000
    verifies: int = 300
    alone: int = 150
    reference: int = 3000


@dataclass(slots=True)
class Slice:
    """One kind of request at one number of senders, in every round. `ratios`: reference -> share of its requests a
    second, a round each."""

    runs: list[Run] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    ratios: dict[str, list[float]] = field(default_factory=lambda: {R: [], LEAN: []})


Results = Mapping[tuple[str, int], Slice]

HELLO: Final = "hello"
R: Final = "R"
LEAN: Final = "lean R"
PLAIN: Final = "plain text, answered"
QUIET: Final = "plain text, no answer due"
CHECK: Final = "#verify"


class Side:
    """The two servers and the people who text them."""

    def __init__(self, reference: Server, house: Server, database: Path, size: Size) -> None:
        self._reference = reference
        self.house = house
        self._database = database
        self._size = size
        self.texts = Texts(_target(house.facts, house.facts["base_url"]))
        people = list(islice(mobiles(), house.facts["contacts"]))
        self._regulars = people[: size.texts]
        self._newcomers: Iterator[str] = iter(people[size.texts :])
        # R writes nothing, so the same requests serve it again and again.
        senders = (people * size.reference)[: size.reference]
        self._same = {
            name: Texts(_target(house.facts, reference.facts["base_url"], path), seed).batch(senders, WORDS)
            for seed, (name, path) in enumerate(((R, SMS_PATH), (LEAN, LEAN_PATH)), start=2)
        }
        self._hello = Batch((get(reference.facts["base_url"] + HELLO_PATH),) * size.reference, size.reference)

    async def open_conversations(self) -> None:
        """Every regular's first text; after it a plain text finds a conversation."""
        await self.counted(self.texts.batch(self._regulars, "Hello, is this the help desk?"), 32, FIRST)

    async def rounds(self) -> Results:
        """Everything, in turns."""
        found: dict[tuple[str, int], Slice] = defaultdict(Slice)
        for _ in range(self._size.rounds):
            for senders in SENDERS:
                await self._round(found, senders)
        return found

    async def _round(self, found: dict[tuple[str, int], Slice], senders: int) -> None:
        """Both references before and after each of the others, so that a neighbour's load falls on all."""
        before = await self._references(found, senders)
        for kind in (HELLO, PLAIN, QUIET, CHECK):
            match kind:
                case "hello":
                    run, cpu = await self._reference.load(self._hello, senders)
                    check_answers(self._hello, run)
                case "plain text, answered":
                    run, cpu = await self.plain(senders)
                case "plain text, no answer due":
                    run, cpu = await self.counted(self._batch(senders, "And it is slow."), senders, UNANSWERED)
                case _:
                    run, cpu = await self._verify(senders)
            after = await self._references(found, senders)
            one = found[kind, senders]
            one.runs.append(run)
            one.cpu_us.append(cpu)
            for name, ratios in one.ratios.items():
                ratios.append(2 * run.per_second / (before[name].per_second + after[name].per_second))
            before = after

    async def _references(self, found: dict[tuple[str, int], Slice], senders: int) -> Mapping[str, Run]:
        runs = {}
        for name, batch in self._same.items():
            runs[name], cpu = await self._reference.load(batch, senders)
            check_answers(batch, runs[name])
            found[name, senders].runs.append(runs[name])
            found[name, senders].cpu_us.append(cpu)
        return runs

    async def plain(self, senders: int) -> tuple[Run, float]:
        """A day later, one text from each regular, each of them answered."""
        await self.house.ask("advance", seconds=A_DAY_S)
        return await self.counted(self._batch(senders, WORDS), senders, ANSWERED)

    async def one(self, regular: int, rows: Mapping[str, int]) -> None:
        """A single text of one of the regulars."""
        await self.counted(self.texts.batch([self._regulars[regular]], WORDS), 1, rows)

    async def _verify(self, senders: int) -> tuple[Run, float]:
        """A day later, people who have texted before, but never this, ask who is calling."""
        await self.house.ask("advance", seconds=A_DAY_S)
        asking = list(islice(self._newcomers, self._size.alone if senders == 1 else self._size.verifies))
        await self.counted(self.texts.batch(asking, "Hello, is this the help desk?"), 32, FIRST)
        return await self.counted(self.texts.batch(asking, "#verify"), senders, VERIFY)

    def _batch(self, senders: int, words: str) -> Batch:
        many = self._size.alone if senders == 1 else self._size.texts
        return self.texts.batch(self._regulars[:many], words, repeated=REPEATED)

    async def counted(self, batch: Batch, senders: int, rows: Mapping[str, int]) -> tuple[Run, float]:
        """Send it to the house and count what it has written. Raises WrongRows."""
        before = count_rows(self._database)
        done = await self.house.load(batch, senders)
        check_answers(batch, done[0])
        check_rows(rows, batch, before, count_rows(self._database))
        return done


def _target(facts: Mapping[str, str], base_url: str, path: str = SMS_PATH) -> Target:
    return Target(base_url + path, facts["account_sid"], facts["auth_token"], facts["number"])


def people_needed(size: Size) -> int:
    """Contacts the house must hold: the regulars, and newcomers for every `#verify`."""
    return size.texts + size.rounds * (size.alone + (len(SENDERS) - 1) * size.verifies)


async def measure(folder: Path, size: Size) -> Results:
    """Start both servers in `folder` and measure. Raises WrongRows when a run has not written what it should."""
    async with AsyncExitStack() as stack:
        house = await start(stack, "house", folder, str(people_needed(size)))
        reference = await start(stack, "reference", house.facts["account_sid"], house.facts["auth_token"])
        side = Side(reference, house, folder / "bench.db", size)
        await side.open_conversations()
        return await side.rounds()


async def profile(folder: Path, size: Size) -> Mapping[str, str]:
    """Plain texts under the profiler: thread -> its table. The profiler's own cost is in the figures."""
    async with AsyncExitStack() as stack:
        house = await start(stack, "house", folder, str(people_needed(size)))
        side = Side(house, house, folder / "bench.db", size)
        await side.open_conversations()
        await house.ask("profile", on=True)
        await side.plain(32)
        return await house.ask("profile", on=False)
