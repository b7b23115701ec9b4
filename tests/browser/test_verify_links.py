"""The page behind a verification link in a real browser: looked at by axe, without script, on a narrow phone, small,
and used up by nobody but the person who presses the button."""

from __future__ import annotations

import io
import json
import random
import re
import urllib.request
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.desk import PATIENCE_SECONDS, Demo, Desk, opened_by, wire_bytes
from tests.browser.test_access import LOGIN_BUDGET
from tests.browser.test_people import looked_at

pytestmark = pytest.mark.browser

EUV = "/api/v1/end-user-verifications"
_LINK = r"https?://[^\s]+(/v/[A-Za-z0-9_-]{43})"


def api(demo: Demo, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """One call by the demo's technician."""
    request = urllib.request.Request(  # noqa: S310 - our own demo on loopback
        demo.base_url + path,
        method=method,
        data=json.dumps(body).encode() if body is not None else None,
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {demo.facts['api_token']}"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310 - our own demo on loopback
        found: dict[str, Any] = json.load(answer)
    return found


def link_for(demo: Demo, first_name: str) -> tuple[str, str]:
    """Send this contact a link by text; the verification's id and the link's path. The demo's clock moves on first, so
    that no limit stands in the way."""
    demo.advance(700)
    contact = demo.contact(first_name)
    addresses = api(demo, "GET", f"/api/v1/contacts/{contact['id']}")["addresses"]
    mobile = next(a["id"] for a in addresses if a["kind"] == "mobile")
    body = {"contact_id": contact["id"], "address_id": mobile, "method": "sms_link"}
    before = len(demo.texts_to(contact["mobile"]))
    id = api(demo, "POST", EUV, body)["id"]
    found = re.search(_LINK, demo.next_text(contact["mobile"], before, has=_LINK))
    assert found is not None, "there is no link in the text"
    return id, found[1]


def state_of(demo: Demo, id: str) -> str:
    return str(api(demo, "GET", f"{EUV}/{id}")["state"])


def on_a_phone(desk: Desk, **options: Any) -> Page:
    return desk.context(viewport={"width": 390, "height": 844}, **options).new_page()


def dress(page: Page) -> None:
    """Give the tenant a logo of nothing but noise, which no packing makes smaller, and colours."""
    noise = Image.frombytes("RGB", (600, 160), random.Random(1).randbytes(600 * 160 * 3))
    out = io.BytesIO()
    noise.save(out, "PNG")
    page.goto("/settings/brand")
    page.locator("input[type=file]").set_input_files(
        {"name": "logo.png", "mimeType": "image/png", "buffer": out.getvalue()}
    )
    page.get_by_role("button", name="Use this logo").click()
    for form, fields in (("colours", {"light": "#7a1f5c"}), ("band", {"band_from": "#7a1f5c", "band_to": "#20316b"})):
        for name, value in fields.items():
            page.locator(f"input[name={name}]").fill(value)
        page.locator(f"form[action$={form}]").get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved.")).to_be_visible()


@pytest.mark.feature("EV-23", "EV-24", "EV-05")
def test_validate_without_any_script(desk: Desk, demo: Demo) -> None:
    id, path = link_for(demo, "Ada")
    page = on_a_phone(desk, java_script_enabled=False)
    page.goto(path)
    expect(page.get_by_role("heading", name="Is this you?")).to_be_visible()
    expect(page.get_by_text("only if YOU CALLED US")).to_be_visible()
    page.get_by_role("button", name="Validate").click()
    expect(page.get_by_role("heading", name="Confirmed")).to_be_visible()
    expect(page.get_by_text(re.compile(r"You confirmed at \d\d:\d\d E[DS]T that it is you\."))).to_be_visible()
    assert state_of(demo, id) == "verified"
    page.reload()
    expect(page.get_by_role("heading", name="Confirmed")).to_be_visible()


@pytest.mark.feature("EV-23", "SEC-43")
def test_a_browser_that_runs_scripts_and_does_not_click_uses_nothing_up(desk: Desk, demo: Demo) -> None:
    """As a mail gateway does that opens links in a full browser, waits, scrolls, and moves on."""
    id, path = link_for(demo, "Ben")
    for _ in range(3):
        robot = desk.context().new_page()
        robot.goto(path, wait_until="networkidle")
        robot.mouse.move(200, 400)
        robot.mouse.wheel(0, 2000)
        robot.evaluate("() => new Promise((done) => requestIdleCallback(done))")
        robot.reload(wait_until="networkidle")
        robot.close()
        assert state_of(demo, id) == "sent"
    page = on_a_phone(desk)
    page.goto(path)
    page.get_by_role("button", name="Validate").click()
    expect(page.get_by_role("heading", name="Confirmed")).to_be_visible()
    assert state_of(demo, id) == "verified"


@pytest.mark.feature("SEC-08", "EV-24")
def test_every_state_can_be_read_by_everyone(desk: Desk, demo: Demo) -> None:
    desk.expect_refusals(404, 410)
    id, path = link_for(demo, "Cleo")
    page = on_a_phone(desk)
    page.goto(path)
    looked_at(page)
    page.get_by_role("button", name="This is not me").click()
    expect(page.get_by_role("heading", name="You have warned us")).to_be_visible()
    looked_at(page)
    assert state_of(demo, id) == "denied"
    _, path = link_for(demo, "Dev")
    page.goto(path)
    page.get_by_role("button", name="Validate").click()
    expect(page.get_by_role("heading", name="Confirmed")).to_be_visible()
    looked_at(page)
    _, path = link_for(demo, "Eve")
    page.goto(path)
    demo.advance(301)
    page.get_by_role("button", name="Validate").click()
    expect(page.get_by_role("heading", name="This link is over")).to_be_visible()
    looked_at(page)
    page.goto("/v/" + "x" * 43)
    expect(page.get_by_role("heading", name="This link does not work")).to_be_visible()
    looked_at(page)


def test_the_keyboard_alone_does_it(desk: Desk, demo: Demo) -> None:
    id, path = link_for(demo, "Finn")
    page = on_a_phone(desk)
    page.goto(path)
    names = []
    for _ in range(8):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.textContent.trim()"))
        if names[-1] == "Validate":
            break
    assert names[-1] == "Validate", names
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert float(outline.removesuffix("px")) >= 3
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Confirmed")).to_be_visible()
    assert state_of(demo, id) == "verified"


@pytest.mark.feature("EV-26")
@pytest.mark.parametrize("branded", [False, True])
def test_it_is_small(desk: Desk, demo: Demo, branded: bool) -> None:
    """Also with colours and the largest logo there can be."""
    if branded:
        dress(desk.signed_in("alex").new_page())
    _, path = link_for(demo, "Gita")
    size, requests = wire_bytes(on_a_phone(desk), path)
    assert size <= LOGIN_BUDGET[0], f"{size} bytes in {requests}"
    assert len(requests) <= LOGIN_BUDGET[1], requests
    assert not [request for request in requests if request.endswith(".js")]


@pytest.mark.feature("EV-05")
@pytest.mark.parametrize("scripts", [True, False])
def test_the_simulated_phone_opens_the_link_of_a_text(desk: Desk, demo: Demo, scripts: bool) -> None:
    id, path = link_for(demo, "Hugo")
    phone = desk.context(java_script_enabled=scripts).new_page()
    phone.goto(f"/simulator?phone={demo.contact('Hugo')['mobile'].replace('+', '%2B')}")
    window = opened_by(phone.locator(f"a[href='{path}']"))
    window.get_by_role("button", name="Validate").click()
    expect(window.get_by_role("heading", name="Confirmed")).to_be_visible()
    assert state_of(demo, id) == "verified"
