"""One's own account: how one is reached, password, and the same by API (GE-05)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from identity.totp import code_at
from tests.fixtures.memory_post import MemoryPost
from tests.fixtures.pages import Browser, words
from tests.fixtures.web_house import PASSWORD, House, OpenWeb
from web.pages import page_routes
from web.pages.errors import show_problem

NEW = "plum kettle orbit lantern"
ME = "/api/v1/profile"


@pytest.fixture
def post() -> MemoryPost:
    return MemoryPost()


@pytest.fixture
async def house(open_web: OpenWeb, post: MemoryPost) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem, post=post) as opened:
        yield opened


async def mine(house: House) -> Browser:
    return Browser.holding(house, await house.log_in("technician", "cookie"))


def code(house: House) -> str:
    house.clock.advance(timedelta(seconds=30))
    return code_at(house.people["technician"].secret, house.clock.now())


@pytest.mark.feature("GE-05")
async def test_the_page_changes_how_one_is_reached(house: House, post: MemoryPost) -> None:
    browser = await mine(house)
    given = {"name": "Tia Neil", "mobile": "+1 212 555 0177", "email": "tia@msp.example", "by_email": "yes"}
    assert (await browser.post("/profile", **given)).status == 303
    me = await house.services.people.technician(house.people["technician"].tenant_id, house.people["technician"].id)
    assert me is not None
    assert (me.name, me.mobile, me.email, me.notify_by) == ("Tia Neil", "+12125550177", "tia@msp.example", "email")
    assert [sent.to for sent in post.sent] == [me.login], "the address before is told"
    none = await browser.post("/profile", **{**given, "by_email": "", "email": "no where"})
    assert none.status == 422
    assert "Choose at least one way" in words(none.text)
    assert "no e-mail address" in words(none.text)
    assert 'value="no where"' in none.text


@pytest.mark.feature("GE-05", "SEC-34")
async def test_where_links_go_is_changed_with_a_fresh_proof_only(house: House) -> None:
    browser, bearer = await mine(house), await house.log_in("technician")
    house.clock.advance(timedelta(seconds=301))
    page = await browser.post("/profile", name="Tia", email="thief@evil.example", sms="yes")
    assert page.status == 401
    call = await house.ask("PATCH", ME, bearer=bearer, body={"email": "thief@evil.example"})
    assert (call.status, call.json["error"]) == (401, "step_up_required")
    duty = await house.ask("PATCH", ME, bearer=bearer, body={"on_duty": False})
    assert (duty.status, duty.json["on_duty"], duty.json["email"]) == (200, False, "")


@pytest.mark.feature("GE-05")
async def test_the_same_by_api(house: House, post: MemoryPost) -> None:
    bearer = await house.log_in("technician")
    before = (await house.ask("GET", ME, bearer=bearer)).json
    assert (before["login"], before["notify_by"], before["use_mfa"]) == (before["mail_address"], ["sms"], True)
    given = {"name": "Tia Neil", "mobile": "212 555 0177", "email": "tia@msp.example", "notify_by": ["email", "sms"]}
    after = await house.ask("PATCH", ME, bearer=bearer, body=given)
    assert after.status == 200
    changed = {name: value for name, value in after.json.items() if before[name] != value}
    assert changed == {
        "name": "Tia Neil",
        "first_name": "Tia",
        "mobile": "+12125550177",
        "email": "tia@msp.example",
        "mail_address": "tia@msp.example",
        "notify_by": ["sms", "email"],
    }
    assert len(post.sent) == 1
    wrong = await house.ask("PATCH", ME, bearer=bearer, body={"mobile": "12", "name": "  "})
    assert wrong.status == 422
    assert {problem["field"] for problem in wrong.json["problems"]} == {"mobile", "name"}
    for rights in ({"role": "admin"}, {"supervisor": True}, {"use_mfa": False}, {"ui_access": True}, {"login": "x"}):
        assert (await house.ask("PATCH", ME, bearer=bearer, body=rights)).status == 422, "nobody raises themselves"


@pytest.mark.feature("GE-05", "SI-08")
async def test_the_team_is_listed_without_logins_and_numbers(house: House) -> None:
    me, bearer = house.people["technician"], await house.log_in("technician")
    await house.services.people.disable(me.tenant_id, house.people["other_technician"].id, house.clock.now())
    listed = await house.ask("GET", "/api/v1/technicians", bearer=bearer)
    assert listed.status == 200
    by_id = {one["id"]: one for one in listed.json["items"]}
    assert by_id[me.id]["state"] == "active"
    assert by_id[house.people["other_technician"].id]["state"] == "disabled"
    assert house.people["other_admin"].id not in by_id
    assert "@" not in listed.text
    assert "+1" not in listed.text


@pytest.mark.feature("GE-05", "SEC-29")
async def test_another_password_takes_the_old_one_and_a_code_and_ends_the_other_log_ins(house: House) -> None:
    me, browser, other = house.people["technician"], await mine(house), await mine(house)
    old_cookie = dict(browser.cookies)
    for given, status, says in (
        ({"password": PASSWORD, "code": code(house), "new": "short", "again": "short"}, 422, "at least 15"),
        ({"password": PASSWORD, "code": code(house), "new": NEW, "again": NEW + "x"}, 422, "differ"),
        ({"password": "wrong" * 4, "code": code(house), "new": NEW, "again": NEW}, 422, "not right"),
        ({"password": PASSWORD, "code": "000000", "new": NEW, "again": NEW}, 422, "not right"),
    ):
        answer = await browser.post("/profile/password", **given)
        assert answer.status == status
        assert says in words(answer.text)
        assert NEW not in answer.text
    done = await browser.post("/profile/password", password=PASSWORD, code=code(house), new=NEW, again=NEW)
    assert done.headers["Location"] == "/profile?said=password_changed"
    assert (await browser.get("/profile")).status == 200
    assert (await other.get("/profile")).status == 303
    assert (await Browser(house, old_cookie).get("/profile")).status == 303, "a copy of the cookie is worth nothing"
    for password, status in ((PASSWORD, 422), (NEW, 303)):
        form = {"login": me.login, "password": password, "code": code(house), "next": ""}
        assert (await Browser(house).post("/sign-in", **form)).status == status


@pytest.mark.feature("SI-05")
async def test_an_account_of_the_pod_has_its_own_page_and_no_way_into_the_console(house: House) -> None:
    me = house.people["technician"]
    await house.services.people.change(me.tenant_id, me.id, ui_access=False)
    page = await (await mine(house)).get("/profile")
    assert page.status == 200
    assert "works inside your ticket system" in words(page.text)
    for closed in ('href="/codes"', 'href="/contacts"', 'href="/history"', 'href="/settings"'):
        assert closed not in page.text
