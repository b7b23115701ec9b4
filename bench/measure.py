"""What is measured side by side: hello, R, plain texts and `#verify`, in turns within one run.

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

from bench.load import Run
from bench.processes import Server, start
from bench.rows import check_answers, check_rows, count_rows
from bench.servers import HELLO_PATH
from bench.texts import Batch, Target, Texts, get, mobiles
from bench.world import SMS_PATH

SENDERS = (1, 8, 32, 64)
#: Share of texts that come a second time.
REPEATED = 0.05
#: The clock moves on between slices, so that the desk answers again and yesterday's codes count no more.
A_DAY_S = 25 * 3600

#: Rows that one text leaves behind.
ANSWERED = {"inbound": 1, "audit": 1, "outbox": 1, "conversations": 0, "dialogs": 0}
UNANSWERED = {**ANSWERED, "outbox": 0}
FIRST = {**ANSWERED, "conversations": 1}
VERIFY = {**ANSWERED, "dialogs": 1, "timers": 2, "challenge_sends": 1}


@dataclass(frozen=True, slots=True)
class Size:
    """How much: slices of `texts` requests with many senders, of `alone` with one; `rounds` of everything."""

    rounds: int = 3
    texts: int = 900
    verifies: int = 300
    alone: int = 150


@dataclass(slots=True)
class Slice:
    """One kind of request at one number of senders, in every round."""

    runs: list[Run] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)


Results = Mapping[tuple[str, int], Slice]

HELLO, R, PLAIN, QUIET, CHECK = "hello", "R", "plain text, answered", "plain text, no answer due", "#verify"


class Side:
    """The two servers and the people who text them."""

    def __init__(self, reference: Server, house: Server, database: Path, size: Size) -> None:
        self._reference = reference
        self._house = house
        self._database = database
        self._size = size
        facts = house.facts
        self._texts = Texts(Target(facts["base_url"] + SMS_PATH, facts["account_sid"], facts["auth_token"], facts["number"]))
        self._to_reference = Texts(
            Target(reference.facts["base_url"] + SMS_PATH, facts["account_sid"], facts["auth_token"], facts["number"]), 2
        )
        people = list(islice(mobiles(), facts["contacts"]))
        self._regulars = people[: size.texts]
        self._newcomers: Iterator[str] = iter(people[size.texts :])

    async def open_conversations(self) -> None:
        """Every regular's first text; after it a plain text finds a conversation."""
        await self._counted(self._texts.batch(self._regulars, "Hello, is this the help desk?"), 32, FIRST)

    async def rounds(self) -> Results:
        """Everything, in turns."""
        found: dict[tuple[str, int], Slice] = defaultdict(Slice)
        for _ in range(self._size.rounds):
            for senders in SENDERS:
                await self._round(found, senders)
        return found

    async def _round(self, found: dict[tuple[str, int], Slice], senders: int) -> None:
        many = self._size.alone if senders == 1 else self._size.texts
        regulars = self._regulars[:many]
        hello = Batch((get(self._reference.facts["base_url"] + HELLO_PATH),) * many, many)
        plain = self._to_reference.batch(regulars, "My mail does not open since this morning.")

        runs: dict[str, tuple[Run, float]] = {}
        runs[HELLO] = await self._reference.load(hello, senders)
        before = await self._reference.load(plain, senders)
        await self._house.ask("advance", seconds=A_DAY_S)
        runs[PLAIN] = await self._counted(
            self._texts.batch(regulars, "My mail does not open since this morning.", repeated=REPEATED), senders, ANSWERED
        )
        after = await self._reference.load(plain, senders)
        runs[QUIET] = await self._counted(
            self._texts.batch(regulars, "It says the password is wrong.", repeated=REPEATED), senders, UNANSWERED
        )
        await self._house.ask("advance", seconds=A_DAY_S)
        asking = list(islice(self._newcomers, self._size.alone if senders == 1 else self._size.verifies))
        await self._counted(self._texts.batch(asking, "Hello, is this the help desk?"), 32, FIRST)
        runs[CHECK] = await self._counted(self._texts.batch(asking, "#verify"), senders, VERIFY)
        last = await self._reference.load(plain, senders)

        # R is measured around what is held against it, so that a neighbour's load falls on both.
        for run, cpu in (before, after, last):
            check_answers(plain, run)
            found[R, senders].runs.append(run)
            found[R, senders].cpu_us.append(cpu)
        beside = {HELLO: before, PLAIN: before, QUIET: after, CHECK: last}
        for kind, (run, cpu) in runs.items():
            one = found[kind, senders]
            one.runs.append(run)
            one.cpu_us.append(cpu)
            other = after if kind == PLAIN else last if kind == QUIET else beside[kind]
            rate = (beside[kind][0].per_second + other[0].per_second) / 2
            one.ratios.append(run.per_second / rate)

    async def _counted(self, batch: Batch, senders: int, rows: Mapping[str, int]) -> tuple[Run, float]:
        """Send it to the house and count what it has written. Raises WrongRows."""
        before = count_rows(self._database)
        done = await self._house.load(batch, senders)
        check_answers(batch, done[0])
        check_rows(rows, batch, before, count_rows(self._database))
        return done


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
