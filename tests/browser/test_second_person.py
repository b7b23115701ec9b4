"""Two people agree on one call: asked on one screen, seen on the other at once, agreed to with one thumb."""

from __future__ import annotations

import re
from contextlib import ExitStack

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.desk import Demo, Desk
from tests.browser.test_access import TOO_SMALL, problems
from tests.browser.test_verify import code_in

pytestmark = pytest.mark.browser

WHY = "Lost the phone; the boss is here with me."


@pytest.fixture(scope="module", autouse=True)
def policy(browser: Browser, demo: Demo) -> None:
    """An admin has asked for second persons, and Finn has another number; once for all of them, as every sign-in takes
    a new code."""
    with ExitStack() as stack:
        desk = Desk(browser, demo, stack)
        boss = desk.context().new_page()
        desk.sign_in(boss, "alex")
        boss.goto("/settings/policies")
        boss.evaluate("document.querySelectorAll('main details').forEach((e) => (e.open = true))")
        for name in ("second_person", "high_by_two"):
            boss.locator(f"[name={name}]").last.check()
        boss.get_by_role("button", name="Save").first.click()
        expect(boss.get_by_text("Saved.")).to_be_visible()
        boss.goto(f"/contacts/{demo.contact('Finn')['id']}/edit")
        boss.evaluate("document.querySelectorAll('main details').forEach((e) => (e.open = true))")
        boss.get_by_label("Number or address").last.fill("+1 512-555-0199")
        boss.get_by_role("button", name="Add").last.click()
        expect(boss.get_by_text("+1 512-555-0199").first).to_be_visible()


def prove(page: Page, demo: Demo, name: str) -> None:
    """Password and code, where they are asked for."""
    technician = demo.technician(name)
    page.get_by_label("Password").fill(technician["password"])
    page.get_by_label("Code").fill(demo.code(technician))
    page.get_by_role("button", name="Go on").click()


#: No stream, neither one's own nor another tab's: a page that never draws itself anew under the hands of a test.
STILL = """
window.EventSource = class extends EventTarget { close() {} };
window.BroadcastChannel = class { postMessage() {} close() {} };
Object.defineProperty(navigator, "locks", { value: undefined });
"""


def still(context: BrowserContext) -> Page:
    """A page to act on; whether others keep themselves current is looked at on them."""
    page = context.new_page()
    page.add_init_script(STILL)
    return page


def look(page: Page, what: str, looked: dict[str, str]) -> None:
    """axe, and a narrow phone, on what `page` shows, opened once more; in the dark where light says nothing of it."""
    other = still(page.context)
    other.goto(page.url)
    other.evaluate("document.querySelectorAll('main details').forEach((e) => (e.open = true))")
    looked[f"{what}, light"] = problems(Axe().run(other))
    if what in ("one", "cleared"):
        other.emulate_media(color_scheme="dark")
        looked[f"{what}, dark"] = problems(Axe().run(other))
    other.set_viewport_size({"width": 320, "height": 640})
    assert other.evaluate("document.documentElement.scrollWidth") <= 320, what
    assert not other.evaluate(TOO_SMALL), what
    other.close()


def sent_to(demo: Demo, address: str) -> list[str]:
    """Every text and mail to an address, oldest first."""
    items = demo.outbox()
    return [i["text"] for i in reversed(items) if i["to"] == address and i["channel"] in ("sms", "email")]


def next_code(demo: Demo, address: str, before: int) -> str:
    """The digits of the next message to them."""
    return code_in(demo.when(lambda: sent_to(demo, address)[before:], f"a message to {address}")[-1])


@pytest.mark.feature("SEC-12", "SEC-34")
def test_a_code_to_another_number_takes_two_screens(desk: Desk, demo: Demo) -> None:
    desk.expect_refusals(401)
    finn, looked = demo.contact("Finn"), dict[str, str]()
    # With a log-in of its own: proving it gives it a new token.
    theirs, mine = desk.context().new_page(), desk.signed_in("dana")
    desk.sign_in(theirs, "theo")
    # So long ago that a yes takes password and code, however quick this machine is.
    demo.advance(301)
    theirs.goto("/codes")
    expect(theirs.get_by_text("Live", exact=True)).to_be_visible()
    expect(theirs.locator("[data-asked]")).to_be_hidden()

    page, path = still(mine), f"/contacts/{finn['id']}/verify"
    page.goto(path)
    how = page.locator("form.start select[name=way]")
    expect(page.get_by_role("button", name="Ask a second person")).to_be_hidden()
    how.select_option(how.locator("option", has_text="Text a code to +1 512-555-0199").get_attribute("value"))
    expect(page.get_by_role("button", name="Verify Finn")).to_be_hidden()
    page.locator("form.start textarea[name=note]").fill(WHY)
    page.get_by_role("button", name="Ask a second person").click()
    expect(page.locator("[data-approval][data-word=waiting]")).to_contain_text("You have asked")
    watching = mine.new_page()
    watching.goto(path)
    look(page, "waiting", looked)

    # It is on the other screen without a reload, and leads to a page for one thumb.
    expect(theirs.locator("[data-number]").first).to_have_text("1")
    theirs.get_by_role("link", name=re.compile("^Approvals")).click()
    row = theirs.locator("[data-list=waiting] > li")
    expect(row).to_contain_text(WHY)
    look(theirs, "the list", looked)
    one = row.get_attribute("data-id")
    theirs.set_viewport_size({"width": 360, "height": 640})
    theirs.goto(f"/approvals/{one}")
    look(theirs, "one", looked)
    theirs.get_by_role("button", name="I agree").click()
    prove(theirs, demo, "theo")
    expect(theirs.get_by_text("You agreed. They see it now.")).to_be_visible()
    look(theirs, "decided", looked)

    expect(watching.locator("[data-approval][data-word=granted]")).to_contain_text("Theo")
    look(page, "granted", looked)
    before = len(sent_to(demo, "+15125550199"))
    page.goto(path)
    expect(page.locator("form.start textarea[name=note]")).to_be_hidden()
    page.get_by_role("button", name="Verify Finn").click()
    next_code(demo, "+15125550199", before)
    expect(page.get_by_label("The code they read to you")).to_be_visible()
    expect(page.locator("[data-approval]")).to_have_count(0)
    assert not {what: wrong for what, wrong in looked.items() if wrong}


@pytest.mark.feature("SEC-09")
def test_high_risk_work_is_cleared_on_the_page_as_it_is_agreed(desk: Desk, demo: Demo) -> None:
    """Asked, refused with a reason, asked again, agreed to; whoever asked sees each without a reload."""
    desk.expect_refusals(401)
    contact, mine, looked = demo.contact("Ben"), desk.signed_in("dana"), dict[str, str]()
    page, path = still(mine), f"/contacts/{contact['id']}/verify"
    for way, kind in (("Text a code", "mobile"), ("Mail a code", "email")):
        page.goto(path)
        page.evaluate("document.querySelectorAll('ww-verify > details').forEach((e) => (e.open = true))")
        how, before = page.locator("form.start select[name=way]"), len(sent_to(demo, contact[kind]))
        how.select_option(how.locator("option", has_text=way).first.get_attribute("value"))
        page.get_by_role("button", name="Verify Ben").click()
        page.get_by_label("The code they read to you").fill(next_code(demo, contact[kind], before))
        page.get_by_role("button", name="Check the code").click()
        expect(page.locator("[data-result=verified]")).to_be_visible()
    look(page, "both ways", looked)
    watching = mine.new_page()
    watching.goto(path)

    theirs = desk.context().new_page()
    desk.sign_in(theirs, "sam")
    theirs.goto("/approvals")
    page.locator("[data-high] textarea[name=note]").fill("Wants a new password for the payroll.")
    page.get_by_role("button", name="Ask a second person").click()
    expect(page.locator("[data-approval][data-word=waiting]")).to_be_visible()
    row = theirs.locator("[data-list=waiting] > li", has_text="Wants a new password for the payroll.")
    row.get_by_text("Say no").click()
    row.get_by_label("Why not?").fill("Call them back first.")
    row.get_by_role("button", name="No, not this").click()
    expect(theirs.locator("[data-list=past] > li", has_text=contact["name"])).to_contain_text("Call them back first.")
    expect(watching.locator("[data-answered=refused]")).to_contain_text("Call them back first.")
    look(page, "refused", looked)

    page.goto(path)
    page.locator("[data-high] textarea[name=note]").fill("Called back on the number on record.")
    page.get_by_role("button", name="Ask a second person").click()
    # So long ago that a yes takes password and code, however quick this machine is.
    demo.advance(301)
    row = theirs.locator("[data-list=waiting] > li", has_text="Called back on the number on record.")
    row.get_by_role("button", name="I agree").click()
    prove(theirs, demo, "sam")
    expect(theirs.get_by_text("You agreed. They see it now.")).to_be_visible()
    cleared = watching.locator("[data-high=cleared]")
    expect(cleared).to_contain_text("Cleared for high-risk work")
    expect(cleared).to_contain_text("Sam agreed")
    look(page, "cleared", looked)
    assert not {what: wrong for what, wrong in looked.items() if wrong}
