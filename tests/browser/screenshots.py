"""Pictures of every page in light, dark and phone size, for people to look at.

`python -m tests.browser.screenshots FACTS` puts them into .build/screenshots; FACTS is the file that
`watchword demo --facts` writes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pyotp
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import FLAGS
from tests.browser.desk import Demo
from tests.conftest import find_chromium

FOLDER = Path(__file__).parents[2] / ".build" / "screenshots"
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1180, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1180, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}, "color_scheme": "light", "is_mobile": True},
}


def fill(demo: Demo) -> None:
    """Something of everything a console can show."""
    for first_name, words in (
        ("Ben", ["#verify", "#confirm", "#confirm"]),
        ("Cleo", ["#verify"]),
        ("Dev", ["#verify"]),
        ("Eve", ["#verify", "#deny"]),
    ):
        for word in words:
            demo.text(demo.contact(first_name)["mobile"], word)
    demo.text(demo.facts["unknown_mobile"], "#verify")


def main(facts: Path) -> None:
    """Sign in once, make things happen, and take the pictures."""
    demo = Demo(json.loads(facts.read_text()))
    FOLDER.mkdir(parents=True, exist_ok=True)
    fill(demo)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        context = browser.new_context(base_url=demo.base_url)
        page = context.new_page()
        technician = demo.technician("dana")
        page.goto("/sign-in")
        page.get_by_label("Login").fill(technician["login"])
        page.get_by_label("Password").fill(technician["password"])
        page.get_by_label("Code").fill(pyotp.TOTP(technician["totp_secret"]).now())
        page.get_by_role("button", name="Sign in").click()
        page.locator(".waiting", has_text="Dev Eder").get_by_role("button", name="show code").click()
        page.locator(".mine .code").wait_for()
        finn = demo.contact("Finn")
        page.goto(f"/contacts/{finn['id']}")
        page.get_by_role("button", name="I'm calling").click()
        state: Any = context.storage_state()
        for look, options in LOOKS.items():
            shots(browser.new_context(base_url=demo.base_url, storage_state=state, **options).new_page(), demo, look)
            stranger = browser.new_context(base_url=demo.base_url, **options).new_page()
            take(stranger, "/sign-in", f"sign-in-{look}")
        browser.close()


def shots(page: Page, demo: Demo, look: str) -> None:
    """Every page of somebody who is signed in."""
    ada = demo.contact("Ada")
    page.goto("/codes")
    one = page.locator(".waiting").first.get_attribute("data-id")
    for path, name in (
        ("/codes", "codes"),
        (f"/codes/{one}", "one"),
        ("/contacts", "contacts"),
        (f"/contacts/{ada['id']}", "contact"),
        (f"/contacts/{demo.contact('Finn')['id']}", "contact-announced"),
        ("/tickets", "tickets"),
        (f"/tickets/{ada['open_ticket']}", "ticket"),
        ("/profile", "profile"),
        ("/step-up", "step-up"),
        ("/simulator", "simulator"),
        ("/nothing", "problem"),
    ):
        take(page, path, f"{name}-{look}")


def take(page: Page, path: str, name: str) -> None:
    """One picture of a whole page."""
    page.goto(path)
    page.wait_for_load_state("load")
    page.wait_for_timeout(300)
    page.screenshot(path=FOLDER / f"{name}.png", full_page=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
