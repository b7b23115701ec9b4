"""The thirty-second check as a person does it: announced, with one tap, without script, and on ten tabs at once."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect

from tests.browser.desk import Demo, Desk, slower

pytestmark = pytest.mark.browser

CODE = re.compile(r"\d{3} \d{3}")


@pytest.mark.feature("TV-34", "TV-33", "TV-01", "TV-02")
def test_an_announced_call_needs_no_tap_and_one_text(desk: Desk, demo: Demo) -> None:
    ada = demo.contact("Ada")
    page = desk.signed_in("dana").new_page()
    page.goto("/codes")
    page.get_by_label("Name, number or e-mail").fill("Ada")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("button", name="I'm calling Ada Bishop").click()
    expect(page.get_by_text("You said you are calling")).to_be_visible()
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    expect(page.get_by_text("Nobody is waiting")).to_be_visible()

    began = time.monotonic()
    demo.text(ada["mobile"], "#verify")
    code = page.locator(".mine .code")
    expect(code).to_have_text(CODE)
    took = time.monotonic() - began
    assert took < 3 * slower(), f"{took:.2f} s from #verify to a readable code"
    digits = (code.text_content() or "").replace(" ", "")
    assert code.get_attribute("aria-label") == " ".join(digits)
    expect(page.get_by_text("Read this only if YOU called them. Never to someone who called you.")).to_be_visible()

    text = demo.next_text(ada["mobile"])
    assert demo.texts_to(ada["mobile"]) == [text]
    assert digits in text
    assert "Dana" in text

    demo.text(ada["mobile"], "#confirm")
    ended = page.locator("[data-list=today] > li", has_text="Ada Bishop").first
    expect(ended).to_contain_text("Confirmed")
    expect(ended).to_contain_text("They compared the code with their text")
    # Where the code stood, so that nobody has to look for it while they are on the phone.
    result = page.locator("[data-result]")
    expect(result).to_have_attribute("data-tone", "good")
    expect(result).to_contain_text("Confirmed")
    expect(result).to_contain_text("Ada Bishop")
    expect(page.get_by_text("Announced. The code appears here")).to_have_count(0)
    expect(page.get_by_text("You said you are calling")).to_be_hidden()
    expect(page.get_by_text("Nobody is waiting")).to_be_visible()

    ended.get_by_role("link", name=re.compile("#")).click()
    page.get_by_role("heading", name="Notes").wait_for()
    expect(page.locator("ol.rows")).to_contain_text("Ada Bishop")
    expect(page.locator("ol.rows")).not_to_contain_text(digits)


@pytest.mark.feature("TV-08", "TV-09", "SEC-02", "SEC-04")
def test_an_unannounced_check_is_claimed_with_exactly_one_tap(desk: Desk, demo: Demo) -> None:
    ben = demo.contact("Ben")
    page = desk.signed_in("dana").new_page()
    other = desk.signed_in("theo").new_page()
    page.goto("/codes")
    other.goto("/codes")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    page.evaluate("window.taps = 0; addEventListener('click', () => window.taps++, true)")
    demo.text(ben["mobile"], "#verify")

    row = page.locator("[data-list=live] > li", has_text="Ben Cole")
    expect(row.get_by_label("Ticket")).to_have_value(ben["open_ticket"])
    code = demo.next_text(ben["mobile"])
    digits = re.search(r"\d{6}", code.replace(" ", ""))
    assert digits is not None
    assert digits.group() not in page.content().replace(" ", "")
    row.get_by_role("button", name="I'm calling them: show code").click()
    shown = page.locator(".mine .code")
    expect(shown).to_have_text(CODE)
    assert (shown.text_content() or "").replace(" ", "") == digits.group()
    assert page.evaluate("window.taps") == 1
    expect(page.locator(".mine .slip")).to_be_focused()

    expect(other.locator("[data-list=live] > li", has_text="Ben Cole")).to_contain_text("Dana has this one")
    assert digits.group() not in other.content().replace(" ", "")

    demo.text(ben["mobile"], "#deny")
    expect(page.locator("[data-list=today] > li", has_text="Ben Cole")).to_contain_text("They say it was not us")
    alert = page.locator("[data-list=warnings] > li", has_text="Ben")
    alert.get_by_role("button", name="I have seen this").click()
    expect(alert).to_have_count(0)
    expect(other.locator("[data-list=warnings] > li", has_text="Ben")).to_have_count(0)


@pytest.mark.feature("SEC-02", "TV-33")
def test_they_called_us_never_shows_a_code(desk: Desk, demo: Demo) -> None:
    desk.expect_refusals(409)
    cleo = demo.contact("Cleo")
    page = desk.signed_in("theo").new_page()
    demo.text(cleo["mobile"], "#verify")
    page.goto("/codes")
    row = page.locator("[data-list=live] > li", has_text="Cleo")
    row.get_by_label("How").select_option("user_called_us")
    expect(row.get_by_text("If THEY called YOU, no code is shown")).to_be_visible()
    expect(row.get_by_role("button", name="show code")).to_be_hidden()
    row.locator("form[data-act=claim]").evaluate("form => form.requestSubmit()")
    expect(row.get_by_role("alert").filter(has_text="do not read a code to them")).to_be_visible()
    expect(page.locator(".mine")).to_have_count(0)

    row.get_by_text("End it").click()
    row.get_by_label("Why?").select_option("A test or a mistake")
    row.get_by_role("button", name="End this check").click()
    expect(page.locator("[data-list=today] > li", has_text="Cleo")).to_contain_text("A test or a mistake")


@pytest.mark.feature("TV-21", "TV-25")
def test_release_take_over_and_a_spoken_yes(desk: Desk, demo: Demo) -> None:
    dev = demo.contact("Dev")
    dana, theo = desk.signed_in("dana").new_page(), desk.signed_in("theo").new_page()
    dana.goto("/codes")
    theo.goto("/codes")
    demo.text(dev["mobile"], "#verify")
    waiting = dana.locator("[data-list=live] > li", has_text="Dev Eder")
    waiting.get_by_role("button", name="show code").click()
    mine = dana.locator(".mine", has_text="Dev Eder")
    mine.get_by_role("button", name="Let go").click()
    for page in (dana, theo):
        row = page.locator(".waiting", has_text="Dev Eder")
        expect(row).to_contain_text("Let go: waiting for a technician again")
    dana.locator(".waiting", has_text="Dev Eder").get_by_role("button", name="show code").click()

    theirs = theo.locator(".theirs", has_text="Dev Eder")
    theirs.get_by_text("Take over", exact=True).click()
    theirs.get_by_role("button", name="Take it over and show the code").click()
    expect(theo.locator(".mine .code")).to_have_text(CODE)
    expect(dana.locator(".theirs", has_text="Dev Eder")).to_contain_text("Theo has this one")

    theo.locator(".mine summary", has_text="They said yes out loud").click()
    theo.get_by_role("button", name="Record the spoken yes").click()
    ended = theo.locator("[data-list=today] > li", has_text="Dev Eder")
    expect(ended).to_contain_text("Spoken yes")
    expect(ended).to_have_attribute("data-tone", "quiet")


@pytest.mark.feature("TV-08")
def test_without_script_the_whole_check_works(desk: Desk, demo: Demo) -> None:
    eve = demo.contact("Eve")
    context = desk.context(java_script_enabled=False)
    page = context.new_page()
    desk.sign_in(page, "sam")

    page.goto("/simulator")
    page.get_by_label("Phone of").select_option(eve["mobile"])
    page.get_by_role("button", name="Take it").click()
    page.get_by_role("button", name="#verify").click()
    expect(page.locator(".bubble.out [data-text=text]").last).to_have_text("#verify")

    page.goto("/codes")
    page.locator(".waiting", has_text="Eve Fox").get_by_role("button", name="show code").click()
    expect(page.locator(".mine .code")).to_have_text(CODE)

    page.goto(f"/simulator?phone={eve['mobile'].replace('+', '%2B')}")
    page.get_by_role("button", name="#confirm").click()
    expect(page.locator(".bubble.out [data-text=text]").last).to_have_text("#confirm")
    page.goto("/codes")
    expect(page.locator("[data-list=today] > li", has_text="Eve Fox")).to_contain_text("Confirmed")


@pytest.mark.feature("TV-02")
def test_ten_tabs_stay_live_on_one_stream_and_hand_over(desk: Desk, demo: Demo) -> None:
    finn = demo.contact("Finn")
    context = desk.signed_in("dana")
    streams: list[str] = []
    context.on("request", lambda r: streams.append(r.url) if "/events" in r.url else None)
    pages = [context.new_page() for _ in range(10)]
    for page in pages:
        page.goto("/codes")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
    assert len(streams) == 1

    demo.text(finn["mobile"], "#verify")
    for page in pages:
        expect(page.locator(".waiting", has_text="Finn Gray")).to_be_visible()
    assert len(streams) == 1

    pages[0].close()
    pages[1].locator(".waiting", has_text="Finn Gray").get_by_role("button", name="show code").click()
    for page in pages[1:]:
        expect(page.locator(".mine", has_text="Finn Gray")).to_be_visible()
    demo.text(finn["mobile"], "#confirm")
    for page in pages[1:]:
        expect(page.locator("[data-list=today] > li", has_text="Finn Gray")).to_contain_text("Confirmed")
    assert len(streams) == 2


@pytest.mark.feature("TV-15")
def test_an_unknown_number_is_a_grey_row_without_a_name(desk: Desk, demo: Demo) -> None:
    page = desk.signed_in("dana").new_page()
    page.goto("/codes")
    demo.text(demo.facts["unknown_mobile"], "#verify")
    expect(page.get_by_text("A text from an unknown number")).to_be_visible()
    # As numbers are written, with the group before: ids hold any four digits now and then.
    last = demo.facts["unknown_mobile"]
    assert not re.search(rf"{last[-7:-4]}\D?{last[-4:]}", page.content())


@pytest.mark.feature("TV-09")
def test_a_link_from_an_alert_opens_one_check_for_one_thumb(desk: Desk, demo: Demo) -> None:
    gita = demo.contact("Gita")
    demo.text(gita["mobile"], "#verify")
    page = desk.signed_in("dana", viewport={"width": 360, "height": 640}).new_page()
    page.goto("/codes")
    check_id = page.locator(".waiting", has_text="Gita Hale").get_attribute("data-id")
    page.goto(f"/codes/{check_id}")
    button = page.get_by_role("button", name="show code")
    box = button.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 640, "the button must be reached without scrolling"
    assert box["height"] >= 44
    button.click()
    expect(page.locator(".mine .code")).to_have_text(CODE)
    expect(page.locator(".mine")).to_contain_text("needs a ticket")
    demo.text(gita["mobile"], "#confirm")
    over = page.locator("[data-kind=ended]", has_text="Gita Hale")
    expect(over).to_contain_text("Confirmed")
    over.get_by_text("Link a ticket").click()
    over.get_by_role("button", name="Link this ticket").click()
    expect(over.get_by_text("needs a ticket")).to_be_hidden()
