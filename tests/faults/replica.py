"""One process of `watchword serve`: started, killed, frozen, told to stop; what it logged is kept."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

ROOT = Path(__file__).parents[2]
_STARTS_WITHIN_S = 60.0


@dataclass
class Replica:
    """`program`: what follows `python -m`; empty is the real one. `log`: the file it writes its records to."""

    name: str
    port: int
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    program: Sequence[str] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Returns at once; see `until_ready`."""
        program = self.program or ("watchword", "serve", "--port", str(self.port))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *program],
                cwd=ROOT,
                env={"PATH": os.environ.get("PATH", ""), **self.environment},
                stdout=log,
                stderr=log,
            )

    async def until_ready(self, http: aiohttp.ClientSession) -> None:
        until = time.monotonic() + _STARTS_WITHIN_S
        while await self.look(http) != 200:
            assert self.alive, f"{self.name} did not start:\n{self.said()}"
            assert time.monotonic() < until, f"{self.name} was not ready in time:\n{self.said()}"
            await asyncio.sleep(0.05)

    async def look(self, http: aiohttp.ClientSession, patience: float = 3.0) -> int:
        """What `/readyz` answers, 0 for nothing."""
        try:
            async with http.get(self.url + "/readyz", timeout=aiohttp.ClientTimeout(total=patience)) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            return 0

    def signal(self, which: signal.Signals) -> None:
        assert self.process is not None, "it was never started"
        self.process.send_signal(which)

    def kill(self) -> None:
        """Gone at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    async def ended(self, within: float) -> int:
        """Its exit code, once it has ended by itself."""
        assert self.process is not None, "it was never started"
        return await asyncio.to_thread(self.process.wait, within)

    def said(self) -> str:
        """The end of its log, for a test's message."""
        return self.log.read_text("utf-8", "replace")[-6000:] if self.log.exists() else ""
