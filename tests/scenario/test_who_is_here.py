"""Technicians see who else has a console open, on the page of codes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientResponse

from storage.presence import LocalPresence
from tests.fixtures.replicas import eventually
from tests.fixtures.web_house import House, OpenWeb, Who
from web.csrf import COOKIE
from web.pages import page_routes
from web.pages.errors import show_problem


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


@asynccontextmanager
async def console(house: House, who: Who) -> AsyncIterator[ClientResponse]:
    """The event stream that an open page holds."""
    cookie = await house.log_in(who, "cookie")
    url = house.server.make_url("/events")
    async with house.http.get(url, headers={"Cookie": f"{COOKIE}={cookie}"}) as response:
        assert response.status == 200
        assert (await response.content.readline()).startswith(b"retry:")
        yield response


async def rows(house: House, who: Who) -> Any:
    return (await house.ask("GET", "/codes/rows", cookie=await house.log_in(who, "cookie"))).json["here"]


async def settled(house: House, *who: Who) -> None:
    """These have arrived, and nobody else is there."""
    wanted = {house.people[one].id for one in who}
    presence = house.services.presence
    assert isinstance(presence, LocalPresence)
    await eventually(lambda: presence.here(house.world.tenant_id) == wanted, "coming and going")


async def test_colleagues_with_a_console_open_are_named_and_one_is_not_ones_own(house: House) -> None:
    assert await rows(house, "technician") == []
    async with console(house, "technician"), console(house, "supervisor"), console(house, "other_admin"):
        await settled(house, "technician", "supervisor")
        assert await rows(house, "technician") == [{"id": house.people["supervisor"].id, "name": "Supervisor"}]
        assert [one["name"] for one in await rows(house, "admin")] == ["Supervisor", "Technician"]
        assert await rows(house, "other_admin") == [], "another tenant's are nobody's business"
        page = (await house.ask("GET", "/codes", cookie=await house.log_in("technician", "cookie"))).text
        assert "Also here now" in page
        assert f'data-id="{house.people["supervisor"].id}"' in page
    await settled(house)
    assert await rows(house, "technician") == []


@pytest.mark.parametrize("cluster", ["sqlite"], indirect=True, ids=["anywhere"])
async def test_an_open_console_hears_that_somebody_came(house: House) -> None:
    async with console(house, "technician") as mine:
        await settled(house, "technician")
        async with console(house, "supervisor"):
            heard: list[bytes] = []

            async def listen() -> None:
                while True:
                    heard.append(await mine.content.readline())

            listening = asyncio.create_task(listen())
            await eventually(lambda: b'data: {"kind": "presence"}\n' in heard, "the news")
            assert not any(line.startswith(b"id:") for line in heard), "it is no line of the log"
            listening.cancel()
