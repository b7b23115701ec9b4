"""A sensitive form in a browser: it is proven on the way, and nothing that was typed is lost."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.desk import Demo, Desk
from tests.browser.test_access import problems

pytestmark = pytest.mark.browser


def _fill(page: Page, demo: Demo, name: str) -> None:
    """The form for a key, sent when the sign-in is six minutes old."""
    page.goto("/settings/keys")
    page.get_by_label("What is it for?").fill(name)
    page.get_by_label("Read checks").check()
    page.get_by_label("Read reports").check()
    page.get_by_label("For how many days?").fill("45")
    demo.advance(360)
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("heading", name="Show that it is you")).to_be_visible()


def _prove(page: Page, password: str, code: str) -> None:
    page.get_by_label("Password").fill(password)
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Go on").click()


def _expect_made(page: Page, name: str) -> None:
    made = page.get_by_role("status")
    expect(made).to_contain_text(name)
    expect(made).to_contain_text(re.compile("wwk_[A-Za-z0-9_-]{43}"))
    row = page.locator(".rows > li", has_text=name)
    expect(row).to_contain_text("may read checks, read reports")
    row.locator("summary").click()
    row.get_by_role("button", name="Revoke this key").click()
    expect(page.get_by_text("Revoked.")).to_be_visible()


@pytest.mark.feature("SEC-34", "SEC-35")
def test_a_form_goes_on_after_the_proof_with_script_and_without(desk: Desk, demo: Demo) -> None:
    desk.expect_refusals(401)
    alex, phone = demo.technician("alex"), {"width": 320, "height": 700}
    context = desk.context(viewport=phone)
    page = context.new_page()
    desk.sign_in(page, "alex")
    _fill(page, demo, "Monthly “dashboard” & <more>")
    expect(page.get_by_label("Password")).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not problems(Axe().run(page))
    _prove(page, "not the password", "000000")
    expect(page.get_by_role("alert")).to_contain_text("is not right")
    _prove(page, alex["password"], demo.code(alex))
    _expect_made(page, "Monthly “dashboard” & <more>")

    plain = desk.context(viewport=phone, java_script_enabled=False, storage_state=context.storage_state()).new_page()
    _fill(plain, demo, "Without script")
    _prove(plain, alex["password"], demo.code(alex))
    _expect_made(plain, "Without script")
