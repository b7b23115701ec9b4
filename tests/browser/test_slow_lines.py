"""Slow lines and impatient people: presses before a script has come, answers that are lost, and log-ins that end while
somebody types. What was sent is sent once, what is shown is so, and no words go without a word."""

from __future__ import annotations

import re
import time
from collections.abc import Sized
from typing import Any

import pytest
from playwright.sync_api import APIResponse, FloatRect, Page, Route, expect

from tests.browser.desk import PATIENCE_SECONDS, Demo, Desk, felt
from tests.browser.test_pod import PodDesk
from tests.browser.test_verify import CODE, LINK, code_in, open_contact

pytestmark = pytest.mark.browser

#: A line that goes is what these tests are about, so the browser may mention it.
GONE = re.compile("ERR_FAILED|ERR_ABORTED|status of 401|status of 422")
SIGNED_OUT = "You are signed out. Copy what you have typed"
BACK = "() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"


def lose_answer(page: Page, what: str) -> None:
    """The next answer to a POST never comes, though the server has it."""

    def lose(route: Route) -> None:
        route.fetch(max_redirects=0)
        route.abort()

    page.route(what, lose, times=1)


def passed_on(route: Route, demo: Demo) -> APIResponse:
    """What the server says to a form; without where it came from, which only a browser tells, it would be refused."""
    headers = {**route.request.headers, "origin": demo.base_url, "sec-fetch-site": "same-origin"}
    return route.fetch(headers=headers, max_redirects=0)


def press_at(page: Page, place: FloatRect | None) -> None:
    """A press that waits for nothing, also not for a page that is on its way."""
    assert place is not None
    page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)


def wait(page: Page, found: Sized, what: str) -> None:
    """Until there is anything in `found`, which a route of the page fills."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not len(found):
        assert time.monotonic() < until, f"there never was {what}"
        page.wait_for_timeout(20)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


@pytest.mark.feature("EV-04", "REL-02")
@pytest.mark.parametrize("by", ["Text a code", "Mail a code"])
def test_two_presses_before_the_script_has_come_ask_once(desk: Desk, demo: Demo, by: str) -> None:
    gita = demo.contact("Gita" if by == "Text a code" else "Hugo")
    to = gita["mobile"] if by == "Text a code" else gita["email"]
    page = desk.signed_in("dana").new_page()
    page.route("**/verify*.js*", lambda route: None)
    page.goto(f"/contacts/{gita['id']}", wait_until="commit")
    how = page.locator("form.start select[name=way]")
    how.select_option(how.locator("option", has_text=by).first.get_attribute("value"))
    held: list[APIResponse] = []
    # The server has the first press, and its answer is on its way for long.
    page.route(f"**/contacts/{gita['id']}/verify", lambda route: held.append(passed_on(route, demo)), times=1)
    button = page.locator("form.start button.if-alone")
    button.scroll_into_view_if_needed()
    place = button.bounding_box()
    press_at(page, place)
    wait(page, held, "a first press")
    assert [answer.status for answer in held] == [303]
    demo.when(lambda: [i for i in demo.outbox() if i["to"] == to], f"anything to {to}")
    press_at(page, place)
    expect(page.locator("[data-running]")).to_be_visible()
    expect(page.locator("[data-said]")).to_have_count(0)
    box = page.get_by_label("The code they read to you")
    box.fill(re.findall(CODE, next(i["text"] for i in demo.outbox() if i["to"] == to))[0])
    page.get_by_role("button", name="Check the code").click(no_wait_after=True)
    expect(page.locator("[data-result=verified]")).to_be_visible()
    assert len([i for i in demo.outbox() if i["to"] == to and re.search(CODE, i["text"])]) == 1


@pytest.mark.feature("REL-02")
def test_two_presses_announce_a_call_by_one_text(desk: Desk, demo: Demo) -> None:
    eve = demo.contact("Eve")
    page = desk.signed_in("dana").new_page()
    page.goto(f"/contacts/{eve['id']}")
    page.get_by_label("Text them that I am about to call").check()
    held: list[APIResponse] = []
    page.route("**/announce", lambda route: held.append(passed_on(route, demo)), times=1)
    button = page.get_by_role("button", name="I'm calling Eve")
    button.scroll_into_view_if_needed()
    place = button.bounding_box()
    press_at(page, place)
    wait(page, held, "a first press")
    assert [answer.status for answer in held] == [303]
    demo.next_text(eve["mobile"], has="call")
    press_at(page, place)
    page.wait_for_url("**/codes?said=announced")
    demo.text(eve["mobile"], "#verify")
    demo.next_text(eve["mobile"], has=CODE)
    assert len([text for text in demo.texts_to(eve["mobile"]) if not re.search(CODE, text)]) == 1
    demo.text(eve["mobile"], "#deny")


@pytest.mark.feature("EV-06", "REL-02")
def test_a_code_whose_answer_is_lost_counts_once_and_the_page_says_what_came_of_it(desk: Desk, demo: Demo) -> None:
    desk.expected = GONE
    ben = demo.contact("Ben")
    page = open_contact(desk, ben)
    before = len(demo.texts_to(ben["mobile"]))
    page.get_by_role("button", name="Verify Ben").click()
    code = code_in(demo.next_text(ben["mobile"], before, has=CODE))
    box, check = page.get_by_label("The code they read to you"), page.get_by_role("button", name="Check the code")
    box.fill(wrong(code))
    lose_answer(page, "**/check")
    check.click()
    expect(page.get_by_text("The code arrived, and it was not the right one.")).to_be_visible()
    expect(page.locator("form.check [data-text=tries_left]")).to_have_text("4")
    expect(box).to_have_value(wrong(code))
    # Nothing has arrived at all.
    page.route("**/check", lambda route: route.abort(), times=1)
    check.click()
    expect(page.get_by_text("The server did not answer.")).to_be_visible()
    expect(page.locator("form.check [data-text=tries_left]")).to_have_text("4")
    box.fill(code)
    lose_answer(page, "**/check")
    check.click()
    expect(page.locator("[data-result=verified]")).to_be_visible()
    expect(page.get_by_role("alert").filter(visible=True)).to_have_count(0)


@pytest.mark.feature("EV-05", "REL-08")
def test_an_answer_is_shown_though_the_first_question_for_it_was_lost(desk: Desk, demo: Demo) -> None:
    desk.expected = GONE
    cleo = demo.contact("Cleo")
    page = open_contact(desk, cleo)
    before = len(demo.texts_to(cleo["mobile"]))
    how = page.locator("form.start select[name=way]")
    how.select_option(how.locator("option", has_text="Text a link").first.get_attribute("value"))
    page.get_by_role("button", name="Verify Cleo").click()
    link = re.search(LINK, demo.next_text(cleo["mobile"], before, has=LINK))
    assert link is not None
    expect(page.locator("[data-text=delivery]")).to_contain_text("Delivered.")
    lost: list[str] = []

    def lose(route: Route) -> None:
        lost.append(route.request.url)
        route.abort()

    page.route("**/state*", lose)
    theirs = desk.context().new_page()
    theirs.goto(link[0])
    theirs.get_by_role("button", name="Validate").click()
    expect(theirs.get_by_text("that it is you")).to_be_visible()
    wait(page, lost, "a question how it stands")
    page.wait_for_timeout(200)
    page.unroute("**/state*")
    expect(page.locator("[data-result=verified]")).to_contain_text("Link by text")


@pytest.mark.feature("EV-04")
def test_a_button_whose_page_never_came_may_be_pressed_again(desk: Desk, demo: Demo) -> None:
    desk.expected = GONE
    page = desk.signed_in("dana").new_page()
    page.clock.install()
    page.goto(f"/contacts/{demo.contact('Finn')['id']}")
    page.route("**/verify", lambda route: route.abort("aborted"), times=1)
    button = page.get_by_role("button", name="Verify Finn")
    button.click(no_wait_after=True)
    expect(button).to_be_disabled()
    page.clock.fast_forward(16_000)
    expect(button).to_be_enabled()
    button.click()
    expect(page.locator("[data-running]")).to_be_visible()


@pytest.mark.feature("EV-06")
def test_when_a_log_in_ends_what_was_typed_on_the_panel_stays(desk: Desk, demo: Demo) -> None:
    desk.expected = GONE
    page = open_contact(desk, demo.contact("Ada"))
    page.get_by_role("button", name="Verify Ada").click()
    expect(page.locator("[data-text=delivery]")).to_contain_text("Delivered.")
    box = page.get_by_label("The code they read to you")
    box.fill("123")
    page.context.clear_cookies()
    page.evaluate(BACK)
    expect(page.get_by_text(SIGNED_OUT)).to_be_visible()
    expect(box).to_have_value("123")
    # With nothing typed there is nothing to lose.
    box.fill("")
    page.evaluate(BACK)
    page.wait_for_url("**/sign-in?*")


@pytest.mark.feature("SEC-02")
def test_when_a_log_in_ends_the_board_keeps_what_was_typed_and_no_code(desk: Desk, demo: Demo) -> None:
    desk.expected = GONE
    dev = demo.contact("Dev")
    page = desk.signed_in("dana").new_page()
    page.goto("/codes")
    demo.text(dev["mobile"], "#verify")
    card = page.locator("[data-list=live] > li", has_text=dev["name"])
    card.get_by_role("button", name="show code").click()
    code = (page.locator(".mine .code").text_content() or "").strip()
    assert re.fullmatch(r"\d{3} \d{3}", code)
    card.locator("summary", has=page.locator("xpath=self::*[../form[contains(@action, '/verbal')]]")).click()
    note = card.locator("form[data-act=verbal] textarea")
    note.fill("She said that the number is the same.")
    page.context.clear_cookies()
    card.get_by_role("button", name="Record the spoken yes").click()
    expect(page.get_by_text(SIGNED_OUT)).to_be_visible()
    expect(note).to_have_value("She said that the number is the same.")
    assert code not in page.content()
    demo.text(dev["mobile"], "#deny")


@pytest.mark.feature("TV-07", "REL-08")
def test_a_row_that_came_while_the_board_was_on_its_way_is_not_drawn_older(desk: Desk, demo: Demo) -> None:
    gita = demo.contact("Gita")
    page = desk.signed_in("theo").new_page()
    page.goto("/codes")
    demo.text(gita["mobile"], "#verify")
    row = page.locator("[data-list=live] > li", has_text=gita["name"])
    expect(row).to_contain_text("Delivered")
    held: list[tuple[Route, APIResponse]] = []
    page.route(re.compile(r"/codes/rows\?$"), lambda route: held.append((route, route.fetch())), times=1)
    page.evaluate("() => { window.all = document.querySelector('ww-board').refresh(); }")
    wait(page, held, "a question for the whole board")
    demo.text(gita["mobile"], "#deny")
    expect(row).to_have_count(0)
    ended = page.locator("[data-count=today]").text_content()
    ((route, answer),) = held
    route.fulfill(response=answer)
    page.evaluate("() => window.all")
    assert row.count() == 0
    assert page.locator("[data-list=today] > li", has_text=gita["name"]).count() >= 1
    assert page.locator("[data-count=today]").text_content() == ended


# --- the pod --------------------------------------------------------------------------------------------------------


def show_code(psa: PodDesk, demo: Demo, contact: dict[str, Any]) -> None:
    """A code of this contact stands in the pod, and somebody types a note beside it."""
    psa.open(f"Ticket of {contact['name']}")
    psa.go_on()
    expect(psa.pod.get_by_role("heading", name=contact["name"])).to_be_visible()
    demo.text(contact["mobile"], "#verify")
    check = psa.pod.get_by_role("region", name="A check of a caller")
    psa.press(check.get_by_role("button", name="show code"))
    psa.press(psa.pod.get_by_role("button", name="Yes: show me the code"))
    expect(psa.pod.locator(".code")).to_be_visible()
    psa.pod.locator("ww-pod").evaluate(
        "pod => { pod.append(document.createElement('textarea')); pod.lastChild.value = 'half a sentence'; }"
    )


@pytest.mark.feature("SEC-02", "TV-14")
def test_a_used_code_leaves_the_pod_also_while_somebody_types(desk: Desk, demo: Demo) -> None:
    psa = PodDesk(desk, demo, console="alex")
    dev = demo.contact("Dev")
    show_code(psa, demo, dev)
    demo.text(dev["mobile"], "#confirm")
    expect(psa.pod.locator(".code")).to_have_count(0)
    expect(psa.pod.get_by_text("Something has changed.").first).to_be_visible()
    assert psa.pod.locator("ww-pod > textarea").input_value() == "half a sentence"


@pytest.mark.feature("SEC-02", "TV-08")
def test_a_code_whose_time_is_up_leaves_the_pod_by_itself(desk: Desk, demo: Demo) -> None:
    psa = PodDesk(desk, demo, console="alex")
    finn = demo.contact("Finn")
    show_code(psa, demo, finn)
    psa.pod.locator("[data-check] ww-timer").evaluate("timer => { timer.dataset.until = '1'; }")
    expect(psa.pod.locator(".code")).to_have_count(0)
    demo.text(finn["mobile"], "#deny")


@pytest.mark.feature("SI-32")
def test_a_sign_in_that_is_handed_over_before_the_script_has_come_is_taken_all_the_same(desk: Desk, demo: Demo) -> None:
    psa = PodDesk(desk, demo, console="sam")
    held: list[Route] = []
    psa.page.route("**/pod_door*.js*", lambda route: held.append(route))
    psa.page.goto(psa.system, wait_until="commit")
    with psa.context.expect_page() as opened:
        felt(psa.pod.get_by_role("link", name="Sign in in a window")).click()
    window = opened.value
    window.get_by_role("button", name="Open the pod").click()
    # Nobody has heard it, so the letters are there to be compared.
    expect(window.locator(".letters")).to_be_visible()
    with window.expect_event("close"):
        for script in held:
            script.continue_()
        expect(psa.pod.get_by_role("heading", name="Ada Bishop")).to_be_visible()


@pytest.mark.feature("SI-32")
def test_an_answer_that_breaks_off_does_not_close_the_door(desk: Desk, demo: Demo) -> None:
    psa = PodDesk(desk, demo, console="sam")
    psa.open(cut="yes")
    broken: list[str] = []

    def breaks_off(route: Route) -> None:
        broken.append(route.request.url)
        route.fulfill(status=200, content_type="application/json", body='{"signed')

    psa.page.route("**/pod/session*", breaks_off, times=1)
    with psa.context.expect_page() as opened:
        psa.press(psa.pod.get_by_role("link", name="Sign in in a window"))
    opened.value.get_by_role("button", name="Open the pod").click()
    wait(psa.page, broken, "a question whether it is confirmed")
    opened.value.get_by_role("button", name="Yes, the same letters").click()
    expect(psa.pod.get_by_role("heading", name="Ada Bishop")).to_be_visible()


# --- the simulator --------------------------------------------------------------------------------------------------


def test_a_text_that_does_not_leave_the_simulated_phone_stays_in_its_field(desk: Desk, demo: Demo) -> None:
    desk.expected = GONE
    page = desk.context().new_page()
    page.goto("/simulator")
    expect(page.locator("ww-simulator:defined")).to_be_visible()
    field, bubbles = page.get_by_label("Text", exact=True), page.locator("[data-list=talk] > li.out")
    field.fill("Is it you?")
    page.route("**/simulator/send", lambda route: route.abort(), times=1)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("The server did not answer.")).to_be_visible()
    expect(field).to_have_value("Is it you?")
    # A button that says something else leaves it, too.
    page.get_by_role("button", name="#deny").click()
    expect(bubbles.filter(has_text="#deny").first).to_be_visible()
    expect(page.get_by_text("The server did not answer.")).to_be_hidden()
    expect(field).to_have_value("Is it you?")
    # What the Enter key sends is what was typed.
    field.press("Enter")
    expect(bubbles.filter(has_text="Is it you?")).to_have_count(1)
    expect(field).to_have_value("")
    expect(bubbles.filter(has_text="#verify")).to_have_count(0)
