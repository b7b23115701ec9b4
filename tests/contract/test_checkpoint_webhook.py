"""Checkpoints reach the operator's address, late rather than never, and nobody waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.checkpoint_webhook import TRIES, WAITING, CheckpointWebhook

pytestmark = pytest.mark.feature("SEC-55")


class Archive:
    """Answers with what it is told to, one after the other, then with 204."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.got: list[str] = []
        self.tries = 0
        self.kept: asyncio.Queue[str] = asyncio.Queue()

    async def take(self, request: web.Request) -> web.Response:
        self.tries += 1
        note = await request.text()
        status = self.answers.pop(0) if self.answers else 204
        if status == 204:
            self.got.append(note)
            self.kept.put_nowait(note)
        headers = {"Location": "/elsewhere"} if status == 302 else {}
        return web.Response(status=status, headers=headers)


@asynccontextmanager
async def posting(archive: Archive) -> AsyncIterator[CheckpointWebhook]:
    app = web.Application()
    app.router.add_post("/checkpoints", archive.take)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        webhook = CheckpointWebhook(session, str(server.make_url("/checkpoints")), first_pause=0.0)
        running = asyncio.create_task(webhook.run())
        try:
            yield webhook
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_each_arrives_once_and_in_order() -> None:
    archive = Archive()
    async with posting(archive) as webhook, asyncio.timeout(10):
        for n in range(3):
            webhook.offer(f"note {n} — signed\n")
        assert [await archive.kept.get() for _ in range(3)] == [f"note {n} — signed\n" for n in range(3)]
    assert archive.tries == 3


@pytest.mark.parametrize("status", [500, 404, 302])
async def test_the_newest_is_tried_until_it_arrives(status: int) -> None:
    archive = Archive()
    archive.answers = [status] * (TRIES + 3)
    async with posting(archive) as webhook, asyncio.timeout(10):
        webhook.offer("note")
        assert await archive.kept.get() == "note"
    assert archive.tries == TRIES + 4


async def test_an_older_one_gives_way_after_some_tries() -> None:
    archive = Archive()
    archive.answers = [500] * TRIES
    async with posting(archive) as webhook, asyncio.timeout(10):
        webhook.offer("older")
        webhook.offer("newer")
        assert await archive.kept.get() == "newer"
        assert webhook.given_up == 1
    assert archive.got == ["newer"]


async def test_nothing_there_neither_raises_nor_fills_the_memory() -> None:
    async with aiohttp.ClientSession() as session:
        webhook = CheckpointWebhook(session, "http://127.0.0.1:9/nobody", first_pause=0.0)
        for n in range(2 * WAITING):
            webhook.offer(f"note {n}")
        assert len(webhook._waiting) == WAITING
        assert webhook._waiting[-1] == f"note {2 * WAITING - 1}"
        assert await webhook._post("note")
