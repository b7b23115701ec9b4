"""The verification panel where there is little room, and once it is over: nothing that matters is cut off, and nothing
is offered that no longer does anything."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.desk import Demo, Desk
from tests.browser.test_verify import CODE, code_in, open_contact

pytestmark = pytest.mark.browser


@pytest.mark.feature("EV-04")
def test_where_it_goes_can_be_read_whole_on_the_smallest_phone(desk: Desk, demo: Demo) -> None:
    ada = demo.contact("Ada")
    page = desk.signed_in("dana").new_page()
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(f"/contacts/{ada['id']}/verify")
    how, whole = page.locator("form.start select[name=way]"), page.locator("form.start [data-whole]")
    expect(whole).to_have_text("Text a code to +1 310-555-0111")
    expect(whole).to_be_visible()
    how.select_option(how.locator("option", has_text="Call +1").first.get_attribute("value"))
    expect(whole).to_have_text("Call +1 310-555-0111 and say a code")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    mine, about = how.bounding_box(), page.locator("form.start select[name=ticket]").bounding_box()
    assert mine is not None
    assert about is not None
    assert mine["width"] == about["width"], "what stands below makes nothing wider"
    page.set_viewport_size({"width": 1280, "height": 720})
    expect(whole).to_be_hidden()


@pytest.mark.feature("EV-06", "EV-31")
def test_once_it_is_over_nothing_is_offered_that_does_nothing(desk: Desk, demo: Demo) -> None:
    desk.expect_refusals(422)
    ben = demo.contact("Ben")
    page = open_contact(desk, ben)
    before = len(demo.texts_to(ben["mobile"]))
    page.get_by_role("button", name="Verify Ben").click()
    right = int(code_in(demo.next_text(ben["mobile"], before, has=CODE)))
    box, card = page.get_by_label("The code they read to you"), page.locator("[data-running]")
    expect(card.get_by_role("button", name="Take it back")).to_be_visible()
    for more in range(1, 6):
        box.fill(f"{(right + more) % 10**6:06d}")
        page.get_by_role("button", name="Check the code").click()
        expect(card.locator("[data-text=tries_left]")).to_have_text(str(5 - more))
    expect(card.locator("[data-ended]")).to_contain_text("Treat this caller as a stranger.")
    expect(card.locator("[data-ended]")).to_have_class("note bad")
    expect(box).to_have_value(f"{(right + 5) % 10**6:06d}")
    expect(card.get_by_text("Take it back")).to_be_hidden()
    expect(card.get_by_text("Not received?")).to_be_hidden()
    expect(card.get_by_text("Delivered.")).to_be_hidden()
    expect(card.locator("ww-timer")).to_be_hidden()
    expect(page.get_by_text("Ask again, or another way")).to_be_visible()


@pytest.mark.feature("EV-04")
def test_where_it_goes_can_be_read_whole_without_script(desk: Desk, demo: Demo) -> None:
    cleo = demo.contact("Cleo")
    page = desk.signed_in("dana", java_script_enabled=False, viewport={"width": 320, "height": 640}).new_page()
    page.goto(f"/contacts/{cleo['id']}/verify")
    how, lines = page.locator("form.start select[name=way]"), page.locator("form.start .whole > span")
    options = how.locator("option")
    for at in range(options.count()):
        words = options.nth(at).inner_text()
        how.select_option(index=at)
        expect(lines.filter(visible=True)).to_have_text([words])
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.set_viewport_size({"width": 1280, "height": 720})
    expect(lines.filter(visible=True)).to_have_count(0)


@pytest.mark.parametrize("width", [320, 390, 660, 1000, 1280])
def test_nothing_of_the_simulators_log_ins_is_cut_off(desk: Desk, width: int) -> None:
    page = desk.context(viewport={"width": width, "height": 800}).new_page()
    page.goto("/simulator")
    table = page.locator(".wide:has(> .logins)")
    expect(table.get_by_text("supervisor")).to_be_visible()
    assert table.evaluate("wide => wide.scrollWidth <= wide.clientWidth")
    last = table.locator("td[data-label=Role]").last.bounding_box()
    assert last is not None
    assert last["x"] + last["width"] <= width
