"""Two admins at the settings at the same moment: neither undoes what the other has just done, and nothing breaks."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator

import pytest
from PIL import Image

from storage.brands import Brand, with_logo
from storage.mail_servers import MailServer
from tests.fixtures.pages import Browser
from tests.fixtures.web_house import House, OpenWeb
from web.pages import page_routes
from web.pages.errors import show_problem


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


def _png() -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (64, 32), (10, 120, 90)).save(drawn, "PNG")
    return drawn.getvalue()


async def _upload(house: House, cookie: str) -> int:
    edge = "----watchword"
    raw = (
        f'--{edge}\r\nContent-Disposition: form-data; name="act"\r\n\r\nput\r\n'
        f'--{edge}\r\nContent-Disposition: form-data; name="logo"; filename="a.png"\r\n'
        "Content-Type: image/png\r\n\r\n"
    ).encode()
    raw += _png() + f"\r\n--{edge}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={edge}"}
    return (await house.ask("POST", "/settings/brand/logo", cookie=cookie, raw=raw, headers=headers)).status


@pytest.mark.feature("BR-01")
async def test_a_logo_and_colours_that_are_saved_at_once_are_both_there(house: House) -> None:
    one, other = await house.log_in("admin", "cookie"), await house.log_in("admin", "cookie")
    colours = Browser.holding(house, other)
    for _ in range(3):
        uploaded, saved, mail = await asyncio.gather(
            _upload(house, one),
            colours.post("/settings/brand/colours", light="#0f4c4f", dark="#7fd1c4", act="save"),
            colours.post("/settings/brand/mail", logo_in_email="yes"),
        )
        assert (uploaded, saved.status, mail.status) == (303, 303, 303)
        brand = await house.services.brands.get(house.world.tenant_id)
        assert brand.logo
        assert dict(brand.colours) == {"light": "#0f4c4f", "dark": "#7fd1c4"}
        assert brand.logo_in_email
        await house.services.brands.change(house.world.tenant_id, lambda _: Brand(), house.clock.now())


async def test_what_somebody_saw_before_is_not_put_back(house: House) -> None:
    """Colours that were read, then a logo by somebody else, then the colours saved."""
    brands, tenant_id, now = house.services.brands, house.world.tenant_id, house.clock.now()
    await brands.get(tenant_id)
    await brands.change(tenant_id, lambda brand: with_logo(brand, b"png", 64, 32), now)
    page = Browser.holding(house, await house.log_in("admin", "cookie"))
    assert (await page.post("/settings/brand/colours", light="#0f4c4f", dark="#7fd1c4", act="save")).status == 303
    assert (await brands.get(tenant_id)).logo == b"png"


async def test_a_mail_server_set_twice_at_once_is_one(house: House) -> None:
    servers, tenant_id, now = house.services.mail_servers, house.world.tenant_id, house.clock.now()
    hosts = [f"mail{n}.example.com" for n in range(6)]
    await asyncio.gather(
        *(servers.put(tenant_id, MailServer(host, 587, "starttls", "", "", "a@b.co", ""), now) for host in hosts)
    )
    kept = await servers.get(tenant_id)
    assert kept is not None
    assert kept.server.host in hosts
