"""The load generator: raw connections that stay open, each sends its next request when it has its answer.

One process of its own. It reads no more of an answer than its status and length, so that it is not what is measured.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean


class Broken(Exception):
    """The server hung up or answered something else than HTTP."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took. `waits`: seconds of each request, in the order of their answers."""

    seconds: float
    waits: tuple[float, ...]
    statuses: Mapping[int, int]

    @property
    def per_second(self) -> float:
        return len(self.waits) / self.seconds

    def percentile(self, share: float) -> float:
        """In milliseconds, nearest rank."""
        return percentile(self.waits, share) * 1000

    @property
    def mean(self) -> float:
        """In milliseconds."""
        return fmean(self.waits) * 1000


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(len(ordered) * share * 1000) // 1000) - 1)]


class _Line(asyncio.Protocol):
    """One connection: takes requests from the shared list until it is empty."""

    def __init__(self, requests: list[bytes], waits: list[float], statuses: Counter[int]) -> None:
        self._requests = requests
        self._waits = waits
        self._statuses = statuses
        self._transport: asyncio.Transport | None = None
        self._seen = b""
        self._missing = -1
        self._sent = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def begin(self) -> None:
        """Send the next request, or end."""
        assert self._transport is not None
        if not self._requests:
            if not self.done.done():
                self.done.set_result(None)
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(self._requests.pop())

    def data_received(self, data: bytes) -> None:
        if self._missing >= 0:
            self._missing -= len(data)
        else:
            self._seen += data
            end = self._seen.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._seen[: end + 2].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 : head.index(b"\r\n", at)]) if at >= 0 else 0
            self._statuses[int(head[9:12])] += 1
            self._missing = length - (len(self._seen) - end - 4)
            self._seen = b""
        if self._missing == 0:
            self._missing = -1
            self._waits.append(time.perf_counter() - self._sent)
            self.begin()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(Broken("the server closed a connection that had a request on it"))


async def run(host: str, port: int, requests: Sequence[bytes], senders: int) -> Run:
    """Send every request once, `senders` at a time. Raises Broken, OSError and TimeoutError."""
    waiting = list(reversed(requests))
    waits: list[float] = []
    statuses: Counter[int] = Counter()
    loop = asyncio.get_running_loop()
    lines = [
        (await loop.create_connection(lambda: _Line(waiting, waits, statuses), host, port))[1] for _ in range(senders)
    ]
    began = time.perf_counter()
    for line in lines:
        line.begin()
    async with asyncio.timeout(600):
        await asyncio.gather(*(line.done for line in lines))
    return Run(time.perf_counter() - began, tuple(waits), dict(statuses))


async def paced(host: str, port: int, requests: Sequence[bytes], per_second: float) -> None:
    """Send them at an even pace, whatever becomes of them, each on a connection of its own. Raises as `run`, and Broken
    for an answer that is not 200."""
    began, loop = time.monotonic(), asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        for n, request in enumerate(requests):
            await asyncio.sleep(began + n / per_second - time.monotonic())
            group.create_task(_alone(loop, host, port, request))


async def _alone(loop: asyncio.AbstractEventLoop, host: str, port: int, request: bytes) -> None:
    statuses: Counter[int] = Counter()
    line = (await loop.create_connection(lambda: _Line([request], [], statuses), host, port))[1]
    line.begin()
    async with asyncio.timeout(60):
        await line.done
    if statuses != {200: 1}:
        raise Broken(f"answered {dict(statuses)}")
