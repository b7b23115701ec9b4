"""Signing in to the pod: a window of its own, a code to its opener or letters to compare, a cookie for the frame."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from identity.totp import code_at
from storage.pod_sign_ins import MOST
from tests.fixtures.pages import Browser, hidden
from tests.fixtures.pod import FORM, Frame, is_in, sign_in
from tests.fixtures.pod import handed as hand_over
from tests.fixtures.web_house import PASSWORD, House, OpenWeb, Who
from web.csrf import COOKIE, token_for
from web.log_in import POD_COOKIE
from web.pages import page_routes
from web.pages.errors import show_problem
from web.pages.pod.secrets import challenge_of, letters_of

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


@pytest.fixture
def frame(house: House) -> Frame:
    return Frame.of_house(house)


async def handed(house: House, frame: Frame, who: Who = "technician") -> str:
    person = house.people[who]
    return await hand_over(frame, house.services, person.tenant_id, person.id, house.clock)


async def signed_in(house: House, frame: Frame, who: Who = "technician") -> Frame:
    person = house.people[who]
    return await sign_in(frame, house.services, person.tenant_id, person.id, house.clock)


@pytest.mark.feature("SI-32", "SEC-29", "EV-35")
async def test_a_sign_in_in_the_window_opens_the_frame(house: House, frame: Frame) -> None:
    shut = await frame.open(contact=house.world.people[0].id)
    assert shut.status == 401
    assert house.world.people[0].name not in shut.text
    window, person = Browser(house), house.people["technician"]
    address = f"/pod/sign-in?tenant={frame.tenant}&challenge={frame.challenge}"
    assert "Password" in (await window.get(address)).text
    answer = await window.post(
        "/pod/sign-in",
        tenant=frame.tenant,
        challenge=frame.challenge,
        login=person.login,
        password=PASSWORD,
        code=code_at(person.secret, house.clock.now()),
    )
    assert answer.status == 200
    assert letters_of(frame.challenge) in answer.text
    code = re.search(r'data-code="([^"]+)"', answer.text)
    assert code is not None
    taken = await frame.take(code[1])
    assert taken.status == 303
    (cookie,) = taken.set_cookies
    assert set(cookie.split("; ")) == {
        *(f"{POD_COOKIE}={frame.cookie}", "Path=/", "Secure", "HttpOnly", "SameSite=None", "Partitioned")
    }
    opened = await frame.open(contact=house.world.people[0].id)
    assert is_in(opened)
    assert house.world.people[0].name in opened.text


@pytest.mark.feature("SEC-29")
async def test_the_cookie_of_the_pod_opens_nothing_else_and_no_other_opens_the_pod(house: House, frame: Frame) -> None:
    await signed_in(house, frame)
    for path in ("/codes", "/contacts", "/profile", "/settings", "/api/v1/contacts", "/pod/sign-in/again"):
        for name in (POD_COOKIE, COOKIE):
            answer = await house.ask("GET", path, headers={"Cookie": f"{name}={frame.cookie}"}, validate=False)
            assert answer.status in (303, 401, 422), (path, name, answer.status)
    bearer = await house.ask("GET", "/api/v1/contacts", bearer=frame.cookie)
    assert bearer.status == 401
    cookie = await house.log_in("technician", "cookie")
    for name in (COOKIE, POD_COOKIE):
        shut = await house.ask("GET", f"/pod?tenant={frame.tenant}", headers={"Cookie": f"{name}={cookie}"})
        assert shut.status == 401, name
    token = await house.log_in("technician", "bearer")
    assert (await house.ask("GET", f"/pod?tenant={frame.tenant}", bearer=token)).status == 401


@pytest.mark.feature("SI-05", "SEC-29")
async def test_an_account_of_the_pod_alone_works_in_it(house: House, frame: Frame) -> None:
    await signed_in(house, frame, "pod_only")
    assert is_in(await frame.open(contact=house.world.people[0].id))
    cookie = await house.log_in("pod_only", "cookie")
    assert (await house.ask("GET", "/codes", cookie=cookie)).status == 403


@pytest.mark.feature("SEC-29")
async def test_a_code_is_good_once_for_its_frame_and_for_a_minute(house: House, frame: Frame) -> None:
    await frame.open()
    code = await handed(house, frame)
    other = frame.twin()
    await other.open()
    assert (await other.take(code)).status == 422, "another frame"
    assert (await frame.take(code, verifier="a" * 43)).status == 422, "another secret"
    assert (await frame.take("b" * 43)).status == 422, "another code"
    elsewhere = Frame.of_house(house, other=True)
    elsewhere.verifier = frame.verifier
    assert (await elsewhere.take(code)).status == 422, "another company's pod"
    assert not elsewhere.cookie
    assert (await frame.take(code)).status == 303
    again = frame.twin()
    again.verifier = frame.verifier
    assert (await again.take(code)).status == 422, "used before"
    late = frame.twin()
    await late.open()
    code = await handed(house, late)
    house.clock.advance(timedelta(seconds=60))
    assert (await late.take(code)).status == 422, "a minute is over"
    assert not late.cookie


@pytest.mark.feature("SEC-29")
async def test_of_two_who_take_it_at_once_one_gets_it(house: House, frame: Frame) -> None:
    await frame.open()
    code = await handed(house, frame)
    twins = [frame.twin() for _ in range(8)]
    for twin in twins:
        twin.verifier = frame.verifier
    answers = await asyncio.gather(*(twin.take(code) for twin in twins))
    assert sorted(answer.status for answer in answers) == [303] + [422] * 7


@pytest.mark.feature("SEC-29")
async def test_letters_that_a_person_compares_open_it_too(house: House, frame: Frame) -> None:
    shown = await frame.open()
    assert letters_of(frame.challenge) in shown.text
    assert (await frame.take(script=True)).json == {"signed_in": False}
    window = Browser.holding(house, await house.log_in("technician", "cookie"))
    paired = await window.post("/pod/sign-in/pair", tenant=frame.tenant, challenge=frame.challenge)
    assert paired.status == 200
    assert (await frame.take(script=True)).json == {"signed_in": True}
    assert is_in(await frame.open())
    late = frame.twin()
    await late.open()
    await window.post("/pod/sign-in/pair", tenant=frame.tenant, challenge=late.challenge)
    house.clock.advance(timedelta(minutes=5))
    assert (await late.take()).status == 422


@pytest.mark.feature("SEC-29")
async def test_letters_confirmed_elsewhere_open_nothing_and_are_noted(house: House, frame: Frame) -> None:
    """Somebody has been talked into confirming the letters of a frame that another browser shows."""
    thief = frame.twin(CHROME)
    await thief.open()
    window = Browser.holding(house, await house.log_in("technician", "cookie"))
    await window.post("/pod/sign-in/pair", tenant=frame.tenant, challenge=thief.challenge)
    assert (await thief.take()).status == 422
    assert (await thief.take(script=True)).json == {"signed_in": False}
    assert not thief.cookie
    await house.place_lines()
    noted = await house.services.log.before(house.world.tenant_id, kind="sign_in.refused", limit=5)
    assert [(row.public["word"], row.public["what"]) for row in noted.items] == [("elsewhere", "pod")]


@pytest.mark.feature("SEC-29")
async def test_hand_overs_are_counted(house: House, frame: Frame) -> None:
    await frame.open()
    window = Browser.holding(house, await house.log_in("technician", "cookie"))
    for place in range(MOST):
        done = await window.post("/pod/sign-in/pair", tenant=frame.tenant, challenge=challenge_of(str(place)))
        assert done.status == 200
    refused = await window.post("/pod/sign-in/pair", tenant=frame.tenant, challenge=frame.challenge)
    assert refused.status == 429
    assert (await frame.take()).status == 422
    house.clock.advance(timedelta(minutes=5, seconds=1))
    done = await window.post("/pod/sign-in/pair", tenant=frame.tenant, challenge=frame.challenge)
    assert done.status == 200


@pytest.mark.feature("SEC-29", "SEC-33")
async def test_it_lasts_a_shift_and_ends_with_everything_that_ends_log_ins(house: House, frame: Frame) -> None:
    await signed_in(house, frame)
    for _look in range(12):
        house.clock.advance(timedelta(minutes=59))
        assert is_in(await frame.open())
    house.clock.advance(timedelta(hours=12) - 12 * timedelta(minutes=59))
    assert (await frame.open()).status == 401, "the shift is over"
    await signed_in(house, frame)
    house.clock.advance(timedelta(minutes=60))
    assert (await frame.open()).status == 401, "nobody used it"
    await signed_in(house, frame)
    person = house.people["technician"]
    await house.services.accounts.revoke_all(person.tenant_id, person.id, house.clock.now())
    assert (await frame.open()).status == 401, "somebody ended all log-ins"


@pytest.mark.feature("SEC-29")
async def test_a_sign_in_whose_own_log_in_has_ended_is_not_taken_over(house: House, frame: Frame) -> None:
    await frame.open()
    code = await handed(house, frame)
    person = house.people["technician"]
    await house.services.accounts.revoke_all(person.tenant_id, person.id, house.clock.now())
    assert (await frame.take(code)).status == 422


@pytest.mark.feature("SEC-29")
async def test_a_new_sign_in_ends_the_old_one_of_the_frame(house: House, frame: Frame) -> None:
    await signed_in(house, frame)
    old = frame.cookie
    verifier = frame.twin()
    await verifier.open()
    frame.verifier = verifier.verifier
    assert (await frame.take(await handed(house, frame))).status == 303
    assert frame.cookie != old
    kept = frame.twin()
    kept.cookie = old
    assert (await kept.open()).status == 401


@pytest.mark.feature("SEC-29")
async def test_signing_out_ends_it_and_takes_the_cookie(house: House, frame: Frame) -> None:
    await signed_in(house, frame)
    old = frame.cookie
    out = await frame.post("/pod/sign-out")
    assert out.status == 303
    assert frame.cookie == ""
    frame.cookie = old
    assert (await frame.open()).status == 401


@pytest.mark.feature("SEC-37", "SEC-31")
async def test_an_account_of_another_company_does_not_get_in(house: House, frame: Frame) -> None:
    await frame.open()
    window = Browser.holding(house, await house.log_in("other_admin", "cookie"))
    shown = await window.get(f"/pod/sign-in?tenant={frame.tenant}&challenge={frame.challenge}")
    assert "another company" in shown.text
    for path in ("go-on", "pair"):
        refused = await window.post(f"/pod/sign-in/{path}", tenant=frame.tenant, challenge=frame.challenge)
        assert refused.status == 303
    assert (await frame.take()).status == 422
    # The same person's own pod works, but its log-in is none where the address names another company.
    own = Frame.of_house(house, other=True)
    await signed_in(house, own, "other_admin")
    assert is_in(await own.open())
    own.tenant = frame.tenant
    assert (await own.open()).status == 401
    own.tenant = "nobody"
    assert (await own.open()).status == 401


@pytest.mark.feature("SEC-30")
async def test_forms_of_the_frame_carry_its_token(house: House, frame: Frame) -> None:
    await signed_in(house, frame)
    cookie = {"Cookie": f"{POD_COOKIE}={frame.cookie}"}
    for headers, fields in (
        ({"Sec-Fetch-Site": "cross-site"}, {"csrf": token_for(frame.cookie)}),
        ({"Origin": "https://psa.example"}, {"csrf": token_for(frame.cookie)}),
        ({"Sec-Fetch-Site": "same-origin"}, {}),
        ({"Sec-Fetch-Site": "same-origin"}, {"csrf": token_for("another")}),
        ({}, {"csrf": token_for(frame.cookie)}),
    ):
        answer = await house.ask(
            "POST",
            f"/pod/sign-out?tenant={frame.tenant}",
            raw=urlencode(fields).encode() or b"x=",
            headers={"Content-Type": FORM["Content-Type"], **headers, **cookie},
        )
        assert answer.status == 403, (headers, fields)
    assert is_in(await frame.open())


@pytest.mark.feature("SEC-34", "SEC-29")
async def test_a_stolen_cookie_shows_no_code_elsewhere(house: House, frame: Frame) -> None:
    await signed_in(house, frame)
    stolen = frame.twin(CHROME)
    stolen.cookie = frame.cookie
    ada = house.world.people[0]
    await house.text(ada.mobile, "#verify")
    check = (await house.services.checks.page(house.world.tenant_id, live=True)).items[0]
    claimed = await frame.post(f"/pod/codes/{check.id}/claim?contact={ada.id}", sure="yes")
    assert 'class="code"' in claimed.text
    moved = await stolen.post(f"/pod/codes/{check.id}/code?contact={ada.id}")
    assert moved.status == 401
    assert "Show that it is you" in moved.text
    assert 'class="code"' not in moved.text


@pytest.mark.feature("SEC-34", "SEC-29")
async def test_a_stolen_log_in_of_the_console_opens_no_pod_elsewhere(house: House, frame: Frame) -> None:
    await frame.open()
    stolen = await house.log_in("technician", "cookie")
    fields = {"tenant": frame.tenant, "challenge": frame.challenge, "csrf": token_for(stolen)}
    headers = {**FORM, "Cookie": f"{COOKIE}={stolen}"}
    thief = frame.twin(CHROME)
    path, raw = "/pod/sign-in/go-on", urlencode(fields).encode()
    answer = await thief.ask("POST", path, raw, headers)
    assert "data-code" not in answer.text
    assert answer.status == 303
    asks = await thief.ask("GET", answer.headers["Location"], None, {"Cookie": f"{COOKIE}={stolen}"})
    assert "Show that it is you" in asks.text
    assert "/go-on" not in asks.text
    assert "data-code" in (await frame.ask("POST", path, raw, headers)).text


@pytest.mark.feature("SEC-30", "SEC-34")
async def test_whoever_has_to_prove_it_again_gets_in_by_the_form_they_see(house: House, frame: Frame) -> None:
    await signed_in(house, frame)
    moved = frame.twin(CHROME)
    moved.cookie = frame.cookie
    ada = house.world.people[0]
    await house.text(ada.mobile, "#verify")
    check = (await house.services.checks.page(house.world.tenant_id, live=True)).items[0]
    await frame.post(f"/pod/codes/{check.id}/claim?contact={ada.id}", sure="yes")
    shown = await moved.post(f"/pod/codes/{check.id}/code?contact={ada.id}")
    assert shown.status == 401
    moved.verifier = hidden(shown.text, "verifier")
    code = await handed(house, moved)
    form = {"csrf": hidden(shown.text, "csrf"), "verifier": moved.verifier, "handed": code}
    path = f"/pod/session?tenant={moved.tenant}"
    assert (await moved.ask("POST", path, urlencode(form | {"csrf": ""}).encode(), FORM)).status == 403
    assert (await moved.ask("POST", path, urlencode(form).encode(), FORM)).status == 303


@pytest.mark.feature("SEC-29", "SEC-34")
async def test_proving_it_again_gives_the_frame_a_fresh_log_in(house: House, frame: Frame) -> None:
    await signed_in(house, frame)
    house.clock.advance(timedelta(minutes=6))
    other = frame.twin()
    await other.open()
    frame.verifier = other.verifier
    person = house.people["technician"]
    window = Browser.holding(house, await house.log_in("technician", "cookie"))
    address = "/pod/sign-in/again"
    query = f"?tenant={frame.tenant}&challenge={frame.challenge}"
    assert "Password" in (await window.get(address + query)).text
    wrong = await window.post(address, tenant=frame.tenant, challenge=frame.challenge, password="no", code="0")
    assert wrong.status == 422
    right = await window.post(
        address,
        tenant=frame.tenant,
        challenge=frame.challenge,
        password=PASSWORD,
        code=code_at(person.secret, house.clock.now()),
    )
    code = re.search(r'data-code="([^"]+)"', right.text)
    assert code is not None
    assert (await frame.take(code[1])).status == 303
    found = await house.services.accounts.log_ins(person.tenant_id, person.id, house.clock.now())
    assert any(one.kind == "pod" and one.proven_at == house.clock.now() for one in found)


async def test_where_the_browser_keeps_no_cookie_it_says_so(house: House, frame: Frame) -> None:
    answer = await frame.open(entered="1")
    assert answer.status == 401
    assert "keeps no cookie" in answer.text


async def test_without_a_tenant_it_says_what_to_do(house: House) -> None:
    for path in ("/pod", "/pod?tenant=", "/pod?tenant=nobody", "/pod?tenant=%00", "/pod?tenant=" + "x" * 500):
        answer = await house.ask("GET", path)
        assert answer.status in (401, 422), path
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("query", ["", "?tenant=x", "?tenant=x&challenge=abc", "?tenant=x&challenge=" + "g" * 64])
async def test_a_window_that_no_frame_has_opened_says_so(house: House, query: str) -> None:
    answer = await house.ask("GET", f"/pod/sign-in{query}")
    assert answer.status == 422
    assert answer.headers["Content-Type"].startswith("text/html")
