"""Every page for everyone: axe in light and dark, 320 px, the keyboard, sizes of targets, and the budgets."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.desk import Demo, Desk, slower, wire_bytes
from web.pages import page_routes
from web.routing import Surface

pytestmark = pytest.mark.browser
#: For what goes through all pages: on a busy machine that takes longer than a test may take otherwise, in seconds.
LONG_WAY = pytest.mark.timeout(900)

#: Where a person gets to; `{...}` is filled from the demo.
SIGNED_IN = (
    "/codes",
    "/contacts",
    "/contacts?q=nobody",
    "/contacts/{contact}",
    "/contacts/{contact}/edit",
    "/contacts/new?q=%2B12125550131",
    "/clients",
    "/clients?q=nobody",
    "/announce?q=a",
    "/tickets",
    "/tickets/{ticket}",
    "/contacts/{contact}/verify",
    "/contacts/{contact}/verify?ticket={ticket}",
    "/profile",
    "/step-up",
    "/simulator",
    "/simulator/mail",
    "/simulator/microsoft",
    "/codes/{check}",
    "/history",
    "/history?person=nobody",
    "/history/checks/{check}",
    "/reports",
    "/approvals",
    "/blocks",
    "/blocks/new?check_id={check}",
)
#: What an admin gets to besides.
ADMINS = (
    "/imports",
    "/history/log",
    "/settings",
    "/settings/people",
    "/settings/people/new",
    "/settings/keys",
    "/settings/company",
    "/settings/numbers",
    "/settings/mail",
    "/settings/mail/words",
    "/settings/teams",
    "/settings/microsoft-365",
    "/settings/webhooks",
    "/settings/registration",
    "/settings/verification",
    "/settings/policies",
    "/settings/pod",
    "/settings/words?text=verfy",
    "/settings/limits",
    "/settings/brand",
    "/settings/brand?light=%237a1f5c&dark=",
    "/settings/brand?band_from=%237a1f5c&band_to=%2320316b",
    "/settings/texts",
    "/settings/texts/tv.code",
    "/settings?q=nothing of the kind",
)
PUBLIC = ("/sign-in", "/forgot", "/simulator", "/for-users/harbor")
#: Pages that take a link, an upload or a webhook to get to, and the test that looks at them.
ELSEWHERE = {
    "/welcome/{token}": "test_people.py",
    "/new-password/{token}": "test_people.py",
    "/second-factor/{token}": "test_people.py",
    "/settings/people/{person_id}": "test_people.py",
    "/imports/{import_id}": "test_directory.py",
    "/clients/{client_id}": "test_directory.py",
    "/settings/policies/{client_id}": "test_verify.py",
    "/verifications/{verification_id}": "test_verify.py",
    "/approvals/{approval_id}": "test_second_person.py",
    "/v/{token}": "test_verify_links.py",
    **dict.fromkeys(
        (
            "/settings/microsoft-365/{source_id}",
            "/settings/microsoft-365/{source_id}/connected",
            "/settings/microsoft-365/{source_id}/organisations/{organisation_id}",
            "/settings/microsoft-365/{source_id}/organisations/{organisation_id}/changes",
        ),
        "test_microsoft.py",
    ),
    "/simulator/psa": "test_pod.py",
    "/settings/webhooks/{webhook_id}": "test_other_tools.py",
}
#: Not pages: what they send is for scripts and spreadsheets, and `/` leads on.
NO_PAGE = re.compile(r"/|.*(/rows|/state|\.csv|\.py|\.css|/look)")
#: Bytes over the wire and requests (first visit, nothing kept): HTML, style, scripts, icon.
CONSOLE_BUDGET = (45_000, 8)
LOGIN_BUDGET = (12_000, 4)


def test_every_page_there_is_stands_in_these_lists() -> None:
    listed = [path.partition("?")[0] for path in (*SIGNED_IN, *ADMINS, *PUBLIC)]
    for route in page_routes():
        if route.method != "GET" or route.surface is not Surface.PAGE or NO_PAGE.fullmatch(route.path):
            continue
        if route.path in ELSEWHERE:
            here = Path(__file__).with_name(ELSEWHERE[route.path]).read_text()
            assert re.search(r"\baxe\b|Axe\(", here), f"{ELSEWHERE[route.path]} looks at {route.path} without axe"
            continue
        pattern = re.sub(r"\\{[a-z_]+\\}", "[^/]+", re.escape(route.path))
        assert any(re.fullmatch(pattern, path) for path in listed), f"{route.path} is looked at by no test here"


#: A check runs out after ten minutes, which is less than these tests take on a slow machine; in seconds.
ASKED_ANEW_AFTER = 300


@pytest.fixture(scope="module")
def asked(demo: Demo) -> dict[str, float]:
    """An alarm, an unknown sender; and when Hugo and Ada last asked, by the clock of this machine."""
    for word in ("#verify", "#confirm", "#confirm"):
        demo.text(demo.contact("Cleo")["mobile"], word)
    demo.text(demo.facts["unknown_mobile"], "#verify")
    return {}


@pytest.fixture
def filled(demo: Demo, asked: dict[str, float]) -> Demo:
    """Something of everything: a waiting check, one to be claimed, an alarm, an unknown sender."""
    for first_name in ("Hugo", "Ada"):
        if time.monotonic() - asked.get(first_name, -ASKED_ANEW_AFTER) >= ASKED_ANEW_AFTER:
            for word in ("#deny", "#verify") if first_name in asked else ("#verify",):
                demo.text(demo.contact(first_name)["mobile"], word)
            asked[first_name] = time.monotonic()
    return demo


@pytest.fixture
def console(desk: Desk, filled: Demo) -> Page:
    """Dana's page, with one check of hers showing its code."""
    page = desk.signed_in("dana").new_page()
    _claim(page, "Ada Bishop")
    return page


def _claim(page: Page, name: str) -> None:
    page.goto("/codes")
    row = page.locator(".waiting", has_text=name)
    if row.count():
        row.get_by_role("button", name="show code").click()
    page.locator(".mine", has_text=name).wait_for()


def address(pattern: str, page: Page, demo: Demo) -> str:
    """The pattern filled in."""
    ada = demo.contact("Ada")
    if "{check}" in pattern:
        page.goto("/codes")
        return pattern.replace("{check}", page.locator("[data-list=live] > li").first.get_attribute("data-id") or "")
    return pattern.format(contact=ada["id"], ticket=ada["open_ticket"])


def problems(found: Any) -> str:
    return "\n".join(
        f"{v['id']}: {v['help']}: {[n['target'] for n in v['nodes']][:4]}" for v in found.response["violations"]
    )


@LONG_WAY
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(desk: Desk, filled: Demo, console: Page, scheme: Any) -> None:
    axe = Axe()
    console.emulate_media(color_scheme=scheme)
    complaints = {}
    for pattern in SIGNED_IN:
        console.goto(address(pattern, console, filled))
        complaints[pattern] = problems(axe.run(console))
    boss = desk.signed_in("alex", color_scheme=scheme).new_page()
    for path in ADMINS:
        boss.goto(path)
        complaints[path] = problems(axe.run(boss))
    public = desk.context(color_scheme=scheme).new_page()
    for path in PUBLIC:
        public.goto(path)
        complaints["public " + path] = problems(axe.run(public))
    assert not {path: text for path, text in complaints.items() if text}


def test_axe_finds_nothing_in_what_opens(console: Page) -> None:
    console.goto("/codes")
    for summary in console.locator("details > summary:visible").all():
        summary.click()
    assert not problems(Axe().run(console))


@LONG_WAY
def test_no_page_scrolls_sideways_at_320_pixels_and_phone_targets_are_large(
    desk: Desk, console: Page, filled: Demo
) -> None:
    boss = desk.signed_in("alex").new_page()
    wide, small = [], []
    for page, patterns in ((console, SIGNED_IN), (boss, ADMINS)):
        page.set_viewport_size({"width": 320, "height": 640})
        for pattern in patterns:
            page.goto(address(pattern, page, filled))
            # Also with everything unfolded: what is hidden is too wide unseen.
            page.evaluate("document.querySelectorAll('main details').forEach((e) => (e.open = true))")
            if page.evaluate("document.documentElement.scrollWidth") > 320:
                wide.append(pattern)
            small += [f"{pattern}: {s}" for s in page.evaluate(TOO_SMALL)]
    assert not wide
    assert not small


#: Buttons and fields under 44 px, and links that stand alone under 24 px; links inside sentences are exempt.
TOO_SMALL = """() => [...document.querySelectorAll('button, input:not([type=hidden]), select, summary, a')]
  .filter((e) => e.checkVisibility() && !e.classList.contains('skip'))
  .map((e) => [e, e.type === 'checkbox' ? e.closest('label') : e])
  .filter(([e, box]) => {
    const size = box.getBoundingClientRect(), least = e.tagName === 'A' ? 24 : 43.9;
    const around = e.parentElement;
    const inText = e.tagName === 'A' && around.tagName === 'P' && around.textContent !== e.textContent;
    return !inText && (size.height < least || size.width < 24);
  })
  .map(([e]) => `${e.tagName} ${e.textContent.trim().slice(0, 30)} ${Math.round(e.getBoundingClientRect().height)}`)"""


def test_zoomed_to_200_percent_nothing_is_lost(console: Page) -> None:
    console.set_viewport_size({"width": 640, "height": 400})
    console.goto("/codes")
    expect(console.get_by_role("button", name="show code").first).to_be_visible()
    assert console.evaluate("document.documentElement.scrollWidth") <= 640


def test_the_keyboard_alone_claims_a_check_and_focus_is_always_seen(console: Page) -> None:
    console.goto("/codes")
    expect(console.get_by_text("Live", exact=True)).to_be_visible()
    names: list[str] = []
    for _ in range(60):
        console.keyboard.press("Tab")
        focus = console.evaluate(FOCUS)
        assert focus["outline"] >= 3, f"no visible focus on {focus['name']}"
        assert focus["covered"] is False, f"focus is hidden on {focus['name']}"
        names.append(focus["name"])
        if "show code" in focus["name"]:
            break
    else:
        pytest.fail(f"the button was never reached: {names}")
    assert names[0] == "Skip to the content"
    console.keyboard.press("Enter")
    expect(console.locator(".mine", has_text="Hugo Iver").locator(".code")).to_have_text(re.compile(r"\d{3} \d{3}"))
    expect(console.locator(".mine", has_text="Hugo Iver").locator(".slip")).to_be_focused()
    console.locator(".mine", has_text="Hugo Iver").get_by_role("button", name="Let go").press("Enter")
    expect(console.locator(".waiting", has_text="Hugo Iver")).to_be_visible()


FOCUS = """() => {
  const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
  const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  const inside = box.y >= 0 && box.bottom <= innerHeight;
  return {
    name: (e.getAttribute('aria-label') || e.textContent || e.name || e.tagName).trim(),
    outline: style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth),
    covered: inside && top !== null && !e.contains(top) && !top.contains(e),
  };
}"""


@pytest.mark.parametrize("path", ADMINS)
def test_every_field_and_button_of_settings_is_reached_by_keyboard(desk: Desk, path: str) -> None:
    page = desk.signed_in("alex").new_page()
    page.goto(path)
    page.evaluate("document.querySelectorAll('main details').forEach((e) => (e.open = true))")
    waiting = set(page.evaluate(STOPS))
    for _ in range(len(waiting) + 40):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        assert focus["outline"] >= 3, f"no visible focus on {focus['name']}"
        assert focus["covered"] is False, f"focus is hidden on {focus['name']}"
        waiting.discard(page.evaluate("document.activeElement.dataset.stop"))
        if not waiting:
            break
    assert not waiting, "not reached"


#: Numbers every field, button and link of the content.
STOPS = """() => [...document.querySelectorAll('main :is(a[href], button, input:not([type=hidden]), select, summary)')]
  .filter((e) => e.checkVisibility())
  .map((e, i) => (e.dataset.stop = `${i} ${e.getAttribute('aria-label') || e.name || e.textContent.trim()}`))"""


@pytest.mark.parametrize("pattern", [*SIGNED_IN, *ADMINS])
def test_console_pages_keep_to_their_budget(desk: Desk, filled: Demo, pattern: str) -> None:
    who = "alex" if pattern in ADMINS else "dana"
    page = desk.signed_in(who).new_page()
    path = address(pattern, page, filled)
    fresh = desk.signed_in(who).new_page()
    size, requests = wire_bytes(fresh, path)
    assert size <= CONSOLE_BUDGET[0], f"{size} bytes in {requests}"
    assert len(requests) <= CONSOLE_BUDGET[1], requests


def test_the_sign_in_page_keeps_to_its_budget(desk: Desk) -> None:
    size, requests = wire_bytes(desk.context().new_page(), "/sign-in")
    assert size <= LOGIN_BUDGET[0], f"{size} bytes in {requests}"
    assert len(requests) <= LOGIN_BUDGET[1], requests


#: A slow phone line: 1.6 Mbit/s, 150 ms, and a processor four times slower.
SLOW_LINE = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 200_000}
FIRST_CODE_MS = 800
FIRST_CODE = "() => performance.getEntriesByName('first-contentful-paint')[0].startTime"


def test_on_a_slow_line_the_first_code_is_there_within_0_8_seconds(desk: Desk, console: Page) -> None:
    took: list[float] = []
    # Until it was quick enough, as other work shares the machine; a page that is too slow never is.
    while len(took) < 8 and min(took, default=FIRST_CODE_MS + 1) > FIRST_CODE_MS:
        before = slower()
        context = desk.signed_in("dana")
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", SLOW_LINE)
        session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        page.goto("/codes")
        assert page.locator(".mine .code").is_visible()
        took.append(page.evaluate(FIRST_CODE) / min(before, slower()))
        context.close()
    # The code is in the HTML, so it is painted with the first paint.
    assert min(took) <= FIRST_CODE_MS, took


def test_a_new_check_is_on_the_screen_within_150_ms(console: Page, filled: Demo) -> None:
    console.goto("/codes")
    expect(console.get_by_text("Live", exact=True)).to_be_visible()
    console.evaluate(WATCH_ROWS)
    took: list[float] = []
    for first_name in ("Eve", "Finn", "Dev", "Ben") * 2:
        before = slower()
        contact = filled.contact(first_name)
        number = contact["mobile"]
        filled.text(number, "#verify")
        row = console.locator(".waiting", has_text=contact["name"])
        expect(row).to_be_visible()
        check_id = row.get_attribute("data-id")
        took.append(console.evaluate(TOOK, check_id) / min(before, slower()))
        filled.text(number, "#deny")
        expect(row).to_have_count(0)
        if took[-1] <= 150:
            break
    # Counted from before the turn was decided, so the commit lies inside. The best of some, as above.
    assert min(took) <= 150, took


#: When each row came onto the screen.
WATCH_ROWS = """() => {
  window.rows = {};
  new MutationObserver((changes) => {
    for (const change of changes) for (const e of change.addedNodes) window.rows[e.dataset?.id] ??= Date.now();
  }).observe(document.querySelector('[data-list=live]'), { childList: true });
}"""
#: How long that was after the check was asked for, by the server's clock on the same machine.
TOOK = """async (id) => {
  const board = await (await fetch('/codes/rows')).json();
  return window.rows[id] - board.live.find((row) => row.id === id).created_at;
}"""


def test_status_sentences_and_the_title_say_what_is_new(console: Page, filled: Demo) -> None:
    console.goto("/codes")
    expect(console.get_by_text("Live", exact=True)).to_be_visible()
    filled.text(filled.contact("Gita")["mobile"], "#verify")
    expect(console.get_by_role("status").first).to_contain_text("New check: Gita Hale")
    expect(console).to_have_title(re.compile(r"^\(\d+\) Codes"))
    filled.text(filled.contact("Gita")["mobile"], "#deny")
