"""The processes that are measured: `python -m bench.servers reference|house FOLDER [CONTACTS] [CARRIER_URL]`.

Each writes one JSON line when it listens, then answers one JSON line for each command line on its standard input, and
ends when that closes.
"""

from __future__ import annotations

import asyncio
import cProfile
import io
import json
import os
import pstats
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aiohttp import web
from twilio.request_validator import RequestValidator

from bench.world import SMS_PATH, World, open_world
from bot.app import listen, run
from bot.logs import configure
from channels.twilio import form, signature
from storage.sqlite import SqliteDatabase
from storage.tenants import CarrierAccount

HELLO_PATH, LEAN_PATH = "/hello", "/lean"
Answer = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
_TWIML = b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
_XML = {"Content-Type": "text/xml; charset=utf-8"}


def reference_app(public_url: str, account: CarrierAccount) -> web.Application:
    """What ratios are against: R, lean R and `hello`, all in one process. Both references parse the form, check the
    signature and answer TwiML. R does it as anybody would who follows the manuals: aiohttp's form, Twilio's validator.
    Lean R does it with the product's own functions and nothing else, which is the least that any server can do."""
    url, lean_url = public_url + SMS_PATH, public_url + LEAN_PATH
    spellings = signature.url_spellings(lean_url)
    validator = RequestValidator(account.auth_token)

    async def hello(request: web.Request) -> web.Response:
        return web.Response(text="hello")

    async def sms(request: web.Request) -> web.Response:
        fields = await request.post()
        if not validator.validate(url, fields, request.headers.get("X-Twilio-Signature", "")):
            return web.Response(status=403)
        return web.Response(text=_TWIML.decode(), content_type="text/xml")

    async def lean(request: web.Request) -> web.Response:
        pairs = form.read_pairs(await request.read())
        signed = request.headers.get(signature.SIGNATURE_HEADER, "")
        if not signature.is_genuine(signed, "", spellings, signature.signed_text(pairs), account):
            return web.Response(status=403)
        return web.Response(body=_TWIML, headers=_XML)

    app = web.Application()
    app.add_routes([web.get(HELLO_PATH, hello), web.post(SMS_PATH, sms), web.post(LEAN_PATH, lean)])
    return app


async def _reference(account_sid: str, auth_token: str) -> None:
    with listen("127.0.0.1", 0) as listening:
        base_url = "http://127.0.0.1:" + str(listening.getsockname()[1])
        app = reference_app(base_url, CarrierAccount("", account_sid, auth_token))
        runner = web.AppRunner(app, access_log=None, keepalive_timeout=75)
        await runner.setup()
        await web.SockSite(runner, listening, backlog=512).start()
        await _converse({"base_url": base_url}, _usage)
        await runner.cleanup()


async def _house(folder: Path, contacts: int, carrier_url: str) -> None:
    configure(readable=True)
    async with AsyncExitStack() as stack:
        listening = stack.enter_context(listen("127.0.0.1", 0))
        world = await open_world(listening, folder, stack, contacts=contacts, carrier_url=carrier_url)
        control = Control(world)
        facts = {"base_url": world.house.settings.public_url, **asdict(world.filled)}
        await _converse(facts, control.answer)
        await control.close()


class Control:
    """What the benchmark may ask of the house from inside its process."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._commits: list[float] = []
        self._dispatching = False
        self._profiles = (cProfile.Profile(), cProfile.Profile())
        world.house.database.on_commit(lambda: self._commits.append(time.monotonic()))

    async def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        match asked["do"]:
            case "advance":
                self._world.clock.advance(asked["seconds"])
                return {}
            case "commits":
                commits, self._commits[:] = list(self._commits), []
                return {"commits": commits}
            case "dispatch":
                self._world.house.dispatcher.start()
                self._dispatching = True
                return {}
            case "profile":
                return await self._profile(on=asked["on"])
        return await _usage(asked)

    async def close(self) -> None:
        if self._dispatching:
            await self._world.house.dispatcher.stop()

    async def _profile(self, *, on: bool) -> dict[str, Any]:
        """Profile both threads, each from inside: the event loop's and the writer's."""
        loop, writer = self._profiles
        database = self._world.house.database
        assert isinstance(database, SqliteDatabase), "the other store has no thread of its own"
        submit = database.writer.submit
        if on:
            await submit(writer.enable, tells=False)
            loop.enable()
            return {}
        loop.disable()
        await submit(writer.disable, tells=False)
        return {"event loop": _top(loop), "writer": _top(writer)}


async def _usage(asked: dict[str, Any]) -> dict[str, Any]:
    """Processor time so far in seconds, and memory in KiB, as the system counts them."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"cpu": used.ru_utime + used.ru_stime, "rss_kib": _resident_kib()}


def _resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


async def _converse(facts: dict[str, Any], answer: Answer) -> None:
    reader = asyncio.StreamReader(limit=2**24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _say(facts)
    while line := await reader.readline():
        _say(await answer(json.loads(line)))


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _top(profile: cProfile.Profile) -> str:
    out = io.StringIO()
    pstats.Stats(profile, stream=out).sort_stats("tottime").print_stats(45)
    return out.getvalue()


if __name__ == "__main__":
    _, what, *rest = sys.argv
    if what == "reference":
        run(_reference(*rest))
    else:
        run(_house(Path(rest[0]), int(rest[1]), rest[2] if len(rest) > 2 else ""))
