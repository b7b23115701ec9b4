"""The running program on its own port, talked to by hand."""

from __future__ import annotations

import asyncio

import pytest

from tests.fixtures.demo_house import DemoHouse
from web import headers


@pytest.mark.feature("SEC-32", "SEC-57", "REL-16")
async def test_what_is_no_request_is_answered_like_everything_else(demo: DemoHouse) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", demo.house.settings.port)
    writer.write(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    async with asyncio.timeout(5):
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    status, *fields = head.split("\r\n")
    assert status.split()[1] == "400"
    assert headers.missing(dict(field.split(": ", 1) for field in fields)) == []
    assert body == "That request could not be understood.\n"
