"""Pictures of every page that the tests of access list, in light, dark and phone size, for people to look at.

`python -m tests.browser.screenshots FACTS` puts them into .build/screenshots; FACTS is the file that
`watchword demo --facts` writes.
"""

from __future__ import annotations

import json
import re
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import FLAGS
from tests.browser.desk import Demo, Desk
from tests.browser.test_access import ADMINS, PUBLIC, SIGNED_IN, address
from tests.browser.test_people import invited
from tests.browser.test_verify_links import link_for
from tests.conftest import find_chromium

#: Somebody who is invited and has not come yet.
INVITED = "noor@harbor.example"

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
    """Sign in once as technician and once as admin, make things happen, and take the pictures."""
    demo = Demo(json.loads(facts.read_text()))
    FOLDER.mkdir(parents=True, exist_ok=True)
    fill(demo)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        stack = ExitStack()
        desk = Desk(browser, demo, stack)
        page = desk.signed_in("dana").new_page()
        page.goto("/codes")
        page.locator(".waiting", has_text="Dev Eder").get_by_role("button", name="show code").click()
        page.locator(".mine .code").wait_for()
        page.goto(f"/contacts/{demo.contact('Finn')['id']}")
        page.get_by_role("button", name="I'm calling").click()
        admin = desk.signed_in("alex").new_page()
        link = invited(admin, INVITED, "Noor Haas")
        file = previewed(admin, demo)
        admin.goto("/settings/people")
        person = led_to(admin, "Dana Reyes")
        admin.goto("/clients")
        client = led_to(admin, "Acme Dental")
        for look, options in LOOKS.items():
            page = desk.signed_in("dana", **options).new_page()
            for path in (
                *SIGNED_IN,
                client,
                f"/contacts/{demo.contact('Finn')['id']}#call",
                "/docs",
                "/nothing",
                "/settings",
            ):
                take(page, address(path, page, demo), look)
            admin = desk.signed_in("alex", **options).new_page()
            for path in (*ADMINS, person, file):
                take(admin, path, f"admin-{look}")
            stranger = desk.context(**options).new_page()
            for path in (*PUBLIC, link, "/welcome/no-such-link"):
                take(stranger, path, f"nobody-{look}")
        # Last, because the demo's clock moves on for it.
        _, sent = link_for(demo, "Gita")
        for look, options in LOOKS.items():
            take(desk.context(**options).new_page(), sent, f"nobody-{look}")
        stack.close()
        browser.close()


def previewed(page: Page, demo: Demo) -> str:
    """A file of contacts with faults, looked at and not imported; the path of its page."""
    known = demo.contact("Ada")["mobile"]
    rows = (
        f"name,client,mobile\nZoe Zeller,Acme Dental,+12135550142\n=cmd(),Acme Dental,12\nAda B.,Acme Dental,{known}\n"
    )
    page.goto("/imports")
    if page.get_by_label("Password").count():
        technician = demo.technician("alex")
        page.get_by_label("Password").fill(technician["password"])
        page.get_by_label("Code").fill(demo.code(technician))
        page.get_by_role("button", name="Go on").click()
    page.get_by_label("File").set_input_files({"name": "people.csv", "mimeType": "text/csv", "buffer": rows.encode()})
    page.get_by_role("button", name="Preview it").click()
    page.get_by_role("heading", name="What it would do").wait_for()
    return urlsplit(page.url).path


def led_to(page: Page, name: str) -> str:
    """Where the link of this name leads."""
    return page.get_by_role("main").get_by_role("link", name=name).first.get_attribute("href") or ""


def take(page: Page, path: str, look: str) -> None:
    """One picture of a whole page, named after its address, with `one` for ids and secrets."""
    page.goto(path)
    page.wait_for_load_state("load")
    page.wait_for_timeout(300)
    name = re.sub(
        r"[^a-z.]+", "-", re.sub(r"[\w-]{20,}", "one", urlsplit(page.url)._replace(scheme="", netloc="").geturl())
    )
    page.screenshot(path=FOLDER / f"{name.strip('-') or 'home'}-{look}.png", full_page=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
