"""Connections against real sockets: headers that trickle, bodies and streams that may take their time, and lines that
no parser takes. The time-out is a fraction of a second here; ten in the program."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from bot.app import HEADER_SECONDS, listen
from web import headers
from web.slow import listen_on

SHORT = 0.15
#: Far more than anything here takes.
PATIENCE = 5.0
HEAD = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"
GET = b"GET /late HTTP/1.1\r\nHost: a\r\n\r\n"


@dataclass
class Line:
    """One connection by hand."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer, whole."""
        async with asyncio.timeout(PATIENCE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            fields = dict(line.split(": ", 1) for line in head[1:] if line)
            body = await self.reader.readexactly(int(fields.get("Content-Length", "0")))
        return int(head[0].split()[1]), fields, body

    async def ended(self) -> float:
        """Seconds until the other side hangs up without a word."""
        began = time.monotonic()
        async with asyncio.timeout(PATIENCE):
            assert await self.reader.read() == b""
        return time.monotonic() - began


@dataclass
class Desk:
    """The server, and what its handlers wait for."""

    port: int
    go_on: asyncio.Event
    lines: list[Line] = field(default_factory=list)

    async def dial(self) -> Line:
        self.lines.append(Line(*await asyncio.open_connection("127.0.0.1", self.port)))
        return self.lines[-1]


async def echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    go_on = asyncio.Event()

    async def late(request: web.Request) -> web.Response:
        await go_on.wait()
        return web.Response(text="late")

    app = web.Application()
    app.add_routes([web.post("/echo", echo), web.get("/late", late), web.post("/deaf", late)])
    headers.install_headers(app, "https://verify.example")
    runner, listening = web.AppRunner(app), listen("127.0.0.1", 0)
    fixed = headers.of_every_answer("https://verify.example")
    server = await listen_on(runner, listening, header_seconds=SHORT, fixed=fixed)
    opened = Desk(listening.getsockname()[1], go_on)
    yield opened
    go_on.set()
    for line in opened.lines:
        line.writer.close()
        with suppress(ConnectionError):
            await line.writer.wait_closed()
    server.close()
    await runner.cleanup()


def test_headers_have_ten_seconds() -> None:
    assert HEADER_SECONDS == 10


@pytest.mark.feature("REL-16")
async def test_headers_that_trickle_end_the_connection(desk: Desk) -> None:
    line, began = await desk.dial(), time.monotonic()
    ended = asyncio.create_task(line.ended())
    for byte in HEAD[:-1]:
        if ended.done():
            break
        line.writer.write(bytes([byte]))
        await asyncio.wait([ended], timeout=SHORT / 10)
    await ended
    assert SHORT * 0.9 <= time.monotonic() - began < PATIENCE


@pytest.mark.feature("REL-16")
async def test_a_connection_that_says_nothing_ends_too(desk: Desk) -> None:
    assert await (await desk.dial()).ended() >= SHORT * 0.8


@pytest.mark.feature("REL-16")
async def test_the_second_request_of_a_connection_has_no_longer(desk: Desk) -> None:
    line = await desk.dial()
    await line.send(HEAD + b"once")
    assert (await line.answer())[2] == b"once"
    await asyncio.sleep(SHORT * 2)
    await line.send(HEAD + b"more")
    assert (await line.answer())[2] == b"more", "an idle connection was not kept"
    await line.send(HEAD[:20])
    assert await line.ended() >= SHORT * 0.8


@pytest.mark.feature("REL-16")
async def test_bodies_and_work_may_take_longer_than_headers(desk: Desk) -> None:
    slow, waits = await desk.dial(), await desk.dial()
    await slow.send(HEAD + b"on")
    await waits.send(GET)
    for part in (b"c", b"e"):
        await asyncio.sleep(SHORT * 1.5)
        await slow.send(part)
    assert (await slow.answer())[2] == b"once"
    # While one is worked on, the next may come as slowly as it likes: nobody waits for it.
    await waits.send(GET[:10])
    await asyncio.sleep(SHORT * 1.5)
    desk.go_on.set()
    assert (await waits.answer())[2] == b"late"
    await waits.send(GET[10:])
    assert (await waits.answer())[2] == b"late"


@pytest.mark.feature("SEC-32", "SEC-57")
@pytest.mark.parametrize(
    "sent",
    [
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + b"b" * 9000 + b"\r\n\r\n",
        b"hunter2 is no method of ours\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["long address", "long header", "no request", "two lengths"],
)
async def test_what_cannot_be_parsed_is_answered_like_everything_else(desk: Desk, sent: bytes) -> None:
    line = await desk.dial()
    await line.send(sent)
    status, fields, body = await line.answer()
    assert status == 400
    assert headers.missing(fields) == []
    assert (fields["Server"], fields["Strict-Transport-Security"]) == ("watchword", headers.HSTS)
    assert body == b"That request could not be understood.\n"
    assert await line.ended() < PATIENCE


@pytest.mark.feature("REL-16")
async def test_many_that_dawdle_do_not_stay(desk: Desk) -> None:
    lines = [await desk.dial() for _ in range(60)]
    for line in lines:
        await line.send(HEAD[:-2])
    ended = await asyncio.gather(*(line.ended() for line in lines))
    assert len(ended) == 60
    line = await desk.dial()
    await line.send(HEAD + b"well")
    assert (await line.answer())[2] == b"well"
