"""Other tools in the settings, as an admin sees them: without script, with mistakes, on a narrow screen."""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.desk import Demo, Desk
from tests.browser.test_access import TOO_SMALL, problems

pytestmark = pytest.mark.browser

HOOKS = "/settings/webhooks"


@pytest.fixture
def page(desk: Desk) -> Page:
    """Alex, an admin, in a browser without script."""
    page = desk.context(java_script_enabled=False).new_page()
    desk.sign_in(page, "alex")
    return page


@pytest.mark.feature("SEC-46", "SEC-47", "GE-04")
def test_a_tool_is_added_tried_and_told(desk: Desk, demo: Demo, page: Page) -> None:
    desk.expect_refusals(422)
    page.goto("/settings")
    page.get_by_role("navigation", name="Settings").get_by_role("link", name="Other tools").click()
    expect(page.get_by_text("No tool is told yet")).to_be_visible()
    page.get_by_label("Which tool is it?").fill("Wall screen")
    page.get_by_role("textbox", name="Address").fill("https://10.1.2.3/hooks")
    page.get_by_role("button", name="Add it").click()
    address = page.get_by_role("textbox", name="Address")
    expect(address).to_have_attribute("aria-invalid", "true")
    expect(address).to_have_value("https://10.1.2.3/hooks")
    expect(page.get_by_text("10.1.2.3 leads to a private network.")).to_be_visible()
    expect(page.get_by_label("Which tool is it?")).to_have_value("Wall screen")

    address.fill(f"{demo.base_url}/simulator/tool")
    page.get_by_role("button", name="Add it").click()
    secret = page.get_by_role("status").locator("code")
    expect(secret).to_have_text(re.compile(r"whsec_[A-Za-z0-9+/=]{44}"))
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_role("status").filter(has_text="Sent.")).to_be_visible()
    expect(page.locator("li", has_text="webhook.test")).to_contain_text("arrived, 204")
    expect(page.get_by_text("whsec_")).to_have_count(0)

    demo.text(demo.contact("Hugo")["mobile"], "#verify")
    phone = desk.context().new_page()
    phone.goto("/simulator")
    expect(phone.get_by_text("verification.started").first).to_be_visible()
    page.reload()
    expect(page.locator("li", has_text="verification.started").first).to_contain_text("arrived, 204")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_a_tool_is_for_everyone(desk: Desk, demo: Demo, scheme: Any) -> None:
    page = desk.signed_in("alex").new_page()
    page.emulate_media(color_scheme=scheme)
    page.goto(HOOKS)
    page.get_by_label("Which tool is it?").fill(f"Screen in the {scheme}")
    page.get_by_role("textbox", name="Address").fill(f"{demo.base_url}/simulator/nowhere")
    page.get_by_role("button", name="Add it").click()
    assert not problems(Axe().run(page))
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator("li", has_text="webhook.test")).to_contain_text("It answered 404.")
    for summary in page.locator("details > summary:visible").all():
        summary.click()
    assert not problems(Axe().run(page))
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert page.evaluate(TOO_SMALL) == []
    page.goto(HOOKS)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert not problems(Axe().run(page))
    assert page.evaluate(TOO_SMALL) == []
