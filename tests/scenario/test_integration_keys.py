"""Keys of other programs, from the page where one is made to the call that is refused (SEC-35)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from tests.fixtures.web_house import Answer, House, OpenWeb
from tests.scenario.route_ground import new_integration_key
from tests.scenario.route_samples import TV
from web.csrf import COOKIE
from web.pages import page_routes
from web.pages.errors import show_problem
from web.routing import Scope
from web.services import CALLS_OF_A_KEY

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PAGE = "/settings/keys"
API = "/api/v1/integration-keys"
_SHOWN = re.compile(r">(wwk_[A-Za-z0-9_-]{43})<")


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


async def _press(house: House, path: str, *fields: tuple[str, str]) -> Answer:
    cookie = await house.log_in("admin", "cookie")
    return await house.ask("POST", path, raw=urlencode(fields).encode(), cookie=cookie, headers=FORM)


async def _page(house: House) -> str:
    return (await house.ask("GET", PAGE, cookie=await house.log_in("admin", "cookie"))).text


async def _lines(house: House, kind: str) -> list[dict[str, str | int]]:
    await house.place_lines()
    found = await house.services.log.before(house.world.tenant_id, kind=kind)
    return [dict(row.public) for row in found.items]


@pytest.mark.feature("SEC-35")
async def test_from_the_page_to_the_last_call(house: House) -> None:
    """Made, shown once, used, listed, revoked, and nothing of it is kept in the open."""
    assert "No keys yet" in await _page(house)
    fields = (("name", "Monthly dashboard"), ("scopes", "checks:read"), ("scopes", "contacts:read"), ("days", "30"))
    made = await _press(house, PAGE, *fields)
    assert made.status == 200
    (key,) = set(_SHOWN.findall(made.text))
    later = await _page(house)
    assert key not in later
    assert key[:10] in later
    assert "Monthly dashboard" in later
    assert "never used" in later
    assert "1 Apr 2026" in later, "thirty days from the second of March"
    assert key.encode() not in await house.contents(), "only its hash is kept"

    assert (await house.ask("GET", "/api/v1/contacts?q=ada", bearer=key)).status == 200
    assert (await house.ask("GET", TV, bearer=key)).json == {"items": [], "next": None}
    refused = await house.ask("GET", "/api/v1/tickets", bearer=key)
    assert (refused.status, refused.json["error"]) == (403, "scope_missing")
    assert "never used" not in await _page(house)

    (line,) = await _lines(house, "settings.key_made")
    assert (line["scopes"], line["days"]) == ("checks:read contacts:read", 30)
    (denied,) = await _lines(house, "access.denied")
    assert (denied["by_key"], denied["word"], denied["route"]) == (line["key"], "scope_missing", "/api/v1/tickets")
    assert "by_log_in" not in denied

    history = (await house.ask("GET", "/history", cookie=await house.log_in("technician", "cookie"))).text
    assert "The program “Monthly dashboard” was refused" in history
    assert "Admin made a key for another program" in history

    gone = await _press(house, f"{PAGE}/{line['key']}/revoke")
    assert (gone.status, gone.headers["Location"]) == (303, f"{PAGE}?said=key_revoked")
    after = await house.ask("GET", TV, bearer=key)
    assert (after.status, after.json["error"]) == (401, "key_not_valid")
    assert "revoked" in await _page(house)
    assert (await _press(house, f"{PAGE}/{line['key']}/revoke")).status == 404
    assert [one["key"] for one in await _lines(house, "settings.key_revoked")] == [line["key"]]


@pytest.mark.feature("SEC-35")
async def test_what_is_wrong_with_a_new_key_stands_at_its_field_and_nothing_is_lost(house: House) -> None:
    right = {"name": "Dashboard", "scopes": "checks:read", "days": "30"}
    for field, value, said in (
        ("name", "  ", "Say what the key is for"),
        ("name", "x" * 121, "at most 120 characters"),
        ("scopes", None, "Tick at least one thing"),
        ("days", "0", "from 1 to 365 days"),
        ("days", "366", "from 1 to 365 days"),
        ("days", "-1", "from 1 to 365 days"),
        ("days", "soon", "from 1 to 365 days"),
        ("days", "٣", "from 1 to 365 days"),
    ):
        sent = {name: text for name, text in {**right, field: value}.items() if text is not None}
        answer = await _press(house, PAGE, *sent.items())
        assert (answer.status, said in answer.text) == (422, True), (field, value)
        assert f'id="wrong-{field}"' in answer.text
        for name, kept in sent.items():
            if name != field:
                assert f'value="{kept}"' in answer.text, (field, name)
        assert ("checked" in answer.text) == ("scopes" in sent)
    assert (await _press(house, PAGE, *{**right, "scopes": "checks:claim"}.items())).status == 422
    assert (await _press(house, PAGE, *right.items())).status == 200
    again = await _press(house, PAGE, *right.items())
    assert (again.status, "There is a key of this name" in again.text) == (422, True)
    assert len(await house.services.integration_keys.all(house.world.tenant_id)) == 1
    hostile = await _press(house, PAGE, ("name", "<script>alert(1)</script>"), ("scopes", "checks:read"))
    assert hostile.status == 200
    assert "<script>alert" not in hostile.text


@pytest.mark.feature("SEC-35")
async def test_over_to_the_second(house: House) -> None:
    key, id = await new_integration_key(house, {Scope.CHECKS_READ})
    house.clock.advance(timedelta(days=365) - timedelta(seconds=1))
    assert (await house.ask("GET", TV, bearer=key)).status == 200
    house.clock.advance(timedelta(seconds=1))
    over = await house.ask("GET", TV, bearer=key)
    assert (over.status, over.json["error"]) == (401, "key_not_valid")
    assert not await house.services.integration_keys.revoke(house.world.tenant_id, id, house.clock.now())
    assert "run out" in await _page(house)


@pytest.mark.feature("SEC-35")
async def test_what_is_no_key_says_so_and_no_more(house: House) -> None:
    key, _ = await new_integration_key(house, {Scope.CHECKS_READ})
    answers = []
    for wrong in (key[:-1], key + "=", "wwk_", "wwk_" + "x" * 43):
        answer = await house.ask("GET", TV, bearer=wrong)
        answers.append((answer.status, answer.json["error"], answer.json["message"]))
    assert set(answers) == {(401, "key_not_valid", answers[0][2])}, "nobody learns why"
    assert (await house.ask("GET", TV, cookie=key)).json["error"] == "sign_in_required", "a key is no cookie"
    assert (await house.ask("GET", TV, headers={"Authorization": f"Basic {key}"})).status == 401
    for path in ("/codes", PAGE, "/profile", "/events"):
        page = await house.ask("GET", path, bearer=key)
        assert page.status == 403, path
        assert COOKIE not in str(page.headers.get("Set-Cookie", ""))
    public = await house.ask("GET", "/healthz", bearer="wwk_nonsense")
    assert public.status == 200


@pytest.mark.feature("SEC-35", "SEC-02")
async def test_a_key_never_sees_a_code(house: House) -> None:
    key, _ = await new_integration_key(house, set(Scope))
    ada = house.world.people[0]
    await house.text(ada.mobile, "#verify")
    token = await house.log_in("technician")
    check = (await house.ask("GET", TV, bearer=token)).json["items"][0]["id"]
    claim = {"direction": "we_called_user", "ticket": "later"}
    code = (await house.ask("POST", f"{TV}/{check}/claim", bearer=token, body=claim)).json["code"]
    assert code
    for path in (TV, f"{TV}/{check}", f"/api/v1/contacts/{ada.id}/verifications", "/api/v1/audit", "/api/v1/tickets"):
        answer = await house.ask("GET", path, bearer=key)
        assert answer.status == 200, path
        assert code not in answer.text, path
    seen = (await house.ask("GET", f"{TV}/{check}", bearer=key)).json
    assert (seen["state"], seen["code"]) == ("claimed", None)
    assert len(await _lines(house, "tv.code_shown")) == 1, "to its claimer, and to nobody since"
    act = await house.ask("POST", f"{TV}/{check}/release", bearer=key)
    assert (act.status, act.json["error"]) == (403, "scope_missing")


@pytest.mark.feature("SEC-35", "REL-02")
async def test_repeated_calls_are_one_for_each_key(house: House) -> None:
    first, first_id = await new_integration_key(house, {Scope.TICKETS_WRITE})
    second, _ = await new_integration_key(house, {Scope.TICKETS_WRITE})
    body = {"contact_id": house.world.people[0].id, "title": "Printer"}
    once = {"Idempotency-Key": "the same"}

    async def open_ticket(key: str) -> str:
        answer = await house.ask("POST", "/api/v1/tickets", bearer=key, body=body, headers=once)
        assert answer.status == 201
        return str(answer.json["id"])

    ticket = await open_ticket(first)
    assert await open_ticket(first) == ticket
    assert await open_ticket(second) != ticket
    other = {**body, "title": "Another"}
    reused = await house.ask("POST", "/api/v1/tickets", bearer=first, body=other, headers=once)
    assert (reused.status, reused.json["error"]) == (422, "idempotency_key_reused")
    assert first_id


@pytest.mark.feature("SEC-35", "REL-16")
async def test_a_program_that_runs_wild_is_held_back_alone(house: House) -> None:
    most, within = CALLS_OF_A_KEY
    wild, wild_id = await new_integration_key(house, {Scope.CHECKS_READ})
    calm, _ = await new_integration_key(house, {Scope.CHECKS_READ})
    for _ in range(most - 1):
        house.services.key_bound.count(wild_id, house.clock.now())
    house.clock.advance(timedelta(seconds=20))
    assert (await house.ask("GET", TV, bearer=wild)).status == 200
    held = await house.ask("GET", TV, bearer=wild)
    assert (held.status, held.json["error"], held.headers["Retry-After"]) == (429, "too_many_calls", "40")
    assert (await house.ask("GET", TV, bearer=calm)).status == 200
    assert (await house.ask("GET", TV, bearer=await house.log_in("technician"))).status == 200
    house.clock.advance(within - timedelta(seconds=20))
    assert (await house.ask("GET", TV, bearer=wild)).status == 200


@pytest.mark.feature("SEC-35")
async def test_keys_by_the_api(house: House) -> None:
    token = await house.log_in("admin")
    body = {"name": "  Dashboard ", "scopes": ["tickets:read", "checks:read"], "days": 7}
    made = await house.ask("POST", API, bearer=token, body=body, headers={"Idempotency-Key": "k"})
    assert (made.status, made.json["name"]) == (201, "Dashboard")
    assert made.json["scopes"] == ["checks:read", "tickets:read"]
    repeated = await house.ask("POST", API, bearer=token, body=body, headers={"Idempotency-Key": "k"})
    assert (repeated.status, repeated.json["error"]) == (409, "name_taken"), "a secret is never kept to be repeated"
    listed = (await house.ask("GET", API, bearer=token)).json["items"]
    assert [(one["id"], one["works"], one["begins"]) for one in listed] == [
        (made.json["id"], True, made.json["key"][:10])
    ]
    assert made.json["key"] not in str(listed)
    bad: list[dict[str, object]] = [{"days": 366}, {"days": 0}, {"name": " "}, {"name": "x" * 121}, {"scopes": []}]
    bad.append({"scopes": ["checks:claim"]})
    for wrong in bad:
        assert (await house.ask("POST", API, bearer=token, body={**body, **wrong})).status == 422, wrong
    by_key = await house.ask("POST", API, bearer=made.json["key"], body=body)
    assert (by_key.status, by_key.json["error"]) == (403, "scope_missing"), "a key makes no keys"
    gone = await house.ask("DELETE", f"{API}/{made.json['id']}", bearer=token)
    assert gone.status == 204
    assert (await house.ask("DELETE", f"{API}/{made.json['id']}", bearer=token)).status == 404
    assert [one["works"] for one in (await house.ask("GET", API, bearer=token)).json["items"]] == [False]
    house.clock.advance(timedelta(seconds=301))
    for method, path, sent in (("POST", API, body), ("DELETE", f"{API}/{made.json['id']}", None)):
        stale = await house.ask(method, path, bearer=token, body=sent)
        assert (stale.status, stale.json["error"]) == (401, "step_up_required")
