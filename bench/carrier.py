"""The least a carrier can be: takes every text, and remembers when, and whose it was."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from bench.rows import WrongRows
from bench.side import PATIENCE_S
from bot.app import listen
from channels.twilio import form


@dataclass(slots=True)
class Carrier:
    """`arrivals`: to whom, and when by the clock that all processes share, in order. `said`: the newest text to
    each."""

    base_url: str = ""
    arrivals: list[tuple[str, float]] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def create(self, request: web.Request) -> web.Response:
        at = time.monotonic()
        text = dict(form.read_pairs(await request.read()))
        self.arrivals.append((text["To"], at))
        self.said[text["To"]] = text["Body"]
        async with self._arrived:
            self._arrived.notify_all()
        return web.json_response({"sid": f"SM{len(self.arrivals):032x}"}, status=201)

    async def wait_for(self, many: int, patience: float = PATIENCE_S) -> None:
        """Until that many texts have gone out in all. Raises WrongRows when they do not come."""
        try:
            async with asyncio.timeout(patience), self._arrived:
                await self._arrived.wait_for(lambda: len(self.arrivals) >= many)
        except TimeoutError:
            raise WrongRows(f"{len(self.arrivals)} texts went out, not {many}") from None

    def once_each(self, since: int = 0) -> dict[str, float]:
        """When each got theirs, of the arrivals from the one with that number on. Raises WrongRows for a second one."""
        twice = [to for to, many in Counter(to for to, _ in self.arrivals[since:]).items() if many > 1]
        if twice:
            raise WrongRows(f"{len(twice)} of {len(self.arrivals) - since} texts went out more than once")
        return dict(self.arrivals[since:])


@asynccontextmanager
async def carrier() -> AsyncIterator[Carrier]:
    """A carrier that listens."""
    app, made = web.Application(), Carrier()
    app.add_routes([web.post("/2010-04-01/Accounts/{sid}/Messages.json", made.create)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    with listen("127.0.0.1", 0) as listening:
        await web.SockSite(runner, listening).start()
        made.base_url = "http://127.0.0.1:" + str(listening.getsockname()[1])
        yield made
        await runner.cleanup()
