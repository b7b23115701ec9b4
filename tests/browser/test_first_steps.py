"""A new admin with an empty database, who does what the screen says and nothing else, until the first real check is
confirmed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.desk import Desk
from tests.browser.installation import Installation, installation
from tests.browser.test_access import problems

pytestmark = pytest.mark.browser

#: The number rented from the carrier, the published one, and the admin's own mobile.
RENTED, PUBLISHED, MOBILE = "+12125550100", "+1 212 555 0199", "+12125550143"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path, number=RENTED) as opened:
        yield opened


@pytest.fixture
def desk(browser: Browser, made: Installation) -> Iterator[Desk]:
    with ExitStack() as stack:
        opened = Desk(browser, made.demo, stack)
        yield opened
        opened.check()


@dataclass(frozen=True, slots=True)
class Person:
    """The admin at the screen, with a phone and with Twilio's console open beside it."""

    page: Page
    made: Installation

    def saved(self, said: str) -> None:
        expect(self.page.get_by_role("status").filter(has_text=said)).to_be_visible()

    def phone(self) -> None:
        self.page.get_by_label("Published phone number").fill(PUBLISHED)
        self.page.get_by_role("button", name="Save").click()
        self.saved("Saved.")

    def account(self) -> None:
        twilio = self.made.twilio
        self.page.get_by_label("Account SID").fill(twilio.account_sid)
        self.page.get_by_label("Auth token").fill(twilio.auth_token)
        self.page.get_by_role("button", name="Save the account").click()
        self.saved("Account saved.")
        assert twilio.auth_token not in self.page.content()

    def number(self) -> None:
        self.page.get_by_label("Number, with country code").fill("+1 (212) 555-0100")
        self.page.get_by_role("button", name="Add the number").click()
        self.saved("Number added.")
        expect(self.page.get_by_text("No text has come in on it yet.")).to_be_visible()

    def texts(self) -> None:
        """Before the address is pasted Twilio says that texts go nowhere, afterwards that they come to us."""
        page, twilio = self.page, self.made.twilio
        page.get_by_role("button", name="Ask Twilio where the texts go").click()
        expect(page.get_by_text("its texts go to nothing.")).to_be_visible()
        twilio.paste(page.get_by_label("Address for texts that come in").text_content() or "")
        page.get_by_role("button", name="Ask Twilio where the texts go").click()
        expect(page.get_by_text(f"its texts come to {self.made.base_url}/webhooks/twilio/sms")).to_be_visible()
        page.get_by_label("To your own mobile").fill(MOBILE)
        page.get_by_role("button", name="Send a test text").click()
        expect(page.get_by_text("Twilio has taken it")).to_be_visible()
        assert "This is a test" in twilio.wait_for(MOBILE, "test")
        page.get_by_text("Twilio's own answer", exact=True).click()
        expect(page.locator("pre")).to_contain_text('"sid": "SM')
        page.get_by_role("button", name="Ask Twilio whether it has arrived").click()
        expect(page.get_by_text("Twilio says: delivered.")).to_be_visible()
        assert twilio.text(MOBILE, "hello") == 200
        page.get_by_role("link", name="Look again").click()
        expect(page.get_by_text("The last text came in at")).to_be_visible()

    def contact(self) -> None:
        """The first person of the first client: the page asks whether that client is meant to be new."""
        page = self.page
        page.get_by_label("Name", exact=True).fill("Alex Stone")
        page.get_by_label("Client").fill("Harbor IT")
        page.get_by_label("Mobile").fill("(212) 555-0143")
        page.get_by_role("button", name="Add the contact").click()
        page.get_by_label("It is a new client: add it").check()
        page.get_by_role("button", name="Add the contact").click()
        expect(page.get_by_role("heading", name="Alex Stone")).to_be_visible()

    def check(self) -> None:
        """Announced, so the code stands there by itself; both sides have the same."""
        page, twilio = self.page, self.made.twilio
        page.get_by_role("main").get_by_role("link", name="Alex Stone", exact=True).click()
        page.get_by_role("button", name="I'm calling Alex Stone").click()
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        assert twilio.text(MOBILE, "#verify") == 200
        code = page.locator(".mine .code")
        expect(code).to_have_text(re.compile(r"\d{3} \d{3}"))
        assert (code.text_content() or "").replace(" ", "") in twilio.wait_for(MOBILE, "Code:")
        assert twilio.text(MOBILE, "#confirm") == 200
        expect(page.locator("[data-result]")).to_contain_text("Confirmed")
        assert "Confirmed" in twilio.wait_for(MOBILE, "Confirmed")


#: What the screen calls each step, in no order: the screen gives the order.
KNOWN: dict[str, Callable[[Person], None]] = {
    "The phone number people know": Person.phone,
    "An account at Twilio": Person.account,
    "A number that people text": Person.number,
    "Texts that arrive here": Person.texts,
    "Somebody with a mobile": Person.contact,
    "The first real check": Person.check,
}


@pytest.mark.feature("TV-29", "TV-30", "TV-27", "TV-28", "GE-04")
def test_from_an_empty_database_to_the_first_real_check(desk: Desk, made: Installation) -> None:
    desk.expect_refusals(422)
    page = desk.context().new_page()
    desk.sign_in(page, "alex")
    person, axe = Person(page, made), Axe()
    walked: list[str] = []
    while len(walked) < len(KNOWN):
        page.goto("/codes")
        panel = page.get_by_role("region", name="First steps")
        title = (panel.get_by_text("Next: ").text_content() or "").removeprefix("Next: ")
        assert title not in walked, f"the screen still asks for this after it was done: {title}"
        expect(panel).to_contain_text(f"{len(walked)} of {len(KNOWN)} steps")
        panel.get_by_role("link").first.click()
        page.wait_for_url(lambda url: not url.endswith("/codes"))
        assert not problems(axe.run(page)), title
        KNOWN[title](person)
        walked.append(title)
    page.goto("/codes")
    expect(page.get_by_role("region", name="First steps")).to_have_count(0)
    page.goto("/settings")
    expect(page.get_by_text("To the first real check")).to_have_count(0)


def test_what_is_still_to_do_stands_on_settings_too(desk: Desk) -> None:
    page = desk.context().new_page()
    desk.sign_in(page, "alex")
    page.get_by_role("link", name="All steps").click()
    expect(page.get_by_role("heading", name="To the first real check")).to_be_visible()
    for title in KNOWN:
        expect(page.get_by_text(title, exact=True)).to_be_visible()
    page.get_by_role("link", name="Registration with the carriers").click()
    expect(page.get_by_text("Enter your published phone number under Company first")).to_be_visible()
