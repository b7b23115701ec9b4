"""What role, Use MFA and Allow Access to UI each do, and that none of them depends on another (SI-01 to SI-08)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Literal

import pytest

from identity.totp import code_at
from storage.people import LastAdmin, StoredTechnician
from tests.fixtures.memory_post import MemoryPost
from tests.fixtures.pages import Browser, words
from tests.fixtures.web_house import FIREFOX, PASSWORD, Answer, House, OpenWeb, Who
from web.csrf import COOKIE
from web.log_in import KNOWN_COOKIE
from web.pages import page_routes
from web.pages.errors import show_problem
from web.routing import Access, Surface

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
#: A page of the console, one of settings, one of the account itself, and a call of the pod.
CONSOLE, SETTINGS, OWN, POD = "/contacts", "/settings/people", "/profile", "/api/v1/technician-verifications"


@pytest.fixture
def post() -> MemoryPost:
    return MemoryPost()


@pytest.fixture
async def house(open_web: OpenWeb, post: MemoryPost) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem, post=post) as opened:
        yield opened


async def admin(house: House) -> Browser:
    return Browser.holding(house, await house.log_in("admin", "cookie"))


async def stored(house: House, who: Who = "technician") -> StoredTechnician:
    found = await house.services.people.technician(house.people[who].tenant_id, house.people[who].id)
    assert found is not None
    return found


async def set_rights(house: House, desk: Browser, who: Who = "technician", **changed: str) -> Answer:
    """Send the form of the account with these fields changed; a box is ticked by `yes`."""
    now = await stored(house, who)
    fields = {
        "name": now.name,
        "role": now.role,
        "supervisor": "yes" if now.supervisor else "",
        "mobile": now.mobile,
        "email": now.email,
        "use_mfa": "yes" if now.use_mfa else "",
        "ui_access": "yes" if now.ui_access else "",
    }
    return await desk.post(f"/settings/people/{now.id}", **{**fields, **changed})


async def sign_in(house: House, browser: Browser, who: Who = "technician", *, with_code: bool) -> Answer:
    house.clock.advance(timedelta(seconds=30))
    me = house.people[who]
    code = code_at(me.secret, house.clock.now()) if with_code else ""
    return await browser.post("/sign-in", login=me.login, password=PASSWORD, code=code, next="")


@pytest.mark.feature("SI-01", "SI-03", "SI-04", "SI-05", "SI-06", "SI-07")
@pytest.mark.parametrize("ui_access", [True, False])
@pytest.mark.parametrize("use_mfa", [True, False])
@pytest.mark.parametrize("role", ["technician", "admin"])
async def test_the_three_do_not_depend_on_each_other(
    house: House, role: Literal["technician", "admin"], use_mfa: bool, ui_access: bool
) -> None:
    me = house.people["technician"]
    await house.services.people.change(me.tenant_id, me.id, role=role, use_mfa=use_mfa, ui_access=ui_access)
    browser = Browser(house)
    first = await sign_in(house, browser, with_code=True)
    assert (first.status, first.headers["Location"]) == (303, "/codes" if ui_access else "/profile")
    for path, granted in ((CONSOLE, ui_access), (SETTINGS, ui_access and role == "admin"), (OWN, True)):
        assert (await browser.get(path)).status == (200 if granted else 403), path
    bearer = await house.log_in("technician")
    assert (await house.ask("GET", POD, bearer=bearer)).status == 200
    closed = await house.ask("GET", "/api/v1/audit", bearer=bearer)
    assert closed.status == (200 if ui_access else 403)
    if not ui_access:
        assert closed.json["error"] == "pod_only"
    assert (KNOWN_COOKIE in browser.cookies) == (not use_mfa)
    again = await sign_in(house, browser, with_code=False)
    assert again.status == (422 if use_mfa else 303)


@pytest.mark.feature("SI-05", "SI-06")
async def test_the_pod_reaches_what_is_declared_for_it_and_nothing_else(house: House) -> None:
    me = house.people["technician"]
    await house.services.people.change(me.tenant_id, me.id, ui_access=False)
    cookie = await house.log_in("technician", "cookie")
    nobody = "01900000-0000-7000-8000-00000000dead"
    closed = 0
    for route in page_routes():
        if route.access is Access.PUBLIC or route.demo_only or route.surface is Surface.STREAM or route.pod:
            continue
        path = re.sub(r"\{[^}]*\}", nobody, route.path)
        answer = await house.ask(route.method, path, cookie=cookie)
        assert answer.status == 403, f"{route.method} {route.path}"
        assert "inside your ticket system only" in answer.text, path
        assert 'href="/contacts"' not in answer.text, "no way into what is closed"
        closed += 1
    assert closed > 10
    await house.text(house.world.people[0].mobile, "#verify")
    (row, *_) = (await house.services.checks.page(me.tenant_id)).items
    assert (await house.ask("GET", f"/codes/{row.id}", cookie=cookie)).status == 200


@pytest.mark.feature("SI-04", "SEC-33", "SEC-34")
async def test_a_known_browser_is_asked_again_after_thirty_days_and_for_sensitive_steps(house: House) -> None:
    me, browser = house.people["technician"], Browser(house)
    await house.services.people.change(me.tenant_id, me.id, use_mfa=False)
    assert (await sign_in(house, browser, with_code=False)).status == 422, "not before it was given once"
    assert (await sign_in(house, browser, with_code=True)).status == 303
    (cookie,) = [c for c in (await sign_in(house, Browser(house), with_code=True)).set_cookies if KNOWN_COOKIE in c]
    for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={30 * 24 * 3600}"):
        assert part in cookie

    assert (await sign_in(house, browser, with_code=False)).status == 303
    sensitive = await browser.post("/profile/recovery-codes")
    assert sensitive.status == 401, "it was no proof for this"
    assert "Show that it is you" in sensitive.text
    house.clock.advance(timedelta(days=30))
    assert (await sign_in(house, browser, with_code=False)).status == 422


@pytest.mark.feature("SI-04", "SEC-33")
async def test_a_known_browser_is_one_persons_and_ends_with_a_reset(house: House) -> None:
    me, other = house.people["technician"], house.people["other_technician"]
    for person in (me, other):
        await house.services.people.change(person.tenant_id, person.id, use_mfa=False)
    browser = Browser(house)
    assert (await sign_in(house, browser, with_code=True)).status == 303
    assert (await sign_in(house, browser, "other_technician", with_code=False)).status == 422
    assert (await sign_in(house, browser, with_code=False)).status == 303
    elsewhere = Browser(house, {KNOWN_COOKIE: browser.cookies[KNOWN_COOKIE]}, "Mozilla/5.0 Chrome/130.0 Safari/537.36")
    assert (await sign_in(house, elsewhere, with_code=False)).status == 422, "taken out of the browser it was given to"
    await set_rights(house, await admin(house), use_mfa="yes")
    await set_rights(house, await admin(house), use_mfa="")
    assert (await sign_in(house, browser, with_code=False)).status == 422, "switched on in between"


@pytest.mark.feature("SI-08")
async def test_rights_and_addresses_are_changed_and_the_log_says_what(house: House, post: MemoryPost) -> None:
    theirs = Browser.holding(house, await house.log_in("technician", "cookie"))
    desk = await admin(house)
    moved = await set_rights(house, desk, name="Tia O’Neil-Díaz", mobile="+12125550177", email="tia@msp.example")
    assert moved.status == 303
    assert (await theirs.get("/codes")).status == 200, "no right changed"
    assert [sent.to for sent in post.sent] == [house.people["technician"].login], "the address before is told"
    raised = await set_rights(house, desk, supervisor="yes")
    assert "person_changed_out" in raised.headers["Location"]
    assert (await theirs.get("/codes")).status == 303, "a token never stands for more than it did (SEC-29)"
    now = await stored(house)
    assert (now.name, now.first_name, now.mobile, now.email, now.supervisor) == (
        "Tia O’Neil-Díaz",
        "Tia",
        "+12125550177",
        "tia@msp.example",
        True,
    )
    await house.place_lines()
    lines = (await house.services.log.after(now.tenant_id)).items
    changed = [line.public["changed"] for line in lines if line.kind == "technician.changed"]
    assert changed == ["name email mobile", "supervisor"]
    wrong = await set_rights(house, desk, mobile="12", email="nowhere")
    assert wrong.status == 422
    assert 'value="nowhere"' in wrong.text


@pytest.mark.feature("SI-08", "SI-01")
async def test_the_last_admin_stays_one(house: House) -> None:
    desk = await admin(house)
    for changed in ({"role": "technician"}, {"ui_access": ""}):
        answer = await set_rights(house, desk, "admin", **changed)
        assert answer.status == 422
        assert "last admin" in words(answer.text)
    me = house.people["admin"]
    with pytest.raises(LastAdmin):
        await house.services.people.disable(me.tenant_id, me.id, house.clock.now())
    assert (await set_rights(house, desk, "supervisor", role="admin")).status == 303
    assert (await set_rights(house, desk, "admin", role="technician")).status == 303
    assert (await desk.get("/settings")).status == 303, "and is signed out by it"
    assert (await stored(house, "admin")).role == "technician"


@pytest.mark.feature("SI-08")
async def test_two_admins_who_switch_each_other_off_leave_one(house: House) -> None:
    people, clock = house.services.people, house.clock
    one, two = house.people["admin"], house.people["supervisor"]
    await people.change(two.tenant_id, two.id, role="admin")
    done = await asyncio.gather(
        *(people.disable(who.tenant_id, who.id, clock.now()) for who in (one, two)), return_exceptions=True
    )
    assert sorted(str(type(answer).__name__) for answer in done) == ["LastAdmin", "bool"]


@pytest.mark.feature("SI-08", "SEC-33")
async def test_off_and_on_again_and_log_ins_ended_by_an_admin(house: House) -> None:
    me, desk = house.people["technician"], await admin(house)
    phone = Browser(house, {COOKIE: await house.log_in("technician", "cookie", browser=CHROME)}, CHROME)
    theirs = Browser.holding(house, await house.log_in("technician", "cookie", browser=FIREFOX))
    page = (await desk.get(f"/settings/people/{me.id}")).text
    assert {"Chrome", "Firefox"} <= set(re.findall(r"<strong>(\w+)</strong>", page))
    ends = re.findall(rf'action="(/settings/people/{me.id}/log-ins/[^"/]+/end)"', page)
    assert len(ends) == 2
    assert (await desk.post(ends[0])).status == 303
    assert sorted([(await b.get("/codes")).status for b in (phone, theirs)]) == [200, 303]
    assert (await desk.post(f"/settings/people/{me.id}/log-ins/end")).status == 303
    assert [(await b.get("/codes")).status for b in (phone, theirs)] == [303, 303]

    again = Browser.holding(house, await house.log_in("technician", "cookie"))
    assert (await desk.post(f"/settings/people/{me.id}/off")).status == 303
    assert (await again.get("/codes")).status == 303
    assert "switched off" in words((await desk.get("/settings/people")).text)
    assert (await sign_in(house, Browser(house), with_code=True)).status == 403
    assert (await desk.post(f"/settings/people/{me.id}/on")).status == 303
    assert (await sign_in(house, Browser(house), with_code=True)).status == 303


@pytest.mark.feature("SI-03", "SI-09", "SEC-36")
async def test_technicians_invite_nobody_and_other_tenants_see_nobody(house: House) -> None:
    me = house.people["technician"]
    for who in ("technician", "supervisor"):
        browser = Browser.holding(house, await house.log_in(who, "cookie"))
        for path in ("/settings/people", "/settings/people/new", f"/settings/people/{me.id}"):
            assert (await browser.get(path)).status == 403
        assert (await browser.post("/settings/people/new", name="X")).status == 403
    stranger = Browser.holding(house, await house.log_in("other_admin", "cookie"))
    assert (await stranger.get(f"/settings/people/{me.id}")).status == 404
    assert (await stranger.post(f"/settings/people/{me.id}/off")).status == 404
    assert me.login not in (await stranger.get("/settings/people")).text


@pytest.mark.feature("SEC-34", "SI-08")
async def test_every_act_on_an_account_asks_for_a_fresh_proof(house: House) -> None:
    desk, me = await admin(house), house.people["technician"]
    house.clock.advance(timedelta(seconds=301))
    for path in ("", "/off", "/second-factor", "/password", "/log-ins/end"):
        answer = await desk.post(f"/settings/people/{me.id}{path}")
        assert answer.status == 401, path
        assert "Show that it is you" in answer.text
    assert (await stored(house)).state == "active"
