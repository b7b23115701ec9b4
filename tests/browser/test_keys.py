"""Single keys: help, search, from row to row; silent where somebody types and for whoever switched them off."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk import Desk

pytestmark = pytest.mark.browser


@pytest.fixture
def contacts(desk: Desk) -> Page:
    """A page with a search and rows."""
    page = desk.signed_in("dana").new_page()
    page.goto("/contacts")
    return page


def test_a_question_mark_shows_the_keys_and_escape_goes_back(contacts: Page) -> None:
    help_ = contacts.get_by_role("dialog", name="Keys")
    expect(help_).to_be_hidden()
    contacts.keyboard.press("?")
    expect(help_).to_be_visible()
    expect(help_.get_by_role("button", name="Close")).to_be_focused()
    contacts.keyboard.press("j")
    expect(help_.get_by_role("button", name="Close")).to_be_focused()
    contacts.keyboard.press("Escape")
    expect(help_).to_be_hidden()


def test_a_slash_goes_to_the_search_and_there_every_key_is_a_letter(contacts: Page) -> None:
    search = contacts.get_by_role("searchbox")
    contacts.keyboard.press("/")
    expect(search).to_be_focused()
    expect(search).to_have_value("")
    contacts.keyboard.type("j/k?")
    expect(search).to_have_value("j/k?")
    expect(contacts.get_by_role("dialog", name="Keys")).to_be_hidden()


def test_a_slash_where_nothing_can_be_searched_goes_to_the_contacts(desk: Desk) -> None:
    page = desk.signed_in("dana").new_page()
    page.goto("/profile")
    page.keyboard.press("/")
    page.wait_for_url("**/contacts")


def test_j_and_k_go_from_row_to_row_and_stay_at_the_ends(contacts: Page) -> None:
    def row(name: str) -> None:
        expect(contacts.get_by_role("link", name=name, exact=True)).to_be_focused()

    contacts.keyboard.press("j")
    row("Ada Bishop")
    contacts.keyboard.press("k")
    row("Ada Bishop")
    contacts.keyboard.press("j")
    row("Ben Cole")
    contacts.keyboard.press("Tab")
    contacts.keyboard.press("j")
    row("Cleo Diaz")
    contacts.keyboard.press("Control+k")
    row("Cleo Diaz")
    contacts.keyboard.press("Enter")
    contacts.wait_for_url("**/contacts/*")


def test_they_can_be_switched_off_and_on_again(contacts: Page) -> None:
    contacts.goto("/profile")
    box = contacts.get_by_label("Use shortcut keys in this browser")
    expect(box).to_be_checked()
    box.uncheck()
    contacts.goto("/contacts")
    for key in "/?j":
        contacts.keyboard.press(key)
        expect(contacts.get_by_role("dialog", name="Keys")).to_be_hidden()
        assert contacts.evaluate("document.activeElement === document.body")
    contacts.goto("/profile")
    expect(box).not_to_be_checked()
    box.check()
    contacts.get_by_role("button", name="Show the shortcut keys").click()
    expect(contacts.get_by_role("dialog", name="Keys")).to_be_visible()
