"""`python3 dev.py bench [--full] [--parts] [--profile]`: ratios against this machine's own ceiling.

Without options: hello, both references, plain texts and #verify beside each other, then how soon a commit is felt.
About a minute and a half.
--full       longer slices, and memory with 100,000 distinct senders. Some minutes.
--parts      only where the time of a plain text goes, in microseconds.
--profile    only a profile of plain texts, thread by thread.
--in FOLDER  where the databases are made; the disk decides what a durable commit costs.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from bench import delays, memory, parts
from bench.disk import sync_ms
from bench.measure import Size, measure, profile
from bench.report import table

SHORT = Size()
LONG = Size(rounds=7, texts=4000, verifies=300, alone=500, reference=10_000)


async def main(options: argparse.Namespace, folder: Path) -> None:
    """Everything that was asked for, each in a folder of its own."""
    size = LONG if options.full else SHORT
    if options.parts:
        print(parts.describe(await parts.measure_parts(_below(folder, "parts"))))
    if options.profile:
        for thread, found in (await profile(_below(folder, "profile"), size)).items():
            print(f"--- {thread}\n{found}")
    if options.parts or options.profile:
        return
    print(table(await measure(_below(folder, "turns"), size)))
    print(f"A durable commit: p50 {sync_ms(_below(folder, 'sync')):.1f} ms on this disk.", flush=True)
    print()
    found_delays = await delays.measure_delays(_below(folder, "delays"), size, min(size.texts, 300))
    print(delays.describe(found_delays), flush=True)
    if options.full:
        print(memory.describe(await memory.measure_growth(_below(folder, "memory"))))


def _below(folder: Path, name: str) -> Path:
    made = folder / name
    made.mkdir()
    return made


def read_options(arguments: list[str]) -> argparse.Namespace:
    """The options; a misspelt one ends the program."""
    parser = argparse.ArgumentParser(
        prog="dev.py bench",
        allow_abbrev=False,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name in ("--full", "--parts", "--profile"):
        parser.add_argument(name, action="store_true")
    parser.add_argument("--in", dest="folder", type=Path)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    chosen = read_options(sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="watchword-bench-", dir=chosen.folder) as scratch:
        asyncio.run(main(chosen, Path(scratch)))
