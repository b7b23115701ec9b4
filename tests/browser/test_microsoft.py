"""Contacts from Microsoft 365 as an admin meets them: from the app registration to somebody's page; many changes."""

from __future__ import annotations

from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.desk import Desk
from tests.browser.test_access import TOO_SMALL, problems

pytestmark = pytest.mark.browser

SYNC = "Sync now"


def look_at(page: Page, schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")) -> None:
    """Everybody can use it: in light and dark, and on a small phone with everything unfolded."""
    page.evaluate("document.querySelectorAll('main details').forEach((e) => (e.open = true))")
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        assert not problems(Axe().run(page)), (scheme, page.url)
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") == 320, page.url
    assert page.evaluate(TOO_SMALL) == [], page.url
    page.set_viewport_size({"width": 1180, "height": 900})


@pytest.mark.feature("CO-02", "CO-03", "CO-05", "CO-08", "CO-10", "CO-12", "SEC-13", "SEC-31")
def test_an_organisation_is_connected_synced_and_its_changes_are_decided(desk: Desk) -> None:
    desk.expect_refusals(422)
    page = desk.signed_in("alex").new_page()
    page.goto("/settings")
    page.get_by_role("navigation", name="Settings").get_by_role("link", name="Microsoft 365").click()
    page.wait_for_url("**/settings/microsoft-365")
    page.get_by_role("link", name="Microsoft 365").last.click()
    shown = page.locator("main dd code")
    expect(shown).to_have_count(2)
    identity, secret = shown.all_inner_texts()
    page.go_back()
    page.get_by_label("Name").fill("Our clients")
    page.get_by_label("Application (client) ID").fill(identity)
    page.get_by_label("Client secret").fill(secret)
    page.get_by_label("The secret expires on").fill("2999-01-01")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_text("Look at the year again.")).to_be_visible()
    expect(page.get_by_label("Application (client) ID")).to_have_value(identity)
    page.get_by_label("Client secret").fill(secret)
    # The day the year ends in two years, by whatever clock the demo goes.
    page.get_by_label("The secret expires on").fill(page.evaluate("`${new Date().getFullYear() + 2}-12-31`"))
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("heading", name="To be entered in the app registration")).to_be_visible()
    expect(page.get_by_text(page.url.partition("?")[0] + "/connected")).to_be_visible()
    look_at(page)

    page.get_by_role("button", name="Ask for consent").click()
    expect(page.get_by_role("heading", name="On to Microsoft")).to_be_visible()
    look_at(page, ("dark",))
    page.get_by_role("link", name="Go to Microsoft").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name="Nobody agreed")).to_be_visible()
    page.get_by_role("button", name="Back to the source").click()
    expect(page.get_by_text("Nothing is connected.")).to_be_visible()
    page.get_by_role("button", name="Ask for consent").click()
    page.get_by_role("link", name="Go to Microsoft").click()
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("heading", name="Back from Microsoft")).to_be_visible()
    look_at(page, ("dark",))
    page.get_by_role("button", name="Connect it").click()

    expect(page.get_by_role("combobox", name="Client")).to_have_value("Northwind Traders")
    look_at(page, ("dark",))
    organisation = page.url.partition("?")[0]
    page.get_by_role("button", name="Take its people over").click()
    # The script draws the page anew by itself as it goes on.
    expect(page.get_by_role("button", name=SYNC)).to_be_visible()
    expect(page.locator("dt", has_text="Contacts from there").locator("+ dd")).to_have_text("5")

    there = page.context.new_page()
    for at, name in enumerate(("Nora Quist", "Omar Reed", "Pia Stone")):
        there.goto("/simulator/microsoft")
        row = there.locator("li", has_text=name)
        row.get_by_label("Mobile").fill(f"+1 253-555-014{at}")
        row.get_by_label("E-mail").fill(f"new{at}@northwind.example")
        with there.expect_response(lambda answer: answer.request.method == "POST"):
            row.get_by_role("button", name="Save").click()
    there.close()
    page.get_by_role("button", name=SYNC).click()
    expect(page.get_by_role("link", name="Look at 6 changes")).to_be_visible()
    # From here on the page is not drawn anew any more.
    expect(page.get_by_role("button", name=SYNC)).to_be_visible()
    look_at(page)
    page.get_by_role("link", name="Look at 6 changes").click()
    look_at(page)
    page.get_by_role("checkbox", name="Nora Quist Mobile").check()
    page.get_by_role("button", name="Take over what is ticked").click()
    expect(page.get_by_text("They are taken over")).to_be_visible()
    page.get_by_text("All 5 of them").click()
    page.get_by_role("button", name="Leave all as they are").click()
    expect(page.get_by_text("Nothing waits")).to_be_visible()

    page.goto("/contacts?q=Nora")
    page.get_by_role("link", name="Nora Quist", exact=True).click()
    side = page.get_by_role("heading", name="How to reach them").locator("..")
    expect(side).to_contain_text("From Microsoft 365: Northwind Traders")
    expect(side).to_contain_text("from Microsoft 365, set")
    look_at(page, ("dark",))
    page.goto(organisation)
    page.get_by_text("Disconnect it").first.click()
    page.get_by_role("button", name="Disconnect it").click()
    expect(page.get_by_text("No organisation yet", exact=True)).to_be_visible()
