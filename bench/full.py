"""`--full`: growth, replicas, the outbox, and memory; each on databases of its own."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

from bench import drain, growth, memory, replicas
from bench.engines import PostgresServer, start_redis, why_no_redis
from bench.plans import whole_table_scans
from bench.report import load_average
from bench.side import Size
from bench.stored import File, OnServer, new_database, new_file

ROUNDS = 5
TEXTS = 400


async def run(stack: AsyncExitStack, folder: Path, server: PostgresServer | None) -> None:
    """Everything, with a word on how far it is."""
    began = time.monotonic()

    def begin(what: str) -> None:
        print(f"\n{what} ({time.monotonic() - began:.0f} s, {load_average()})", flush=True)

    begin("Growth: a turn beside very many stored conversations")
    databases: list[File | OnServer] = [await new_file(folder, f"grown{size}") for size in growth.SIZES]
    print(growth.describe("SQLite", await growth.measure_growth(databases, ROUNDS)), flush=True)
    if server is not None:
        largest = await _growth_on_server(stack, server)
        found = await whole_table_scans(largest)
        print(
            "  PostgreSQL: plans of the turn that read a whole table or tenant: " + (", ".join(found) or "none"),
            flush=True,
        )
        begin("Replicas")
        size = Size(rounds=ROUNDS, texts=2000)
        print(
            replicas.describe_turns(await replicas.measure_turns(await new_database(stack, server, "two"), size)),
            flush=True,
        )
        await _across(stack, folder, server)
    begin("The outbox")
    print(drain.describe("SQLite", await drain.measure_drain(await new_file(folder, "drain"))), flush=True)
    if server is not None:
        for houses in (1, 2):
            stored = await new_database(stack, server, f"drain{houses}")
            print(drain.describe("PostgreSQL", await drain.measure_drain(stored, houses)), flush=True)
    begin("Memory")
    print(memory.describe("SQLite", await memory.measure_memory(await new_file(folder, "memory"))), flush=True)
    if server is not None:
        stored = await new_database(stack, server, "memory")
        print(memory.describe("PostgreSQL", await memory.measure_memory(stored)), flush=True)
    begin("Done")


async def _growth_on_server(stack: AsyncExitStack, server: PostgresServer) -> OnServer:
    databases = [await new_database(stack, server, f"grown{size}") for size in growth.SIZES]
    print(growth.describe("PostgreSQL", await growth.measure_growth(databases, ROUNDS)), flush=True)
    return databases[-1]


async def _across(stack: AsyncExitStack, folder: Path, server: PostgresServer) -> None:
    alone = await replicas.measure_across(await new_database(stack, server, "across"), "", TEXTS)
    print(replicas.describe_across("without Redis", alone), flush=True)
    if why_not := why_no_redis():
        print(f"  NOT MEASURED: with Redis: {why_not}", flush=True)
        return
    redis = await asyncio.to_thread(start_redis, folder / "redis")
    try:
        found = await replicas.measure_across(await new_database(stack, server, "shared"), redis.url, TEXTS)
    finally:
        redis.stop()
    print(replicas.describe_across("with Redis", found), flush=True)
