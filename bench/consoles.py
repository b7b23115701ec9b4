"""What fifty technicians with `/codes` open cost the server, with two hundred open checks on it: at rest, for each
event, and for each page; beside what it would cost if every console asked again instead of being told.

Processor time of the answering process, because neighbours move it least.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import islice
from statistics import median

import aiohttp
import brotli

from bench.processes import Server, start_house
from bench.report import HEAD, Target
from bench.rows import WrongRows
from bench.side import FIRST, HELLO_WORDS, PATIENCE_S, VERIFY, Side, Size
from bench.stored import Stored
from bench.texts import mobiles
from web.csrf import COOKIE

ROWS = 200
CONSOLES = 50
EVENTS = 15
PAGES = 10
REST_S = 6.0
#: What the log-ins are made for, so that none of them looks as if it had moved.
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@dataclass(frozen=True, slots=True)
class Costs:
    """Milliseconds of processor time, one figure for each event or page. `alone`: an event with no console open;
    `told`: with the row brought to each; `asked_for_it`, `asked_for_all`: what so many consoles' questions take that
    follow one event. `at_rest`: share of one processor. Sizes in bytes over the wire."""

    alone: list[float]
    told: list[float]
    asked_for_it: list[float]
    asked_for_all: list[float]
    page: list[float]
    at_rest: float
    page_bytes: int
    rows_bytes: int
    event_bytes: float


class Desk:
    """A house with many open checks, and people who will ask for more, each of whom has written before."""

    def __init__(self, house: Server, side: Side, people: Sequence[str]) -> None:
        self.house = house
        self.side = side
        self._people = iter(people)

    @property
    def url(self) -> str:
        return str(self.house.facts["base_url"])

    async def ask(self) -> str:
        """One more `#verify`; whose."""
        sender = next(self._people)
        await self.side.counted(self.side.batch([sender], "#verify"), 1, VERIFY)
        return sender

    async def sign_in(self, many: int = 1, browser: str = BROWSER) -> list[str]:
        """Cookies of so many log-ins."""
        cookies: list[str] = (await self.house.ask("sign in", many=many, browser=browser))["cookies"]
        return cookies

    async def cpu_ms(self, doing: Callable[[], Awaitable[object]]) -> float:
        """Processor time of the house while something is done."""
        before = (await self.house.ask("usage"))["cpu"]
        await doing()
        spent: float = (await self.house.ask("usage"))["cpu"] - before
        return spent * 1000


async def open_desk(stack: AsyncExitStack, stored: Stored, rows: int, events: int) -> Desk:
    """A house with so many open checks, and people for so many events."""
    house = await start_house(stack, stored, contacts=rows + events)
    side = Side(house, stored, Size(texts=0))
    people = list(islice(mobiles(), rows + events))
    await side.counted(side.batch(people, HELLO_WORDS), 8, FIRST)
    await side.counted(side.batch(people[:rows], "#verify"), 8, VERIFY)
    return Desk(house, side, people[rows:])


class Consoles:
    """Open event streams that read rows, as tabs do. `rows`: how many rows each has got; `size`: bytes of all."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.size = 0
        self._news = asyncio.Condition()

    async def open(self, stack: AsyncExitStack, session: aiohttp.ClientSession, url: str, cookie: str) -> None:
        response = await stack.enter_async_context(session.get(url + "/events?rows=1", headers=_as(cookie)))
        if response.status != 200:
            raise WrongRows(f"the event stream answered {response.status}")
        await response.content.readuntil(b"\n\n")
        self.rows.append(0)
        reading = asyncio.create_task(self._read(len(self.rows) - 1, response))
        stack.callback(reading.cancel)

    async def wait_for(self, rows: int) -> None:
        """Until everybody has so many. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: min(self.rows) >= rows)

    async def _read(self, number: int, response: aiohttp.ClientResponse) -> None:
        while True:
            said = await response.content.readuntil(b"\n\n")
            self.size += len(said)
            if b'"row": ' in said:
                async with self._news:
                    self.rows[number] += 1
                    self._news.notify_all()


def _as(cookie: str) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={cookie}", "User-Agent": BROWSER, "Accept-Encoding": "br"}


async def measure_consoles(
    stored: Stored, *, rows: int = ROWS, consoles: int = CONSOLES, events: int = EVENTS
) -> Costs:
    """All of it on one house. Raises WrongRows when something was not answered, or an event did not come."""
    async with AsyncExitStack() as stack:
        desk = await open_desk(stack, stored, rows, 2 * events)
        cookies = await desk.sign_in(consoles)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        )

        async def get(path: str, cookie: str) -> bytes:
            async with session.get(desk.url + path, headers=_as(cookie)) as answer:
                if answer.status != 200:
                    raise WrongRows(f"{path} answered {answer.status}")
                return await answer.read()

        async def everybody(path: str) -> None:
            await asyncio.gather(*(get(path, cookie) for cookie in cookies))

        board = json.loads(brotli.decompress(packed := await get("/codes/rows", cookies[0])))
        if len(board["live"]) != min(rows, 200):
            raise WrongRows(f"{len(board['live'])} rows on the page, not {rows}")
        page = await get("/codes", cookies[0])
        pages = [await desk.cpu_ms(lambda: get("/codes", cookies[0])) for _ in range(PAGES)]
        alone = [await desk.cpu_ms(desk.ask) for _ in range(events)]
        one = board["live"][0]["id"]
        asked_for_it = [await desk.cpu_ms(lambda: everybody(f"/codes/rows?check={one}")) for _ in range(3)]
        asked_for_all = [await desk.cpu_ms(lambda: everybody("/codes/rows")) for _ in range(3)]

        told, listening = [], Consoles()
        for cookie in cookies:
            await listening.open(stack, session, desk.url, cookie)

        async def tell_all() -> None:
            had = max(listening.rows)
            await desk.ask()
            await listening.wait_for(had + 1)

        for _ in range(events):
            told.append(await desk.cpu_ms(tell_all))
        size = listening.size / events / consoles
        began = time.monotonic()
        rest = await desk.cpu_ms(lambda: asyncio.sleep(REST_S)) / 1000 / (time.monotonic() - began)
        return Costs(alone, told, asked_for_it, asked_for_all, pages, rest, len(page), len(packed), size)


def describe(engine: str, costs: Costs, consoles: int = CONSOLES, rows: int = ROWS) -> str:
    """What was found, and as ratios."""
    alone, told = median(costs.alone), median(costs.told)
    whole = told / (alone + median(costs.asked_for_all))
    single = told / (alone + median(costs.asked_for_it))
    target = Target(f"{engine}: event told to {consoles} consoles / to none, CPU", 20, 8, less=True)
    return "\n".join(
        [
            HEAD,
            target.row([spent / alone for spent in costs.told]),
            f"  {engine}: {rows} open checks, {consoles} consoles; processor time in ms",
            f"    a page of codes: {median(costs.page):.0f} ms, {costs.page_bytes} bytes over the wire",
            f"    one event: {alone:.1f} alone, {told:.1f} told to all ({costs.event_bytes:.0f} bytes each)",
            f"    were they to ask: {median(costs.asked_for_it):.0f} for the one row, "
            f"{median(costs.asked_for_all):.0f} for all rows ({costs.rows_bytes} bytes each)",
            f"    telling takes {single:.2f} of asking for the row, {whole:.3f} of asking for all",
            f"    consoles at rest: {costs.at_rest * 100:.1f} % of a processor",
        ]
    )
