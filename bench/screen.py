"""How soon a commit stands on the screen: from the moment the event loop hears of it to the moment a browser has
painted the row, with two hundred open checks and ten tabs; beside the least a page can do with the same event.

All processes share the machine's clock.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any

from playwright.async_api import BrowserContext, Page, async_playwright

from bench.consoles import ROWS, Desk, open_desk
from bench.delays import quantiles
from bench.load import percentile
from bench.report import HEAD, Target
from bench.stored import Stored
from web.csrf import COOKIE

EVENTS = 15
TABS = 10
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
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
#: A headless browser takes every tab for one in front, and would lay out and paint all ten; no person sees ten at once.
BEHIND = "() => { document.documentElement.style.contentVisibility = 'hidden'; }"
RESET = "() => { window.rows = []; }"
#: When row number `many` had been painted. Nothing looks again and again meanwhile: that would be what is measured.
WHEN = """(many) => new Promise((resolve) => {
  window.look = () => { if (window.rows.length >= many) resolve(window.rows[many - 1]); };
  window.look();
})"""


@dataclass(frozen=True, slots=True)
class Screen:
    """Seconds from commit to paint: on the least page, on the only tab, on the one in front of others; and until the
    row is in those behind it. One for each event and tab. `least_cpu`, `one_cpu`: seconds of the page's own thread for
    each event, which neighbours move least."""

    least: list[float]
    one: list[float]
    front: list[float]
    behind: list[float]
    least_cpu: float
    one_cpu: float


def why_no_browser() -> str:
    """Empty when there is one."""
    return "" if _chromium() else "no Chromium on the path"


def _chromium() -> str | None:
    return next((path for name in CHROMIUMS if (path := shutil.which(name))), None)


async def measure_screen(stored: Stored, *, rows: int = ROWS, tabs: int = TABS, events: int = EVENTS) -> Screen:
    """In a real browser on loopback. Raises TimeoutError when a row does not come."""
    async with AsyncExitStack() as stack:
        desk = await open_desk(stack, stored, rows, 3 * events)
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(executable_path=_chromium(), args=FLAGS)
        stack.push_async_callback(browser.close)
        context = await browser.new_context(base_url=desk.url)
        agent = await (await context.new_page()).evaluate("() => navigator.userAgent")
        (cookie,) = await desk.sign_in(browser=agent)
        await context.add_cookies(
            [
                {
                    "name": COOKIE,
                    "value": cookie,
                    "domain": "127.0.0.1",
                    "path": "/",
                    "secure": True,
                    "httpOnly": True,
                    "sameSite": "Lax",
                }
            ]
        )
        least = await context.new_page()
        await least.goto("/docs")
        await least.evaluate(LEAST)
        await least.wait_for_function(OPENED)
        found_least, least_cpu = await _worked(context, least, _events(desk, [least], events))
        await least.close()
        pages = [await _console(context)]
        one, one_cpu = await _worked(context, pages[0], _events(desk, pages, events))
        pages += [await _console(context) for _ in range(tabs - 1)]
        for page in pages[1:]:
            await page.evaluate(BEHIND)
        for page in pages:
            await page.evaluate(RESET)
        ten = await _events(desk, pages, events)
        behind = [wait for at, wait in enumerate(ten) if at % tabs]
        return Screen(found_least, one, ten[::tabs], behind, least_cpu / events, one_cpu / events)


async def _worked(
    context: BrowserContext, page: Page, doing: Coroutine[Any, Any, list[float]]
) -> tuple[list[float], float]:
    """What is found, and the seconds that the page's thread has taken of a processor meanwhile."""
    session = await context.new_cdp_session(page)
    await session.send("Performance.enable", {"timeDomain": "threadTicks"})

    async def so_far() -> float:
        metrics = (await session.send("Performance.getMetrics"))["metrics"]
        return next(float(one["value"]) for one in metrics if one["name"] == "TaskDuration")

    before = await so_far()
    return await doing, await so_far() - before


async def _console(context: BrowserContext) -> Page:
    page = await context.new_page()
    await page.goto("/codes")
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
    """What was found, in milliseconds and as ratios to the least page."""
    target = Target(f"{engine}: commit to painted row, {tabs} tabs, p95 ms", 150, 75, less=True)
    floor = median(screen.least)
    return "\n".join(
        [
            HEAD,
            target.row([percentile(screen.front, 0.95) * 1000]),
            f"  {engine}: commit to a line on the least page: {quantiles(screen.least)}",
            f"  {engine}: commit to painted row, {rows} rows, one tab: {quantiles(screen.one)}, "
            f"{median(screen.one) / floor:.1f} of the least",
            f"  {engine}: with {tabs - 1} tabs behind it: {quantiles(screen.front)}, "
            f"{median(screen.front) / floor:.1f} of the least",
            f"  {engine}: processor time of a page for one event: {screen.least_cpu * 1000:.0f} ms for the least, "
            f"{screen.one_cpu * 1000:.0f} for the console",
            f"  {engine}: until the row is in the tabs behind: {quantiles(screen.behind)}",
        ]
    )
