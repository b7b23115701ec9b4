"""The processes that are measured: `python -m bench.servers reference|house`, with what they are to be on one line of
JSON on their standard input.

Each writes one JSON line when it listens, then answers one JSON line for each command line on its standard input, and
ends when that closes.
"""

from __future__ import annotations

import asyncio
import cProfile
import io
import json
import logging
import os
import pstats
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from bench.reference import reference_app
from bench.world import Filled, Wanted, World, open_world, sign_in
from bot.app import listen, run
from bot.logs import configure
from dialogs.turns import InboundAsk, Turn, TurnResult
from storage.sqlite import SqliteDatabase
from storage.tenants import CarrierAccount

T = TypeVar("T")
Answer = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


async def _reference(told: dict[str, Any], asked: asyncio.StreamReader) -> None:
    async with AsyncExitStack() as stack:
        listening = stack.enter_context(listen("127.0.0.1", 0))
        base_url = "http://127.0.0.1:" + str(listening.getsockname()[1])
        account = CarrierAccount("", told["account_sid"], told["auth_token"])
        app = await reference_app(base_url, account, told.get("core_url", ""), stack)
        runner = web.AppRunner(app, access_log=None, keepalive_timeout=75)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.SockSite(runner, listening, backlog=512).start()
        await _converse(asked, {"base_url": base_url}, _usage)


async def _house(told: dict[str, Any], asked: asyncio.StreamReader) -> None:
    configure(readable=True, level=logging.ERROR)
    filled = told.pop("filled", None)
    wanted = Wanted(**told, filled=Filled(**filled) if filled else None)
    async with AsyncExitStack() as stack:
        listening = stack.enter_context(listen("127.0.0.1", 0))
        world = await open_world(listening, wanted, stack)
        control = Control(world)
        await _converse(asked, {"base_url": world.house.settings.public_url, **asdict(world.filled)}, control.answer)
        await control.close()


class Control:
    """What the benchmark may ask of the house from inside its process."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._commits: dict[str, float] | None = None
        self._dispatching = False
        self._profile = cProfile.Profile()
        self._writer = cProfile.Profile()

    async def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        match asked["do"]:
            case "advance":
                self._world.clock.advance(asked["seconds"])
                return {}
            case "commits":
                return {"commits": self._note_commits()}
            case "dispatch":
                self._world.house.dispatcher.start()
                self._dispatching = True
                return {}
            case "sign in":
                return {"cookies": [await sign_in(self._world, asked["browser"]) for _ in range(asked["many"])]}
            case "profile":
                return await self._profiled(on=asked["on"])
        return await _usage(asked)

    async def close(self) -> None:
        if self._dispatching:
            await self._world.house.dispatcher.stop()

    def _note_commits(self) -> dict[str, float]:
        """When the event loop heard that a sender's last text was committed, by sender, since this was asked last."""
        if self._commits is None:
            store = self._world.house.store
            inner = store.take

            async def take(turn: Turn[T]) -> TurnResult[T]:
                result = await inner(turn)
                if isinstance(turn.ask, InboundAsk) and self._commits is not None:
                    self._commits[turn.ask.inbound.their_address] = time.monotonic()
                return result

            # Only where it is asked for: the figures of turns are those of the store as it is.
            setattr(store, "take", take)  # noqa: B010  a method may be replaced in this one object
        commits, self._commits = self._commits, {}
        return commits or {}

    async def _profiled(self, *, on: bool) -> dict[str, Any]:
        """Profile the event loop and, for a file, the writer's thread, each from inside."""
        database = self._world.house.database
        submit = database.writer.submit if isinstance(database, SqliteDatabase) else None
        if on:
            if submit is not None:
                await submit(self._writer.enable, tells=False)
            self._profile.enable()
            return {}
        self._profile.disable()
        found = {"event loop": _top(self._profile)}
        if submit is not None:
            await submit(self._writer.disable, tells=False)
            found["writer"] = _top(self._writer)
        return found


async def _usage(asked: dict[str, Any]) -> dict[str, Any]:
    """Processor time so far in seconds, and memory in KiB, as the system counts them."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"cpu": used.ru_utime + used.ru_stime, "rss_kib": _resident_kib()}


def _resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


async def _converse(asked: asyncio.StreamReader, facts: dict[str, Any], answer: Answer) -> None:
    _say(facts)
    while line := await asked.readline():
        _say(await answer(json.loads(line)))


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _top(profile: cProfile.Profile) -> str:
    out = io.StringIO()
    pstats.Stats(profile, stream=out).sort_stats("tottime").print_stats(45)
    return out.getvalue()


async def _main(what: str) -> None:
    asked = asyncio.StreamReader(limit=2**24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(asked), sys.stdin)
    told = json.loads(await asked.readline())
    await (_reference if what == "reference" else _house)(told, asked)


if __name__ == "__main__":
    run(_main(sys.argv[1]))
