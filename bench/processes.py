"""Starting a measured process and talking to it: one line of JSON asked, one answered."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from bench.load import Run, run
from bench.stored import Stored
from bench.texts import Batch

ROOT = Path(__file__).resolve().parent.parent


class Ended(Exception):
    """The process is gone; what it wrote to its standard error says why."""


@dataclass(frozen=True, slots=True)
class Load:
    """A run, and processor time for one request in microseconds: of the process, and of the database server."""

    run: Run
    app_us: float
    server_us: float = 0.0


@dataclass(slots=True)
class Server:
    """A running process. `facts` is what it said of itself when it began to listen, `told` what it was told."""

    process: asyncio.subprocess.Process
    facts: dict[str, Any]
    told: dict[str, Any]

    @property
    def address(self) -> tuple[str, int]:
        url = urlsplit(self.facts["base_url"])
        assert url.hostname is not None, "it says where it listens"
        assert url.port is not None, "it says where it listens"
        return url.hostname, url.port

    async def ask(self, what: str, **more: object) -> dict[str, Any]:
        """One command and its answer. Raises Ended."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": what, **more}).encode() + b"\n")
        return await _line(self.process)

    async def load(self, batch: Batch, senders: int, stored: Stored | None = None) -> Load:
        """Send a batch. `stored`: whose server's work is to be counted as well."""
        return (await load_all([self], [batch], senders, stored))[0]


async def load_all(
    servers: Sequence[Server], batches: Sequence[Batch], senders: int, stored: Stored | None = None
) -> list[Load]:
    """Send each its batch, all at once. The database server's work is shared out evenly among all requests."""
    before = [(await server.ask("usage"))["cpu"] for server in servers]
    worked = stored.cpu() if stored is not None else 0.0
    runs = await asyncio.gather(
        *(run(*server.address, batch.requests, senders) for server, batch in zip(servers, batches, strict=True))
    )
    worked = (stored.cpu() if stored is not None else 0.0) - worked
    after = [(await server.ask("usage"))["cpu"] for server in servers]
    total = sum(len(batch.requests) for batch in batches)
    return [
        Load(one, (then - was) / len(batch.requests) * 1e6, worked / total * 1e6)
        for one, batch, was, then in zip(runs, batches, before, after, strict=True)
    ]


async def start(stack: AsyncExitStack, what: Literal["reference", "house"], **told: object) -> Server:
    """Start one that is told this; `stack` ends it. Raises Ended."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.servers", what),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    stack.push_async_callback(_end, process)
    assert process.stdin is not None
    process.stdin.write(json.dumps(told).encode() + b"\n")
    return Server(process, await _line(process), told)


async def start_house(
    stack: AsyncExitStack,
    stored: Stored,
    *,
    contacts: int = 0,
    carrier_url: str = "",
    redis_url: str = "",
    background: bool = True,
) -> Server:
    """A house on this database, filled with so many contacts. The rest is as in `bench.world.Wanted`."""
    return await start(
        stack,
        "house",
        database_url=stored.url,
        owner_url=stored.owner_url,
        contacts=contacts,
        carrier_url=carrier_url,
        redis_url=redis_url,
        master_key=secrets.token_hex(32),
        background=background,
    )


async def start_beside(stack: AsyncExitStack, house: Server) -> Server:
    """Another house like this one on its database: a replica of it, or the same again when that has ended."""
    filled = {name: value for name, value in house.facts.items() if name != "base_url"}
    return await start(stack, "house", **{**house.told, "filled": filled})


async def _line(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise Ended(f"a measured process ended with {await process.wait()}")
    answer: dict[str, Any] = json.loads(line)
    return answer


async def _end(process: asyncio.subprocess.Process) -> None:
    """Its input closes, so it ends by itself; what does not is ended."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(20):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
