"""Looking things up and counting them, in a real browser: by mouse, by keyboard, and without script."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.desk import Demo, Desk

pytestmark = [pytest.mark.browser, pytest.mark.feature("TV-16")]


@pytest.fixture(scope="module")
def filled(demo: Demo) -> Demo:
    """A confirmed check is made by the test that needs one; here are one that was denied and one from a stranger."""
    demo.text(demo.contact("Ben")["mobile"], "#verify")
    demo.text(demo.contact("Ben")["mobile"], "#deny")
    demo.text(demo.facts["unknown_mobile"], "#verify")
    return demo


@pytest.fixture
def page(desk: Desk, filled: Demo) -> Page:
    return desk.signed_in("dana").new_page()


@pytest.fixture
def admin(desk: Desk, filled: Demo) -> Page:
    return desk.signed_in("alex").new_page()


def test_somebody_finds_what_happened_with_a_contact_and_reads_the_whole_story(page: Page, filled: Demo) -> None:
    page.goto("/codes")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="History").click()
    page.get_by_label("Name, number or e-mail").fill("ben")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("Ben Cole said that the caller is not their technician", exact=True)).to_be_visible()
    expect(page.get_by_text("a number that no contact has")).to_have_count(0)
    expect(page.get_by_label("Name, number or e-mail")).to_have_value("Ben Cole")
    page.get_by_role("link", name="Whole story").first.click()
    expect(page.get_by_role("heading", name="The story of a check")).to_be_visible()
    expect(page.locator("ol.rows li").first).to_contain_text("Ben Cole asked for a check")
    page.go_back()
    page.get_by_label("About").select_option(label="Texts that belong to no check")
    page.get_by_label("Name, number or e-mail").fill("")
    page.get_by_label("Name, number or e-mail").press("Enter")
    expect(page.get_by_text("A text came from a number that no contact has")).to_be_visible()
    expect(page).to_have_url(re.compile("about=desk"))


def test_the_keyboard_alone_gets_to_the_search_and_through_the_rows(page: Page) -> None:
    page.goto("/history")
    page.keyboard.press("/")
    expect(page.get_by_label("Name, number or e-mail")).to_be_focused()
    page.keyboard.type("ben")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Show everything")).to_be_visible()
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="Ben Cole").first).to_be_focused()


def test_history_and_reports_work_without_script(desk: Desk, filled: Demo) -> None:
    page = desk.signed_in("dana", java_script_enabled=False).new_page()
    page.goto("/history?person=ben")
    expect(page.get_by_text("Ben Cole asked for a check; the code was sent")).to_be_visible()
    expect(page.locator("time").first).to_contain_text("UTC")
    page.goto("/reports")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(r"month=\d{4}-\d\d"))
    page.get_by_text("The same as a table").click()
    expect(page.get_by_role("region", name="Table of days").get_by_role("row").nth(1)).to_be_visible()


def test_reports_say_in_numbers_what_the_chart_draws(page: Page, filled: Demo) -> None:
    page.goto("/reports")
    chart = page.get_by_role("img", name="Calls by day")
    expect(chart).to_be_visible()
    box = chart.bounding_box()
    assert box is not None
    assert box["height"] > 100
    tallest = page.evaluate(
        "() => Math.max(...[...document.querySelectorAll('.bars')[0].querySelectorAll('.all')]"
        ".map((e) => e.getBoundingClientRect().height))"
    )
    assert tallest > 100, "the tallest day takes the whole height"
    expect(page.locator(".figures")).to_contain_text("Denied1")
    page.get_by_text("The same as a table").click()
    assert not Axe().run(page).response["violations"]
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV of this table").nth(1).click()
    with open(download.value.path(), newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["name"], row["denied"]) for row in rows] == [("Acme Dental", "1")]


def test_an_admin_checks_the_log_exports_it_and_gives_a_receipt(
    admin: Page, filled: Demo, desk: Desk, tmp_path: Path
) -> None:
    admin.goto("/history")
    admin.get_by_role("link", name="Seal, export and receipts").click()
    admin.get_by_role("button", name="Check", exact=True).click()
    expect(admin.get_by_text(re.compile(r"The last [\d,]+ lines were checked and fit their seals"))).to_be_visible()
    with admin.expect_download() as export:
        admin.get_by_role("button", name="Export").click()
    assert export.value.suggested_filename.startswith("watchword-log-")
    text = Path(export.value.path()).read_text("utf-8")
    assert "log.exported" in text
    assert filled.contact("Ben")["mobile"] not in text
    with admin.expect_download() as program:
        admin.get_by_role("link", name="Download the program").click()
    admin.goto("/history?person=ben")
    admin.get_by_role("link", name="Whole story").first.click()
    with admin.expect_download() as receipt:
        admin.get_by_role("button", name="Download a receipt").click()
    admin.goto("/history/log")
    key = admin.locator("code", has_text="watchword/").inner_text()
    ran = subprocess.run(
        [sys.executable, str(program.value.path()), str(receipt.value.path()), key],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Outcome: denied" in ran.stdout


@pytest.mark.feature("SEC-34")
def test_a_stale_log_in_is_proven_on_the_way_to_the_export(desk: Desk, filled: Demo) -> None:
    """The days and the choice that were made are not lost, and the file comes all the same."""
    desk.expect_refusals(401)
    page = desk.context().new_page()
    desk.sign_in(page, "alex")
    page.goto("/history/log")
    filled.advance(301)
    page.locator("select[name=format]").select_option("jsonl")
    page.get_by_role("button", name="Export").click()
    boss = filled.technician("alex")
    page.get_by_label("Password").fill(boss["password"])
    page.get_by_label("Code").fill(filled.code(boss))
    with page.expect_download() as export:
        page.locator("main button").first.click()
    assert export.value.suggested_filename.endswith(".jsonl")
    assert "watchword-audit-export/1" in Path(export.value.path()).read_text("utf-8")
    page.goto("/history")
    expect(page.get_by_text("Alex Meyer exported the log").first).to_be_visible()
