"""Whether memory stays bounded: very many people who text once, most of them unknown (REL-16)."""

from __future__ import annotations

from contextlib import AsyncExitStack
from itertools import islice

from bench.processes import start_house
from bench.side import FIRST, Side, Size
from bench.stored import Stored
from bench.texts import mobiles

SENDERS = 100_000
KNOWN = 20_000
MOST_MIB = 100
#: Strangers are answered a bounded number of times, so the outbox says nothing here.
TAKEN = {name: rows for name, rows in FIRST.items() if name != "outbox"}


async def measure_memory(stored: Stored, senders: int = SENDERS, known: int = KNOWN) -> float:
    """MiB by which the house grew while `senders` people texted it, `known` of them contacts. Raises WrongRows."""
    async with AsyncExitStack() as stack:
        house = await start_house(stack, stored, contacts=known)
        side = Side(house, stored, Size(texts=0))
        # The first texts load what is loaded once.
        await side.counted(side.batch(list(islice(mobiles(known + senders), 2000)), "Hello?"), 32, TAKEN)
        await stored.analyse()
        before = (await house.ask("usage"))["rss_kib"]
        people = list(islice(mobiles(), senders))
        for at in range(0, senders, 5000):
            await side.counted(side.batch(people[at : at + 5000], "Hello?"), 32, TAKEN)
        after = (await house.ask("usage"))["rss_kib"]
        return float(after - before) / 1024


def describe(engine: str, grown: float) -> str:
    verdict = "within" if grown < MOST_MIB else "ABOVE"
    return (
        f"  {engine}: {SENDERS} distinct senders, {KNOWN} of them contacts: grew by {grown:.0f} MiB, "
        f"{verdict} {MOST_MIB} MiB"
    )
