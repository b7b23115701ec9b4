"""The simulated carrier on a port of its own, in the test's process: it outlives whatever happens to the replicas."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.app import listen
from bot.clock import SystemClock, SystemRandom
from simulator.carrier import Carrier
from simulator.carrier_http import CarrierApi
from simulator.carrier_records import CarrierAccount, Message


class Remembering(Carrier):
    """Keeps every text it took, however many, by the phone it went to."""

    def __init__(self, account: CarrierAccount, public_url: str) -> None:
        super().__init__([account], clock=SystemClock(), randomness=SystemRandom(), public_url=public_url)
        self.phones: dict[str, list[str]] = defaultdict(list)
        self._arrived = asyncio.Event()

    def accept(self, account: CarrierAccount, *, to: str, sender: str, body: str, callback: str) -> Message:
        message = super().accept(account, to=to, sender=sender, body=body, callback=callback)
        self.phones[to].append(body)
        self._arrived.set()
        self._arrived = asyncio.Event()
        return message

    async def text_with(self, phone: str, *words: str) -> str:
        """Wait for a text to this phone that has some of these words in it."""
        while True:
            for body in self.phones.get(phone, ()):
                if any(word in body for word in words):
                    return body
            await self._arrived.wait()


@dataclass
class CarrierHouse:
    """`hangs`: so many requests hear nothing for `hang_s` seconds; then their line is cut, and nothing was done."""

    account: CarrierAccount
    public_url: str
    hangs: int = 0
    hang_s: float = 0.0
    carrier: Remembering = field(init=False)
    url: str = ""
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def open(self) -> None:
        self.carrier = Remembering(self.account, self.public_url)
        await self.carrier.start()
        self._stack.push_async_callback(self.carrier.stop)
        app = web.Application(middlewares=[self._maybe_hang])
        app.add_routes(CarrierApi(self.carrier).routes())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        listening = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        await web.SockSite(runner, listening).start()

    async def close(self) -> None:
        await self._stack.aclose()

    @web.middleware
    async def _maybe_hang(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self.hangs:
            self.hangs -= 1
            await asyncio.sleep(self.hang_s)
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=504)
        return await handler(request)
