"""One house and the people who text it; every load is checked against what the database has gained."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

from bench.processes import Load, Server, load_all
from bench.rows import WrongRows, check_answers, check_rows
from bench.stored import Stored
from bench.texts import Batch, Target, Texts, mobiles
from bench.world import SMS_PATH

SENDERS = (1, 8, 32, 64)
#: Share of texts that come a second time.
REPEATED = 0.05
#: The clock moves on between slices, so that the desk answers again and yesterday's codes count no more.
A_DAY_S = 25 * 3600
#: Who ask who is calling before anything is measured, so that no table is empty.
WARMING = 8
#: A second by which everything that was set going must have arrived; far more than it takes.
PATIENCE_S = 60.0

HELLO_WORDS = "Hello, is this the help desk?"
WORDS = "My mail does not open since this morning."

#: Rows that one text leaves behind.
ANSWERED = {"inbound": 1, "audit": 1, "outbox": 1, "conversations": 0, "dialogs": 0}
UNANSWERED = {**ANSWERED, "outbox": 0}
FIRST = {**ANSWERED, "conversations": 1}
VERIFY = {**ANSWERED, "dialogs": 1, "timers": 2, "challenge_sends": 1}


#: Whoever writes to a database a second time must not begin again with the same ids.
_SEEDS = count(100)


@dataclass(frozen=True, slots=True)
class Size:
    """How much: slices of `texts` requests with many senders, of `alone` with one, of `reference` to each reference;
    `rounds` of everything."""

    rounds: int = 3
    texts: int = 1000
    verifies: int = 300
    alone: int = 150
    reference: int = 2000


def people_needed(size: Size) -> int:
    """Contacts the house must hold: the regulars, and newcomers for every `#verify`."""
    return size.texts + WARMING + size.rounds * (size.alone + (len(SENDERS) - 1) * size.verifies)


def target(facts: Mapping[str, Any], base_url: str, path: str = SMS_PATH) -> Target:
    return Target(base_url + path, facts["account_sid"], facts["auth_token"], facts["number"])


class Side:
    """A house, its database, and its regulars, who have a conversation. `beside`: a replica on the same database."""

    def __init__(self, house: Server, stored: Stored, size: Size, beside: Server | None = None) -> None:
        self.house = house
        self.stored = stored
        self.houses = [house] if beside is None else [house, beside]
        self._size = size
        self._texts = [Texts(target(one.facts, one.facts["base_url"]), next(_SEEDS)) for one in self.houses]
        people = list(islice(mobiles(), house.facts["contacts"]))
        self.regulars = people[: size.texts]
        self._newcomers: Iterator[str] = iter(people[size.texts :])

    async def advance(self, seconds: float = A_DAY_S) -> None:
        for house in self.houses:
            await house.ask("advance", seconds=seconds)

    def batch(self, people: Sequence[str], words: str, *, repeated: float = 0.0, at: int = 0) -> Batch:
        """Texts to one of the houses."""
        return self._texts[at].batch(people, words, repeated=repeated)

    async def open_conversations(self) -> None:
        """Every regular's first text; after it a plain text finds a conversation."""
        await self.counted(self.batch(self.regulars, HELLO_WORDS), 32, FIRST)
        await self.stored.analyse()

    async def plain(self, senders: int) -> Load:
        """A day later, one text from each regular, each of them answered."""
        await self.advance()
        return await self.counted(self._from_regulars(senders, WORDS), senders, ANSWERED)

    async def quiet(self, senders: int) -> Load:
        """Right after `plain`: they say something more, which needs no answer."""
        return await self.counted(self._from_regulars(senders, "And it is slow."), senders, UNANSWERED)

    async def verify(self, senders: int) -> Load:
        """A day later, people who have texted before, but never this, ask who is calling."""
        await self.advance()
        return await self.ask(self._size.alone if senders == 1 else self._size.verifies, senders)

    async def ask(self, many: int, senders: int = 32) -> Load:
        """So many who never have text `#verify`."""
        asking = list(islice(self._newcomers, many))
        await self.counted(self.batch(asking, HELLO_WORDS), 32, FIRST)
        return await self.counted(self.batch(asking, "#verify"), senders, VERIFY)

    async def counted(self, batch: Batch, senders: int, rows: Mapping[str, int]) -> Load:
        """Send it to the first house and count what it has written. Raises WrongRows."""
        return (await self.counted_all([batch], senders, rows))[0]

    async def counted_all(self, batches: Sequence[Batch], senders: int, rows: Mapping[str, int]) -> list[Load]:
        """The same for a batch to each house, at once, by so many senders each."""
        before = await self.stored.count()
        loads = await load_all(self.houses[: len(batches)], batches, senders, self.stored)
        for batch, load in zip(batches, loads, strict=True):
            check_answers(batch, load.run)
        fresh, repeats = sum(batch.fresh for batch in batches), sum(batch.repeats for batch in batches)
        check_rows(rows, Batch((), fresh, repeats), before, await self.stored.count())
        return loads

    async def come_to_rest(self) -> None:
        """Until nothing waits to go out, and every line of the log has its place. Raises WrongRows."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                # Another process writes; nothing here could set an event.
                while await self.stored.waiting() or await self.stored.unplaced():  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise WrongRows(f"{await self.stored.waiting()} items still wait to go out") from None

    def _from_regulars(self, senders: int, words: str) -> Batch:
        many = self._size.alone if senders == 1 else self._size.texts
        return self.batch(self.regulars[:many], words, repeated=REPEATED)
