"""Somebody new joins on a phone, by the link an admin hands over; and what an admin can do for who is locked out."""

from __future__ import annotations

import re
import time
from typing import Any

import pyotp
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.desk import Demo, Desk
from tests.browser.test_access import TOO_SMALL, problems

pytestmark = pytest.mark.browser

PASSWORD = "plum kettle orbit lantern"


def looked_at(page: Page) -> None:
    """Nothing to complain about for axe, in light and dark, and nothing too wide or too small for a narrow phone."""
    before = page.viewport_size
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        assert not problems(Axe().run(page)), (page.url, scheme)
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320, page.url
    assert not page.evaluate(TOO_SMALL), page.url
    if before:
        page.set_viewport_size(before)


def invited(page: Page, login: str, name: str) -> str:
    """Invite somebody as the admin who is signed in; the link."""
    page.goto("/settings/people")
    page.get_by_role("link", name="Invite somebody").click()
    page.get_by_role("textbox", name=re.compile("^Name")).fill(name)
    page.get_by_role("textbox", name=re.compile("^Login")).fill(login)
    looked_at(page)
    page.get_by_role("button", name="Make the invitation").click()
    expect(page.get_by_role("heading", name=f"{name} is invited")).to_be_visible()
    looked_at(page)
    return page.locator(".copied code").inner_text()


def set_up(page: Page) -> str:
    """The second step; the secret."""
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    looked_at(page)
    secret = page.locator(".steps code").inner_text().replace(" ", "")
    page.get_by_role("textbox", name="Code").fill(pyotp.TOTP(secret).at(time.time()))
    page.get_by_role("button", name="Finish").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    assert page.locator("ul.mono li").count() == 10
    looked_at(page)
    return secret


@pytest.mark.feature("SI-09", "GE-02")
def test_somebody_new_joins_by_the_link_alone(desk: Desk, demo: Demo) -> None:
    admin = desk.signed_in("alex").new_page()
    link = invited(admin, "noor@harbor.example", "Noor Haas")

    phone: Any = {"width": 390, "height": 780}
    page = desk.context(viewport=phone, is_mobile=True).new_page()
    page.goto(link)
    expect(page.get_by_label("Your login")).to_have_value("noor@harbor.example")
    looked_at(page)
    page.get_by_label("New password").fill("short")
    page.get_by_label("Once more").fill("short")
    desk.expect_refusals(422, 410, 401)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("The password has 5 characters")).to_be_visible()
    looked_at(page)
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("Once more").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    set_up(page)
    page.get_by_role("link", name="I have written them down").click()
    page.wait_for_url("**/codes*")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()

    again = desk.context().new_page()
    again.goto(link)
    expect(again.get_by_role("heading", name="This link is over")).to_be_visible()
    looked_at(again)
    admin.goto("/settings/people")
    expect(admin.get_by_role("listitem").filter(has_text="Noor Haas")).to_contain_text("active")


@pytest.mark.feature("GE-05", "SI-05")
def test_ones_own_page_and_the_right_to_the_console(desk: Desk, demo: Demo) -> None:
    desk.expect_refusals(401, 403, 422)
    page = desk.context().new_page()
    desk.sign_in(page, "sam")
    page.goto("/profile")
    looked_at(page)
    page.get_by_role("textbox", name=re.compile("^E-mail")).fill("nowhere")
    page.locator("form[action='/profile']").evaluate("(form) => { form.noValidate = true; }")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("This is no e-mail address")).to_be_visible()
    looked_at(page)
    admin = desk.signed_in("alex").new_page()
    admin.goto("/settings/people")
    admin.get_by_role("link", name=re.compile("^Sam")).click()
    admin.get_by_label("Allow Access to UI").uncheck()
    admin.get_by_role("button", name="Save").click()
    expect(admin.get_by_text("Their rights changed")).to_be_visible()
    page.goto("/sign-in")
    page.get_by_label("Login").fill(demo.technician("sam")["login"])
    page.get_by_label("Password").fill(demo.technician("sam")["password"])
    page.get_by_label("Code").fill(demo.code(demo.technician("sam")))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/profile")
    expect(page.get_by_text("works inside your ticket system")).to_be_visible()
    looked_at(page)
    page.goto("/contacts")
    expect(page.get_by_role("link", name="To your profile")).to_be_visible()
    looked_at(page)


@pytest.mark.feature("SEC-33", "SEC-34", "SI-08")
def test_an_admin_helps_somebody_who_lost_their_phone(desk: Desk, demo: Demo) -> None:
    desk.expect_refusals(401, 422)
    admin = desk.context().new_page()
    desk.sign_in(admin, "alex")
    theirs = desk.context().new_page()
    desk.sign_in(theirs, "theo")
    demo.advance(301)
    admin.goto("/settings/people")
    admin.get_by_role("link", name=re.compile("^Theo")).click()
    looked_at(admin)
    admin.get_by_role("button", name="End the lost second factor").click()
    expect(admin.get_by_role("heading", name="Show that it is you")).to_be_visible()
    admin.get_by_label("Password").fill(demo.technician("alex")["password"])
    admin.get_by_label("Code").fill(demo.code(demo.technician("alex")))
    admin.get_by_role("button", name="Go on").click()
    expect(admin.get_by_role("heading", name=re.compile("^A new second factor for Theo"))).to_be_visible()
    link = admin.locator(".copied code").inner_text()
    expect(theirs.get_by_role("heading", name="Sign in")).to_be_visible()

    page = desk.context().new_page()
    page.goto(link)
    looked_at(page)
    page.get_by_label("Password").fill(demo.technician("theo")["password"])
    page.get_by_role("button", name="Go on").click()
    set_up(page)
    page.get_by_role("link", name="I have written them down").click()
    page.wait_for_url("**/codes*")
