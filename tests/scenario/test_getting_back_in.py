"""A forgotten password and a lost second factor: one link each, used once, and never without the other half."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from identity.totp import code_at
from storage.database import Unscoped
from storage.tables import account_links, audit
from tests.fixtures.memory_post import MemoryPost
from tests.fixtures.pages import Browser, hidden, words
from tests.fixtures.web_house import PASSWORD, Answer, House, OpenWeb, Who
from web.pages import page_routes
from web.pages.errors import show_problem

NEW = "plum kettle orbit lantern"


@pytest.fixture
def post() -> MemoryPost:
    return MemoryPost()


@pytest.fixture
async def house(open_web: OpenWeb, post: MemoryPost) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem, post=post) as opened:
        yield opened


async def asked(house: House, post: MemoryPost, who: Who = "technician") -> str:
    """A link to a new password; its path."""
    before = len(post.sent)
    answer = await Browser(house).post("/forgot", login=house.people[who].login)
    assert answer.status == 200
    return (await post.reach(before + 1)).link


def code(house: House, who: Who = "technician") -> str:
    """A code that was not used yet."""
    house.clock.advance(timedelta(seconds=30))
    return code_at(house.people[who].secret, house.clock.now())


async def sign_in(house: House, password: str, code: str, who: Who = "technician") -> Answer:
    return await Browser(house).post("/sign-in", login=house.people[who].login, password=password, code=code, next="")


async def kinds(house: House, begins: str) -> list[str]:
    await house.place_lines()
    query = select(audit.c.kind).where(audit.c.kind.startswith(begins)).order_by(audit.c.seq)
    return await house.database.read(Unscoped.OPERATOR, lambda conn: list(conn.scalars(query)))


@pytest.mark.feature("SI-10", "SEC-33")
async def test_a_forgotten_password(house: House, post: MemoryPost) -> None:
    old = Browser.holding(house, await house.log_in("technician", "cookie"))
    path = await asked(house, post)
    assert post.sent[0].until == house.clock.now() + timedelta(minutes=30)
    assert (await Browser(house).get(path)).status == 200
    browser = Browser(house)
    done = await browser.post(path, new=NEW, again=NEW, code=code(house))
    assert (done.status, done.headers["Location"]) == (303, "/sign-in?said=password_set")
    assert (await old.get("/codes")).headers["Location"].startswith("/sign-in"), "every log-in has ended"
    assert (await sign_in(house, PASSWORD, code(house))).status == 422
    assert (await sign_in(house, NEW, code(house))).status == 303
    used = await browser.get(path)
    assert used.status == 410
    assert "works one time only" in words(used.text)
    assert (await browser.post(path, new=NEW, again=NEW, code=code(house))).status == 410
    assert (await kinds(house, "sign_in."))[:2] == ["sign_in.link_asked", "sign_in.password_set"]


@pytest.mark.feature("SI-10")
async def test_the_answer_is_the_same_for_everybody_and_says_nothing_of_who_there_is(
    house: House, post: MemoryPost
) -> None:
    logins = [house.people["technician"].login, "nobody@nowhere.example", "noor@msp.example", "a" * 250]
    await house.services.people.disable(
        house.people["other_technician"].tenant_id, house.people["other_technician"].id, house.clock.now()
    )
    logins.append(house.people["other_technician"].login)
    answers = [await Browser(house).post("/forgot", login=login) for login in logins]
    assert {answer.status for answer in answers} == {200}
    assert len({re.sub(r'data-now="\d+"', "", answer.text) for answer in answers}) == 1
    assert len({frozenset(answer.headers) for answer in answers}) == 1
    await post.reach(1)
    assert [sent.to for sent in post.sent] == [house.people["technician"].login], "nobody else is written to"


@pytest.mark.feature("SI-10")
async def test_no_more_than_three_links_an_hour_and_the_answer_does_not_tell(house: House, post: MemoryPost) -> None:
    texts = set()
    for _ in range(6):
        answer = await Browser(house).post("/forgot", login=house.people["technician"].login)
        assert answer.status == 200
        texts.add(re.sub(r'data-now="\d+"', "", answer.text))
    assert len(texts) == 1
    await post.reach(3)
    house.clock.advance(timedelta(hours=1))
    await asked(house, post)
    assert len(post.sent) == 4, "three in the first hour, one after it"


@pytest.mark.feature("SI-10")
async def test_an_address_that_asks_for_everybody_is_held_back(house: House) -> None:
    for n in range(50):
        assert (await Browser(house).post("/forgot", login=f"person{n}@msp.example")).status == 200
    answer = await Browser(house).post("/forgot", login="person51@msp.example")
    assert answer.status == 429
    assert "Too many tries" in words(answer.text)


@pytest.mark.feature("SI-10", "SEC-43")
async def test_a_link_alone_is_not_enough_and_lasts_half_an_hour(house: House, post: MemoryPost) -> None:
    path, browser = await asked(house, post), Browser(house)
    for given, says in (
        ({"new": NEW, "again": NEW, "code": "000000"}, "not right"),
        ({"new": NEW, "again": NEW + "x", "code": "000000"}, "differ"),
        ({"new": "short", "again": "short", "code": "000000"}, "at least 15"),
    ):
        answer = await browser.post(path, **given)
        assert answer.status == 422
        assert says in words(answer.text)
    assert (await sign_in(house, PASSWORD, code(house))).status == 303, "the old password still works"
    used = code(house)
    weak = await browser.post(path, new="short", again="short", code=used)
    assert weak.status == 422
    by_recovery = house.people["technician"].recovery_codes[0]
    house.clock.advance(timedelta(minutes=28))
    assert (await browser.post(path, new=NEW, again=NEW, code=by_recovery)).status == 303

    late = await asked(house, post)
    house.clock.advance(timedelta(minutes=30))
    answer = await browser.get(late)
    assert answer.status == 410
    assert "/forgot" in answer.text


@pytest.mark.feature("SI-10", "SEC-33")
async def test_guessing_the_second_factor_behind_a_link_is_throttled_as_sign_in_is(
    house: House, post: MemoryPost
) -> None:
    path, browser = await asked(house, post), Browser(house)
    for _ in range(10):
        assert (await browser.post(path, new=NEW, again=NEW, code="000000")).status == 422
    closed = await browser.post(path, new=NEW, again=NEW, code=code(house))
    assert closed.status == 429
    assert "Too many tries" in words(closed.text)


@pytest.mark.feature("SEC-33", "SI-10")
async def test_a_lost_second_factor_is_ended_by_another_admin(house: House, post: MemoryPost) -> None:
    me = house.people["technician"]
    old = Browser.holding(house, await house.log_in("technician", "cookie"))
    desk = Browser.holding(house, await house.log_in("admin", "cookie"))
    shown = await desk.post(f"/settings/people/{me.id}/second-factor")
    assert shown.status == 200
    path = re.findall(r"(/second-factor/[\w-]+)</code>", shown.text)[0]
    assert post.sent[-1].link == path
    assert (await old.get("/codes")).status == 303, "log-ins end at once"
    assert (await sign_in(house, PASSWORD, code(house))).status == 422, "the old factor is dead at once"
    assert (await sign_in(house, PASSWORD, me.recovery_codes[0])).status == 422

    browser = Browser(house)
    looked = await browser.get(path)
    assert looked.status == 200
    assert "otpauth" not in looked.text, "the link alone leads to no secret"
    wrong = await browser.post(path, password="not the password at all")
    assert wrong.status == 422
    assert "otpauth" not in wrong.text
    second = await browser.post(path, password=PASSWORD)
    secret = "".join(re.findall(r"<code>([A-Z2-7 ]+)</code>", second.text)[0].split())
    carried = hidden(second.text, "carried")
    done = await browser.post(path, code=code_at(secret, house.clock.now()), carried=carried)
    assert done.status == 200
    assert (await browser.get("/codes")).status == 200
    again = await Browser(house).post(path, code=code_at(secret, house.clock.now()), carried=carried)
    assert again.status == 410
    house.clock.advance(timedelta(seconds=30))
    assert (await sign_in(house, PASSWORD, code_at(secret, house.clock.now()))).status == 303
    assert (await kinds(house, "technician."))[-2:] == [
        "technician.second_factor_dropped",
        "technician.second_factor_set",
    ]


@pytest.mark.feature("SEC-33")
async def test_nobody_ends_their_own_second_factor(house: House) -> None:
    me = house.people["admin"]
    desk = Browser.holding(house, await house.log_in("admin", "cookie"))
    answer = await desk.post(f"/settings/people/{me.id}/second-factor")
    assert answer.status == 409
    assert "another admin" in words(answer.text)
    assert (await desk.post(f"/settings/people/{me.id}/off")).status == 409
    assert (await desk.get("/settings/people")).status == 200


@pytest.mark.feature("SI-10")
async def test_an_admin_makes_a_link_for_whom_no_mail_reaches(open_web: OpenWeb) -> None:
    async with open_web(pages=page_routes(), show_problem=show_problem, post=None) as house:
        desk = Browser.holding(house, await house.log_in("admin", "cookie"))
        shown = await desk.post(f"/settings/people/{house.people['technician'].id}/password")
        path = re.findall(r"(/new-password/[\w-]+)</code>", shown.text)[0]
        done = await Browser(house).post(path, new=NEW, again=NEW, code=code(house))
        assert done.status == 303


@pytest.mark.feature("SI-09", "SI-10")
async def test_links_end_with_the_account(house: House, post: MemoryPost) -> None:
    path, me = await asked(house, post), house.people["technician"]
    await house.services.people.disable(me.tenant_id, me.id, house.clock.now())
    assert (await Browser(house).get(path)).status == 410
    await house.services.people.enable(me.tenant_id, me.id)
    assert (await Browser(house).get(path)).status == 410, "an old link does not come back to life"


@pytest.mark.feature("SI-10", "SEC-20")
async def test_what_is_kept_of_a_link_is_a_hash(house: House, post: MemoryPost) -> None:
    path = await asked(house, post)
    token = path.rpartition("/")[2]
    assert token.encode() not in await house.contents()
    rows: Any = await house.database.read(
        Unscoped.ROUTING, lambda conn: conn.execute(select(account_links.c.digest, account_links.c.purpose)).all()
    )
    assert [(len(digest), purpose) for digest, purpose in rows] == [(64, "password")]
