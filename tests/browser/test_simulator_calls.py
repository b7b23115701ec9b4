"""The simulated phone at a call: it rings, words appear as they are spoken, keys are pressed; also without script."""

from __future__ import annotations

import re
import time
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.desk import PATIENCE_SECONDS, Demo, Desk, press
from tests.browser.test_access import TOO_SMALL, problems

pytestmark = pytest.mark.browser

READ = re.compile(r"Your code is: (?:\d, ){5}\d\.")


def phone_of(page: Page, contact: dict[str, Any]) -> None:
    page.goto(f"/simulator?phone={quote(contact['mobile'])}")


def reaches(page: Page) -> AbstractContextManager[object]:
    """What is done in here has come to the phone's server at its end, before anybody rings or the page is left."""
    return page.expect_response(lambda answer: answer.request.method == "POST" and answer.url.endswith("/handset"))


def let_it_ring(page: Page, *, script: bool = True) -> None:
    """This phone is not picked up by itself from now on."""
    choice = page.get_by_label("When it rings")
    if not choice.is_visible():
        press(page.get_by_text("Calls", exact=True), heard=choice.is_visible)
    with reaches(page):
        choice.select_option(label="It rings until you pick up")
        if not script:
            page.get_by_role("button", name="Set").click()


def ring(demo: Demo, contact: dict[str, Any]) -> None:
    """A technician asks this person by a call."""
    found = demo.api(f"/api/v1/contacts/{contact['id']}")
    address = next(a["id"] for a in found["addresses"] if a["kind"] == "mobile")
    body = {"contact_id": contact["id"], "address_id": address, "method": "voice_call"}
    assert demo.api("/api/v1/end-user-verifications", body)["state"] == "sent"


@pytest.mark.feature("EV-14", "EV-15")
def test_a_phone_rings_is_picked_up_and_reads_the_code(desk: Desk, demo: Demo) -> None:
    ada = demo.contact("Ada")
    page = desk.context().new_page()
    phone_of(page, ada)
    expect(page.locator("ww-simulator:defined")).to_be_visible()
    let_it_ring(page)
    ring(demo, ada)
    calls = page.get_by_role("list", name="Calls")
    expect(calls).to_contain_text("It rings")
    page.get_by_role("button", name="Pick up").click()
    expect(calls).to_contain_text("On the line")
    expect(calls).to_contain_text(READ)
    assert len(READ.findall(calls.inner_text())) == 1
    page.get_by_role("button", name="1", exact=True).click()
    expect(calls).to_contain_text(re.compile(rf"{READ.pattern}.*{READ.pattern}", re.DOTALL))
    page.get_by_role("button", name="Hang up").click()
    expect(calls).to_contain_text("The call is over")


@pytest.mark.feature("EV-14")
def test_the_same_without_script(desk: Desk, demo: Demo) -> None:
    ben = demo.contact("Ben")
    page = desk.context(java_script_enabled=False).new_page()
    phone_of(page, ben)
    let_it_ring(page, script=False)
    ring(demo, ben)
    expect_after_reload(page, "It rings")
    with reaches(page):
        page.get_by_role("button", name="Pick up").click()
    expect_after_reload(page, "Your code is:")
    with reaches(page):
        page.get_by_role("button", name="Hang up").click()
    expect_after_reload(page, "The call is over")


def expect_after_reload(page: Page, words: str) -> None:
    """The page as it stands does not change by itself, so it is asked for until it says so."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        page.reload()
        if words in (page.locator("[data-list=calls]").text_content() or ""):
            expect(page.get_by_role("list", name="Calls")).to_be_visible()
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"the page never says {words!r}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_phone_is_for_everyone(desk: Desk, demo: Demo, scheme: Any) -> None:
    eve = demo.contact("Eve" if scheme == "light" else "Finn")
    ring(demo, eve)
    page = desk.context().new_page()
    page.emulate_media(color_scheme=scheme)
    phone_of(page, eve)
    expect(page.get_by_role("list", name="Calls")).to_contain_text("Your code is:")
    assert not problems(Axe().run(page))
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert page.evaluate(TOO_SMALL) == []
