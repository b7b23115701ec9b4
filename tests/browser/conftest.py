"""A demo of its own, a real Chromium, and pages that fail the test when the browser had anything to complain about."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.desk import Demo, Desk
from tests.fixtures.servers import free_port

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: A machine that does much else beside takes minutes for what takes seconds otherwise.
START_SECONDS = 240


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """One browser per file of tests; every test gets contexts of its own.

    Not longer: as long as it lives, Playwright's event loop counts as running, and no async test could.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo as people start it, on a free port, with seeded data; one per file of tests."""
    folder = tmp_path_factory.mktemp("demo")
    facts = folder / "facts.json"
    command = [sys.executable, "-m", "watchword", "demo", "--port", str(free_port()), "--facts", str(facts)]
    with (folder / "demo.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield Demo(_read_when_there(facts, process, folder / "demo.log"))
    finally:
        process.terminate()
        process.wait(START_SECONDS)


@pytest.fixture
def desk(browser: Browser, demo: Demo) -> Iterator[Desk]:
    """Opens pages, signed in or not, and asserts at the end that the browser found nothing wrong with any of them."""
    with ExitStack() as stack:
        desk = Desk(browser, demo, stack)
        yield desk
        desk.check()


def _read_when_there(facts: Path, process: subprocess.Popen[Any], log: Path) -> dict[str, Any]:
    """The facts file appears, whole, when the demo answers."""
    until = time.monotonic() + START_SECONDS
    while not facts.is_file():
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the demo did not start:\n{log.read_text()}")
        time.sleep(0.05)  # waits for another program, which has no other way to tell
    found: dict[str, Any] = json.loads(facts.read_text())
    return found
