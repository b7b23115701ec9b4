"""What browser tests work with: the demo's people and phones, and pages that remember every complaint."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pyotp
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, Response, expect

#: Most waits take a few milliseconds; a machine that does other work beside may take seconds for the same. In seconds.
PATIENCE_SECONDS = 40
expect.set_options(timeout=PATIENCE_SECONDS * 1000)
#: After so long, in ms, a press that nothing was heard of is given once more.
PRESS_AGAIN_MS = 4_000
T = TypeVar("T")


def slower() -> float:
    """How many times longer work takes at this moment than on the quiet machine for which time budgets were set: 1 to
    5. A budget times this is for what is measured beside other work."""
    began = time.perf_counter()
    sum(i * i for i in range(2_000_000))
    return min(5.0, max(1.0, (time.perf_counter() - began) / WORK_SECONDS))


#: What that sum takes where nothing else goes on.
WORK_SECONDS = 0.05


def felt(target: Locator) -> Locator:
    """`target`, once the pointer over it is felt there. The browser hands a press to a frame of another site only when
    it has drawn that frame; a press before that is lost without a word, and a person would press again."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not target.evaluate("target => target.matches(':hover')"):
        if time.monotonic() > until:
            raise AssertionError(f"the pointer does not reach {target}")
        target.hover()
        target.page.wait_for_timeout(20)
    return target


def press(target: Locator, *, heard: Callable[[], bool] = lambda: False) -> None:
    """Press `target`, and once more where the page felt nothing of it, as a person does: a page may be drawn anew
    between the moment when the pointer has found its place and the press. `heard`: what tells of it besides, where the
    element itself may be gone by then or runs no script."""
    said, felt_it = f"pressed {time.monotonic_ns()}", list[str]()

    def note(message: ConsoleMessage) -> None:
        if message.text == said:
            felt_it.append(said)

    page = target.page
    page.on("console", note)
    try:
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            felt(target)
            target.evaluate(TELL_OF_PRESS, said)
            target.click()
            if _soon(page, lambda: bool(felt_it) or heard()):
                return
    finally:
        page.remove_listener("console", note)
    raise AssertionError(f"nothing feels a press on {target}")


#: Tells of the next press on an element, also when it leads away from the page at once.
TELL_OF_PRESS = """(target, said) => {
  target.addEventListener("click", () => console.debug(said), { once: true, capture: true });
}"""


def _soon(page: Page, heard: Callable[[], bool]) -> bool:
    until = time.monotonic() + PRESS_AGAIN_MS / 1000
    while not heard():
        if time.monotonic() > until:
            return False
        page.wait_for_timeout(20)
    return True


def opened_by(link: Locator, *, heard: Callable[[], bool] = lambda: False) -> Page:
    """The window that a press on `link` opens."""
    windows: list[Page] = []
    with link.page.expect_popup() as opened:
        link.page.once("popup", lambda window: windows.append(window))
        press(link, heard=lambda: bool(windows) or heard())
    return opened.value


def alone(page: Page) -> None:
    """The page of codes, once nobody else has it open: that those of the test before have gone is news, too, and comes
    seconds later."""
    page.goto("/codes")
    until = time.monotonic() + PATIENCE_SECONDS
    while page.locator("[data-list=here] > *").count():
        assert time.monotonic() < until, "somebody else does not go"
        page.wait_for_timeout(200)
        page.goto("/codes")


class Demo:
    """A running demo: who is in it, and its simulator."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts = facts
        self.base_url: str = facts["base_url"]
        self.number: str = facts["twilio"]["verification_number"]
        self._used: dict[str, int] = {}
        #: Log-ins that were made once and are used again: a six-digit code works one time only.
        self.signed_in: dict[str, Any] = {}

    def contact(self, first_name: str) -> dict[str, Any]:
        return next(c for c in self.facts["contacts"] if c["name"].startswith(first_name))

    def technician(self, name: str) -> dict[str, str]:
        found: dict[str, str] = next(t for t in self.facts["technicians"] if t["login"].startswith(name))
        return found

    def code(self, technician: dict[str, str]) -> str:
        """A six-digit code that was not used yet: of the step before, of now, or of the next, which are all good. The
        step before only while it stays so for as long as a busy machine takes to fill in a form. Whoever has used up
        the next one as well waits until a newer one is good, as a person would: sign in by the form only where the
        form is what the test is about."""
        earliest = (int(time.time()) + 15) // 30 - 1
        step = max(earliest, self._used.get(technician["login"], 0) + 1)
        self._used[technician["login"]] = step
        while step > int(time.time()) // 30 + 1:
            time.sleep(0.2)  # second factors go by the real time, also in a demo
        return pyotp.TOTP(technician["totp_secret"]).generate_otp(step)

    def text(self, sender: str, body: str) -> None:
        """A text from a phone to the verification number."""
        answer = self._ask("/simulator/text", {"from": sender, "to": self.number, "text": body})
        assert answer["webhook_status"] == 200, answer

    def outbox(self) -> list[dict[str, Any]]:
        """Everything that left, newest first."""
        found: list[dict[str, Any]] = self._ask("/simulator/outbox")["items"]
        return found

    def texts_to(self, number: str) -> list[str]:
        """Every text that went to a phone, oldest first."""
        items = self.outbox()
        return [i["text"] for i in reversed(items) if i["channel"] == "sms" and i["to"] == number]

    def next_text(self, number: str, before: int = 0, *, has: str = "") -> str:
        """The newest text to a phone that fits the pattern `has`, of those after the first `before`, once there is one:
        what a check or a press has to say goes out a moment after it stands on the screen."""

        def look() -> list[str]:
            return [text for text in self.texts_to(number)[before:] if re.search(has, text)]

        return self.when(look, f"a text to {number} with {has!r}")[-1]

    def when(self, look: Callable[[], T], what: str) -> T:
        """What `look` finds, as soon as it finds anything."""
        until = time.monotonic() + PATIENCE_SECONDS
        while not (found := look()):
            if time.monotonic() > until:
                raise AssertionError(f"there never was {what}")
            time.sleep(0.02)  # waits for another program, which has no other way to tell
        return found

    def notes(self) -> list[str]:
        """Everything written to tickets, oldest first."""
        return [i["text"] for i in reversed(self._ask("/simulator/outbox")["items"]) if i["channel"] == "psa"]

    def advance(self, seconds: float) -> None:
        self._ask("/simulator/clock", {"advance_s": seconds})

    def api(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """As Dana, who is a technician: a GET, or a POST of `body`."""
        return self._ask(path, body, bearer=self.facts["api_token"])

    def _ask(self, path: str, body: dict[str, Any] | None = None, *, bearer: str = "") -> dict[str, Any]:
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {bearer}"} if bearer else {})}
        request = urllib.request.Request(  # noqa: S310 - our own demo on loopback
            self.base_url + path, data=data, headers=headers
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310 - our own demo on loopback
            found: dict[str, Any] = json.load(answer)
        return found


class Desk:
    """Opens pages and watches them."""

    def __init__(self, browser: Browser, demo: Demo, stack: ExitStack) -> None:
        self.browser = browser
        self.demo = demo
        self._stack = stack
        self.complaints: list[str] = []
        #: Origins that pages may ask for something.
        self.allowed = {demo.base_url}
        self.expected = re.compile(r"(?!)")

    def expect_refusals(self, *statuses: int) -> None:
        """These statuses are what the test is about, so the browser may mention them."""
        self.expected = re.compile("|".join(f"status of {s}" for s in statuses))

    def context(self, **options: Any) -> BrowserContext:
        """A browser profile with nobody signed in."""
        context = self.browser.new_context(base_url=self.demo.base_url, **options)
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        self._stack.callback(context.close)
        context.on("console", lambda m: self._note("console", m.text) if m.type in ("error", "warning") else None)
        context.on("weberror", lambda e: self._note("script", str(e.error)))
        context.on("request", self._look_at)
        return context

    def signed_in(self, name: str = "dana", **options: Any) -> BrowserContext:
        """A profile in which this technician is signed in."""
        if name not in self.demo.signed_in:
            # In a profile of its own: a page left open would hold the stream and the sound of those to come.
            context = self.context()
            self.sign_in(context.new_page(), name)
            self.demo.signed_in[name] = context.storage_state()
            context.close()
        return self.context(storage_state=self.demo.signed_in[name], **options)

    def sign_in(self, page: Page, name: str) -> None:
        """By the form, as a person does it."""
        technician = self.demo.technician(name)
        if "/sign-in" not in page.url:
            page.goto("/sign-in")
        page.get_by_label("Login").fill(technician["login"])
        page.get_by_label("Password").fill(technician["password"])
        page.get_by_label("Code").fill(self.demo.code(technician))
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/codes*")

    def check(self) -> None:
        """Fail on anything the browser complained about."""
        assert not self.complaints, "\n".join(self.complaints)

    def _note(self, kind: str, text: str) -> None:
        if not self.expected.search(text):
            self.complaints.append(f"{kind}: {text}")

    def _look_at(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.path == "/csp-report":
            self._note("policy", request.post_data or "a page broke its own content security policy")
        if parts.scheme != "data" and f"{parts.scheme}://{parts.netloc}" not in self.allowed:
            self._note("foreign", request.url)


def wire_bytes(page: Page, path: str) -> tuple[int, list[str]]:
    """What a first visit to `path` sends over the wire, bodies only, and which requests it takes; streams and the
    page's own later fetches left out."""
    answers: list[Response] = []

    def note(answer: Response) -> None:
        answers.append(answer)

    page.on("response", note)
    page.goto(path)
    page.wait_for_load_state("load")
    page.remove_listener("response", note)
    counted = [a for a in answers if not urlsplit(a.url).path.endswith(("/events", "/rows", "/state"))]
    sizes = [a.request.sizes()["responseBodySize"] for a in counted]
    return sum(sizes), [urlsplit(a.url).path for a in counted]
