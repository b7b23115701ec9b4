"""Contacts as a person handles them: added during a call, a number changed, a spreadsheet brought in and taken back."""

from __future__ import annotations

import re
import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.browser.desk import PATIENCE_SECONDS, Demo, Desk

pytestmark = pytest.mark.browser

PEOPLE = "".join(f"Person {n:03d},Coda Design,person{n}@coda.example,\n" for n in range(450))
FILE = "name,client,email,mobile\n" + PEOPLE + "=SUM(1),Coda Design,sum@coda.example,\nKai Lund,Coda Design,,12\n"


def axe(page: Page) -> list[str]:
    return [f"{v['id']}: {v['nodes'][0]['target']}" for v in Axe().run(page).response["violations"]]


def no_sideways(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def prove(page: Page, desk: Desk, name: str, then: Locator) -> None:
    """Where the last sign-in has grown old, the form asks for it on its way and then goes on. `then`: what is there
    afterwards."""
    asks = page.get_by_role("heading", name="Show that it is you")
    expect(asks.or_(then).first).to_be_visible()
    if asks.is_visible():
        technician = desk.demo.technician(name)
        page.get_by_label("Password").fill(technician["password"])
        page.get_by_label("Code").fill(desk.demo.code(technician))
        page.get_by_role("main").get_by_role("button").first.click()
        expect(then.first).to_be_visible()


@pytest.mark.feature("CO-13")
def test_a_contact_is_added_during_a_call_and_verifies(desk: Desk, demo: Demo) -> None:
    desk.expect_refusals(422)
    page = desk.signed_in("dana").new_page()
    page.goto("/contacts")
    page.get_by_role("searchbox").fill("Nora Quist")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Add them as a new contact").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Nora Quist")
    page.get_by_label("Client").fill("Quist Ltd")
    page.get_by_label("Mobile").fill("call her")
    page.get_by_role("button", name="Add the contact").click()
    expect(page.get_by_text("is not a phone number. Write it like")).to_be_visible()
    expect(page.get_by_text("There is no client of that name")).to_be_visible()
    assert not axe(page)
    page.set_viewport_size({"width": 320, "height": 640})
    assert no_sideways(page)
    page.get_by_label("It is a new client: add it").check()
    page.get_by_label("Mobile").fill(demo.contact("Ada")["mobile"])
    page.get_by_role("button", name="Add the contact").click()
    expect(page.get_by_text("also belongs to")).to_be_visible()
    assert not axe(page)
    assert no_sideways(page)
    page.get_by_label("Mobile").fill("+1 303 555 0177")
    page.get_by_role("button", name="Add the contact").click()
    expect(page.get_by_role("heading", name="Nora Quist")).to_be_visible()
    demo.text("+13035550177", "#verify")
    page.goto("/codes")
    expect(page.locator(".waiting", has_text="Nora Quist")).to_be_visible()


@pytest.mark.feature("SEC-13")
def test_a_changed_number_tells_the_old_one(desk: Desk, demo: Demo) -> None:
    desk.expect_refusals(401, 422)
    page = desk.signed_in("dana").new_page()
    finn = demo.contact("Finn")
    page.goto(f"/contacts/{finn['id']}/edit")
    before = len(demo.texts_to(finn["mobile"]))
    first = page.locator("main .panel li").first
    first.get_by_text("Change", exact=False).first.click()
    first.get_by_label("From now on").fill("+1 303 555 0178")
    first.get_by_role("button", name="Change it").click()
    prove(page, desk, "dana", page.get_by_text("A notice goes to where we reached them before."))
    expect(page.locator(".cards .num", has_text="+1 303-555-0178")).to_be_visible()
    expect(page.get_by_text(re.compile("^changed "))).to_be_visible()
    assert not axe(page)
    assert "changed from this to one ending 0178" in demo.next_text(finn["mobile"], before)


@pytest.mark.feature("CO-01")
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_a_spreadsheet_is_looked_at_brought_in_and_taken_back(desk: Desk, demo: Demo, scripts: bool) -> None:
    desk.expect_refusals(401)
    page = desk.signed_in("alex", java_script_enabled=scripts).new_page()
    page.goto("/imports")
    page.get_by_label("File").set_input_files({"name": "people.csv", "mimeType": "text/csv", "buffer": FILE.encode()})
    page.get_by_role("button", name="Preview it").click()
    prove(page, desk, "alex", page.get_by_role("heading", name="people.csv"))
    address = page.url.partition("?")[0]
    expect(page.get_by_text("Line 452, name")).to_be_visible()
    if scripts:
        assert not axe(page)
        page.set_viewport_size({"width": 320, "height": 640})
        assert no_sideways(page)
    page.get_by_role("button", name="Import 450 contacts").click()
    under_way = page.locator("ww-progress")
    prove(page, desk, "alex", under_way.or_(page.get_by_text("Contacts added", exact=True)))
    _until(page, address, "Contacts added", scripts)
    if scripts:
        assert not axe(page)
        assert no_sideways(page)
    page.goto("/clients?q=coda")
    expect(page.get_by_text("450 contacts")).to_be_visible()
    page.goto(address)
    page.get_by_role("button", name="Undo the import").click()
    prove(page, desk, "alex", under_way.or_(page.get_by_text("Clients removed", exact=True)))
    _until(page, address, "Clients removed", scripts)
    page.goto("/clients?q=coda")
    expect(page.get_by_text("No client found")).to_be_visible()


def _until(page: Page, address: str, words: str, scripts: bool) -> None:
    """The script reads the page anew when it is over; without one the reader does."""
    if scripts:
        expect(page.get_by_text(words, exact=True)).to_be_visible()
        return
    until = time.monotonic() + PATIENCE_SECONDS
    while not page.get_by_text(words, exact=True).is_visible():
        assert time.monotonic() < until, f"{words!r} never came"
        page.goto(address)
