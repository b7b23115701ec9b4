"""The presses of these tests themselves: given again where nothing felt them, and never twice where something did."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.desk import opened_by, press

pytestmark = pytest.mark.browser

#: A button that is drawn anew under the finger the first time, as a page does that has news in that moment.
DRAWN_ANEW = """<!doctype html>
<div id="place"><button>Press</button></div><p id="felt"></p>
<script>
let first = true, times = 0;
const place = document.getElementById("place");
place.addEventListener("pointerdown", () => {
  if (first) place.innerHTML = "<button>Press</button>";
  first = false;
});
place.addEventListener("click", (event) => {
  if (event.target.matches("button")) document.getElementById("felt").textContent = `felt ${++times}`;
});
</script>
"""


def test_a_press_that_nothing_felt_is_given_once_more_and_no_oftener(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(DRAWN_ANEW)
    press(page.get_by_role("button"))
    expect(page.locator("#felt")).to_have_text("felt 1")
    press(page.get_by_role("button"))
    expect(page.locator("#felt")).to_have_text("felt 2")
    page.close()


@pytest.mark.parametrize("scripts", [True, False])
def test_one_press_opens_one_window(browser: Browser, scripts: bool) -> None:
    context = browser.new_context(java_script_enabled=scripts)
    page = context.new_page()
    page.set_content("<a href='about:blank' target='_blank'>Open</a>")
    opened = opened_by(page.get_by_role("link"))
    assert context.pages == [page, opened]
    context.close()
