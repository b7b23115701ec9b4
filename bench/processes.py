"""Starting a measured process and talking to it: one line of JSON asked, one answered."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.load import Run, run
from bench.texts import Batch

ROOT = Path(__file__).resolve().parent.parent


class Ended(Exception):
    """The process is gone; what it wrote to its standard error says why."""


@dataclass(slots=True)
class Server:
    """A running process. `facts` is what it said of itself when it began to listen."""

    process: asyncio.subprocess.Process
    facts: dict[str, Any]

    async def ask(self, what: str, **more: object) -> dict[str, Any]:
        """One command and its answer. Raises Ended."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": what, **more}).encode() + b"\n")
        return await _line(self.process)

    async def load(self, batch: Batch, senders: int) -> tuple[Run, float]:
        """Send a batch; the run, and the server's processor time for one request in microseconds."""
        url = urlsplit(self.facts["base_url"])
        assert url.port is not None
        before = await self.ask("usage")
        done = await run(str(url.hostname), url.port, batch.requests, senders)
        after = await self.ask("usage")
        return done, (after["cpu"] - before["cpu"]) / len(batch.requests) * 1e6


async def start(stack: AsyncExitStack, *arguments: str | Path) -> Server:
    """Start `bench.servers` with these arguments; `stack` ends it. Raises Ended."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.servers"),
        *(str(part) for part in arguments),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    stack.push_async_callback(_end, process)
    return Server(process, await _line(process))


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
