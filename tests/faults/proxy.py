"""A proxy in front of the replicas, as people run one: it asks each whether it is ready, and passes on what comes.

A replica that cannot be connected to is passed over. Once a request is on its way it is not sent to another: the
provider is told 502 or 504 and delivers it again, as it would behind a real proxy. Where none is ready each is tried:
the answers of the replicas themselves are what is wanted here.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from bot.app import listen
from tests.faults.replica import Replica

#: Seconds between two looks at a replica, and how long it may take to answer one.
LOOK_EVERY, LOOK_PATIENCE = 0.25, 1.0
#: How long a request may take; the carrier waits 15 s.
PATIENCE = aiohttp.ClientTimeout(total=6, sock_connect=1)
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host"})


@dataclass(frozen=True, slots=True)
class Look:
    """What `/readyz` of a replica answered, 0 for nothing. `at` by the monotonic clock."""

    at: float
    name: str
    status: int


@dataclass
class Proxy:
    """`answers`: statuses of what was passed on, by path."""

    replicas: list[Replica]
    looks: list[Look] = field(default_factory=list)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    port: int = 0
    _ready: dict[str, bool] = field(default_factory=dict)
    _turn: int = 0
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    http: aiohttp.ClientSession = field(init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        self.http = await self._stack.enter_async_context(
            aiohttp.ClientSession(timeout=PATIENCE, connector=aiohttp.TCPConnector(limit=0))
        )
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        listening = listen("127.0.0.1", 0)
        self.port = listening.getsockname()[1]
        await web.SockSite(runner, listening).start()

    def watch(self) -> None:
        """Begin to look at the replicas."""
        watching = asyncio.create_task(self._watch(), name="proxy")

        async def end() -> None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

        self._stack.push_async_callback(end)

    async def close(self) -> None:
        await self._stack.aclose()

    async def _watch(self) -> None:
        while True:
            await asyncio.gather(*(self._look(replica) for replica in list(self.replicas)))
            await asyncio.sleep(LOOK_EVERY)

    async def _look(self, replica: Replica) -> None:
        status = await replica.look(self.http, LOOK_PATIENCE)
        self._ready[replica.name] = status == 200
        self.looks.append(Look(time.monotonic(), replica.name, status))

    def _order(self) -> list[Replica]:
        """Ready ones first, each in its turn."""
        self._turn += 1
        shift = self._turn % max(1, len(self.replicas))
        around = self.replicas[shift:] + self.replicas[:shift]
        return sorted(around, key=lambda replica: not self._ready.get(replica.name, True))

    async def _pass_on(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        answer = web.Response(status=503, text="nobody is there")
        for replica in self._order():
            url = replica.url + request.path_qs
            try:
                async with self.http.request(request.method, url, data=body, headers=headers) as given:
                    kept = {k: v for k, v in given.headers.items() if k.lower() in ("content-type", "retry-after")}
                    answer = web.Response(status=given.status, body=await given.read(), headers=kept)
                    break
            except aiohttp.ClientConnectorError:
                continue
            except TimeoutError:
                answer = web.Response(status=504)
                break
            except (aiohttp.ClientError, ConnectionError):
                answer = web.Response(status=502)
                break
        self.answers[request.path.split("?")[0], answer.status] += 1
        return answer
