"""Inviting somebody, and what the link does: once, within seven days, and only by a form that a person sends."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from identity.totp import code_at
from storage.people import StoredTechnician
from tests.fixtures.memory_post import MemoryPost
from tests.fixtures.pages import Browser, hidden, words
from tests.fixtures.web_house import House, OpenWeb
from web.pages import page_routes
from web.pages.errors import show_problem

PASSWORD = "plum kettle orbit lantern"
NEW = {"name": "Noor Haas", "login": "Noor@msp.example", "role": "technician", "use_mfa": "yes", "ui_access": "yes"}


@pytest.fixture
def post() -> MemoryPost:
    return MemoryPost()


@pytest.fixture
async def house(open_web: OpenWeb, post: MemoryPost) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem, post=post) as opened:
        yield opened


async def admin(house: House) -> Browser:
    return Browser.holding(house, await house.log_in("admin", "cookie"))


async def person(house: House, login: str = "noor@msp.example") -> StoredTechnician | None:
    everybody = await house.services.people.technicians(house.people["admin"].tenant_id)
    return next((one for one in everybody if one.login == login), None)


async def invited(house: House, **fields: str) -> str:
    """Noor is invited; the path of the link."""
    answer = await (await admin(house)).post("/settings/people/new", **{**NEW, **fields})
    assert answer.status == 200, words(answer.text)
    (path,) = re.findall(r"https?://[^/\s]+(/welcome/[\w-]+)</code>", answer.text)
    return str(path)


async def set_up(house: House, path: str, browser: Browser, password: str = PASSWORD) -> list[str]:
    """Both steps; the recovery codes."""
    second = await browser.post(path, password=password, again=password)
    assert second.status == 200, words(second.text)
    secret = "".join(re.findall(r"<code>([A-Z2-7 ]+)</code>", second.text)[0].split())
    done = await browser.post(path, code=code_at(secret, house.clock.now()), carried=hidden(second.text, "carried"))
    assert done.status == 200, words(done.text)
    return re.findall(r"<li>([0-9a-z]{4}(?:-[0-9a-z]{4}){3})</li>", done.text)


@pytest.mark.feature("SI-09", "SI-08", "SEC-33")
async def test_from_the_invitation_to_the_first_page(house: House, post: MemoryPost) -> None:
    path = await invited(house, mobile="+12125550177", send="yes")
    (sent,) = post.sent
    assert (sent.to, sent.link) == ("noor@msp.example", path)
    assert sent.until == house.clock.now() + timedelta(days=7)
    waiting = await person(house)
    assert waiting is not None
    assert (waiting.state, waiting.mobile) == ("invited", "+12125550177")

    browser = Browser(house)
    first = await browser.get(path)
    assert first.status == 200
    assert "noor@msp.example" in first.text
    codes = await set_up(house, path, browser)
    assert len(set(codes)) == 10
    assert (await browser.get("/codes")).status == 200, "the last step has signed them in"
    joined = await person(house)
    assert joined is not None
    assert joined.state == "active"
    assert PASSWORD.encode() not in await house.contents()

    again = await Browser(house).get(path)
    assert again.status == 410
    assert "works one time only" in words(again.text)
    other = await Browser(house).post(path, password=PASSWORD, again=PASSWORD)
    assert other.status == 410


@pytest.mark.feature("SI-09", "SEC-43")
async def test_looking_at_the_link_uses_nothing_up_and_shows_no_secret(house: House) -> None:
    path = await invited(house)
    for _ in range(20):
        seen = await Browser(house, user_agent="Mozilla/5.0 (compatible; SafeLinks)").get(path)
        assert seen.status == 200
        assert "otpauth" not in seen.text
        head = await house.ask("HEAD", path, validate=False)
        assert head.status == 200
    assert len(await set_up(house, path, Browser(house))) == 10


@pytest.mark.feature("SI-09")
async def test_an_invitation_runs_out_after_seven_days(house: House) -> None:
    path = await invited(house)
    house.clock.advance(timedelta(days=7) - timedelta(seconds=1))
    assert (await Browser(house).get(path)).status == 200
    house.clock.advance(timedelta(seconds=1))
    late = await Browser(house).get(path)
    assert late.status == 410
    assert "ask an admin" in words(late.text)
    assert (await Browser(house).post(path, password=PASSWORD, again=PASSWORD)).status == 410
    shown = words((await (await admin(house)).get("/settings/people")).text)
    assert "invitation has run out" in shown


@pytest.mark.feature("SI-09")
async def test_of_two_who_accept_at_once_one_gets_in(house: House) -> None:
    path = await invited(house)
    pages = [await Browser(house).post(path, password=PASSWORD, again=PASSWORD) for _ in range(2)]
    steps = []
    for page in pages:
        secret = "".join(re.findall(r"<code>([A-Z2-7 ]+)</code>", page.text)[0].split())
        code = code_at(secret, house.clock.now())
        steps.append(Browser(house).post(path, code=code, carried=hidden(page.text, "carried")))
    done = await asyncio.gather(*steps)
    assert sorted(answer.status for answer in done) == [200, 410]


@pytest.mark.feature("SI-09")
async def test_a_newer_link_takes_the_place_of_the_older_and_one_can_be_taken_back(house: House) -> None:
    old, desk = await invited(house), await admin(house)
    waiting = await person(house)
    assert waiting is not None
    shown = await desk.post(f"/settings/people/{waiting.id}/invitation")
    new = re.findall(r"(/welcome/[\w-]+)</code>", shown.text)[0]
    assert (await Browser(house).get(old)).status == 410
    assert (await Browser(house).get(new)).status == 200
    assert (await desk.post(f"/settings/people/{waiting.id}/invitation/withdraw")).status == 303
    assert (await Browser(house).get(new)).status == 404
    assert await person(house) is None
    await invited(house)  # the login is free again


@pytest.mark.feature("SI-09", "SEC-36")
async def test_no_token_and_another_links_token_are_the_same_to_strangers(house: House) -> None:
    path = await invited(house)
    token = path.removeprefix("/welcome/")
    unknown = [await Browser(house).get(f"/welcome/{t}") for t in ("x", "A" * 43, "a" * 4000)]
    crossed = await Browser(house).get(f"/new-password/{token}")
    assert {a.status for a in (*unknown, crossed)} == {404}
    assert len({re.sub(r"<code>[^<]*</code>", "", a.text) for a in (*unknown, crossed)}) == 1


@pytest.mark.feature("SI-09")
async def test_what_is_wrong_in_either_step_is_said_and_nothing_is_lost(house: House) -> None:
    path, browser = await invited(house), Browser(house)
    for password, again, says in (
        ("short", "short", "at least 15"),
        ("noor haas noor haas", "noor haas noor haas", "login or name"),
        (PASSWORD, PASSWORD + "x", "differ"),
    ):
        answer = await browser.post(path, password=password, again=again)
        assert answer.status == 422
        assert says in words(answer.text)
    second = await browser.post(path, password=PASSWORD, again=PASSWORD)
    carried = hidden(second.text, "carried")
    assert PASSWORD not in second.text
    wrong = await browser.post(path, code="000000", carried=carried)
    assert wrong.status == 422
    assert re.findall(r"<code>([A-Z2-7 ]+)</code>", wrong.text) == re.findall(r"<code>([A-Z2-7 ]+)</code>", second.text)
    for broken in ("x", carried[:-8] + "AAAAAAA=", "ä"):
        assert (await browser.post(path, code="000000", carried=broken)).status == 303, "from the beginning"
    house.clock.advance(timedelta(hours=1))
    assert (await browser.post(path, code="000000", carried=carried)).status == 303


@pytest.mark.feature("SI-09")
async def test_what_is_typed_about_somebody_new_is_checked_field_by_field(house: House) -> None:
    desk = await admin(house)
    bad = {**NEW, "name": "Call 555", "login": "two words", "email": "nowhere", "mobile": "12"}
    answer = await desk.post("/settings/people/new", **bad)
    assert answer.status == 422
    for says in ("A name has letters", "no spaces", "no e-mail address", "country code"):
        assert says in words(answer.text)
    assert 'value="two words"' in answer.text, "nothing has to be typed twice"
    taken = await desk.post("/settings/people/new", **{**NEW, "login": house.people["other_admin"].login})
    assert taken.status == 422
    assert "has this login already" in words(taken.text)
    assert await person(house) is None


@pytest.mark.feature("SI-02")
async def test_invitations_start_as_technician_unless_the_tenant_chose_otherwise(house: House) -> None:
    desk = await admin(house)
    chosen = r'<option value="(\w+)" selected>'
    assert re.findall(chosen, (await desk.get("/settings/people/new")).text) == ["technician"]
    assert (await desk.post("/settings/people/default-role", invited_role="admin")).status == 303
    assert re.findall(chosen, (await desk.get("/settings/people/new")).text) == ["admin"]
    tenant = await house.services.tenants.get(house.people["admin"].tenant_id)
    assert tenant is not None
    assert tenant.settings.invited_role == "admin"


@pytest.mark.feature("SI-09")
@pytest.mark.parametrize(
    ("mails", "texts", "mobile", "says", "to"),
    [
        (True, True, "+12125550177", "by mail to", ["noor@msp.example"]),
        (False, True, "+12125550177", "by text to", ["+12125550177"]),
        (False, True, "", "Nothing was sent", []),
        (False, False, "+12125550177", "Nothing was sent", []),
    ],
)
async def test_the_link_goes_by_mail_else_by_text_else_by_hand(
    house: House, post: MemoryPost, mails: bool, texts: bool, mobile: str, says: str, to: list[str]
) -> None:
    post.mails, post.texts = mails, texts
    answer = await (await admin(house)).post("/settings/people/new", **{**NEW, "mobile": mobile, "send": "yes"})
    assert says in words(answer.text)
    assert "/welcome/" in answer.text
    assert [sent.to for sent in post.sent] == to


@pytest.mark.feature("SI-09")
async def test_without_any_way_to_send_the_admin_hands_it_over(open_web: OpenWeb) -> None:
    async with open_web(pages=page_routes(), show_problem=show_problem, post=None) as house:
        form = await (await admin(house)).get("/settings/people/new")
        assert "hand it over yourself" in words(form.text)
        assert "/welcome/" in await invited(house, send="yes")
