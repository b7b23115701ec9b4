"""`python3 dev.py bench [--full | --parts | --profile | --verifying | --consoles]`: ratios to this machine's ceiling.

Without options: hello, the references, plain texts and #verify on SQLite and on a real PostgreSQL beside each other,
then how soon a commit is felt, what a verification of a caller takes, what fifty consoles cost, and when a row is on
the screen. Three to four minutes.
--full       also growth up to a million conversations, replicas, the outbox and memory. About a quarter of an hour.
--parts      only where the time of a plain text goes, in microseconds, on both engines.
--profile    only a profile of plain texts, thread by thread.
--verifying  only what a technician waits for while verifying a caller, on both engines.
--consoles   only the consoles: fifty with two hundred rows, and ten tabs of a real browser.
--in FOLDER  where the databases are made; the disk decides what a durable commit costs.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from bench import consoles, delays, full, parts, parts_postgres, screen, verifying
from bench.disk import sync_ms
from bench.engines import PostgresServer, start_postgres, why_no_postgres
from bench.measure import measure, profile
from bench.report import load_average, table
from bench.side import Size
from bench.stored import SQLITE, Stored, new_database, new_file
from bot.logs import configure

SHORT = Size()
LONG = Size(rounds=5, texts=2000)
#: As a small installation would have it; durable, as PostgreSQL is unless it is told otherwise.
SETTINGS = {"shared_buffers": "256MB", "shared_preload_libraries": "pg_stat_statements"}


async def main(options: argparse.Namespace, folder: Path) -> None:
    """Everything that was asked for, each in a database of its own."""
    size = LONG if options.full else SHORT
    async with AsyncExitStack() as stack:
        server = await asyncio.to_thread(start_server, stack, folder)
        if options.parts:
            print("SQLite\n" + parts.describe(await parts.measure_parts(await new_file(folder, "parts"))))
            if server is not None:
                measured = await new_database(stack, server, "parts")
                print("\nPostgreSQL\n" + parts_postgres.describe(await parts_postgres.measure_parts(measured)))
        if options.profile:
            for stored in await both(stack, folder, server, "profile"):
                for thread, found in (await profile(stored, size)).items():
                    print(f"--- {stored.name}: {thread}\n{found}")
        if options.verifying:
            await of_verifying(stack, folder, server)
        if options.consoles:
            print(load_average(), flush=True)
            await of_consoles(folder)
            print(load_average(), flush=True)
        if options.parts or options.profile or options.verifying or options.consoles:
            return
        print(load_average(), flush=True)
        print(table(await measure(folder, size, server)), flush=True)
        print(f"  a durable commit: p50 {sync_ms(folder):.1f} ms on this disk\n", flush=True)
        for busy, silent in zip(
            await both(stack, folder, server, "delays"), await both(stack, folder, server, "silent"), strict=True
        ):
            found_delays = await delays.measure_delays(size, busy, silent, min(size.texts, 400))
            print(delays.describe(busy.name, found_delays), flush=True)
        await of_verifying(stack, folder, server)
        await of_consoles(folder)
        print(load_average(), flush=True)
        if options.full:
            await full.run(stack, folder, server)


async def of_verifying(stack: AsyncExitStack, folder: Path, server: PostgresServer | None) -> None:
    """What a technician waits for."""
    for stored in await both(stack, folder, server, "verifying"):
        print(verifying.describe(stored.name, await verifying.measure_verifying(stored)), flush=True)


async def of_consoles(folder: Path) -> None:
    """On SQLite: what is counted is the work of the house."""
    found = await consoles.measure_consoles(await new_file(folder, "consoles"))
    print(consoles.describe(SQLITE, found), flush=True)
    if why_not := screen.why_no_browser():
        print(f"NOT MEASURED: the screen: {why_not}", flush=True)
        return
    print(
        screen.describe(SQLITE, await screen.measure_screen(await new_file(folder, "screen"), folder / "tabs")),
        flush=True,
    )


def start_server(stack: AsyncExitStack, folder: Path) -> PostgresServer | None:
    """A durable PostgreSQL; None, and a loud word, where there is none to start."""
    if why_not := why_no_postgres():
        print(f"NOT MEASURED: PostgreSQL: {why_not}", flush=True)
        return None
    server = start_postgres(folder / "postgres", SETTINGS)
    stack.callback(server.stop)
    return server


async def both(stack: AsyncExitStack, folder: Path, server: PostgresServer | None, name: str) -> list[Stored]:
    """A new database on each engine there is."""
    made: list[Stored] = [await new_file(folder, name)]
    if server is not None:
        made.append(await new_database(stack, server, name))
    return made


def read_options(arguments: list[str]) -> argparse.Namespace:
    """The options; a misspelt one ends the program."""
    parser = argparse.ArgumentParser(
        prog="dev.py bench",
        allow_abbrev=False,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name in ("--full", "--parts", "--profile", "--verifying", "--consoles"):
        parser.add_argument(name, action="store_true")
    parser.add_argument("--in", dest="folder", type=Path)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    chosen = read_options(sys.argv[1:])
    # The clock that is moved looks like one that is wrong, and says so.
    configure(readable=True, level=logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="watchword-bench-", dir=chosen.folder) as scratch:
        asyncio.run(main(chosen, Path(scratch)))
