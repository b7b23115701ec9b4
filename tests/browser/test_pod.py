"""The pod in a frame of another site, in a browser that gives such frames no cookies and no storage but partitioned
ones: signing in through a window, verifying a caller with two presses, codes, and the walk-through of the guide."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, FrameLocator, Locator, Page, Route, expect

from tests.browser.desk import Demo, Desk, felt, opened_by, press, wire_bytes
from tests.browser.test_access import TOO_SMALL, problems

pytestmark = pytest.mark.browser

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "put-the-pod-into-your-ticket-system.md"
CODE = r"\b\d{6}\b"
#: Tells of every press of a person, in whatever page or frame.
LISTEN = "addEventListener('click', e => { if (e.isTrusted) console.debug('press'); }, true)"
STORAGE = """async () => {
  const tried = { storage: "refused", plain: "refused", locks: "refused" };
  try { localStorage.setItem("a", "b"); tried.storage = "kept"; } catch { }
  try { document.cookie = "probe=1; Secure; SameSite=None; Path=/"; } catch { }
  if (document.cookie.includes("probe")) tried.plain = "kept";
  try { await navigator.locks.request("a", () => 1); tried.locks = "granted"; } catch { }
  return tried;
}"""


class PodDesk:
    """A ticket system with a pod in it."""

    def __init__(self, desk: Desk, demo: Demo, console: str = "") -> None:
        """`console`: who is signed in to the console in the same browser."""
        self.desk, self.demo = desk, demo
        port = urlsplit(demo.base_url).port
        self.system = f"http://localhost:{port}/simulator/psa"
        desk.allowed.add(f"http://localhost:{port}")
        desk.expect_refusals(401)
        self.context: BrowserContext = desk.signed_in(console) if console else desk.context()
        self.presses: list[str] = []
        self.context.on("console", lambda m: self.presses.append(m.text) if m.text == "press" else None)
        self.context.add_init_script(LISTEN)
        self.page: Page = self.context.new_page()

    @property
    def pod(self) -> FrameLocator:
        return self.page.frame_locator("iframe")

    def open(self, title: str = "", **query: str) -> None:
        """A screen of the ticket system, by its title in the list."""
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        self.page.goto(f"{self.system}?{asked}")
        if title:
            self.page.get_by_role("link", name=title, exact=True).click()
            expect(self.page.get_by_role("heading", name=title)).to_be_visible()
        felt(self.pod.get_by_role("heading").first)

    def press(self, target: Locator) -> None:
        """Something in the frame, which may be drawn anew at any moment."""
        before = len(self.presses)
        press(target, heard=lambda: len(self.presses) > before)

    def window(self) -> Page:
        """The window to sign in by."""
        before = len(self.presses)
        link = self.pod.get_by_role("link", name="Sign in in a window")
        return opened_by(link, heard=lambda: len(self.presses) > before)

    def sign_in(self, name: str = "dana") -> Page:
        """By the window, as a person does it; the window."""
        window = self.window()
        technician = self.demo.technician(name)
        window.get_by_label("Login").fill(technician["login"])
        window.get_by_label("Password").fill(technician["password"])
        window.get_by_label("Code").fill(self.demo.code(technician))
        window.get_by_role("button", name="Sign in").click()
        return window

    def go_on(self) -> None:
        """Let the pod in with the log-in of the console."""
        self.window().get_by_role("button", name="Open the pod").click()

    def code_to(self, first_name: str, before: int) -> str:
        """The digits in the next text to this person."""
        found = re.search(CODE, self.demo.next_text(self.demo.contact(first_name)["mobile"], before, has=CODE))
        assert found is not None
        return found[0]


@pytest.fixture
def psa(desk: Desk, demo: Demo) -> PodDesk:
    return PodDesk(desk, demo)


@pytest.mark.feature("EV-35", "SI-32", "SEC-31", "PS-71", "PS-76")
def test_sign_in_verify_and_green_in_a_frame_of_another_site(psa: PodDesk, demo: Demo) -> None:
    psa.open("Ticket of Ben Cole")
    expect(psa.pod.get_by_role("heading", name="Sign in")).to_be_visible()
    frame = psa.page.frames[1]
    assert frame.evaluate(STORAGE) == {"storage": "refused", "plain": "refused", "locks": "refused"}
    expect(psa.pod.get_by_text("Ben")).to_have_count(0)

    window = psa.sign_in()
    expect(psa.pod.get_by_role("heading", name="Ben Cole")).to_be_visible()
    assert window.is_closed() or window.wait_for_event("close") is not None
    cookies = {c["name"]: c for c in psa.context.cookies()}
    assert cookies["__Host-wwpod"].get("partitionKey"), "the frame's cookie is for this ticket system alone"
    expect(psa.pod.get_by_text("Not verified").first).to_be_visible()

    psa.presses.clear()
    before = len(demo.texts_to(demo.contact("Ben")["mobile"]))
    psa.press(psa.pod.get_by_role("button", name=re.compile("^Verify Ben")))
    box = psa.pod.get_by_label("The code they read to you")
    expect(psa.pod.get_by_text("Ask them to read you the code").first).to_be_visible()
    box.press_sequentially(psa.code_to("Ben", before))
    psa.press(psa.pod.get_by_role("button", name="Check the code"))
    expect(psa.pod.locator("[data-result=verified]")).to_be_visible()
    expect(psa.pod.locator("[data-shield=green]").first).to_be_visible()
    assert len(psa.presses) == 2, psa.presses

    # Still there with the next ticket of the same shift, and after a reload of the ticket system.
    psa.open("Ticket of Eve Fox")
    expect(psa.pod.get_by_role("heading", name="Eve Fox")).to_be_visible()
    expect(psa.pod.locator("[data-shield=green]")).to_have_count(0)
    psa.open("Ticket of Ben Cole")
    expect(psa.pod.locator("[data-shield=green]").first).to_be_visible()


@pytest.mark.feature("SI-24", "SI-32")
def test_where_the_line_to_the_window_is_cut_a_person_compares_letters(psa: PodDesk, demo: Demo) -> None:
    psa.open(cut="yes")
    letters = psa.pod.locator(".letters")
    expect(letters).to_be_hidden()
    with psa.context.expect_page() as opened:
        psa.press(psa.pod.get_by_role("link", name="Sign in in a window"))
    window = opened.value
    technician = demo.technician("theo")
    window.get_by_label("Login").fill(technician["login"])
    window.get_by_label("Password").fill(technician["password"])
    window.get_by_label("Code").fill(demo.code(technician))
    window.get_by_role("button", name="Sign in").click()
    expect(letters).to_be_visible()
    expect(window.locator(".letters")).to_have_text(letters.text_content() or "?")
    window.get_by_role("button", name="Yes, the same letters").click()
    expect(window.get_by_role("heading", name="The pod may come in")).to_be_visible()
    expect(psa.pod.get_by_role("heading", name="Ada Bishop")).to_be_visible()


@pytest.mark.feature("SI-32")
def test_a_press_before_the_script_has_come_opens_the_pod_all_the_same(desk: Desk, demo: Demo) -> None:
    psa = PodDesk(desk, demo, console="sam")
    held: list[Route] = []
    psa.page.route("**/pod_door*.js*", lambda route: held.append(route))
    # Not until everything has loaded, for the script never does.
    psa.page.goto(psa.system, wait_until="commit")
    link = psa.pod.get_by_role("link", name="Sign in in a window")
    with psa.context.expect_page() as opened:
        felt(link).click()
    for script in held:
        script.continue_()
    expect(psa.pod.locator("ww-door:defined")).to_be_visible()
    opened.value.get_by_role("button", name="Open the pod").click()
    expect(psa.pod.get_by_role("heading", name="Ada Bishop")).to_be_visible()
    assert opened.value.is_closed() or opened.value.wait_for_event("close") is not None


@pytest.mark.feature("SI-32")
def test_a_tab_opened_by_the_middle_button_asks_for_the_letters_that_the_pod_shows(desk: Desk, demo: Demo) -> None:
    psa = PodDesk(desk, demo, console="sam")
    psa.open()
    expect(psa.pod.locator("ww-door:defined")).to_be_visible()
    with psa.context.expect_page() as opened:
        psa.pod.get_by_role("link", name="Sign in in a window").click(button="middle")
    opened.value.get_by_role("button", name="Open the pod").click()
    letters = psa.pod.locator(".letters")
    expect(letters).to_be_visible()
    expect(opened.value.locator(".letters")).to_have_text(letters.text_content() or "?")
    opened.value.get_by_role("button", name="Yes, the same letters").click()
    expect(psa.pod.get_by_role("heading", name="Ada Bishop")).to_be_visible()


@pytest.mark.feature("SI-32")
def test_whoever_is_signed_in_to_the_console_opens_the_pod_with_one_press(desk: Desk, demo: Demo) -> None:
    psa = PodDesk(desk, demo, console="sam")
    psa.open()
    psa.go_on()
    expect(psa.pod.get_by_role("heading", name="Ada Bishop")).to_be_visible()
    psa.press(psa.pod.get_by_role("button", name="Sign out"))
    expect(psa.pod.get_by_role("heading", name="Sign in")).to_be_visible()


#: What the browser says when somebody comes back to the tab.
COME_BACK = "() => { document.dispatchEvent(new Event('visibilitychange')); }"


@pytest.mark.feature("SI-24", "SI-32")
def test_coming_back_to_the_tab_leaves_the_door_as_it_is_until_another_pod_has_signed_in(
    desk: Desk, demo: Demo
) -> None:
    """The letters stay those of the window that is open, and a press on the button is not lost."""
    psa = PodDesk(desk, demo, console="sam")
    psa.open()
    first, letters = psa.page, psa.pod.locator(".letters").text_content()
    with first.expect_response(lambda answer: urlsplit(answer.url).path == "/pod") as looked:
        first.frames[1].evaluate(COME_BACK)
    assert looked.value.status == 401
    assert not looked.value.request.is_navigation_request()
    assert first.frame_locator("iframe").locator(".letters").text_content() == letters
    psa.page = psa.context.new_page()
    psa.open()
    psa.go_on()
    expect(psa.pod.get_by_role("heading", name="Ada Bishop")).to_be_visible()
    first.frames[1].evaluate(COME_BACK)
    expect(first.frame_locator("iframe").get_by_role("heading", name="Ada Bishop")).to_be_visible()


@pytest.mark.feature("TV-14", "TV-32", "SEC-31")
def test_a_check_appears_by_itself_and_its_code_after_a_second_press(psa: PodDesk, demo: Demo) -> None:
    dev = demo.contact("Dev")
    psa.open("Ticket of Dev Eder")
    psa.sign_in("alex")
    expect(psa.pod.get_by_role("heading", name="Dev Eder")).to_be_visible()
    # Drawn anew between down and up, what is pressed would hear nothing of it.
    felt(psa.pod.get_by_role("heading", name="Dev Eder"))
    psa.page.mouse.down()
    demo.text(dev["mobile"], "#verify")
    check = psa.pod.get_by_role("region", name="A check of a caller")
    with pytest.raises(AssertionError):
        expect(check).to_be_visible(timeout=2_000)
    psa.page.mouse.up()
    expect(check).to_be_visible()
    psa.press(check.get_by_role("button", name="show code"))
    expect(psa.pod.get_by_text("Did YOU call Dev Eder")).to_be_visible()
    expect(psa.pod.locator(".code")).to_have_count(0)
    psa.press(psa.pod.get_by_role("button", name="Yes: show me the code"))
    code = psa.pod.locator(".code")
    expect(code).to_have_text(re.compile(r"\d{3} \d{3}"))
    assert (code.text_content() or "").replace(" ", "") in demo.next_text(dev["mobile"])
    demo.text(dev["mobile"], "#confirm")
    expect(code).to_have_count(0)
    psa.press(psa.pod.get_by_text("Checks of callers"))
    expect(psa.pod.get_by_text("Confirmed").first).to_be_visible()


@pytest.mark.feature("PS-74", "EV-35")
@pytest.mark.parametrize("size", ["small", "laptop", "large"])
def test_it_fits_into_the_frames_of_ticket_systems(desk: Desk, demo: Demo, size: str) -> None:
    psa = PodDesk(desk, demo, console="sam")
    psa.open(size=size)
    wide = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    expect(psa.pod.get_by_role("heading", name="Sign in")).to_be_visible()
    assert psa.page.frames[1].evaluate(wide) <= 0
    psa.go_on()
    expect(psa.pod.get_by_role("heading", name="Ada Bishop")).to_be_visible()
    psa.page.frames[1].evaluate("document.querySelectorAll('details').forEach((e) => (e.open = true))")
    assert psa.page.frames[1].evaluate(wide) <= 0
    button = psa.pod.get_by_role("button", name=re.compile("^Verify Ada")).first
    box = button.bounding_box()
    assert box is not None
    assert box["height"] >= 44


@pytest.mark.feature("EV-35")
def test_it_is_small(desk: Desk, demo: Demo) -> None:
    """25 kB over the wire and six requests, signed in or not."""
    desk.expect_refusals(401)
    context = desk.context()
    page = context.new_page()
    size, requests = wire_bytes(page, "/pod?tenant=harbor")
    assert size <= 25_000, size
    assert len(requests) <= 6, requests
    window = opened_by(page.get_by_role("link", name="Sign in in a window"))
    technician = demo.technician("theo")
    window.get_by_label("Login").fill(technician["login"])
    window.get_by_label("Password").fill(technician["password"])
    window.get_by_label("Code").fill(demo.code(technician))
    window.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Who is it?")).to_be_visible()
    fresh = desk.context(storage_state=context.storage_state()).new_page()
    size, requests = wire_bytes(fresh, f"/pod?tenant=harbor&ticket={demo.contact('Ada')['open_ticket']}")
    expect(fresh.get_by_role("heading", name="Ada Bishop")).to_be_visible()
    assert size <= 25_000, size
    assert len(requests) <= 6, requests


@pytest.mark.feature("VP-07")
def test_the_walk_through_of_the_guide_goes_as_written(psa: PodDesk, demo: Demo) -> None:
    """Every name in bold is pressed or read where the guide says so, in its order."""
    story = GUIDE.read_text().partition("## Walk through it")[2]
    ada, page, pod = demo.contact("Ada"), psa.page, psa.pod
    before = len(demo.texts_to(ada["mobile"]))
    window: list[Page] = []

    def press(name: str) -> None:
        psa.press(pod.get_by_role("button", name=re.compile(f"^{re.escape(name)}")).first)

    def open_window(name: str) -> None:
        assert name == "Sign in in a window"
        window.append(psa.window())

    def sign_in(name: str) -> None:
        technician = demo.technician("dana")
        window[0].get_by_label("Login").fill(technician["login"])
        window[0].get_by_label("Password").fill(technician["password"])
        window[0].get_by_label("Code").fill(demo.code(technician))
        window[0].get_by_role("button", name=name).click()

    def read(name: str) -> None:
        expect(pod.get_by_text(name, exact=True).first).to_be_visible()

    def follow(name: str) -> None:
        page.goto(f"{demo.base_url}/simulator")
        page.get_by_role("link", name=name).click()

    def unfold(name: str) -> None:
        psa.press(pod.get_by_text(name))

    def type_code(name: str) -> None:
        expect(pod.get_by_label(name)).to_be_visible()
        pod.get_by_label(name).fill(psa.code_to("Ada", before))

    def text(words: str) -> None:
        waiting = pod.get_by_text("You said you are calling") if words == "#verify" else pod.locator(".code")
        expect(waiting).to_be_visible()
        demo.text(ada["mobile"], words)

    steps: dict[str, Callable[[str], None]] = {
        "Ticket system with the pod": follow,
        "Sign in in a window": open_window,
        "Sign in": sign_in,
        "Ada Bishop": read,
        "Not verified": read,
        "Verify Ada": press,
        "The code they read to you": type_code,
        "Check the code": press,
        "Verified": read,
        "I'm calling Ada Bishop": press,
        "#verify": text,
        "Show the code": press,
        "#confirm": text,
        "Checks of callers": unfold,
    }
    told = re.findall(r"\*\*([^*]+)\*\*", story)
    assert told == list(steps), "a name in the guide that nobody tries, or one that is tried and not in it"
    for name in told:
        steps[name](name)
    expect(pod.get_by_text("Confirmed").first).to_be_visible()
    assert any("verified" in note.lower() for note in demo.notes())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_targets_are_large(desk: Desk, demo: Demo, scheme: Literal["light", "dark"]) -> None:
    """Every state of the pod and of its window, as narrow as a frame gets, with everything unfolded."""
    desk.allowed.add(demo.base_url.replace("127.0.0.1", "localhost"))
    desk.expect_refusals(401, 404)
    context = desk.signed_in("sam", color_scheme=scheme)
    page = context.new_page()
    page.set_viewport_size({"width": 400, "height": 500})
    person, found = demo.contact("Hugo" if scheme == "light" else "Gita"), dict[str, str]()

    def look(name: str, at: Page = page) -> None:
        at.evaluate("document.querySelectorAll('main details').forEach((e) => (e.open = true))")
        wide = at.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        said = [problems(Axe().run(at)), *at.evaluate(TOO_SMALL), *(["it scrolls sideways"] if wide > 0 else [])]
        if any(said):
            found[name] = "; ".join(said)

    page.goto(f"{demo.base_url.replace('127.0.0.1', 'localhost')}/simulator/psa")
    look("ticket system")
    page.goto("/pod?tenant=harbor")
    look("sign in")
    window = opened_by(page.get_by_role("link", name="Sign in in a window"))
    expect(window.get_by_role("button", name="Open the pod")).to_be_visible()
    look("window", window)
    stranger = desk.context(color_scheme=scheme).new_page()
    stranger.goto(window.url)
    look("window of nobody", stranger)
    window.get_by_role("button", name="Open the pod").click()
    expect(page.get_by_role("heading", name="Who is it?")).to_be_visible()
    look("nobody chosen")
    page.goto("/pod?tenant=harbor&q=acme")
    look("several")
    page.goto("/pod?tenant=harbor&contact=nobody")
    look("nobody's id")
    page.goto(f"/pod?tenant=harbor&contact={person['id']}")
    look("folded")
    page.goto(f"/pod?tenant=harbor&contact={person['id']}")
    page.get_by_role("button", name=re.compile(f"^Verify {person['name'].split()[0]}")).click()
    expect(page.get_by_label("The code they read to you")).to_be_visible()
    look("waiting for the code")
    page.get_by_role("button", name="Take it back").click()
    expect(page.locator("[data-result]")).to_be_visible()
    look("taken back")
    page.goto(f"/pod?tenant=harbor&contact={person['id']}")
    demo.text(person["mobile"], "#verify")
    expect(page.get_by_role("region", name="A check of a caller")).to_be_visible()
    look("a check waits")
    page.get_by_role("button", name="show code").click()
    look("are you sure")
    page.get_by_role("button", name="Yes: show me the code").click()
    expect(page.locator(".code")).to_be_visible()
    look("the code")
    demo.text(person["mobile"], "#deny")
    assert not found, "\n".join(f"{name}: {said}" for name, said in found.items())
