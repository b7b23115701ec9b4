"""What a turn costs when very much is stored already: the same texts to houses of a thousand, a hundred thousand and a
million conversations, in turns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from statistics import median

from bench.fill import fill
from bench.processes import Load, start_beside, start_house
from bench.report import spread
from bench.rows import WrongRows
from bench.side import Side, Size
from bench.stored import File, Later, OnServer
from storage.keys import Keyring
from storage.times import id_from

SIZES = (1_000, 100_000, 1_000_000)
REGULARS = 1_000
#: Contacts of the larger ones; the smallest has no more than conversations.
CONTACTS = 20_000
_ASKING = 10
MOST = 1.2
_SEALED_WITHIN_S = 300.0


@dataclass(slots=True)
class Grown:
    """One house with that many conversations, and what its turns cost in every round."""

    side: Side
    conversations: int
    many: list[Load] = field(default_factory=list)
    alone: list[Load] = field(default_factory=list)

    def cpu_us(self) -> list[float]:
        """Of a turn with 32 senders, the house and the database server together."""
        return [load.app_us + load.server_us for load in self.many]

    def wall_us(self) -> list[float]:
        return [1e6 / load.run.per_second for load in self.many]

    def p50_ms(self) -> list[float]:
        """Of a lone sender."""
        return [load.run.percentile(0.5) for load in self.alone]


async def measure_growth(
    databases: Sequence[File | OnServer], rounds: int, sizes: Sequence[int] = SIZES, regulars: int = REGULARS
) -> list[Grown]:
    """A house on each database, filled up to the size that goes with it. Raises WrongRows."""
    size = Size(texts=regulars)
    async with AsyncExitStack() as stack:
        grown = []
        for stored, conversations in zip(databases, sizes, strict=True):
            began = time.monotonic()
            grown.append(Grown(await _filled(stack, stored, conversations, size), conversations))
            print(f"  {stored.name}: filled to {conversations} in {time.monotonic() - began:.0f} s", flush=True)
        for one in grown:  # once each for nothing: what is read for the first time comes from the disk
            await one.side.plain(32)
        for _ in range(rounds):
            for one in grown:
                one.many.append(await one.side.plain(32))
            for one in grown:
                one.alone.append(await one.side.plain(1))
        return grown


async def _filled(stack: AsyncExitStack, stored: File | OnServer, conversations: int, size: Size) -> Side:
    async with AsyncExitStack() as first:
        contacts = max(size.texts + _ASKING, min(conversations, CONTACTS))
        house = await start_house(first, stored, contacts=contacts)
        side = Side(house, stored, size)
        await side.open_conversations()
        await side.ask(_ASKING)
        async with asyncio.timeout(60):
            while await stored.unplaced():  # noqa: ASYNC110  another process writes
                await asyncio.sleep(0.02)
    keyring = Keyring((bytes.fromhex(house.told["master_key"]),))
    await fill(stored, keyring, max(0, conversations - size.texts), contacts)
    again = Side(await start_beside(stack, house), stored, size)
    await until_sealed(stored, conversations)
    stored.later = Later(house.facts["tenant_id"], id_from(time.time_ns() // 1000, bytes(10)))
    return again


async def until_sealed(stored: File | OnServer, lines: int) -> None:
    """Until the house has taken into its tree what it did not know of. Raises WrongRows."""
    until = time.monotonic() + _SEALED_WITHIN_S
    while (sealed := await stored.sealed()) < lines:
        if time.monotonic() > until:
            raise WrongRows(f"{sealed} of {lines} lines are sealed")
        await asyncio.sleep(0.2)


def describe(engine: str, grown: Sequence[Grown]) -> str:
    least = grown[0]
    lines = [
        f"  {engine}: medians, and ratios to the smallest within each round",
        f"  {'conversations':>15}{'CPU us a turn':>16}{'ratio':>20}{'wall us':>10}{'ratio':>20}"
        f"{'alone p50 ms':>14}{'ratio':>20}",
    ]
    for one in grown:
        cells = [f"  {one.conversations:>15}"]
        for width, mine, theirs in (
            (16, one.cpu_us(), least.cpu_us()),
            (10, one.wall_us(), least.wall_us()),
            (14, one.p50_ms(), least.p50_ms()),
        ):
            cells.append(f"{median(mine):>{width}.{2 if width == 14 else 0}f}{spread(_ratios(mine, theirs)):>20}")
        lines.append("".join(cells))
    worst = max(median(_ratios(one.cpu_us(), least.cpu_us())) for one in grown)
    lines.append(
        f"  {engine}: the dearest costs {worst:.2f} of the least; must <= {MOST}: {'HIT' if worst <= MOST else 'MISS'}"
    )
    return "\n".join(lines)


def _ratios(values: Sequence[float], least: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(values, least, strict=True)]
