"""Verifying a caller as a technician does it at a screen: in two taps, with what happens shown as it happens."""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser.desk import Demo, Desk

pytestmark = pytest.mark.browser

CODE = r"\b\d{6}\b"
LINK = r"https?://\S+/v/[\w-]+"
#: Notes every press of a pointer, of a key that presses what has the focus, and nothing else.
COUNT_TAPS = """() => {
  sessionStorage.setItem("taps", "0");
}"""
LISTEN = """
addEventListener("click", (event) => {
  if (event.isTrusted) sessionStorage.setItem("taps", String(Number(sessionStorage.getItem("taps") ?? 0) + 1));
}, true);
"""


def code_in(text: str) -> str:
    found = re.findall(CODE, text)
    assert len(found) == 1, text
    return str(found[0])


def open_contact(desk: Desk, contact: dict[str, Any], who: str = "dana") -> Page:
    page = desk.signed_in(who).new_page()
    page.goto(f"/contacts/{contact['id']}")
    return page


@pytest.mark.feature("EV-04", "EV-06", "EV-27", "EV-39")
def test_a_known_caller_is_verified_in_two_taps(desk: Desk, demo: Demo) -> None:
    ada = demo.contact("Ada")
    context = desk.signed_in("dana")
    context.add_init_script(LISTEN)
    page = context.new_page()
    page.goto(f"/contacts/{ada['id']}")
    expect(page.get_by_text("Not verified").first).to_be_visible()
    page.evaluate(COUNT_TAPS)
    before = len(demo.texts_to(ada["mobile"]))
    page.get_by_role("button", name="Verify Ada").click()
    code = code_in(demo.next_text(ada["mobile"], before, has=CODE))
    box = page.get_by_label("The code they read to you")
    expect(box).to_be_focused()
    page.keyboard.type(f"{code[:3]} {code[3:]}")
    page.get_by_role("button", name="Check the code").click()
    expect(page.locator("[data-result=verified]")).to_contain_text("Verified")
    expect(page.locator("h1")).to_contain_text("Verified")
    expect(page.locator("[data-shield=green]")).to_contain_text("Code by text")
    assert int(page.evaluate("sessionStorage.getItem('taps')")) <= 2
    page.get_by_text("Verifications (1)").click()
    history = page.locator("#verifications .rows")
    expect(history).to_be_visible()
    expect(history).to_contain_text("Dana")
    page.get_by_text("Verifications (1)").click()
    expect(history).to_be_hidden()

    # A refusal stays on the page, though its own entry in the log is news about them.
    desk.expect_refusals(422)
    page.locator("summary", has_text="Ask again").click()
    page.evaluate("document.querySelector('form.start option').value = 'sms_code.' + crypto.randomUUID()")
    page.get_by_role("button", name="Verify Ada").click()
    refused = page.get_by_role("alert").filter(has_text="That is not an address of this contact.")
    expect(refused).to_be_visible()
    with pytest.raises(PlaywrightTimeout):
        page.wait_for_event("framenavigated", timeout=2_000)
    expect(refused).to_be_visible()

    # They may want to check back, and that is one press away.
    page.goto(f"/contacts/{ada['id']}")
    page.get_by_role("link", name="They want to check you too").click()
    expect(page.get_by_text("You never read a code to somebody who called you.")).to_be_visible()
    expect(page.get_by_role("button", name="I'm calling Ada")).to_be_visible()


@pytest.mark.feature("EV-06", "EV-31")
def test_a_wrong_code_stays_in_the_box_and_delivery_is_told_as_it_goes(desk: Desk, demo: Demo) -> None:
    desk.expect_refusals(422)
    ben = demo.contact("Ben")
    page = open_contact(desk, ben)
    before = len(demo.texts_to(ben["mobile"]))
    page.get_by_role("button", name="Verify Ben").click()
    code = code_in(demo.next_text(ben["mobile"], before, has=CODE))
    expect(page.locator("[data-text=delivery]")).to_contain_text("Delivered.")
    box, wrong = page.get_by_label("The code they read to you"), f"{(int(code) + 1) % 10**6:06d}"
    box.fill(wrong)
    page.get_by_role("button", name="Check the code").click()
    expect(page.get_by_role("alert").filter(has_text="That is not the code. 4 tries left.")).to_be_visible()
    expect(box).to_have_value(wrong)
    expect(page.locator("form.check [data-text=tries_left]")).to_have_text("4")
    demo.advance(301)
    expect(page.locator("[data-ended]")).to_contain_text("Ran out without an answer")
    expect(page.get_by_text("4 tries left")).to_be_hidden()
    expect(box).to_have_value(wrong)
    expect(page.get_by_role("button", name="Check the code")).to_be_disabled()


@pytest.mark.feature("EV-05", "EV-23")
def test_a_link_that_they_press_turns_the_shield_without_a_reload(desk: Desk, demo: Demo) -> None:
    cleo = demo.contact("Cleo")
    page = open_contact(desk, cleo)
    before = len(demo.texts_to(cleo["mobile"]))
    how = page.locator("form.start select[name=way]")
    how.select_option(how.locator("option", has_text="Text a link").first.get_attribute("value"))
    page.get_by_role("button", name="Verify Cleo").click()
    expect(page.locator(".state").filter(has_text="Waiting for them to press Validate")).to_be_visible()
    link = re.search(LINK, demo.next_text(cleo["mobile"], before, has=LINK))
    assert link is not None
    theirs = desk.context().new_page()
    theirs.goto(link[0])
    expect(page.locator(".state").filter(has_text="Waiting for them to press Validate")).to_be_visible()
    theirs.get_by_role("button", name="Validate").click()
    expect(page.locator("[data-result=verified]")).to_contain_text("Link by text")
    expect(page.locator("[data-shield=green]")).to_have_count(1)


@pytest.mark.feature("EV-27", "SEC-08")
def test_a_green_shield_turns_red_on_the_page_when_they_deny(desk: Desk, demo: Demo) -> None:
    hugo = demo.contact("Hugo")
    page = open_contact(desk, hugo)
    before = len(demo.texts_to(hugo["mobile"]))
    page.get_by_role("button", name="Verify Hugo").click()
    page.get_by_label("The code they read to you").fill(code_in(demo.next_text(hugo["mobile"], before, has=CODE)))
    page.get_by_role("button", name="Check the code").click()
    expect(page.locator("[data-shield=green]")).to_have_count(1)
    # Drawn anew between down and up, what is pressed would hear nothing of it.
    page.locator("[data-shield=green]").hover()
    page.mouse.down()
    demo.text(hugo["mobile"], "#verify")
    demo.text(hugo["mobile"], "#deny")
    with pytest.raises(PlaywrightTimeout):
        page.wait_for_event("framenavigated", timeout=2_000)
    page.mouse.up()
    expect(page.locator("[data-shield=green]")).to_have_count(0)
    expect(page.locator("h1")).to_contain_text("Not verified")


@pytest.mark.feature("EV-36")
def test_from_the_ticket_list_it_is_two_taps_more(desk: Desk, demo: Demo) -> None:
    dev = demo.contact("Dev")
    page = desk.signed_in("dana").new_page()
    page.goto("/tickets")
    row = page.locator(".rows > li", has_text="Dev Eder").first
    row.get_by_role("link", name=re.compile("^Verify")).click()
    expect(page.get_by_role("heading", name="Verify Dev Eder")).to_be_visible()
    before = len(demo.texts_to(dev["mobile"]))
    page.get_by_role("button", name="Verify Dev").click()
    code = code_in(demo.next_text(dev["mobile"], before, has=CODE))
    expect(page.get_by_label("The code they read to you")).to_be_focused()
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    expect(page.locator("[data-result=verified]")).to_be_visible()
    page.goto("/tickets")
    expect(page.locator(".rows > li", has_text="Dev Eder").first).to_contain_text("Verified")


def test_it_works_without_script(desk: Desk, demo: Demo) -> None:
    eve = demo.contact("Eve")
    page = desk.signed_in("theo", java_script_enabled=True).new_page()
    state = page.context.storage_state()
    page = desk.context(storage_state=state, java_script_enabled=False).new_page()
    page.goto(f"/contacts/{eve['id']}/verify")
    before = len(demo.texts_to(eve["mobile"]))
    page.get_by_role("button", name="Verify Eve").click()
    code = code_in(demo.next_text(eve["mobile"], before, has=CODE))
    page.get_by_label("The code they read to you").fill(code)
    page.get_by_role("button", name="Check the code").click()
    expect(page.locator("[data-result=verified]")).to_be_visible()


def test_both_directions_on_one_call(desk: Desk, demo: Demo) -> None:
    """She checks me, then I check her: from the result of the one a button leads to the other, without an override."""
    gita = demo.contact("Gita")
    context = desk.signed_in("dana")
    page = context.new_page()
    page.goto("/codes")
    demo.text(gita["mobile"], "#verify")
    page.locator(".waiting", has_text=gita["name"]).get_by_role("button", name="show code").click()
    page.locator(".mine .code").wait_for()
    theirs = desk.signed_in("theo").new_page()
    theirs.goto(f"/contacts/{gita['id']}/verify")
    expect(theirs.locator("[data-conflict]")).to_contain_text("They are checking a caller right now.")
    demo.text(gita["mobile"], "#confirm")
    expect(theirs.locator("[data-conflict]")).to_contain_text("They have just checked a caller")
    page.locator("[data-list=today] > li", has_text=gita["name"]).first.get_by_role(
        "link", name="Now check them"
    ).click()
    expect(page.get_by_text("They have just checked you")).to_be_visible()
    before = len(demo.texts_to(gita["mobile"]))
    page.get_by_role("button", name=f"Verify {gita['name'].split()[0]}").click()
    text = demo.next_text(gita["mobile"], before, has=CODE)
    assert "Dana" in text
    page.get_by_label("The code they read to you").fill(code_in(text))
    page.get_by_role("button", name="Check the code").click()
    expect(page.locator("[data-result=verified]")).to_be_visible()
    expect(page.get_by_text("They have just checked you")).to_be_visible()
    expect(page.get_by_text("They want to check you too")).to_have_count(0)
    announce = page.get_by_role("button", name="I'm calling")
    expect(announce).to_be_hidden()
    page.get_by_text("Before you call them again").click()
    expect(announce).to_be_visible()


@pytest.mark.feature("EV-34")
def test_a_note_is_asked_for_only_where_it_is_needed(desk: Desk, demo: Demo) -> None:
    finn = demo.contact("Finn")
    page = desk.signed_in("alex").new_page()
    page.goto(f"/contacts/{finn['id']}/edit")
    page.evaluate("document.querySelectorAll('main details').forEach((e) => (e.open = true))")
    page.get_by_label("Number or address").last.fill("+1 512-555-0199")
    page.get_by_role("button", name="Add").last.click()
    expect(page.get_by_text("+1 512-555-0199").first).to_be_visible()
    page.goto(f"/contacts/{finn['id']}/verify")
    how, note = page.locator("form.start select[name=way]"), page.locator("form.start textarea[name=note]")
    expect(note).to_be_hidden()
    other = how.locator("option", has_text="Text a code to +1 512-555-0199").get_attribute("value")
    how.select_option(other)
    expect(note).to_be_visible()
    desk.expect_refusals(422)
    page.get_by_role("button", name="Verify Finn").click()
    expect(page.get_by_role("alert").filter(has_text="Write a note of 10 characters or more")).to_be_visible()
    expect(how).to_have_value(other or "")
    note.fill("Finn lost his phone; his boss is with me.")
    page.get_by_role("button", name="Verify Finn").click()
    expect(page.locator(".state").filter(has_text="Ask them to read you the code")).to_be_visible()
    expect(page.locator("#verifications")).to_contain_text("his boss is with me")


@pytest.mark.parametrize(("scheme", "name"), [("light", "Finn"), ("dark", "Ben")])
def test_axe_finds_nothing_on_a_panel_in_any_state(desk: Desk, demo: Demo, scheme: Any, name: str) -> None:
    axe, hugo = Axe(), demo.contact(name)
    page = desk.signed_in("sam", color_scheme=scheme).new_page()
    page.emulate_media(color_scheme=scheme)
    path, looked = f"/contacts/{hugo['id']}/verify", {}

    def look(what: str) -> None:
        page.evaluate("document.querySelectorAll('main details').forEach((e) => (e.open = true))")
        found = axe.run(page)
        looked[what] = [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in found.response["violations"]]
        page.set_viewport_size({"width": 320, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, what
        page.set_viewport_size({"width": 1280, "height": 720})

    page.goto(path)
    page.evaluate("document.querySelectorAll('main details').forEach((e) => (e.open = true))")
    page.get_by_role("button", name=f"Verify {name}").click()
    expect(page.get_by_label("The code they read to you")).to_be_visible()
    row = page.locator("[data-running]").get_attribute("data-running")
    page.goto(f"/verifications/{row}")
    assert path in page.url, "where notes and alerts lead"
    look("live")
    page.get_by_role("button", name="Take it back").click()
    expect(page.locator("[data-result=expired]")).to_be_visible()
    look("over")
    demo.text(hugo["mobile"], "#verify")
    page.goto(path)
    expect(page.locator("[data-conflict]")).to_be_visible()
    look("conflict")
    boss = desk.signed_in("alex", color_scheme=scheme).new_page()
    boss.goto("/settings/policies")
    boss.get_by_label("Client", exact=True).fill(hugo["client"])
    boss.get_by_role("button", name="Open").click()
    expect(boss.get_by_text("as for everybody")).to_be_visible()
    found = axe.run(boss)
    looked["policy"] = [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in found.response["violations"]]
    assert not {what: wrong for what, wrong in looked.items() if wrong}
