"""What signing in, proving, signing out and settings leave in the log (SEC-56), and what they never do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from structlog.testing import capture_logs

from dialogs.turns import AuditEvent
from identity.sessions import is_over, token_digest
from identity.totp import code_at
from storage.database import Unscoped
from storage.tables import audit, log_in_failures, technicians
from tests.fixtures.web_house import PASSWORD, Answer, House, OpenWeb, Who
from web.csrf import COOKIE, token_for
from web.pages import page_routes
from web.pages.errors import show_problem

HERE = "127.0.0.0/24"
TEXT = "/api/v1/settings/texts/tv.code"
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


async def sign_in(house: House, who: Who = "technician", **given: str) -> Answer:
    person = house.people[who]
    body = {"login": person.login, "password": PASSWORD, "totp": code_at(person.secret, house.clock.now()), **given}
    return await house.ask("POST", "/api/v1/sessions", body=body)


async def press(house: House, path: str, *, cookie: str = "", **fields: str) -> Answer:
    """Send a form of a page of ours."""
    headers = {**FORM, **({"Cookie": f"{COOKIE}={cookie}", "X-CSRF": token_for(cookie)} if cookie else {})}
    return await house.ask("POST", path, raw=urlencode(fields).encode(), headers=headers)


async def lines(house: House, begins: str = "") -> list[tuple[str, str, dict[str, Any]]]:
    """Kind, technician and facts of every line, in order, in whoever's log."""
    await house.place_lines()
    query = select(audit).where(audit.c.kind.startswith(begins)).order_by(audit.c.seq)
    rows = await house.database.read(Unscoped.OPERATOR, lambda conn: conn.execute(query).mappings().all())
    return [(row["kind"], row["technician_id"], json.loads(row["public"])) for row in rows]


def taken(house: House) -> AuditEvent:
    """A line whose id is always the same."""
    return AuditEvent("01900000-0000-7000-8000-000000000001", house.clock.now(), "technician.duty_changed")


@pytest.mark.feature("SEC-56")
async def test_a_sign_in_and_its_end(house: House) -> None:
    me = house.people["technician"]
    token = (await sign_in(house)).json["token"]
    assert (await house.ask("DELETE", "/api/v1/sessions/current", bearer=token)).status == 204
    (granted, by, facts), (ended, by_too, end) = await lines(house)
    assert (granted, ended, by, by_too) == ("sign_in.granted", "sign_in.ended", me.id, me.id)
    assert facts == {"log_in": facts["log_in"], "way": "bearer", "factor": "totp", "address": HERE}
    assert end == {"log_in": facts["log_in"], "by_log_in": facts["log_in"], "why": "signed_out", "address": HERE}


@pytest.mark.feature("SEC-56", "SEC-29")
async def test_sign_ins_by_page_and_what_they_replace(house: House) -> None:
    me = house.people["technician"]
    first = await press(
        house, "/sign-in", login=me.login, password=PASSWORD, code=code_at(me.secret, house.clock.now())
    )
    cookie = first.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    house.clock.advance(timedelta(seconds=30))
    code = code_at(me.secret, house.clock.now())
    assert (await press(house, "/sign-in", cookie=cookie, login=me.login, password=PASSWORD, code=code)).status == 303
    granted, replaced, again = await lines(house, "sign_in.")
    assert (granted[0], granted[2]["way"]) == ("sign_in.granted", "cookie")
    assert (replaced[0], replaced[2]["why"]) == ("sign_in.ended", "replaced")
    assert replaced[2]["log_in"] == granted[2]["log_in"]
    assert again[0] == "sign_in.granted"


@pytest.mark.feature("SEC-56")
async def test_refusals_say_why_and_never_what_was_typed(house: House) -> None:
    me = house.people["technician"]
    await sign_in(house, password="hunter2 hunter2 hunter2")
    await sign_in(house, totp="424242")
    switch_off = technicians.update().where(technicians.c.tenant_id == me.tenant_id, technicians.c.id == me.id)
    now = int(house.clock.now().timestamp() * 1e6)
    await house.database.write(me.tenant_id, lambda c: c.execute(switch_off.values(disabled_at=now)))
    await sign_in(house)
    refused = await lines(house)
    assert {(kind, by) for kind, by, _ in refused} == {("sign_in.refused", me.id)}
    assert [facts["word"] for _, _, facts in refused] == ["wrong", "wrong", "disabled"]
    assert all(facts["what"] == "sign_in" and facts["address"] == HERE for _, _, facts in refused)
    for typed in (b"hunter2", b"424242", PASSWORD.encode()):
        assert typed not in await house.contents()


@pytest.mark.feature("SEC-56")
async def test_a_closed_account_is_told_of_once_however_often_it_is_tried(house: House) -> None:
    for _ in range(15):
        await sign_in(house, password="wrong horse battery staple")
    words = [facts["word"] for _, _, facts in await lines(house)]
    assert words == ["wrong"] * 10 + ["throttled"]
    house.clock.advance(timedelta(hours=1))
    for _ in range(15):
        await sign_in(house, password="wrong horse battery staple")
    assert [facts["word"] for _, _, facts in await lines(house)].count("throttled") == 2


@pytest.mark.feature("SEC-56")
async def test_a_login_that_is_nobodys_is_counted_and_named_nowhere(house: House) -> None:
    with capture_logs() as logged:
        await sign_in(house, login="my password by mistake")
    assert await lines(house) == []
    assert [(entry["event"], entry["word"]) for entry in logged] == [("sign_in_refused", "wrong")]
    assert "my password" not in str(logged)
    assert b"my password" not in await house.contents()
    keys = await house.database.read(Unscoped.ROUTING, lambda c: c.scalars(select(log_in_failures.c.key)).all())
    assert len(keys) == 2
    assert all(len(key) == 64 for key in keys), "what was written for nothing has not stayed"


@pytest.mark.feature("SEC-56")
async def test_a_recovery_code_is_told_of_and_so_are_new_ones(house: House) -> None:
    me = house.people["technician"]
    await sign_in(house, totp="", recovery_code=me.recovery_codes[0])
    used, granted = await lines(house)
    assert (used[0], used[2]) == ("sign_in.recovery_code_used", {"left": 9, "address": HERE})
    assert (granted[0], granted[2]["factor"]) == ("sign_in.granted", "recovery_code")
    cookie = await house.log_in("technician", "cookie")
    assert (await press(house, "/profile/recovery-codes", cookie=cookie)).status == 200
    kind, by, facts = (await lines(house))[-1]
    assert (kind, by, facts["count"]) == ("sign_in.recovery_codes_replaced", me.id, 10)
    assert me.recovery_codes[0].encode() not in await house.contents()


@pytest.mark.feature("SEC-56", "SEC-34")
async def test_proving_anew_is_told_of_granted_or_not(house: House) -> None:
    me, token = house.people["admin"], await house.log_in("admin")
    path = "/api/v1/sessions/current/proof"
    await house.ask("POST", path, bearer=token, body={"password": "wrong horse", "totp": "000000"})
    proof = {"password": PASSWORD, "totp": code_at(me.secret, house.clock.now())}
    assert (await house.ask("POST", path, bearer=token, body=proof)).status == 200
    refused, proven = await lines(house)
    assert (refused[0], refused[2]["word"], refused[2]["what"]) == ("sign_in.refused", "wrong", "proof")
    assert (proven[0], proven[1], proven[2]["factor"]) == ("sign_in.proven", me.id, "totp")


@pytest.mark.feature("SEC-56")
async def test_pages_tell_of_duty_log_ins_and_signing_out(house: House) -> None:
    me, cookie = house.people["technician"], await house.log_in("technician", "cookie")
    other = await house.log_in("technician")
    found = await house.services.accounts.find_log_in(token_digest(other), house.clock.now())
    assert found is not None
    await press(house, "/profile/duty", cookie=cookie, on_duty="no")
    await press(house, f"/profile/log-ins/{found.id}/end", cookie=cookie)
    await press(house, f"/profile/log-ins/{found.id}/end", cookie=cookie)
    await press(house, "/sign-out", cookie=cookie)
    told = await lines(house)
    assert [kind for kind, _, _ in told] == ["technician.duty_changed", "sign_in.ended", "sign_in.ended"]
    assert {by for _, by, _ in told} == {me.id}
    assert told[0][2]["on_duty"] == 0
    assert (told[1][2]["log_in"], told[1][2]["why"]) == (found.id, "revoked")
    assert told[2][2]["why"] == "signed_out"


@pytest.mark.feature("SEC-56")
async def test_own_wording_is_told_of_by_name_and_not_when_it_is_refused(house: House) -> None:
    token = await house.log_in("admin")
    assert (await house.ask("PUT", TEXT, bearer=token, body={"text": "Do call me."})).status == 422
    assert await lines(house, "settings.") == []
    assert (await house.ask("PUT", TEXT, bearer=token, body={"text": ""})).status == 200
    ((kind, by, facts),) = await lines(house)
    assert (kind, by) == ("settings.text_changed", house.people["admin"].id)
    assert (facts["template"], facts["own"]) == ("tv.code", 0)


@pytest.mark.feature("SEC-56")
async def test_an_alert_is_acknowledged_once_by_page_or_api(house: House) -> None:
    ada, token = house.world.people[0], await house.log_in("technician")
    for _ in range(2):
        await house.text(ada.mobile, "#verify")
        await house.text(ada.mobile, "#deny")
    first, second = (row["id"] for row in (await house.ask("GET", "/api/v1/alerts", bearer=token)).json["items"])
    assert (await house.ask("POST", f"/api/v1/alerts/{first}/seen", bearer=token)).status == 204
    assert (await house.ask("POST", f"/api/v1/alerts/{first}/seen", bearer=token)).status == 404
    cookie = await house.log_in("other_technician", "cookie")
    for _ in range(2):
        assert (await press(house, f"/alerts/{second}/seen", cookie=cookie)).status == 303
    told = await lines(house, "alert.acknowledged")
    assert [(by, facts["alert"]) for _, by, facts in told] == [
        (house.people["technician"].id, first),
        (house.people["other_technician"].id, second),
    ]


@pytest.mark.feature("SEC-56")
async def test_denials_are_told_of_once_an_hour_each(house: House) -> None:
    token, cookie = await house.log_in("technician"), await house.log_in("technician", "cookie")
    for _ in range(3):
        assert (await house.ask("PUT", TEXT, bearer=token, body={"text": ""})).status == 403
    assert (await house.ask("POST", "/api/v1/sessions", body={}, validate=False)).status == 422
    forged = await house.ask("POST", "/sign-out", cookie=cookie, csrf=False, headers={"Sec-Fetch-Site": "cross-site"})
    assert forged.status == 403
    told = await lines(house)
    assert [(kind, facts["word"], facts["route"]) for kind, _, facts in told] == [
        ("access.denied", "not_allowed", "/api/v1/settings/texts/{template}"),
        ("access.denied", "forged_request", "/sign-out"),
    ]
    assert {by for _, by, _ in told} == {house.people["technician"].id}


@pytest.mark.feature("SEC-56", "SEC-54")
async def test_what_cannot_be_logged_does_not_happen(house: House) -> None:
    """The line's id is taken, so it cannot be written; the change is not made either."""
    services, me = house.services, house.people["technician"]
    token = await house.log_in("technician")
    held = await services.accounts.find_log_in(token_digest(token), house.clock.now())
    assert held is not None
    await services.accounts.noting(me.tenant_id, taken(house)).revoke(me.tenant_id, me.id, "nobody", house.clock.now())
    assert await lines(house) == [], "what changed nothing is not told of"
    await services.people.noting(me.tenant_id, taken(house)).change(me.tenant_id, me.id, on_duty=True)
    with pytest.raises(IntegrityError):
        await services.accounts.noting(me.tenant_id, taken(house)).revoke(
            me.tenant_id, me.id, held.id, house.clock.now()
        )
    with pytest.raises(IntegrityError):
        await services.people.noting(me.tenant_id, taken(house)).change(me.tenant_id, me.id, on_duty=False)
    still = await services.accounts.find_log_in(token_digest(token), house.clock.now())
    assert still is not None
    assert not is_over(still, house.clock.now())
    person = await services.people.technician(me.tenant_id, me.id)
    assert person is not None
    assert person.on_duty
