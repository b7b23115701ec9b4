"""Two hundred open checks on one page: what it weighs, what of it is drawn, and that one row moves alone."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from bench.side import target
from bench.texts import Texts, mobiles
from storage.migrations import migrate
from tests.browser.desk import PATIENCE_SECONDS, Demo, Desk, alone, wire_bytes
from tests.browser.test_access import CONSOLE_BUDGET, TOO_SMALL, problems
from web.csrf import COOKIE

pytestmark = pytest.mark.browser

MANY = 200
#: Rows that are drawn whole; the others are their heads until they are opened.
WHOLE = 12
#: What a browser may have in memory for it; a row more or less is some ninety.
MOST_NODES = 45_000


class House:
    """The house that benchmarks measure, with many open checks, in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.facts = json.loads(self._answer())
        self._texts = Texts(target(self.facts, self.facts["base_url"]))
        self.people = list(islice(mobiles(), self.facts["contacts"]))

    def ask(self, what: str, **more: object) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._answer())

    def text(self, sender: str, words: str) -> None:
        host, _, port = self.facts["base_url"].removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as line:
            line.sendall(self._texts.request(sender, words))
            assert line.recv(4096).startswith(b"HTTP/1.1 200")

    def _answer(self) -> str:
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert said, f"the house ended with {self._process.poll()}"
        return said


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    url = f"sqlite:///{tmp_path_factory.mktemp('many') / 'watchword.db'}"
    migrate(url)
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.servers", "house"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdin is not None
        told = {"database_url": url, "contacts": MANY + 3, "master_key": secrets.token_hex(32)}
        process.stdin.write(json.dumps(told) + "\n")
        process.stdin.flush()
        opened = House(process)
        for sender in opened.people[:MANY]:
            opened.text(sender, "#verify")
        yield opened
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait(PATIENCE_SECONDS)
        process.stdout.close()


@pytest.fixture
def watched(browser: Browser, house: House) -> Iterator[Desk]:
    """Pages that fail the test when the browser complains."""
    with ExitStack() as stack:
        desk = Desk(browser, Demo({**house.facts, "twilio": {"verification_number": ""}}), stack)
        yield desk
        desk.check()


def signed_in(desk: Desk, house: House, **options: Any) -> BrowserContext:
    context = desk.context(**options)
    agent = context.new_page().evaluate("() => navigator.userAgent") if options.get("java_script_enabled", True) else ""
    agent = agent or desk.context().new_page().evaluate("() => navigator.userAgent")
    (cookie,) = house.ask("sign in", many=1, browser=agent)["cookies"]
    made: Any = {"name": COOKIE, "value": cookie, "domain": "127.0.0.1", "path": "/", "secure": True, "httpOnly": True}
    context.add_cookies([made])
    return context


def codes(desk: Desk, house: House, **options: Any) -> Page:
    page = signed_in(desk, house, **options).new_page()
    page.goto("/codes")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    return page


def test_two_hundred_rows_keep_to_the_budget(watched: Desk, house: House) -> None:
    page = signed_in(watched, house).new_page()
    size, requests = wire_bytes(page, "/codes")
    assert page.locator("[data-list=live] > li").count() == MANY
    assert size <= CONSOLE_BUDGET[0], f"{size} bytes in {requests}"
    assert len(requests) <= CONSOLE_BUDGET[1], requests
    assert page.evaluate("document.getElementsByTagName('*').length") < MOST_NODES


def test_a_long_list_is_heads_and_any_of_them_opens_where_it_stands(watched: Desk, house: House) -> None:
    for scripted in (True, False):
        page = signed_in(watched, house, java_script_enabled=scripted).new_page()
        page.goto("/codes")
        rows = page.locator("[data-list=live] > li")
        for at, is_whole in ((0, True), (WHOLE - 1, True), (WHOLE, False), (MANY - 1, False)):
            expect(rows.nth(at).get_by_role("button", name="show code")).to_be_visible(visible=is_whole)
            expect(rows.nth(at).get_by_role("link", name="Open")).to_be_visible(visible=not is_whole)
            expect(rows.nth(at).locator("ww-timer")).to_be_visible()
        far = rows.nth(MANY - 20)
        far.get_by_role("link", name="Open").click()
        expect(far.get_by_role("button", name="show code")).to_be_visible()
        expect(far.get_by_role("link", name="Open")).to_be_hidden()
        page.context.close()


def test_who_is_found_is_drawn_whole_however_far_down_it_was(watched: Desk, house: House) -> None:
    page = codes(watched, house)
    name = page.locator("[data-list=live] > li").nth(60).locator("h3").text_content() or ""
    page.get_by_role("searchbox", name="Find a check").fill(name.strip())
    found = page.locator("[data-list=live] > li:visible").filter(has=page.get_by_text(name.strip(), exact=True))
    expect(found.first.get_by_role("button", name="show code")).to_be_visible()


def test_one_more_check_touches_one_row_and_asks_for_nothing(watched: Desk, house: House) -> None:
    page = signed_in(watched, house).new_page()
    alone(page)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    page.evaluate(WATCH)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    house.text(house.people[MANY], "#verify")
    expect(page.locator("[data-list=live] > li")).to_have_count(MANY + 1)
    expect(page.locator("[data-list=live] > li").first).to_have_attribute("data-order", page.evaluate(NEWEST))
    touched = page.evaluate("() => window.touched")
    assert touched == {"added": 1, "removed": 0, "moved": 0}
    assert asked == []
    expect(page).to_have_title(f"({MANY + 1}) Codes · Watchword")


#: What happens to the rows of the list, counted.
WATCH = """() => {
  window.touched = { added: 0, removed: 0, moved: 0 };
  const list = document.querySelector('[data-list=live]');
  const had = new Set(list.children);
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const e of change.addedNodes) window.touched[had.has(e) ? 'moved' : 'added'] += 1;
      window.touched.removed += change.removedNodes.length;
    }
  }).observe(list, { childList: true });
}"""
NEWEST = """() => {
  const rows = [...document.querySelectorAll('[data-list=live] > li')];
  return String(Math.max(...rows.map((row) => Number(row.dataset.order))));
}"""


def test_on_a_phone_at_night_two_hundred_rows_fit_and_every_target_is_a_thumb_wide(watched: Desk, house: House) -> None:
    page = codes(watched, house, viewport={"width": 320, "height": 640}, color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.evaluate(TOO_SMALL) == []
    assert page.evaluate(NAVIGATION) == []
    assert not problems(Axe().run(page))


#: Places of the navigation that are no thumb wide, or not all to be seen.
NAVIGATION = """() => [...document.querySelectorAll('.top nav a:not([hidden])')]
  .map((e) => [e.textContent, e.getBoundingClientRect()])
  .filter(([, box]) => box.height < 44 || box.width < 44 || box.left < 0 || box.right > innerWidth)
  .map(([text, box]) => `${text} ${box.width} x ${box.height}`)"""
