"""Around the check: shared numbers, opt-outs, resends, announcements taken back, sound, and the stream."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk import Demo, Desk

pytestmark = pytest.mark.browser


def shared_number(desk: Desk) -> str:
    """The seeded number that stands on two contacts."""
    page = desk.context().new_page()
    page.goto("/simulator")
    number = page.get_by_label("Phone of").locator("option", has_text="share").get_attribute("value")
    assert number
    return number


@pytest.mark.feature("TV-15", "TV-01")
def test_a_shared_number_is_claimed_by_saying_whose_call_it_is(desk: Desk, demo: Demo) -> None:
    desk.expect_refusals(409)
    page = desk.signed_in("dana").new_page()
    page.goto("/codes")
    demo.text(shared_number(desk), "#verify")
    row = page.locator(".waiting", has_text="One of 2 people")
    row.get_by_role("button", name="show code").click()
    expect(row.get_by_role("alert").filter(has_text="belongs to several people")).to_be_visible()
    row.get_by_label("Whom are you calling?").select_option(label="Ina Jones, Bolt Freight")
    row.get_by_role("button", name="show code").click()
    mine = page.locator(".mine", has_text="Ina Jones")
    expect(mine.locator(".code")).to_be_visible()
    demo.text(shared_number(desk), "#confirm")
    expect(page.locator("[data-list=today] > li", has_text="Ina Jones")).to_contain_text("Confirmed")


@pytest.mark.feature("SEC-39")
def test_a_resend_that_comes_too_soon_says_when(desk: Desk, demo: Demo) -> None:
    desk.expect_refusals(429)
    hugo = demo.contact("Hugo")
    page = desk.signed_in("dana").new_page()
    page.goto("/codes")
    demo.text(hugo["mobile"], "#verify")
    row = page.locator(".waiting", has_text=hugo["name"])
    expect(row).to_contain_text(re.compile("Delivered|Sent|Waiting to be sent"))
    row.get_by_role("button", name="Send the code again").click()
    expect(row.get_by_role("alert").filter(has_text="Try again in")).to_be_visible()
    assert len(_codes(demo, hugo["mobile"], 1)) == 1
    demo.advance(31)
    row.get_by_role("button", name="Send the code again").click()
    expect(row.get_by_role("alert").filter(has_text="Try again in")).to_be_hidden()
    first, second = _codes(demo, hugo["mobile"], 2)
    assert first == second
    demo.text(hugo["mobile"], "#deny")


def _codes(demo: Demo, number: str, count: int) -> list[str]:
    """The codes of the texts that have gone out, once there are so many."""

    def enough() -> list[str]:
        found = [m.group() for text in demo.texts_to(number) if (m := re.search(r"\b\d{6}\b", text))]
        return found if len(found) >= count else []

    return demo.when(enough, f"{count} texts with a code")


@pytest.mark.feature("Y-02", "SEC-40")
def test_an_opt_out_is_shown_before_anybody_types(desk: Desk, demo: Demo) -> None:
    gita = demo.contact("Gita")
    page = desk.signed_in("theo").new_page()
    page.goto(f"/contacts/{gita['id']}")
    expect(page.get_by_label("Text them that I am about to call")).to_be_visible()
    demo.text(gita["mobile"], "STOP")
    page.reload()
    expect(page.get_by_text("opted out: no texts (STOP)")).to_be_visible()
    expect(page.get_by_text("#verify from their mobile gets no answer")).to_be_visible()
    expect(page.get_by_label("Text them that I am about to call")).to_have_count(0)


@pytest.mark.feature("TV-33")
def test_an_announcement_can_be_texted_and_taken_back(desk: Desk, demo: Demo) -> None:
    ben = demo.contact("Ben")
    page = desk.signed_in("theo").new_page()
    page.goto(f"/tickets/{ben['open_ticket']}")
    expect(page.get_by_role("combobox", name="About")).to_have_value(ben["open_ticket"])
    page.get_by_label("Text them that I am about to call").check()
    page.get_by_role("button", name="I'm calling Ben Cole").click()
    calling = page.locator("[data-list=calling] > li", has_text="Ben Cole")
    expect(calling).to_contain_text(re.compile(r"1[45]:\d\d left"))
    assert "Theo" in demo.next_text(ben["mobile"])
    calling.get_by_role("button", name="Not any more").click()
    expect(calling).to_have_count(0)
    demo.text(ben["mobile"], "#verify")
    expect(page.locator(".waiting", has_text="Ben Cole")).to_be_visible()
    demo.text(ben["mobile"], "#deny")


@pytest.mark.feature("TV-33")
def test_who_has_asked_already_is_not_announced_to_but_gone_to(desk: Desk, demo: Demo) -> None:
    finn = demo.contact("Finn")
    page = desk.signed_in("theo").new_page()
    for path in (f"/contacts/{finn['id']}", f"/tickets/{finn['open_ticket']}"):
        page.goto(path)
        expect(page.get_by_role("link", name="Go to their check")).to_have_count(0)
        demo.text(finn["mobile"], "#verify")
        page.reload()
        page.get_by_role("link", name="Go to their check").click()
        expect(page.locator(".waiting", has_text="Finn Gray")).to_be_visible()
        demo.text(finn["mobile"], "#deny")


@pytest.mark.feature("SEC-02")
def test_neither_the_stream_nor_anybody_elses_rows_ever_hold_the_code(desk: Desk, demo: Demo) -> None:
    dev = demo.contact("Dev")
    dana, theo = desk.signed_in("dana").new_page(), desk.signed_in("theo").new_page()
    dana.goto("/codes")
    theo.goto("/codes")
    theo.evaluate(LISTEN)
    theo.wait_for_function(OPENED)
    demo.text(dev["mobile"], "#verify")
    dana.locator(".waiting", has_text=dev["name"]).get_by_role("button", name="show code").click()
    code = (dana.locator(".mine .code").text_content() or "").replace(" ", "")
    demo.text(dev["mobile"], "#confirm")
    expect(theo.locator("[data-list=today] > li", has_text=dev["name"])).to_contain_text("Confirmed")
    # A stream of its own may be later than the page's.
    theo.wait_for_function("() => window.heard.length >= 3")
    heard = theo.evaluate("window.heard")
    assert [int(e["id"]) for e in heard] == sorted({int(e["id"]) for e in heard})
    assert code not in str(heard)
    assert code not in theo.evaluate("async () => (await fetch('/codes/rows')).text()")


#: Read the stream by itself, beside the page's own.
LISTEN = """() => {
  window.heard = [];
  const source = new EventSource('/events');
  source.onopen = () => { window.opened = true; };
  source.addEventListener('change', (e) => window.heard.push({ id: e.lastEventId, data: e.data }));
}"""
#: A function, because the pages' policy forbids evaluating text.
OPENED = "() => window.opened === true"


def test_sound_is_kept_by_one_tab(desk: Desk) -> None:
    context = desk.signed_in("dana")
    pages = [context.new_page() for _ in range(2)]
    for page in pages:
        page.goto("/codes")
        page.get_by_label("Sound for a new check").check()
        expect(page.get_by_label("Sound for a new check")).to_be_checked()
    held = _held(pages[0])
    assert held.count("watchword-sound") == 1
    assert held.count("watchword-live") == 1
    pages[1].reload()
    expect(pages[1].get_by_label("Sound for a new check")).to_be_checked()
    pages[1].get_by_label("Sound for a new check").uncheck()


def _held(page: Page) -> list[str]:
    held: list[str] = page.evaluate("async () => (await navigator.locks.query()).held.map((lock) => lock.name)")
    return held


@pytest.mark.feature("SEC-43")
def test_opening_a_link_from_an_alert_changes_nothing(desk: Desk, demo: Demo) -> None:
    cleo = demo.contact("Cleo")
    page = desk.signed_in("theo").new_page()
    demo.text(cleo["mobile"], "#verify")
    page.goto("/codes")
    row = page.locator(".waiting", has_text=cleo["name"])
    check_id = row.get_attribute("data-id")
    for _ in range(20):
        assert page.request.get(f"/codes/{check_id}").status == 200
        assert page.request.head(f"/codes/{check_id}").status == 200
    page.reload()
    expect(row).to_contain_text("Waiting for a technician")
    demo.text(cleo["mobile"], "#deny")
