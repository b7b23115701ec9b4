"""Settings as people change them: without script, with mistakes, and with the fresh proof that some of it asks for."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk import Demo, Desk

pytestmark = pytest.mark.browser


@pytest.fixture
def page(desk: Desk) -> Page:
    """Alex, an admin, in a browser without script."""
    page = desk.context(java_script_enabled=False).new_page()
    desk.sign_in(page, "alex")
    return page


@pytest.mark.feature("GE-04", "TV-04")
def test_without_script_settings_are_changed_and_mistakes_stand_beside_their_field(desk: Desk, page: Page) -> None:
    desk.expect_refusals(422)
    page.goto("/settings")
    page.get_by_role("navigation", name="Settings").get_by_role("link", name="Verification").click()
    page.get_by_label("Digits of a code").fill("12")
    page.get_by_role("textbox", name="Alert whoever is on duty after").fill("45")
    page.get_by_role("button", name="Save").click()
    digits = page.get_by_label("Digits of a code")
    expect(digits).to_have_attribute("aria-invalid", "true")
    expect(digits).to_have_value("12")
    expect(page.get_by_text("Choose 6 to 10 digits.")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("Not saved.")
    expect(page.get_by_role("textbox", name="Alert whoever is on duty after")).to_have_value("45")
    digits.fill("8")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    expect(page.get_by_label("Digits of a code")).to_have_value("8")


@pytest.mark.feature("TV-04")
def test_the_next_check_goes_by_what_was_set(desk: Desk, demo: Demo, page: Page) -> None:
    page.goto("/settings/verification")
    page.get_by_label("Digits of a code").fill("7")
    page.get_by_label("How people confirm").select_option("compare")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    page.goto("/settings/words")
    page.get_by_label("Own words for #verify").fill("prüfen, #Vérifier")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Own words for #verify")).to_have_value("prüfen, vérifier")
    eve = demo.contact("Eve")
    phone = desk.context().new_page()
    phone.goto(f"/simulator?phone={quote(eve['mobile'])}")
    demo.text(eve["mobile"], "Prüfen")
    expect(phone.locator(".bubble:not(.out)").last).to_have_text(re.compile(r"Code: [0-9]{7}\."))
    demo.text(eve["mobile"], "#deny")


@pytest.mark.feature("TV-29")
def test_the_demo_offers_a_simulated_number_and_a_test_reaches_the_simulated_phone(
    desk: Desk, demo: Demo, page: Page
) -> None:
    page.goto("/settings/numbers")
    channel = demo.facts["twilio"]["channel_number"]
    row = page.locator("li", has_text="+1 646-555-0101")
    row.get_by_text("Remove", exact=False).first.click()
    row.get_by_role("button", name="Remove it").click()
    expect(page.get_by_text("Number removed.")).to_be_visible()
    page.get_by_text("Add another number").click()
    expect(page.get_by_label("Number, with country code")).to_have_value("+1 646-555-0101")
    page.get_by_label("What it is for").select_option("channel")
    page.get_by_role("button", name="Add the number").click()
    expect(page.get_by_text("Number added.")).to_be_visible()
    finn = demo.contact("Finn")
    page.get_by_label("From").select_option(channel)
    page.get_by_label("To your own mobile").fill(finn["mobile"])
    page.get_by_role("button", name="Send a test text").click()
    expect(page.get_by_text("Twilio has taken it")).to_be_visible()
    # The carrier has taken it before it answers, so it is there by now.
    assert "This is a test" in demo.texts_to(finn["mobile"])[-1]
