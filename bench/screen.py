"""How soon a commit stands on the screen: from the moment the event loop hears of it to the moment a browser has
painted the row, with two hundred open checks and ten tabs, of which a technician sees one, or ten people one each;
beside the least a page can do with the same event.

All processes share the machine's clock.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from bench.consoles import ROWS, Desk, open_desk
from bench.delays import quantiles
from bench.load import percentile
from bench.report import HEAD, Target
from bench.rows import WrongRows
from bench.stored import Stored
from bench.tabs import FLAGS, browser_of_tabs
from web.csrf import COOKIE

EVENTS = 30
TABS = 10
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE_S = 20.0

#: When each new row had been painted, by the wall clock: the frame after the one it was put into has begun.
PAINTED = """
const there = () => {
  window.rows.push(performance.timeOrigin + performance.now());
  window.look?.();
};
const painted = () => requestAnimationFrame(() => {
  const after = new MessageChannel();
  after.port1.onmessage = there;
  after.port2.postMessage(null);
});
"""
WATCH = (
    "() => {"
    + PAINTED
    + """
  window.rows = [];
  new MutationObserver((changes) => {
    for (const change of changes) for (const e of change.addedNodes) if (e.dataset?.id) painted();
  }).observe(document.querySelector('[data-list=live]'), { childList: true });
}"""
)
#: The least: a page with nothing on it that puts a line there for every event of a check.
LEAST = (
    "() => {"
    + PAINTED
    + """
  window.rows = [];
  const source = new EventSource('/events');
  source.onopen = () => { window.opened = true; };
  source.addEventListener('change', (event) => {
    const data = JSON.parse(event.data);
    if (data.kind !== 'tv.issue_code') return;
    const line = document.createElement('p');
    line.textContent = data.check_id;
    document.body.prepend(line);
    painted();
  });
}"""
)
OPENED = "() => window.opened === true"
RESET = "() => { window.rows = []; }"
#: When row number `many` had been painted. Nothing looks again and again meanwhile: that would be what is measured.
WHEN = """(many) => new Promise((resolve) => {
  window.look = () => { if (window.rows.length >= many) resolve(window.rows[many - 1]); };
  window.look();
})"""


#: Notes when the tab is shown, and when what came meanwhile had been painted.
SHOWN = (
    "() => {"
    + PAINTED
    + """
  window.rows = [];
  document.addEventListener('visibilitychange', () => {
    window.shownAt = performance.timeOrigin + performance.now();
    painted();
  });
}"""
)
UNTIL_PAINTED = """() => new Promise((resolve) => {
  window.look = () => { if (window.rows.length > 0) resolve(window.rows[0] - window.shownAt); };
  window.look();
})"""
HIDDEN = "() => document.visibilityState"
DRAWN = "() => document.querySelectorAll('[data-list=live] > li').length"


@dataclass(frozen=True, slots=True)
class Screen:
    """Seconds from commit to paint: on the least page, on the only tab, on the one that is seen of ten, and on each of
    ten that are all seen, least pages and consoles: ten people at one machine's processors. One for each event, of ten
    for each event and page. `shown`: from the moment a hidden tab is shown until `missed` rows are painted that it had
    not drawn. `..._cpu`: seconds of a page's own thread for each event, which neighbours move least."""

    least: list[float]
    one: list[float]
    front: list[float]
    least_crowd: list[float]
    crowd: list[float]
    shown: list[float]
    missed: int
    least_cpu: float
    one_cpu: float
    hidden_cpu: float


def why_no_browser() -> str:
    """Empty when there is one."""
    return "" if _chromium() else "no Chromium on the path"


def _chromium() -> str | None:
    return next((path for name in CHROMIUMS if (path := shutil.which(name))), None)


async def measure_screen(
    stored: Stored, folder: Path, *, rows: int = ROWS, tabs: int = TABS, events: int = EVENTS
) -> Screen:
    """In real browsers on loopback; `folder` takes the profile of one. Raises TimeoutError when a row does not come."""
    async with AsyncExitStack() as stack:
        desk = await open_desk(stack, stored, rows, 5 * events)
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(executable_path=_chromium(), args=FLAGS)
        stack.push_async_callback(browser.close)
        people = await _signed_in(desk, browser, tabs)

        least = [await _bare(desk, one) for one in people]
        found_least, least_cpu = await _worked(least[0], _events(desk, least[:1], events))
        for page in least:
            await page.evaluate(RESET)
        least_crowd = await _events(desk, least, events)
        for page in least:
            await page.close()

        pages = [await _console(desk, people[0])]
        found_one, one_cpu = await _worked(pages[0], _events(desk, pages, events))
        pages += [await _console(desk, one) for one in people[1:]]
        for page in pages:
            await page.evaluate(RESET)
        crowd = await _events(desk, pages, events)
        cookies = await people[0].cookies()
        await browser.close()

        address = stack.enter_context(browser_of_tabs(_chromium() or "", folder))
        joined = await playwright.chromium.connect_over_cdp(address, no_defaults=True)
        stack.push_async_callback(joined.close)
        await joined.contexts[0].add_cookies([_again(cookie) for cookie in cookies])
        pages = [await _console(desk, joined.contexts[0]) for _ in range(tabs)]
        await pages[0].bring_to_front()
        for page in pages:
            await page.evaluate(RESET)
        seen = [await page.evaluate(HIDDEN) for page in pages]
        if seen != ["visible", *["hidden"] * (tabs - 1)]:
            raise WrongRows(f"tabs should be hidden but one, and are {seen}")
        front, hidden_cpu = await _worked(pages[1], _events(desk, pages[:1], events))
        drawn = await pages[0].evaluate(DRAWN)
        shown = []
        for page in pages[1:]:
            await page.evaluate(SHOWN)
            await page.bring_to_front()
            async with asyncio.timeout(PATIENCE_S):
                shown.append(await page.evaluate(UNTIL_PAINTED) / 1000)
            if (stands := await page.evaluate(DRAWN)) < drawn:
                raise WrongRows(f"a tab that is shown has {stands} rows, another {drawn}")
        return Screen(
            found_least,
            found_one,
            front,
            least_crowd,
            crowd,
            shown,
            events,
            least_cpu / events,
            one_cpu / events,
            hidden_cpu / events,
        )


async def _signed_in(desk: Desk, browser: Browser, many: int) -> list[BrowserContext]:
    """So many people, each with a browser of their own as far as they can tell."""
    probe = await browser.new_context()
    agent = await (await probe.new_page()).evaluate("() => navigator.userAgent")
    await probe.close()
    people = []
    for value in await desk.sign_in(many, browser=agent):
        people.append(await browser.new_context())
        cookie = {"name": COOKIE, "value": value, "domain": "127.0.0.1", "path": "/"}
        await people[-1].add_cookies([_again(cookie)])
    return people


def _again(cookie: Mapping[str, Any]) -> Any:
    """What a browser takes, of what it or the house gave."""
    return {
        "name": cookie["name"],
        "value": cookie["value"],
        "domain": cookie["domain"],
        "path": cookie["path"],
        "secure": True,
        "httpOnly": True,
        "sameSite": "Lax",
    }


async def _bare(desk: Desk, person: BrowserContext) -> Page:
    page = await person.new_page()
    await page.goto(desk.url + "/docs")
    await page.evaluate(LEAST)
    await page.wait_for_function(OPENED)
    return page


async def _worked(page: Page, doing: Coroutine[Any, Any, list[float]]) -> tuple[list[float], float]:
    """What is found, and the seconds that the page's thread has taken of a processor meanwhile."""
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable", {"timeDomain": "threadTicks"})

    async def so_far() -> float:
        metrics = (await session.send("Performance.getMetrics"))["metrics"]
        return next(float(one["value"]) for one in metrics if one["name"] == "TaskDuration")

    before = await so_far()
    found = await doing
    spent = await so_far() - before
    await session.detach()
    return found, spent


async def _console(desk: Desk, person: BrowserContext) -> Page:
    page = await person.new_page()
    await page.goto(desk.url + "/codes")
    await page.get_by_text("Live", exact=True).wait_for()
    await page.evaluate(WATCH)
    return page


async def _events(desk: Desk, pages: list[Page], events: int) -> list[float]:
    waits = []
    # The wall clock, which browsers go by, and the one commits are noted by.
    for number in range(1, events + 1):
        await desk.house.ask("commits")
        sender = await desk.ask()
        ahead = time.time() - time.monotonic()
        committed = (await desk.house.ask("commits"))["commits"][sender] + ahead
        async with asyncio.timeout(PATIENCE_S):
            painted: list[float] = await asyncio.gather(*(page.evaluate(WHEN, number) for page in pages))
        waits += [at / 1000 - committed for at in painted]
    return waits


def describe(engine: str, screen: Screen, tabs: int = TABS, rows: int = ROWS) -> str:
    """What was found, in milliseconds and as ratios to what the least page takes the same way."""
    target = Target(f"{engine}: commit to painted row, {tabs} tabs, p99 ms", 150, 75, less=True)
    floor, crowded = median(screen.least), median(screen.least_crowd)
    return "\n".join(
        [
            HEAD,
            target.row([percentile(screen.front, 0.99) * 1000]),
            f"  {engine}: commit to a line on the least page: {quantiles(screen.least)}",
            f"  {engine}: commit to painted row, {rows} rows and more, one tab: {quantiles(screen.one)}, "
            f"{median(screen.one) / floor:.1f} of the least",
            f"  {engine}: one tab seen and {tabs - 1} hidden behind it: {quantiles(screen.front)}, "
            f"{median(screen.front) / floor:.1f} of the least",
            f"  {engine}: a hidden tab is shown, until {screen.missed} rows it had not drawn are painted: "
            f"{quantiles(screen.shown)}",
            f"  {engine}: {tabs} least pages at once, all seen: {quantiles(screen.least_crowd)}",
            f"  {engine}: {tabs} people, each with a tab that is seen, at this one machine: {quantiles(screen.crowd)}, "
            f"{median(screen.crowd) / crowded:.1f} of as many least pages",
            f"  {engine}: processor time of a page for one event: {screen.least_cpu * 1000:.0f} ms for the least, "
            f"{screen.one_cpu * 1000:.0f} for the console, {screen.hidden_cpu * 1000:.0f} for a hidden one",
        ]
    )
