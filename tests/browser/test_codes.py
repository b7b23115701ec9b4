"""The page of codes in daily work: finding a row, notices, the end of a check's time, today's list, and a lost line."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from tests.browser.desk import Demo, Desk, alone

pytestmark = pytest.mark.browser

PEOPLE = ("Ada", "Ben", "Cleo", "Dev", "Eve", "Finn")


@pytest.fixture(scope="module")
def busy(demo: Demo) -> Demo:
    """Six checks are open."""
    for name in PEOPLE:
        demo.text(demo.contact(name)["mobile"], "#verify")
    return demo


def codes(context: BrowserContext) -> Page:
    page = context.new_page()
    page.goto("/codes")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    return page


def row(page: Page, name: str) -> Any:
    return page.locator("[data-list=live] > li", has_text=name)


# --- finding --------------------------------------------------------------------------------------------------------


def test_typing_finds_rows_and_the_address_keeps_it(desk: Desk, busy: Demo) -> None:
    page = codes(desk.signed_in("dana"))
    find = page.get_by_role("searchbox", name="Find a check")
    find.fill("ada")
    expect(row(page, "Ada Bishop")).to_be_visible()
    expect(row(page, "Ben Cole")).to_be_hidden()
    expect(page.get_by_role("link", name="All 1")).to_be_visible()
    expect(page.get_by_role("status").first).to_contain_text("1 of 6 rows fit.")
    assert page.url.endswith("/codes?q=ada")
    page.reload()
    expect(find).to_have_value("ada")
    expect(row(page, "Ben Cole")).to_be_hidden()

    page.get_by_role("link", name=re.compile("^Mine")).click()
    expect(page.get_by_text("Nothing fits")).to_be_visible()
    assert page.url.endswith("/codes?q=ada&show=mine")
    page.get_by_role("link", name="Show everything").click()
    expect(find).to_be_focused()
    expect(find).to_have_value("")
    expect(row(page, "Ben Cole")).to_be_visible()
    assert page.url.endswith("/codes")

    # A row that comes while something is sought obeys it, too.
    find.fill("hale")
    busy.text(busy.contact("Gita")["mobile"], "#verify")
    expect(row(page, "Gita Hale")).to_be_visible()
    find.fill("bishop")
    busy.text(busy.contact("Gita")["mobile"], "#deny")
    expect(page.locator("[data-list=live] > li", has_text="Gita Hale")).to_have_count(0)
    expect(page.locator("[data-list=today] > li", has_text="Gita Hale")).to_be_hidden()


def test_the_slash_goes_to_the_search_of_this_page(desk: Desk, busy: Demo) -> None:
    page = codes(desk.signed_in("dana"))
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Find a check")).to_be_focused()


def test_without_script_a_search_is_a_link_away(desk: Desk, busy: Demo) -> None:
    context = desk.context(java_script_enabled=False)
    page = context.new_page()
    desk.sign_in(page, "sam")
    page.get_by_role("searchbox", name="Find a check").fill("cole")
    page.get_by_role("button", name="Find", exact=True).first.click()
    expect(row(page, "Ben Cole")).to_be_visible()
    expect(row(page, "Ada Bishop")).to_be_hidden()
    page.get_by_role("link", name="Mine 0").click()
    expect(page.get_by_text("Nothing fits")).to_be_visible()


# --- notices --------------------------------------------------------------------------------------------------------

#: Stands in for the desktop: remembers what would be shown. Nobody looks at the page.
DESKTOP = """
if (location.protocol === 'http:') {
window.notices = [];
window.Notification = class {
  static permission = localStorage.getItem('test-permission') ?? 'default';
  static async requestPermission() {
    localStorage.setItem('test-permission', 'granted');
    return (window.Notification.permission = 'granted');
  }
  constructor(title, options) { window.notices.push({ title, ...options }); }
  close() {}
};
document.hasFocus = () => false;
}
"""


def test_a_notice_is_asked_for_by_a_button_shown_by_one_tab_and_names_nobody(desk: Desk, demo: Demo) -> None:
    context = desk.signed_in("theo")
    context.add_init_script(DESKTOP)
    pages = [codes(context)]
    first = pages[0]
    expect(first.get_by_label("Desktop notice for a new check")).to_be_hidden()
    first.get_by_role("button", name="Allow desktop notices").click()
    expect(first.get_by_label("Desktop notice for a new check")).to_be_checked()
    expect(first.get_by_label("Name the person in it")).not_to_be_checked()
    expect(first.get_by_role("button", name="Allow desktop notices")).to_be_hidden()
    pages += [codes(context) for _ in range(2)]

    hugo = demo.contact("Hugo")
    demo.text(hugo["mobile"], "#verify")
    for page in pages:
        expect(row(page, "Hugo Iver")).to_be_visible()
    shown = _notices(pages)
    assert len(shown) == 1
    assert not re.search(r"Hugo|\d{3}", f"{shown[0]['title']} {shown[0]['body']}")

    first.get_by_label("Name the person in it").check()
    _denied(demo, hugo, pages)
    demo.text(hugo["mobile"], "#verify")
    for page in pages:
        expect(row(page, "Hugo Iver")).to_be_visible()
    shown = _notices(pages)
    assert len(shown) == 2
    assert shown[1]["body"] == "Hugo Iver wants to know whether the caller is one of you."

    # The tab that shows them is closed: another one takes over.
    first.close()
    pages[1].wait_for_function(ONE_WAITS)
    _denied(demo, hugo, pages[1:])
    demo.text(hugo["mobile"], "#verify")
    for page in pages[1:]:
        expect(row(page, "Hugo Iver")).to_be_visible()
    assert len(_notices(pages[1:])) == 1
    demo.text(hugo["mobile"], "#deny")


#: Of two tabs one shows notices, and the other waits for its turn.
ONE_WAITS = """async () => {
  const { pending } = await navigator.locks.query();
  return pending.filter((lock) => lock.name === "watchword-notice").length === 1;
}"""


def _denied(demo: Demo, contact: Any, pages: list[Page]) -> None:
    """Their check is over, and every page knows: the next one is a new row."""
    demo.text(contact["mobile"], "#deny")
    for page in pages:
        expect(row(page, contact["name"])).to_have_count(0)


def _notices(pages: list[Page]) -> list[Any]:
    return [notice for page in pages for notice in page.evaluate("window.notices")]


def test_a_browser_that_blocks_notices_says_where_to_allow_them(desk: Desk, busy: Demo) -> None:
    context = desk.signed_in("dana")
    context.add_init_script(DESKTOP.replace("?? 'default'", "?? 'denied'"))
    page = codes(context)
    expect(page.get_by_text("This browser blocks desktop notices from here.")).to_be_visible()
    expect(page.get_by_role("button", name="Allow desktop notices")).to_be_hidden()


def test_the_sound_is_chosen_and_kept(desk: Desk, busy: Demo) -> None:
    page = codes(desk.signed_in("dana"))
    page.get_by_label("Which sound").select_option("Knock")
    page.get_by_role("button", name="Test the sound").click()
    page.reload()
    expect(page.get_by_label("Which sound")).to_have_value("knock")
    page.get_by_label("Which sound").select_option("Two tones")


# --- one stream, many tabs ------------------------------------------------------------------------------------------


@pytest.mark.feature("TV-07")
def test_a_row_comes_with_the_event_and_ten_tabs_ask_for_nothing(desk: Desk, busy: Demo) -> None:
    context = desk.signed_in("theo")
    alone(context.new_page())
    pages = [*context.pages, *(codes(context) for _ in range(9))]
    expect(pages[0].get_by_text("Live", exact=True)).to_be_visible()
    asked: list[str] = []
    context.on("request", lambda r: asked.append(r.url))
    gita = busy.contact("Gita")
    busy.text(gita["mobile"], "#verify")
    for page in pages:
        expect(row(page, "Gita Hale")).to_be_visible()
        expect(row(page, "Gita Hale")).to_contain_text("Their code text: Delivered.")
    assert asked == []
    pages[3].get_by_role("searchbox", name="Find a check").fill("gita")
    row(pages[3], "Gita Hale").get_by_role("button", name="show code").click()
    for page in pages:
        # Every tab of the claimer's fetches the one row, for the code is in no stream.
        expect(page.locator(".mine", has_text="Gita Hale").locator(".code")).to_have_text(re.compile(r"\d{3} \d{3}"))
    gets = [url for url in asked if "/codes/rows" in url]
    assert all("?check=" in url for url in gets), gets
    busy.text(gita["mobile"], "#confirm")
    for page in pages:
        expect(page.locator("[data-list=today] > li", has_text="Gita Hale").first).to_contain_text("Confirmed")


@pytest.mark.feature("TV-07")
def test_a_lost_line_is_said_and_what_was_missed_is_replayed_and_not_read_anew(desk: Desk, busy: Demo) -> None:
    desk.expect_refusals(0)
    context = desk.signed_in("dana")
    page = context.new_page()
    context.route("**/events*", lambda route: route.abort())
    page.goto("/codes")
    expect(page.get_by_text("Live updates stopped at")).to_be_visible()
    expect(page.locator("ww-board.lost")).to_have_count(1)
    gita = busy.contact("Gita")
    busy.text(gita["mobile"], "#verify")
    busy.text(gita["mobile"], "#deny")
    busy.text(gita["mobile"], "#verify")
    asked: list[str] = []
    context.on("request", lambda r: _note(asked, r))
    context.unroute("**/events*")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    expect(page.get_by_text("Live updates stopped at")).to_be_hidden()
    expect(row(page, "Gita Hale")).to_be_visible()
    expect(page.locator("[data-list=today] > li", has_text="Gita Hale").first).to_contain_text("They say it was not us")
    assert [url for url in asked if url.endswith("/codes/rows?")] == [], "the board was not read anew"
    busy.text(gita["mobile"], "#deny")
    desk.complaints.clear()


def _note(asked: list[str], request: Request) -> None:
    asked.append(request.url)


def test_a_line_on_which_nothing_is_heard_is_dead_whatever_it_looks_like(desk: Desk, busy: Demo) -> None:
    context = desk.context(storage_state=desk.signed_in("dana").storage_state())
    page = context.new_page()
    page.clock.install()
    page.goto("/codes")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    streams: list[str] = []
    context.on("request", lambda r: streams.append(r.url) if "/events" in r.url else None)
    # The stream's beat comes by the server's own clock, so to this page it stays away.
    page.clock.run_for(46_000)
    page.wait_for_function("() => true")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    assert len(streams) == 1, "it was opened again"
    assert "rows=1&after=" in streams[0]


# --- the end of its time; last, because it moves the clock ----------------------------------------------------------


@pytest.mark.feature("SEC-02", "TV-08")
def test_when_time_is_up_the_code_goes_at_once_and_the_row_moves_to_today(desk: Desk, demo: Demo) -> None:
    demo.advance(601)  # the same people have asked often enough for now
    context = desk.signed_in("theo")
    page = codes(context)
    hugo = demo.contact("Hugo")
    demo.text(hugo["mobile"], "#verify")
    row(page, "Hugo Iver").get_by_role("button", name="show code").click()
    mine = page.locator(".mine", has_text="Hugo Iver")
    code = (mine.locator(".code").text_content() or "").strip()
    # The last news of this row, after which nothing draws it anew.
    expect(mine).to_contain_text("Delivered")
    # The server does not answer, and the stream is silent: the page still knows when a code is no longer good.
    context.route("**/codes/rows*", lambda route: route.abort())
    desk.expect_refusals(0)
    for _ in range(100):
        # Again, in case a row that was on its way has been drawn since.
        for timer in mine.locator("ww-timer").all():
            timer.evaluate("timer => { timer.dataset.until = '1'; }")
        if "Time is up" in (mine.text_content() or ""):
            break
        page.wait_for_timeout(100)
    expect(mine).to_contain_text("Time is up")
    expect(mine.locator(".code")).to_have_count(0)
    expect(mine.get_by_role("button", name="Let go")).to_be_hidden()
    assert code not in page.content()
    context.unroute("**/codes/rows*")
    demo.advance(660)
    past = page.locator("[data-list=today] > li", has_text="Hugo Iver").first
    expect(past).to_contain_text(re.compile("Ran out|Time is up"))
    expect(row(page, "Hugo Iver")).to_have_count(0)
    desk.complaints.clear()


@pytest.mark.feature("TV-16")
def test_todays_list_goes_on_by_a_button_and_without_script_by_a_link(desk: Desk, demo: Demo) -> None:
    for n in range(36):
        name = PEOPLE[n % len(PEOPLE)]
        if n % len(PEOPLE) == 0:
            demo.advance(3000)
        demo.text(demo.contact(name)["mobile"], "#verify")
        demo.text(demo.contact(name)["mobile"], "#deny")
    context = desk.context()
    page = context.new_page()
    desk.sign_in(page, "alex")
    past = page.locator("[data-list=today] > li")
    expect(past).to_have_count(30)
    total = int(page.locator("[data-count=today]").text_content() or 0)
    assert total > 30
    page.get_by_role("link", name="Show earlier ones").click()
    expect(past).to_have_count(min(total, 60))
    expect(past.nth(30).get_by_role("link").first).to_be_focused()
    assert len(set(past.evaluate_all("rows => rows.map((row) => row.dataset.id)"))) == min(total, 60)
    if total <= 60:
        expect(page.get_by_role("link", name="Show earlier ones")).to_be_hidden()


def test_a_stranger_is_blocked_from_their_row_and_found_among_the_blocked(desk: Desk, demo: Demo) -> None:
    demo.text(demo.facts["unknown_mobile"], "hello there")
    context = desk.context()  # the clock has gone on too far for a log-in from before
    desk.sign_in(context.new_page(), "theo")
    page = codes(context)
    row_of_theirs = page.locator("[data-list=strangers] > li").first
    row_of_theirs.get_by_role("link", name="Block the sender").click()
    expect(page.get_by_role("heading", name="Block a sender")).to_be_visible()
    page.get_by_label("Why").fill("texts us all night")
    page.get_by_label("For how long").select_option("1")
    page.get_by_role("button", name="Block", exact=True).click()
    expect(page.get_by_text("Blocked. What they send")).to_be_visible()
    page.get_by_role("link", name="Blocked senders").click()
    expect(page.get_by_text("texts us all night")).to_be_visible()
    page.get_by_role("button", name="Let through again").click()
    expect(page.get_by_text("Nobody is blocked")).to_be_visible()
