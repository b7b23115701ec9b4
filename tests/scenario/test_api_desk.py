"""The API's other calls over the real engine: signing in, announced calls, contacts, tickets, log, alerts, wording."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from identity.totp import code_at
from tests.fixtures.web_house import CONTRACT, PASSWORD, Answer, House, OpenWeb

TV = "/api/v1/technician-verifications"
CALLS = "/api/v1/announced-calls"
TEXT = "/api/v1/settings/texts/tv.code"


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web() as opened:
        yield opened


async def _sign_in(house: House, **given: str) -> Answer:
    person = house.people["technician"]
    body = {"login": person.login, "password": PASSWORD, "totp": code_at(person.secret, house.clock.now()), **given}
    return await house.ask("POST", "/api/v1/sessions", body=body)


@pytest.mark.feature("SEC-33")
async def test_signing_in(house: House) -> None:
    right = await _sign_in(house)
    assert right.status == 201, right.text
    assert set(right.json) == {"token", "expires_at", "technician", "recovery_codes_left"}
    assert right.json["technician"] == {"id": house.people["technician"].id, "name": "Technician"}
    assert right.json["expires_at"] == "2026-03-02T21:00:00Z"
    token = right.json["token"]
    assert (await house.ask("GET", TV, bearer=token)).status == 200
    assert token.encode() not in await house.contents(), "only its digest is kept"

    again = await _sign_in(house)
    assert (again.status, again.json["error"]) == (401, "sign_in_failed"), "a code works once"
    house.clock.advance(timedelta(seconds=30))
    said = set()
    for wrong in ({"password": PASSWORD + "x"}, {"login": "nobody@tenant1.example"}, {"totp": "000000"}):
        answer = await _sign_in(house, **wrong)
        said.add((answer.status, answer.json["error"], answer.json["message"]))
    assert len(said) == 1, "whatever was wrong, the words are the same"


@pytest.mark.feature("SEC-33")
async def test_signing_in_with_a_recovery_code(house: House) -> None:
    code = house.people["technician"].recovery_codes[0]
    first = await _sign_in(house, totp="", recovery_code=code)
    assert first.status == 201
    assert first.json["recovery_codes_left"] == len(house.people["technician"].recovery_codes) - 1
    assert (await _sign_in(house, totp="", recovery_code=code)).status == 401


@pytest.mark.feature("SEC-33")
async def test_too_many_tries(house: House) -> None:
    answers = [await _sign_in(house, password="wrong horse battery staple") for _ in range(11)]
    assert [a.status for a in answers] == [401] * 10 + [429]
    assert answers[-1].json["not_before"].endswith("Z")
    assert answers[-1].headers["Retry-After"]


@pytest.mark.feature("SEC-34")
async def test_proving_a_log_in_anew(house: House) -> None:
    person, token = house.people["admin"], await house.log_in("admin")
    house.clock.advance(timedelta(seconds=301))
    stale = await house.ask("PUT", TEXT, bearer=token, body={"text": ""})
    assert (stale.status, stale.json["error"]) == (401, "step_up_required")
    proof = {"password": PASSWORD, "totp": code_at(person.secret, house.clock.now())}
    proven = await house.ask("POST", "/api/v1/sessions/current/proof", bearer=token, body=proof)
    assert proven.status == 200, proven.text
    assert (await house.ask("GET", TV, bearer=token)).status == 401, "the old token has ended"
    fresh = proven.json["token"]
    assert (await house.ask("PUT", TEXT, bearer=fresh, body={"text": ""})).status == 200
    wrong = {"password": PASSWORD, "totp": "000000"}
    assert (await house.ask("POST", "/api/v1/sessions/current/proof", bearer=fresh, body=wrong)).status == 401


@pytest.mark.feature("Y-04")
async def test_an_announced_call_claims_by_itself(house: House) -> None:
    ada, mine = house.world.people[0], await house.log_in("technician")
    body = {"contact_id": ada.id, "direction": "we_called_user", "ticket": "later", "notify": True}
    said = await house.ask("POST", CALLS, bearer=mine, body=body)
    assert said.status == 201, said.text
    assert said.json["contact_name"] == ada.name
    assert said.json["ticket_choice"] == "later"
    listed = await house.ask("GET", CALLS, bearer=mine)
    assert [c["id"] for c in listed.json["items"]] == [said.json["id"]]
    theirs = await house.log_in("other_technician")
    assert (await house.ask("GET", CALLS, bearer=theirs)).json["items"] == []
    assert len((await house.ask("GET", f"{CALLS}?contact_id={ada.id}", bearer=theirs)).json["items"]) == 1
    await house.text(ada.mobile, "#verify")
    check = (await house.ask("GET", TV, bearer=mine)).json["items"][0]
    assert (check["state"], check["announced"]) == ("claimed", True)
    assert check["code"], "readable without a tap"
    assert (await house.ask("GET", TV, bearer=theirs)).json["items"][0]["code"] is None


@pytest.mark.feature("Y-04")
async def test_an_announced_call_is_taken_back(house: House) -> None:
    ada, mine = house.world.people[0], await house.log_in("technician")
    body = {"contact_id": ada.id, "direction": "on_site", "ticket": "later"}
    id = (await house.ask("POST", CALLS, bearer=mine, body=body)).json["id"]
    assert (await house.ask("DELETE", f"{CALLS}/{id}", bearer=mine)).status == 204
    again = await house.ask("DELETE", f"{CALLS}/{id}", bearer=mine)
    assert (again.status, again.json["error"]) == (409, "already_ended")
    for wrong, status, error in (
        ({"direction": "user_called_us"}, 409, "user_called_us"),
        ({"contact_id": "01900000-0000-7000-8000-00000000dead"}, 404, "contact_not_found"),
        ({"contact_id": house.other.people[0].id}, 404, "contact_not_found"),
        ({"ticket": "nope"}, 404, "ticket_not_found"),
        ({"direction": "sideways"}, 422, "invalid"),
    ):
        refused = await house.ask("POST", CALLS, bearer=mine, body={**body, **wrong})
        assert (refused.status, refused.json["error"]) == (status, error)


async def test_contacts_are_found(house: House) -> None:
    ada, mine = house.world.people[0], await house.log_in("technician")
    for query in ("phone=%2B12125550111", "phone=(212)%20555-0111", "email=ADA@acme.example", "q=ada", "q=bishop"):
        found = await house.ask("GET", f"/api/v1/contacts?{query}", bearer=mine)
        assert [c["id"] for c in found.json["items"]] == [ada.id], query
    one = await house.ask("GET", f"/api/v1/contacts/{ada.id}", bearer=mine)
    assert one.json["client"] == "Acme Dental"
    assert {(a["kind"], a["value"], a["default"]) for a in one.json["addresses"]} == {
        ("mobile", ada.mobile, True),
        ("email", ada.email, True),
    }
    assert (await house.ask("GET", "/api/v1/contacts?q=%00", bearer=mine)).status == 422
    assert (await house.ask("GET", "/api/v1/contacts?shoe=43", bearer=mine)).status == 422
    assert (await house.ask("GET", "/api/v1/contacts?limit=0", bearer=mine)).status == 422


async def test_tickets(house: House) -> None:
    ada, mine = house.world.people[0], await house.log_in("technician")
    made = await house.ask("POST", "/api/v1/tickets", bearer=mine, body={"contact_id": ada.id, "title": "No mail"})
    id = made.json["id"]
    assert made.json["client_id"] == ada.client_id
    await house.services.psa(house.world.tenant_id).add_note(id, "Looked into it", internal=True, key="n1")
    read = await house.ask("GET", f"/api/v1/tickets/{id}", bearer=mine)
    assert [n["body"] for n in read.json["notes"]] == ["Looked into it"]
    for query, found in (
        (f"contact_id={ada.id}&open=true", [id]),
        (f"client_id={ada.client_id}", [id]),
        ("q=mail", [id]),
        (f"contact_id={house.world.people[1].id}", []),
    ):
        listed = await house.ask("GET", f"/api/v1/tickets?{query}", bearer=mine)
        assert [t["id"] for t in listed.json["items"]] == found, query
    nobody = await house.ask("POST", "/api/v1/tickets", bearer=mine, body={"title": "t"})
    assert (nobody.status, nobody.json["error"]) == (422, "client_required")
    foreign = {"contact_id": house.other.people[0].id, "title": "t"}
    assert (await house.ask("POST", "/api/v1/tickets", bearer=mine, body=foreign)).status == 422
    assert (await house.ask("GET", "/api/v1/tickets?after=x", bearer=mine)).status == 422


@pytest.mark.feature("SEC-08")
async def test_alerts_stay_until_seen(house: House) -> None:
    ada, mine = house.world.people[0], await house.log_in("technician")
    await house.text(ada.mobile, "#verify")
    await house.text(ada.mobile, "#deny")
    (alert,) = (await house.ask("GET", "/api/v1/alerts", bearer=mine)).json["items"]
    assert alert["kind"] == "denied"
    assert alert["text"]
    assert (await house.ask("POST", f"/api/v1/alerts/{alert['id']}/seen", bearer=mine)).status == 204
    assert (await house.ask("GET", "/api/v1/alerts", bearer=mine)).json["items"] == []
    assert (await house.ask("POST", f"/api/v1/alerts/{alert['id']}/seen", bearer=mine)).status == 404


@pytest.mark.feature("SEC-05")
async def test_own_wording_keeps_what_protects_people(house: House) -> None:
    token = await house.log_in("admin")
    ours = (await house.ask("GET", TEXT, bearer=token)).json
    assert ours["own"] is False
    stripped = await house.ask("PUT", TEXT, bearer=token, body={"text": "Hello, your code is {code}."})
    assert (stripped.status, stripped.json["error"]) == (422, "text_refused")
    assert stripped.json["problems"]
    assert (await house.ask("GET", TEXT, bearer=token)).json == ours, "nothing was kept"
    own = ours["text"] + " Thanks!"
    kept = await house.ask("PUT", TEXT, bearer=token, body={"text": own})
    assert (kept.status, kept.json["own"], kept.json["text"]) == (200, True, own)
    back = await house.ask("PUT", TEXT, bearer=token, body={"text": ""})
    assert back.json == ours
    assert (await house.ask("GET", "/api/v1/settings/texts/no.such", bearer=token)).status == 404


@pytest.mark.feature("REL-02")
async def test_a_call_that_is_repeated_happens_once(house: House) -> None:
    ada, mine = house.world.people[0], await house.log_in("technician")
    body, key = {"contact_id": ada.id, "title": "Once"}, {"Idempotency-Key": "k-1"}
    first = await house.ask("POST", "/api/v1/tickets", bearer=mine, body=body, headers=key)
    for _ in range(4):
        again = await house.ask("POST", "/api/v1/tickets", bearer=mine, body=body, headers=key)
        assert (again.status, again.json) == (first.status, first.json)
    other = await house.ask("POST", "/api/v1/tickets", bearer=mine, body={**body, "title": "Twice"}, headers=key)
    assert (other.status, other.json["error"]) == (422, "idempotency_key_reused")
    elsewhere = await house.ask("POST", CALLS, bearer=mine, body={}, headers=key)
    assert elsewhere.status == 422
    assert len((await house.ask("GET", "/api/v1/tickets", bearer=mine)).json["items"]) == 1

    await house.log_in("technician")
    theirs = await house.log_in("other_technician")
    assert (await house.ask("POST", "/api/v1/tickets", bearer=theirs, body=body, headers=key)).status == 201
    assert len((await house.ask("GET", "/api/v1/tickets", bearer=mine)).json["items"]) == 2, "keys are everyone's own"

    at_once = {"Idempotency-Key": "k-2"}
    answers = await asyncio.gather(
        *(house.ask("POST", "/api/v1/tickets", bearer=mine, body=body, headers=at_once) for _ in range(8))
    )
    assert {a.status for a in answers} <= {201, 409}
    assert len({a.json["id"] for a in answers if a.status == 201}) == 1
    assert len((await house.ask("GET", "/api/v1/tickets", bearer=mine)).json["items"]) == 3

    house.clock.advance(timedelta(hours=24, seconds=1))
    late = await house.log_in("technician")
    anew = await house.ask("POST", "/api/v1/tickets", bearer=late, body={**body, "title": "Next day"}, headers=key)
    assert anew.status == 201


@pytest.mark.feature("REL-02", "SEC-17")
async def test_a_repeated_claim_shows_the_code_only_while_it_lives(house: House) -> None:
    ada, mine = house.world.people[0], await house.log_in("technician")
    await house.text(ada.mobile, "#verify")
    id = (await house.ask("GET", TV, bearer=mine)).json["items"][0]["id"]
    body, key = {"direction": "we_called_user", "ticket": "later"}, {"Idempotency-Key": "claim-1"}
    first = await house.ask("POST", f"{TV}/{id}/claim", bearer=mine, body=body, headers=key)
    again = await house.ask("POST", f"{TV}/{id}/claim", bearer=mine, body=body, headers=key)
    code = first.json["code"]
    assert code
    assert again.json == first.json, "and not `already_claimed`"
    assert code.encode() not in await house.contents(), "neither here nor there in clear"
    await house.text(ada.mobile, "#confirm")
    ended = await house.ask("POST", f"{TV}/{id}/claim", bearer=mine, body=body, headers=key)
    assert (ended.status, ended.json["code"]) == (200, None)
    refused = {"Idempotency-Key": "claim-2"}
    for _ in range(2):
        over = await house.ask("POST", f"{TV}/{id}/claim", bearer=mine, body=body, headers=refused)
        assert (over.status, over.json["error"]) == (409, "ended")


@pytest.mark.feature("REL-17")
async def test_health(house: House) -> None:
    assert (await house.ask("GET", "/healthz")).json == {"status": "ok"}
    ready = await house.ask("GET", "/readyz")
    assert (ready.status, ready.json["ready"]) == (200, True)
    house.unwell["database"] = "does not answer"
    assert (await house.ask("GET", "/healthz")).status == 200
    away = await house.ask("GET", "/readyz")
    assert (away.status, away.json["ready"]) == (503, False)
    assert away.json["checks"] == {"database": "does not answer", "migrations": "ok", "keys": "ok"}


@pytest.mark.feature("REL-02")
async def test_a_call_whose_worker_died_may_be_tried_again_after_a_minute(house: House) -> None:
    kept, tenant = house.services.idempotency, house.world.tenant_id
    key, request = b"k" * 32, b"r" * 32
    assert (await kept.enter(tenant, key, request, house.clock.now())).outcome == "new"
    assert (await kept.enter(tenant, key, request, house.clock.now())).outcome == "busy"
    assert (await kept.enter(house.other.tenant_id, key, request, house.clock.now())).outcome == "new"
    house.clock.advance(timedelta(seconds=60))
    assert (await kept.enter(tenant, key, request, house.clock.now())).outcome == "new"
    await kept.finish(tenant, key, 200, "{}")
    house.clock.advance(timedelta(hours=23))
    assert (await kept.enter(tenant, key, request, house.clock.now())).outcome == "done"
    assert (await kept.enter(tenant, key, b"x" * 32, house.clock.now())).outcome == "other_request"


async def test_the_description_is_served(house: House) -> None:
    described_here = await house.ask("GET", "/docs/openapi.json")
    assert set(described_here.json["paths"]) == set(CONTRACT["paths"])
    page = await house.ask("GET", "/docs")
    assert page.status == 200
    for path in CONTRACT["paths"]:
        assert path in page.text
