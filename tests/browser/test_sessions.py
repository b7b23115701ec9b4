"""Signing in and out, proving it again, and what happens to open pages when a log-in or the line ends."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.desk import Demo, Desk, slower

pytestmark = pytest.mark.browser


@pytest.mark.feature("SEC-33")
def test_every_wrong_sign_in_reads_the_same(desk: Desk, demo: Demo) -> None:
    desk.expect_refusals(422)
    dana = demo.technician("dana")
    page = desk.context().new_page()
    said = set()
    for login, password in ((dana["login"], "wrong"), ("nobody@harbor.example", dana["password"])):
        page.goto("/sign-in")
        page.get_by_label("Login").fill(login)
        page.get_by_label("Password").fill(password)
        page.get_by_label("Code").fill("000000")
        page.get_by_role("button", name="Sign in").click()
        said.add(page.get_by_role("alert").text_content())
        expect(page.get_by_label("Login")).to_have_value(login)
        expect(page.get_by_label("Password")).to_have_value("")
    assert said == {"Login, password or code is not right. A code works once: wait for the next one."}


@pytest.mark.feature("SEC-33")
def test_too_many_tries_say_when_to_come_back(desk: Desk) -> None:
    desk.expect_refusals(422, 429)
    page = desk.context().new_page()
    for _ in range(12):
        page.goto("/sign-in?login=nobody-at-all")
        page.get_by_label("Password").fill("wrong")
        page.get_by_label("Code").fill("000000")
        page.get_by_role("button", name="Sign in").click()
        alert = page.get_by_role("alert")
        expect(alert).to_be_visible()
        if "Too many tries" in (alert.text_content() or ""):
            break
    expect(alert).to_contain_text(re.compile(r"Too many tries\. Try again in \d+ (minutes|seconds)\."))


@pytest.mark.feature("SEC-29")
def test_where_they_wanted_to_go_is_kept_but_only_inside(desk: Desk, demo: Demo) -> None:
    page = desk.context().new_page()
    page.goto("/tickets?q=x")
    assert "next=%2Ftickets%3Fq%3Dx" in page.url
    page.goto("/sign-in?next=//evil.example/")
    desk.sign_in(page, "theo")
    assert page.url.startswith(demo.base_url + "/codes")


@pytest.mark.feature("SEC-29")
def test_cookie_and_sign_out(desk: Desk, demo: Demo) -> None:
    # The page that is being left may hear that the log-in ended before the next one has come.
    desk.expect_refusals(401)
    context = desk.context()
    page = context.new_page()
    desk.sign_in(page, "sam")
    cookies: list[Any] = context.cookies()
    (cookie,) = cookies
    kept = [cookie[key] for key in ("name", "path", "secure", "httpOnly", "sameSite")]
    assert kept == ["__Host-ww", "/", True, True, "Lax"]
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    context.add_cookies([cookie])
    page.goto("/codes")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.feature("SEC-29", "SEC-34")
def test_a_log_in_ended_elsewhere_loses_its_stream_and_page(desk: Desk, demo: Demo) -> None:
    desk.expect_refusals(401)
    stolen, mine = desk.context(), desk.context()
    stolen_page, page = stolen.new_page(), mine.new_page()
    desk.sign_in(stolen_page, "dana")
    expect(stolen_page.get_by_text("Live", exact=True)).to_be_visible()
    cookies: list[Any] = stolen.cookies()
    mine.add_cookies(cookies)
    page.goto("/profile")
    began = time.monotonic()
    page.get_by_role("listitem").filter(has_text="this one").get_by_role("button", name="Sign out").click()
    expect(stolen_page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert time.monotonic() - began < 8 * slower()


@pytest.mark.feature("SEC-34")
def test_new_recovery_codes_need_a_fresh_proof_when_the_log_in_is_older(desk: Desk, demo: Demo) -> None:
    desk.expect_refusals(401)
    page = desk.context().new_page()
    desk.sign_in(page, "alex")
    page.goto("/profile")
    page.get_by_role("button", name="Make new recovery codes").click()
    expect(page.get_by_role("heading", name="Your new recovery codes")).to_be_visible()
    codes = page.locator("ul.mono li").all_text_contents()
    assert len(set(codes)) == 10

    demo.advance(301)
    page.goto("/profile")
    page.get_by_role("button", name="Make new recovery codes").click()
    expect(page.get_by_role("heading", name="Show that it is you")).to_be_visible()
    page.get_by_label("Password").fill(demo.technician("alex")["password"])
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Your new recovery codes")).to_be_visible()


def test_a_lost_line_is_said_and_rows_catch_up_when_it_is_back(desk: Desk, demo: Demo) -> None:
    desk.expect_refusals(0)
    context = desk.context()
    page = context.new_page()
    desk.sign_in(page, "theo")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    desk.complaints.clear()
    context.route("**/events*", lambda route: route.abort())
    # The running stream is cut by the server when the page asks anew; a reload of the module does that here.
    page.reload()
    expect(page.get_by_text("Live updates stopped at")).to_be_visible()
    expect(page.locator("ww-board.lost")).to_have_count(1)
    context.unroute("**/events*")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    expect(page.get_by_text("Live updates stopped at")).to_be_hidden()
    desk.complaints.clear()


@pytest.mark.feature("SEC-36")
def test_pages_that_are_not_there_say_what_to_do(desk: Desk, demo: Demo) -> None:
    desk.expect_refusals(404, 405, 403)
    page = desk.signed_in("theo").new_page()
    for path in ("/nothing", "/codes/00000000-0000-7000-8000-000000000000", "/contacts/nobody", "/tickets/none"):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 404
        expect(page.get_by_role("heading", name="Not found")).to_be_visible()
        expect(page.get_by_role("link", name="To the codes")).to_be_visible()
    assert page.request.get("/sign-out").status == 405


@pytest.mark.feature("SEC-34", "SEC-02")
def test_another_browser_with_the_same_cookie_sees_no_code(desk: Desk, demo: Demo) -> None:
    cleo = demo.contact("Cleo")
    context = desk.signed_in("theo")
    page = context.new_page()
    demo.text(cleo["mobile"], "#verify")
    page.goto("/codes")
    page.locator(".waiting", has_text=cleo["name"]).get_by_role("button", name="show code").click()
    expect(page.locator(".mine .code")).to_be_visible()
    code = (page.locator(".mine .code").text_content() or "").replace(" ", "")

    state: Any = context.storage_state()
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    moved = desk.context(storage_state=state, user_agent=firefox).new_page()
    moved.goto("/codes")
    expect(moved.get_by_role("heading", name="Show that it is you")).to_be_visible()
    answer = moved.request.get("/codes/rows", headers={"Accept": "application/json"})
    assert answer.status == 401
    assert code not in answer.text()
    demo.text(cleo["mobile"], "#confirm")
    page.locator("[data-list=today] > li", has_text=cleo["name"]).get_by_role("link", name="The whole story").click()
    story = page.get_by_role("region", name="What happened")
    expect(story.get_by_role("listitem")).to_have_count(3)
    expect(story).to_contain_text("The user said #confirm")
    expect(story).not_to_contain_text(code)


@pytest.mark.feature("SEC-36")
@pytest.mark.parametrize("path", ["/codes/%00", "/contacts/..%2f", "/tickets/a%00b", "/codes/" + "x" * 500])
def test_an_id_that_cannot_be_one_is_not_found(desk: Desk, path: str) -> None:
    page = desk.signed_in("theo").new_page()
    assert page.request.get(path).status == 404


def test_on_duty_is_a_switch(desk: Desk, demo: Demo) -> None:
    page = desk.signed_in("theo").new_page()
    page.goto("/profile")
    page.get_by_role("button", name="Go off duty").click()
    expect(page.get_by_text("You are off duty")).to_be_visible()
    page.get_by_role("button", name="Go on duty").click()
    expect(page.get_by_text("You are on duty")).to_be_visible()
