"""The page of codes in tabs that nobody sees, which are really hidden here, and what stays out of a long page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from bench.tabs import browser_of_tabs
from tests.browser.desk import Demo, Desk
from tests.browser.test_codes import DESKTOP

pytestmark = pytest.mark.browser

#: Rows of a long page.
MANY = 60
WHOLE = 12


class OneProfile(Desk):
    """Tabs of one window: the one in front hides the others."""

    def __init__(self, browser: Browser, demo: Demo, stack: ExitStack) -> None:
        super().__init__(browser, demo, stack)
        self.profile: BrowserContext = browser.contexts[0]
        self.profile.on("console", lambda m: self._note("console", m.text) if m.type in ("error", "warning") else None)
        self.profile.on("weberror", lambda e: self._note("script", str(e.error)))
        self.profile.on("request", self._look_at)

    def tabs(self, many: int, script: str = "") -> list[Page]:
        """So many tabs with the codes; the last of them is in front."""
        pages = []
        for _ in range(many):
            page = self.profile.new_page()
            if script:
                page.add_init_script(script)
            page.goto(self.demo.base_url + "/codes")
            expect(page.get_by_text("Live", exact=True)).to_be_visible()
            pages.append(page)
        self.show(pages, many - 1)
        return pages

    def show(self, pages: list[Page], number: int) -> None:
        """This one is seen, and no other."""
        pages[number].bring_to_front()
        for at, page in enumerate(pages):
            want = "visible" if at == number else "hidden"
            # What is hidden has no frames, in which this would be looked for.
            page.wait_for_function("(want) => document.visibilityState === want", arg=want, polling=50)


@pytest.fixture(scope="module")
def window(
    browser: Browser, chromium: str, demo: Demo, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OneProfile]:
    """Theo is signed in."""
    with ExitStack() as stack:
        address = stack.enter_context(browser_of_tabs(chromium, tmp_path_factory.mktemp("profile")))
        joined = browser.browser_type.connect_over_cdp(address, no_defaults=True)
        stack.callback(joined.close)
        desk = OneProfile(joined, demo, stack)
        page = joined.contexts[0].new_page()
        page.goto(demo.base_url + "/sign-in")
        desk.sign_in(page, "theo")
        page.close()
        yield desk


@pytest.fixture
def theo(window: OneProfile) -> Iterator[OneProfile]:
    """Without tabs from before, and nothing may be wrong at the end."""
    window.complaints.clear()
    window.expected = re.compile(r"(?!)")
    yield window
    for page in window.profile.pages[1:]:
        page.close()
    window.check()


def row(page: Page, name: str, where: str = "live") -> Locator:
    return page.locator(f"[data-list={where}] > li", has_text=name)


#: What happens to the rows from now on, and whether a row stood there when the tab was shown, before it was painted.
WATCH = """() => {
  window.drawn = 0;
  const board = document.querySelector('ww-board');
  new MutationObserver((changes) => { window.drawn += changes.length; })
    .observe(board, { childList: true, subtree: true, characterData: true, attributes: true });
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) window.atOnce = board.querySelector('[data-list=live]').textContent;
  });
}"""


@pytest.mark.feature("TV-07")
def test_a_hidden_tab_draws_nothing_counts_in_its_title_and_has_it_all_when_it_is_shown(
    theo: OneProfile, demo: Demo
) -> None:
    hidden, seen = pages = theo.tabs(2)
    hidden.evaluate("() => document.querySelector('ww-board [type=search]').closest('form').hidden = false")
    hidden.get_by_role("searchbox", name="Find a check").focus()
    hidden.evaluate(WATCH)
    asked: list[str] = []
    hidden.on("request", lambda r: asked.append(r.url))
    ada, ben = demo.contact("Ada"), demo.contact("Ben")
    for one in (ada, ben):
        demo.text(one["mobile"], "#verify")
        expect(row(seen, one["name"])).to_contain_text("Delivered")
    expect(hidden).to_have_title("(2) Codes · Watchword")
    assert row(hidden, ada["name"]).count() == 0
    demo.text(ben["mobile"], "#deny")
    expect(row(seen, ben["name"])).to_have_count(0)
    expect(hidden).to_have_title("(1) Codes · Watchword")
    assert hidden.evaluate("window.drawn") == 0
    assert asked == []

    theo.show(pages, 0)
    assert ada["name"] in hidden.evaluate("window.atOnce")
    assert ben["name"] not in hidden.evaluate("window.atOnce")
    expect(row(hidden, ben["name"], "today").first).to_contain_text("They say it was not us")
    expect(hidden.locator("ul.warnings > li", has_text=ben["name"]).first).to_be_visible()
    expect(hidden.get_by_role("searchbox", name="Find a check")).to_be_focused()
    assert [url for url in asked if not url.endswith("part=beside")] == []
    demo.text(ada["mobile"], "#deny")
    expect(row(hidden, ada["name"])).to_have_count(0)


@pytest.mark.feature("TV-07")
def test_one_tab_tells_of_a_new_check_though_all_that_may_are_hidden_and_none_tells_again(
    theo: OneProfile, demo: Demo
) -> None:
    allowed = "localStorage.setItem('test-permission', 'granted'); localStorage.setItem('watchword-notice', 'on');"
    pages = theo.tabs(4, f"if (location.protocol === 'http:') {{ {allowed} }}\n{DESKTOP}")
    cleo = demo.contact("Cleo")
    demo.text(cleo["mobile"], "#verify")
    expect(row(pages[3], cleo["name"])).to_be_visible()
    for page in pages:
        expect(page).to_have_title("(1) Codes · Watchword")
    assert [page.evaluate("window.notices.length") for page in pages] == [1, 0, 0, 0]
    for number in range(4):
        theo.show(pages, number)
        expect(row(pages[number], cleo["name"])).to_be_visible()
    assert sum(page.evaluate("window.notices.length") for page in pages) == 1
    demo.text(cleo["mobile"], "#deny")
    expect(row(pages[3], cleo["name"])).to_have_count(0)


@pytest.mark.feature("SEC-02", "TV-07")
def test_a_code_comes_into_no_hidden_tab_and_leaves_one_as_soon_as_it_is_used(theo: OneProfile, demo: Demo) -> None:
    hidden, seen = pages = theo.tabs(2)
    dev = demo.contact("Dev")
    demo.text(dev["mobile"], "#verify")
    row(seen, dev["name"]).get_by_role("button", name="show code").click()
    code = (seen.locator(".mine .code").text_content() or "").strip()
    assert re.fullmatch(r"\d{3} \d{3}", code)
    expect(hidden).to_have_title("Codes · Watchword")
    assert not {code, code.replace(" ", "")} & set(re.findall(r"\d{3} ?\d{3}", hidden.content()))
    theo.show(pages, 0)
    expect(hidden.locator(".mine .code")).to_have_text(code)
    # Now a code stands in both, of which one is hidden.
    demo.text(dev["mobile"], "#confirm")
    expect(row(hidden, dev["name"], "today").first).to_contain_text("Confirmed")
    expect(seen.locator(".code")).to_have_count(0)
    assert code not in seen.content()


@pytest.mark.feature("SEC-02", "TV-08")
def test_when_time_is_up_a_code_leaves_a_hidden_tab_that_its_browser_hardly_ever_wakes(
    theo: OneProfile, demo: Demo
) -> None:
    # Nothing that is done again and again is ever done: browsers wake a hidden tab once a minute, or less often.
    hidden, _ = pages = theo.tabs(2, "window.setInterval = () => 0;")
    theo.show(pages, 0)
    eve = demo.contact("Eve")
    demo.text(eve["mobile"], "#verify")
    row(hidden, eve["name"]).get_by_role("button", name="show code").click()
    expect(hidden.locator(".mine")).to_contain_text("Delivered")
    code = (hidden.locator(".mine .code").text_content() or "").strip()
    # The server cannot be asked, and says nothing, also not what is still on its way: the tab knows by itself.
    hidden.route("**/codes/rows*", lambda route: route.abort())
    theo.expected = re.compile("ERR_FAILED")
    hidden.locator("ww-board").evaluate("board => { board.changed = board.take = () => {}; }")
    hidden.locator(".mine ww-timer").evaluate(
        "timer => { const then = Number(document.documentElement.dataset.now) + performance.now();"
        " timer.dataset.until = String(then + 2500); }"
    )
    theo.show(pages, 1)
    expect(hidden.locator(".mine .slip")).to_have_count(0)
    assert code not in hidden.content()
    assert hidden.evaluate("document.visibilityState") == "hidden"
    hidden.unroute("**/codes/rows*")
    demo.text(eve["mobile"], "#deny")
    expect(row(pages[1], eve["name"])).to_have_count(0)


@pytest.mark.feature("SEC-02", "TV-08")
def test_a_code_that_is_drawn_anew_in_a_hidden_tab_has_an_end_of_its_own(theo: OneProfile, demo: Demo) -> None:
    hidden, _ = pages = theo.tabs(2, "window.setInterval = () => 0;")
    theo.show(pages, 0)
    hugo = demo.contact("Hugo")
    demo.text(hugo["mobile"], "#verify")
    row(hidden, hugo["name"]).get_by_role("button", name="show code").click()
    expect(hidden.locator(".mine")).to_contain_text("Delivered")
    theo.show(pages, 1)
    # It ends sooner than was known when the tab was hidden, and the server says no more.
    hidden.evaluate("""async () => {
      const board = document.querySelector('ww-board');
      const { live } = await (await fetch('/codes/rows', { headers: { Accept: 'application/json' } })).json();
      const mine = live.find((row) => row.kind === 'mine');
      const now = Number(document.documentElement.dataset.now) + performance.now();
      board.take([{ ...mine, expires_at: now + 2000 }], Number.MAX_SAFE_INTEGER);
      board.changed = board.take = () => {};
    }""")
    expect(hidden.locator(".mine .slip")).to_have_count(0)
    assert hidden.evaluate("document.visibilityState") == "hidden"
    demo.text(hugo["mobile"], "#deny")
    expect(row(pages[1], hugo["name"])).to_have_count(0)


@pytest.mark.feature("TV-08")
def test_a_check_that_ran_out_in_a_hidden_tab_is_over_when_it_is_shown(theo: OneProfile, demo: Demo) -> None:
    finn = demo.contact("Finn")
    demo.text(finn["mobile"], "#verify")
    hidden, _ = pages = theo.tabs(2)
    expect(row(hidden, finn["name"])).to_contain_text("Delivered")
    hidden.evaluate(WATCH)
    row(hidden, finn["name"]).locator("ww-timer").evaluate(
        "timer => { timer.dataset.until = '1'; timer.addEventListener('ww-over', () => { window.over = true; }); }"
    )
    hidden.wait_for_function("() => window.over === true", polling=100)
    assert "Time is up" not in (row(hidden, finn["name"]).text_content() or "")
    theo.show(pages, 0)
    assert "Time is up" in hidden.evaluate("window.atOnce")
    # What the page knew was wrong, here; the server says what is so.
    expect(row(hidden, finn["name"])).to_contain_text("left")
    demo.text(finn["mobile"], "#deny")
    expect(row(hidden, finn["name"])).to_have_count(0)


@pytest.mark.feature("TV-07")
def test_a_page_that_comes_back_from_the_browsers_memory_is_read_anew(theo: OneProfile, demo: Demo) -> None:
    (page,) = theo.tabs(1)
    with page.expect_request("**/codes/rows?"):
        page.evaluate("() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")


# --- a long page ----------------------------------------------------------------------------------------------------

#: So many rows like the one that is there, the newest first, each with a name of its own.
LENGTHEN = """async (many) => {
  const board = document.querySelector('ww-board');
  const { live } = await (await fetch('/codes/rows', { headers: { Accept: 'application/json' } })).json();
  const like = live[0];
  window.alike = (n, more) => ({
    ...like, id: `${like.id.slice(0, -3)}${String(n).padStart(3, '0')}`,
    name: `Person ${n}`, order: like.order - n, ...more,
  });
  window.bring = (row) => board.take([row], Number.MAX_SAFE_INTEGER);
  const missing = many - board.open.childElementCount;
  board.take(Array.from({ length: missing }, (_, n) => window.alike(n + 1)), Number.MAX_SAFE_INTEGER);
}"""
WITH_FORMS = (
    "() => [...document.querySelectorAll('[data-list=live] > li')].map((row) => row.querySelector('form') !== null)"
)


@pytest.fixture(scope="module")
def asking() -> Iterator[str]:
    """Nobody may ask too often."""
    return iter(("Gita", "Hugo", "Ben"))


@pytest.fixture
def long(theo: OneProfile, demo: Demo, asking: Iterator[str]) -> Iterator[Page]:
    """A page with many rows, of which one is real."""
    someone = demo.contact(next(asking))
    (page,) = theo.tabs(1)
    demo.text(someone["mobile"], "#verify")
    expect(row(page, someone["name"])).to_contain_text("Delivered")
    page.evaluate(LENGTHEN, MANY)
    expect(page.locator("[data-list=live] > li")).to_have_count(MANY)
    yield page
    page.reload()
    demo.text(someone["mobile"], "#deny")
    expect(row(page, someone["name"])).to_have_count(0)


def person(page: Page, number: int) -> Locator:
    return page.locator("[data-list=live] > li").filter(
        has=page.get_by_role("heading", name=f"Person {number}", exact=True)
    )


def test_only_rows_that_are_drawn_whole_have_their_forms_in_the_page(long: Page) -> None:
    assert long.evaluate(WITH_FORMS) == [True] * WHOLE + [False] * (MANY - WHOLE)
    # One more on top: the last whole one becomes its head, unless somebody is busy with it.
    person(long, 10).get_by_label("How").focus()
    long.evaluate("() => { for (const n of [-1, -2]) window.bring(window.alike(n)); }")
    assert long.evaluate(WITH_FORMS) == [True] * (WHOLE + 1) + [False] * (MANY + 1 - WHOLE)
    expect(person(long, 10).get_by_label("How")).to_be_focused()
    expect(person(long, 11).get_by_role("link", name="Open")).to_be_visible()
    # One less: the first far one is whole.
    long.evaluate("() => window.bring(window.alike(-1, { kind: 'ended' }))")
    assert long.evaluate(WITH_FORMS)[:WHOLE] == [True] * WHOLE


def test_a_row_that_changed_while_it_was_its_head_alone_opens_as_it_is_now(long: Page) -> None:
    far = person(long, 40)
    tickets = "[{ value: 'T-77', text: '#77 Printer', chosen: true }]"
    long.evaluate(f"() => window.bring(window.alike(40, {{ tickets: {tickets}, delivery: 'Their phone is off.' }}))")
    far.get_by_role("link", name="Open").click()
    expect(far.get_by_label("Ticket")).to_have_value("T-77")
    expect(far).to_contain_text("Their phone is off.")
    expect(far.get_by_role("button", name="show code")).to_be_visible()
    # It is found by what stands in the part that is not in the page, and another is opened by a link.
    long.evaluate("() => { location.hash = ''; }")
    expect(far.locator("form")).to_have_count(0)
    long.get_by_role("searchbox", name="Find a check").fill("printer")
    expect(far.get_by_role("button", name="show code")).to_be_visible()
    long.get_by_role("searchbox", name="Find a check").fill("")
    expect(far.locator("form")).to_have_count(0)
    last = person(long, MANY - 1)
    long.evaluate("(id) => { location.hash = id; }", last.get_attribute("id"))
    expect(last.get_by_role("button", name="show code")).to_be_visible()


def test_time_left_is_drawn_each_second_where_it_is_seen_and_as_soon_as_it_comes_into_sight(long: Page) -> None:
    counted = long.evaluate_handle("""() => {
      const drawn = new Map();
      new MutationObserver((changes) => {
        for (const { target } of changes) drawn.set(target, (drawn.get(target) ?? 0) + 1);
      }).observe(document.querySelector('[data-list=live]'), { childList: true, subtree: true });
      return drawn;
    }""")
    first, far = long.locator("[data-list=live] ww-timer").first, person(long, MANY - 1).locator("ww-timer")
    # Above it stand the alerts of tests before.
    first.scroll_into_view_if_needed()
    many = "(drawn, timer) => drawn.get(timer) ?? 0"
    long.wait_for_function(
        "({ counted, first }) => counted.get(first) >= 3", arg={"counted": counted, "first": first.element_handle()}
    )
    # Now and then all are drawn, for whoever reads the page without looking.
    assert counted.evaluate(many, far.element_handle()) <= 1
    far.scroll_into_view_if_needed()
    long.wait_for_function(
        "({ counted, far }) => counted.get(far) >= 2", arg={"counted": counted, "far": far.element_handle()}
    )
