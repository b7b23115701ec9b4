"""The page behind a verification link: what it says in every state, that looking uses nothing up, and that only the
form of a page which was drawn for this link counts."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from tests.fixtures.links import TOKEN, Links, live
from tests.fixtures.pages import Browser, hidden, press, words
from tests.fixtures.web_house import House, OpenWeb
from web.brand import brand_routes
from web.contrast import ratio, read_colour
from web.headers import missing
from web.nonces import make_nonce
from web.pages import assets
from web.pages.errors import show_problem
from web.pages.settings import settings_routes
from web.pages.verify_links import link_routes
from web.ports import LinkShown

PATH = f"/v/{TOKEN}"
#: Programs that open links before people do: mail gateways, chat previews, crawlers.
SCANNERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) SafeLinks Chrome/120",
    "Mozilla/5.0 (compatible; Microsoft-URL-Defense/1.0)",
    "Proofpoint URL Defense",
    "Mimecast-Scanner/2.0",
    "BarracudaCentral/1.0",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Mozilla/5.0 (compatible; MSTeamsUrlPreview/1.0; SkypeUriPreview)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "WhatsApp/2.23.20.0 A",
    "TelegramBot (like TwitterBot)",
    "Twitterbot/1.0",
    "LinkedInBot/1.0 (compatible; Mozilla/5.0)",
    "Googlebot/2.1 (+http://www.google.com/bot.html)",
    "bingbot/2.0",
    "GoogleMessages/LinkPreview",
    "iMessage/LinkPresentation",
    "Zscaler-Scanner/1.0",
    "Symantec-WSS/2.1",
    "curl/8.4.0",
    "python-requests/2.31.0",
)


@dataclass(slots=True)
class Stage:
    house: House
    links: Links

    @property
    def browser(self) -> Browser:
        return Browser(self.house)

    def put(self, **changes: Any) -> LinkShown:
        found = live(self.house.world.tenant_id, self.house.clock.now())
        shown = self.links.shown[TOKEN] = replace(found, **changes)
        return shown

    async def answer(self, act: str, **fields: str) -> tuple[int, str]:
        """Open the page, press a button, and go where that leads."""
        browser = self.browser
        nonce = hidden((await browser.get(PATH)).text, "nonce")
        sent = await browser.post(PATH, nonce=nonce, act=act, **fields)
        if sent.status == 303:
            assert sent.headers["Location"] == PATH
            sent = await browser.get(PATH)
        return sent.status, sent.text


@pytest.fixture
async def stage(open_web: OpenWeb) -> AsyncIterator[Stage]:
    kept: list[Links] = []
    routes = (*assets.ROUTES, *brand_routes(), *settings_routes(), *link_routes(lambda services: kept[0]))
    async with open_web(pages=routes, show_problem=show_problem) as house:
        kept.append(Links(house.clock))
        made = Stage(house, kept[0])
        made.put()
        yield made


@pytest.mark.feature("EV-02", "EV-05", "EV-23")
async def test_the_page_says_who_asks_about_what_and_until_when_and_validate_does_it(stage: Stage) -> None:
    page = (await stage.browser.get(PATH)).text
    said = words(page)
    assert "Dana at Acme IT is on the phone about ticket T-1042, and asks whether it is you." in said
    assert "only if YOU CALLED US. If someone called you and asks for it, HANG UP and call +1 212-555-0100" in said
    assert re.search(r"Good until \d\d:\d\d CES?T \(5 more minutes\)", said)
    assert page.count("<button") == 2
    assert "<script" not in page
    status, text = await stage.answer("validate")
    assert (status, stage.links.acts) == (200, ["confirm"])
    assert re.search(r"You confirmed at \d\d:\d\d CES?T that it is you\. Dana sees it", words(text))


@pytest.mark.feature("EV-24")
async def test_a_second_press_shows_the_first_result(stage: Stage) -> None:
    browser = stage.browser
    nonce = hidden((await browser.get(PATH)).text, "nonce")
    await browser.post(PATH, nonce=nonce, act="validate")
    first = words((await browser.get(PATH)).text)
    stage.house.clock.advance(timedelta(seconds=120))
    again = await browser.post(PATH, nonce=nonce, act="validate")
    assert (again.status, words(again.text)) == (200, first)
    assert stage.links.acts == ["confirm"]


@pytest.mark.feature("EV-24", "SEC-08")
@pytest.mark.parametrize("state", ["verified", "over", "failed"])
async def test_not_me_counts_also_when_the_page_is_over_meanwhile(stage: Stage, state: Any) -> None:
    browser = stage.browser
    nonce = hidden((await browser.get(PATH)).text, "nonce")
    stage.put(state=state, at=stage.house.clock.now())
    made_up = await browser.post(PATH, nonce="1.made-up.0", act="not_me")
    assert (made_up.status, stage.links.acts) == (200 if state == "verified" else 410, [])
    assert (await browser.post(PATH, nonce=nonce, act="not_me")).status == 303
    said = words((await browser.get(PATH)).text)
    assert ("what was confirmed before counts no longer" in said) == (state == "verified")
    assert "Acme IT has been alerted" in said
    assert "HANG UP" in said
    assert (await browser.post(PATH, nonce=nonce, act="not_me")).status == 200
    assert stage.links.acts == ["disown"], "once"


@pytest.mark.feature("EV-24", "SEC-08")
async def test_this_is_not_me(stage: Stage) -> None:
    status, text = await stage.answer("not_me")
    assert (status, stage.links.acts) == (200, ["disown"])
    assert re.search(
        r"At \d\d:\d\d CES?T you said that this is not you\. Acme IT has been alerted, and nothing was confirmed",
        words(text),
    )
    assert "HANG UP" in words(text)


@pytest.mark.feature("EV-21", "EV-24")
async def test_it_works_until_the_last_second_and_not_after(stage: Stage) -> None:
    stage.house.clock.advance(timedelta(seconds=299))
    assert (await stage.answer("validate"))[0] == 200
    assert stage.links.shown[TOKEN].state == "verified"
    stage.put()
    browser = stage.browser
    nonce = hidden((await browser.get(PATH)).text, "nonce")
    stage.house.clock.advance(timedelta(seconds=301))
    late = await browser.post(PATH, nonce=nonce, act="validate")
    assert late.status == 410
    assert "It has run out, was taken back, or a newer one has taken its place. Nothing was confirmed" in words(
        late.text
    )
    assert "Ask Dana to send another one" in words(late.text)
    assert stage.links.shown[TOKEN].state == "live", "only the clock has moved on"
    assert (await browser.get(PATH)).status == 410


@pytest.mark.feature("EV-23", "SEC-43")
async def test_twenty_programs_look_and_the_person_can_still_use_it(stage: Stage) -> None:
    for agent in SCANNERS:
        for method in ("GET", "HEAD"):
            seen = await stage.house.ask(method, PATH, browser=agent, validate=False)
            assert seen.status == 200, agent
        asked = await stage.house.ask("OPTIONS", PATH, browser=agent, validate=False)
        assert asked.status == 405
    assert stage.links.acts == []
    assert len(SCANNERS) == 20
    assert (await stage.answer("validate"))[0] == 200
    assert stage.links.acts == ["confirm"]


@pytest.mark.feature("EV-23", "SEC-43")
@pytest.mark.parametrize("nonce", ["", "1.x." + "0" * 64, "of another link", "old", "cut"])
async def test_a_post_that_no_page_of_this_link_has_made_changes_nothing(stage: Stage, nonce: str) -> None:
    now = stage.house.clock.now()
    made = {
        "of another link": make_nonce("y" * 43, "salt", now),
        "old": make_nonce(TOKEN, "salt", now - timedelta(minutes=10)),
        "cut": make_nonce(TOKEN, "salt", now)[:-1],
    }
    for act in ("validate", "not_me"):
        sent = await stage.browser.post(PATH, nonce=made.get(nonce, nonce), act=act)
        assert sent.status == 422
        assert "Nothing has happened yet: press the button again" in words(sent.text)
        assert hidden(sent.text, "nonce"), "a new one, so that pressing again works"
    assert stage.links.acts == []


async def test_a_nonce_is_new_on_every_rendering_and_holds_for_ten_minutes(stage: Stage) -> None:
    stage.put(until=stage.house.clock.now() + timedelta(minutes=30))
    browser = stage.browser
    one, other = [hidden((await browser.get(PATH)).text, "nonce") for _ in range(2)]
    assert one != other
    stage.house.clock.advance(timedelta(seconds=599))
    assert (await browser.post(PATH, nonce=one, act="validate")).status == 303


@pytest.mark.feature("SEC-30", "SEC-43")
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
        {"Origin": "https://evil.example"},
    ],
)
async def test_another_site_cannot_press_for_them(stage: Stage, headers: dict[str, str]) -> None:
    nonce = hidden((await stage.browser.get(PATH)).text, "nonce")
    raw = f"nonce={nonce}&act=validate".encode()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    sent = await stage.house.ask("POST", PATH, raw=raw, headers=headers | form, validate=False)
    assert sent.status == 403
    assert "did not come from a page of ours" in words(sent.text)
    assert "/codes" not in sent.text, "they have no console to go back to"
    assert stage.links.acts == []


async def test_somebody_of_ours_who_is_signed_in_can_press_it_too(stage: Stage) -> None:
    browser = Browser.holding(stage.house, await stage.house.log_in("technician", "cookie"))
    page = (await browser.get(PATH)).text
    assert "Technician" not in page, "the page is the user's, without anybody's name on it"
    assert (await browser.post(PATH, nonce=hidden(page, "nonce"), act="validate")).status == 303


@pytest.mark.feature("SEC-43")
async def test_the_number_is_typed_and_a_wrong_one_keeps_what_stood_there(stage: Stage) -> None:
    stage.put(types_number=True, tries_left=3)
    stage.links.spoken = "42"
    status, text = await stage.answer("validate", number="")
    assert (status, stage.links.acts) == (422, []), "an empty field is no try"
    assert "Type the two digits that you hear." in words(text)
    for number, left in (("24", "2 tries are left"), ("２４", "One try is left")):
        status, text = await stage.answer("validate", number=number)
        assert (status, left in words(text)) == (422, True)
        assert f'value="{number}"' in text
        assert 'aria-invalid="true" aria-describedby="wrong"' in text
    status, text = await stage.answer("validate", number=" 4-2 ")
    assert status == 200
    assert stage.links.acts == ["confirm 24", "confirm 24", "confirm 42"]


async def test_the_third_wrong_number_is_the_last(stage: Stage) -> None:
    stage.put(types_number=True, tries_left=1)
    stage.links.spoken = "42"
    status, text = await stage.answer("validate", number="41")
    assert status == 410
    assert "The two digits were wrong too often" in words(text)
    assert "You had typed 41" in words(text)


async def test_expiry_keeps_what_was_typed(stage: Stage) -> None:
    stage.put(types_number=True, tries_left=3)
    browser = stage.browser
    nonce = hidden((await browser.get(PATH)).text, "nonce")
    stage.house.clock.advance(timedelta(seconds=300))
    late = await browser.post(PATH, nonce=nonce, act="validate", number="4<2")
    assert late.status == 410
    assert "You had typed 4<2 . It was not used." in words(late.text)
    assert "4&lt;2" in late.text


@pytest.mark.feature("SEC-05")
async def test_the_direction_is_said_for_whoever_also_checks_a_caller(stage: Stage) -> None:
    stage.put(wording="conflict")
    assert "You ALSO asked to check a caller. Never press it for that caller." in words(
        (await stage.browser.get(PATH)).text
    )
    stage.put(wording="introduced")
    said = words((await stage.browser.get(PATH)).text)
    assert "This is Dana, whom you have just checked. If anybody else asks for it, HANG UP" in said
    assert "only if YOU CALLED US" not in said


@pytest.mark.feature("EV-24", "SEC-36")
@pytest.mark.parametrize(
    "token",
    [
        "y" * 43,
        "x",
        "x" * 42,
        "x" * 44,
        "x" * 5000,
        "..%2f..%2fetc%2fpasswd",
        "%00" * 43,
        "<script>",
        "x" * 42 + "%0a",
        "é" * 43,
    ],
)
async def test_what_is_no_link_of_ours_gets_the_same_page(stage: Stage, token: str) -> None:
    unknown = words((await stage.house.ask("GET", "/v/" + "z" * 43, validate=False)).text)
    for method in ("GET", "POST"):
        raw = b"nonce=x&act=validate" if method == "POST" else None
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await stage.house.ask(method, f"/v/{token}", raw=raw, headers=form, validate=False)
        if "%2f" in token or "%00" in token:
            # Refused before anybody looks what it leads to.
            assert answer.status in (400, 404)
        else:
            assert (answer.status, words(answer.text)) == (404, unknown)
        assert "Acme" not in answer.text
    assert "This link does not work" in unknown
    assert stage.links.acts == []


@pytest.mark.feature("SEC-43")
async def test_made_up_links_close_the_page_to_nobody_else(stage: Stage) -> None:
    """A neighbour on the same connection may try hundreds; a good link opens all the same, and can be answered."""
    looks = stage.links.looks
    for at in range(200):
        answer = await stage.house.ask("GET", f"/v/{at:043d}" if at % 2 else f"/v/{at}", validate=False)
        assert answer.status == 404
    assert stage.links.looks - looks == 100, "malformed ones are never looked for"
    stage.put()
    assert (await stage.browser.get(PATH)).status == 200


@pytest.mark.feature("SEC-32", "SEC-43")
async def test_nobody_in_between_keeps_it_and_nobody_is_told_of_it(stage: Stage) -> None:
    for shown in ("live", "verified", "denied", "over", "failed"):
        stage.put(state=shown, at=stage.house.clock.now())
        answer = await stage.browser.get(PATH)
        assert missing(answer.headers) == []
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "noindex" in answer.headers["X-Robots-Tag"]
        assert '<meta name="robots" content="noindex, nofollow">' in answer.text
        assert not answer.set_cookies
        assert TOKEN not in answer.text, "what is kept of the page holds no link"
        assert "og:" not in answer.text


@pytest.mark.feature("SEC-52")
async def test_names_stay_words(stage: Stage) -> None:
    stage.put(technician="<b>D</b>", msp='"><script>x</script>', about="{{ 7 * 7 }}", phone="javascript:alert(1)")
    page = (await stage.browser.get(PATH)).text
    assert "<script" not in page
    assert "<b>" not in page
    assert "49" not in words(page)
    assert 'href="javascript' not in page


@pytest.mark.feature("EV-26", "BR-03")
async def test_the_page_has_the_tenants_colours_band_and_logo(stage: Stage) -> None:
    house = stage.house
    assert "/brand/" not in (await stage.browser.get(PATH)).text
    await press(house, "/settings/brand/colours", "admin", light="#7a1f5c", dark="")
    saved = await press(house, "/settings/brand/band", "admin", band_from="#7a1f5c", band_to="#20316b")
    assert saved.status == 303
    page = (await stage.browser.get(PATH)).text
    sheet = re.search(r'href="(/brand/[^"]+\.css)"', page)
    assert sheet is not None
    styles = (await house.ask("GET", sheet[1], validate=False)).text
    assert "--accent: light-dark(#7a1f5c," in styles, "the colour of the button stays when the band is set"
    assert "--band-from: #7a1f5c; --band-to: #20316b; --on-band: #ffffff;" in styles
    gone = await press(house, "/settings/brand/band", "admin", act="ours")
    assert gone.status == 303
    assert (await house.services.brands.get(house.world.tenant_id)).colours.keys() == {"light", "dark"}


@pytest.mark.feature("EV-26")
@pytest.mark.parametrize(
    ("start", "end", "passes"),
    [
        ("#0d3d40", "#1b6266", True),
        ("#ffd000", "#fff0a0", True),
        ("#000000", "#ffffff", False),
        ("#1b6266", "#ffd000", False),
        ("#ff0000", "#00ff00", False),
        ("red", "#000000", False),
        ("", "", False),
    ],
)
async def test_words_can_be_read_everywhere_on_the_band(stage: Stage, start: str, end: str, passes: bool) -> None:
    answer = await press(stage.house, "/settings/brand/band", "admin", band_from=start, band_to=end)
    assert answer.status == (303 if passes else 422)
    colours = (await stage.house.services.brands.get(stage.house.world.tenant_id)).colours
    assert ("band_from" in colours) is passes
    if not passes:
        assert f'value="{start}"' in answer.text
        return
    on = min(ratio((0, 0, 0), read_colour(start) or (0, 0, 0)), ratio((0, 0, 0), read_colour(end) or (0, 0, 0)))
    white = min(ratio((255,) * 3, read_colour(start) or (0, 0, 0)), ratio((255,) * 3, read_colour(end) or (0, 0, 0)))
    assert max(on, white) >= 4.5


@pytest.mark.feature("EV-26")
async def test_a_band_is_looked_at_before_it_is_saved(stage: Stage) -> None:
    looked = await press(
        stage.house, "/settings/brand/band", "admin", band_from="#7a1f5c", band_to="#20316b", act="look"
    )
    assert looked.status == 200
    assert "/settings/brand/preview.css?band_from=%237a1f5c&amp;band_to=%2320316b" in looked.text
    assert (await stage.house.services.brands.get(stage.house.world.tenant_id)).colours == {}


@pytest.mark.feature("SEC-57", "EV-24")
async def test_when_nothing_can_be_looked_up_they_are_told_to_come_back(stage: Stage) -> None:
    stage.links.away = True
    answer = await stage.browser.get(PATH)
    assert answer.status == 503
    assert "Go back to the message and open the link again." in words(answer.text)
    assert "/codes" not in answer.text
    assert "database" not in answer.text
