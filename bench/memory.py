"""Whether memory stays bounded: very many people who text once, most of them unknown (REL-16)."""

from __future__ import annotations

from contextlib import AsyncExitStack
from itertools import islice
from pathlib import Path

from bench.measure import FIRST, Side, Size
from bench.processes import start
from bench.texts import mobiles

SENDERS = 100_000
KNOWN = 20_000
MOST_MIB = 100
#: Strangers are answered a bounded number of times, so the outbox says nothing here.
TAKEN = {name: rows for name, rows in FIRST.items() if name != "outbox"}


async def measure_growth(folder: Path, senders: int = SENDERS, known: int = KNOWN) -> float:
    """MiB by which the house grew while `senders` people texted it, `known` of them contacts. Raises WrongRows."""
    async with AsyncExitStack() as stack:
        house = await start(stack, "house", folder, str(known))
        side = Side(house, house, folder / "bench.db", Size(texts=0))
        # The first texts load what is loaded once.
        warm = list(islice(mobiles(known + senders), 2000))
        await side.counted(side.texts.batch(warm, "Hello?"), 32, TAKEN)
        before = (await house.ask("usage"))["rss_kib"]
        people = list(islice(mobiles(), senders))
        for at in range(0, senders, 5000):
            await side.counted(side.texts.batch(people[at : at + 5000], "Hello?"), 32, TAKEN)
        after = (await house.ask("usage"))["rss_kib"]
        return float(after - before) / 1024


def describe(grown: float) -> str:
    verdict = "within" if grown < MOST_MIB else "ABOVE"
    return f"{SENDERS} distinct senders, {KNOWN} of them contacts: grew by {grown:.0f} MiB, {verdict} {MOST_MIB} MiB"
