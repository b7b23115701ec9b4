"""Logo and colours by screen: kept, refused, shown on every page of theirs and on no other tenant's."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import pytest
from aiohttp import FormData
from PIL import Image

from tests.fixtures.pages import press, see
from tests.fixtures.web_house import FIREFOX, Answer, House, OpenWeb, Who
from web.csrf import COOKIE, token_for
from web.pages import page_routes
from web.pages.errors import show_problem

PATH = "/settings/brand"


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


async def upload(house: House, content: bytes, who: Who = "admin", **fields: str) -> Answer:
    """Send the form with the file, as a browser does."""
    cookie = await house.log_in(who, "cookie")
    form = FormData()
    for name, value in ({"csrf": token_for(cookie), "act": "put"} | fields).items():
        form.add_field(name, value)
    form.add_field("logo", content, filename="../../logo.png", content_type="image/png")
    headers = {"User-Agent": FIREFOX, "Cookie": f"{COOKIE}={cookie}", "Sec-Fetch-Site": "same-origin"}
    url = house.server.make_url(f"{PATH}/logo")
    async with house.http.post(url, data=form, headers=headers, allow_redirects=False) as response:
        return Answer(response.status, dict(response.headers), await response.read())


def picture(size: tuple[int, int] = (300, 120)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (15, 76, 79)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.feature("BR-01")
async def test_a_logo_stands_on_every_page_of_the_tenant(house: House) -> None:
    assert "Watchword</a>" in (await see(house, "/codes", "technician")).text
    assert (await upload(house, picture())).headers["Location"] == f"{PATH}?said=saved"
    page = (await see(house, "/codes", "technician")).text
    assert '<span class="logo"></span>' in page
    sheet = re.search(r'href="(/brand/[^"]+\.css)"', page)
    assert sheet is not None
    styles = await house.ask("GET", sheet[1], validate=False)
    assert styles.headers["Content-Type"] == "text/css; charset=utf-8"
    assert "immutable" in styles.headers["Cache-Control"]
    assert "data:image/png;base64," in styles.text
    logo = await house.ask("GET", sheet[1].removesuffix(".css") + "/logo.png", validate=False)
    assert (logo.status, logo.headers["Content-Type"]) == (200, "image/png")
    assert logo.headers["X-Content-Type-Options"] == "nosniff"
    with Image.open(io.BytesIO(logo.raw)) as drawn:
        assert drawn.size == (300, 120)

    assert "/brand/" not in (await see(house, "/codes", "other_admin")).text
    await press(house, f"{PATH}/logo", "admin", act="remove")
    assert "Watchword</a>" in (await see(house, "/codes", "technician")).text
    gone = await house.ask("GET", sheet[1].removesuffix(".css") + "/logo.png", validate=False)
    assert gone.status == 404


@pytest.mark.feature("BR-01", "SEC-45")
async def test_a_bad_logo_is_refused_with_the_reason_and_the_old_one_stays(house: House) -> None:
    await upload(house, picture())
    for content, why in (
        (b"<svg onload='alert(1)'/>", "SVG and HTML may hold programs"),
        (b"MZ\x90\0", "no PNG, JPEG or WebP"),
        (b"", "Choose a file first"),
    ):
        answer = await upload(house, content)
        assert (answer.status, why in answer.text) == (422, True), why
    huge = await upload(house, b"\0" * 700_000)
    assert huge.status == 413
    assert '<span class="logo"></span>' in (await see(house, "/codes", "admin")).text


@pytest.mark.feature("BR-01", "SEC-30")
async def test_an_upload_without_the_token_of_the_form_is_refused(house: House) -> None:
    answer = await upload(house, picture(), csrf="wrong")
    assert answer.status == 403
    assert "/brand/" not in (await see(house, "/codes", "admin")).text


@pytest.mark.feature("BR-02")
async def test_the_switch_for_mails(house: House) -> None:
    await upload(house, picture())
    tenant = house.world.tenant_id
    assert (await house.services.brands.get(tenant)).logo_in_email
    await press(house, f"{PATH}/mail", "admin")
    assert not (await house.services.brands.get(tenant)).logo_in_email
    assert (await house.services.brands.get(tenant)).logo, "the logo itself stays"


@pytest.mark.feature("BR-01")
async def test_colours_are_kept_only_when_they_can_be_read(house: House) -> None:
    faint = await press(house, f"{PATH}/colours", "admin", light="#ffd000", dark="")
    assert faint.status == 422
    found = re.search(r"Too faint to read: ([\d.]+) to 1, and 4.5 is needed. (#[0-9a-f]{6}) would do", faint.text)
    assert found is not None
    assert float(found[1]) < 4.5
    assert 'value="#ffd000"' in faint.text, "what was typed stays"
    assert "/brand/" not in (await see(house, "/codes", "admin")).text

    assert (await press(house, f"{PATH}/colours", "admin", light=found[2], dark="")).status == 303
    colours = (await house.services.brands.get(house.world.tenant_id)).colours
    assert colours["light"] == found[2]
    sheet = re.search(r'href="(/brand/[^"]+\.css)"', (await see(house, "/codes", "technician")).text)
    assert sheet is not None
    styles = (await house.ask("GET", sheet[1], validate=False)).text
    assert f"--accent: light-dark({found[2]}, {colours['dark']});" in styles
    await press(house, f"{PATH}/colours", "admin", act="ours")
    assert "/brand/" not in (await see(house, "/codes", "admin")).text


@pytest.mark.feature("BR-01")
async def test_colours_are_looked_at_before_anybody_else_sees_them(house: House) -> None:
    looked = await press(house, f"{PATH}/colours", "admin", light="#7a1f5c", dark="#e8a0c8", act="look")
    assert looked.status == 200
    assert "/settings/brand/preview.css?light=%237a1f5c&amp;dark=%23e8a0c8" in looked.text
    styles = await see(house, f"{PATH}/preview.css?light=%237a1f5c&dark=%23e8a0c8", "admin")
    assert "--accent: #7a1f5c" in styles.text
    assert "/brand/" not in (await see(house, "/codes", "admin")).text
    hostile = await see(
        house, f"{PATH}/preview.css?" + urlencode({"light": "#fff;}*{display:none", "dark": "red"}), "admin"
    )
    assert hostile.status == 422 or hostile.text == ""
    told = await house.ask(
        "GET",
        f"{PATH}/look?light=%23ffd000&dark=",
        cookie=await house.log_in("admin", "cookie"),
        headers={"Accept": "application/json"},
        validate=False,
    )
    assert told.json["light"]["passes"] is False
    assert told.json["dark"]["passes"] is True


@pytest.mark.feature("SEC-37")
async def test_looks_are_found_by_their_whole_address_only(house: House) -> None:
    await upload(house, picture())
    mark = house.services.brands.at_hand(house.world.tenant_id)
    assert mark is not None
    for path in (
        f"/brand/{house.other.tenant_id}/{mark.hash}.css",
        f"/brand/{house.world.tenant_id}/{'0' * 16}.css",
        f"/brand/{house.world.tenant_id}/.css",
        f"/brand/{house.world.tenant_id}/x/logo.png",
        f"/brand/nobody/{mark.hash}/logo.png",
    ):
        assert (await house.ask("GET", path, validate=False)).status == 404, path
