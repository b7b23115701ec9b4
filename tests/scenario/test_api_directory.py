"""Contacts and clients by API: added by people and by programs, numbers changed by people alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.fixtures.web_house import House, OpenWeb

CONTACTS = "/api/v1/contacts"
CLIENTS = "/api/v1/clients"
NOBODY = "01900000-0000-7000-8000-00000000dead"


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web() as opened:
        yield opened


@pytest.mark.feature("CO-13")
async def test_a_contact_is_added_and_changed(house: House) -> None:
    token = await house.log_in("technician")
    client = (await house.ask("POST", CLIENTS, bearer=token, body={"name": "Coda  Design"})).json
    assert (client["name"], client["contacts"]) == ("Coda Design", 0)
    body = {
        "name": "Gil Hart",
        "client_id": client["id"],
        "addresses": [
            {"kind": "mobile", "value": "212 555 0131"},
            {"kind": "mobile", "value": "+12125550132", "default": True},
            {"kind": "email", "value": "GIL@Coda.example"},
        ],
    }
    added = await house.ask("POST", CONTACTS, bearer=token, body=body)
    assert added.status == 201, added.text
    gil = added.json
    assert [(a["kind"], a["value"], a["default"], a["changed_at"]) for a in gil["addresses"]] == [
        ("email", "gil@coda.example", True, None),
        ("mobile", "+12125550132", True, None),
        ("mobile", "+12125550131", False, None),
    ]
    acme = house.world.people[0].client_id
    patch = {"name": "Gil Hartley", "client_id": acme}
    changed = await house.ask("PATCH", f"{CONTACTS}/{gil['id']}", bearer=token, body=patch)
    assert (changed.status, changed.json["name"], changed.json["client"]) == (200, "Gil Hartley", "Acme Dental")
    renamed = await house.ask("PATCH", f"{CLIENTS}/{client['id']}", bearer=token, body={"name": "Coda Studio"})
    assert renamed.json == {"id": client["id"], "name": "Coda Studio", "contacts": 0}
    listed = await house.ask("GET", f"{CLIENTS}?q=coda&limit=1", bearer=token)
    assert listed.json == {"items": [renamed.json], "next": None}
    assert (await house.ask("GET", f"{CLIENTS}/{acme}", bearer=token)).json["contacts"] == 4


@pytest.mark.feature("CO-13")
async def test_what_is_refused_says_where_and_what_to_do(house: House) -> None:
    token, ada = await house.log_in("technician"), house.world.people[0]
    good = {"name": "Gil", "client_id": ada.client_id, "addresses": [{"kind": "mobile", "value": "+12125550131"}]}
    cases: tuple[tuple[dict[str, object], int, str, str], ...] = (
        ({"name": "@gil"}, 422, "invalid", "formula"),
        ({"client_id": NOBODY}, 422, "no_client", "/api/v1/clients"),
        ({"locale": "xx"}, 422, "invalid", "There are: en."),
        ({"addresses": []}, 422, "invalid", "addresses"),
        ({"addresses": [{"kind": "mobile", "value": "12"}]}, 422, "invalid", "Write it like +1 201-555-0123."),
        ({"addresses": [{"kind": "mobile", "value": ada.mobile}]}, 409, "shared", "`shared`"),
        ({"name": "ADA Bishop"}, 409, "same_name", "`same_name`"),
        ({"verified": True}, 422, "invalid", "verified"),
    )
    for change, status, word, said in cases:
        answer = await house.ask("POST", CONTACTS, bearer=token, body=good | change)
        assert (answer.status, answer.json["error"]) == (status, word), answer.text
        assert said in answer.json["message"], answer.text
    assert (await house.ask("POST", CLIENTS, bearer=token, body={"name": "ACME dental"})).json["error"] == "name_taken"
    shared = good | {"addresses": [{"kind": "mobile", "value": ada.mobile, "shared": True}]}
    assert (await house.ask("POST", CONTACTS, bearer=token, body=shared)).status == 201
    other = house.world.people[3]
    taken = await house.ask("PATCH", f"{CLIENTS}/{other.client_id}", bearer=token, body={"name": "acme DENTAL"})
    assert (taken.status, taken.json["error"]) == (409, "name_taken")


@pytest.mark.feature("SEC-13", "SEC-34")
async def test_a_number_is_changed_with_a_fresh_sign_in(house: House) -> None:
    token, ada = await house.log_in("technician"), house.world.people[0]
    contact = (await house.ask("GET", f"{CONTACTS}/{ada.id}", bearer=token)).json
    mobile = next(a["id"] for a in contact["addresses"] if a["kind"] == "mobile")
    await house.text(ada.mobile, "#verify")
    where = f"{CONTACTS}/{ada.id}/addresses"
    changed = await house.ask("PATCH", f"{where}/{mobile}", bearer=token, body={"value": "+12125550188"})
    assert changed.status == 200, changed.text
    outcome = changed.json
    assert (outcome["ended_checks"], outcome["told"], outcome["untold"]) == (1, True, None)
    (shown,) = [a for a in outcome["contact"]["addresses"] if a["kind"] == "mobile"]
    assert (shown["value"], shown["changed_at"]) == ("+12125550188", "2026-03-02T09:00:00Z")
    same = await house.ask("PATCH", f"{where}/{mobile}", bearer=token, body={"value": "+1 212 555 0188"})
    assert (same.json["told"], same.json["ended_checks"]) == (False, 0)
    more = await house.ask("POST", where, bearer=token, body={"kind": "mobile", "value": "+12125550189"})
    assert more.status == 201
    second = next(a["id"] for a in more.json["contact"]["addresses"] if a["value"] == "+12125550189")
    used = await house.ask("POST", f"{where}/{second}/use", bearer=token)
    assert used.json["contact"]["addresses"][1]["value"] == "+12125550189"
    twice = await house.ask("POST", where, bearer=token, body={"kind": "mobile", "value": "+12125550189"})
    assert (twice.status, twice.json["error"]) == (409, "address_taken")
    gone = await house.ask("DELETE", f"{where}/{second}", bearer=token)
    assert [a["value"] for a in gone.json["contact"]["addresses"] if a["kind"] == "mobile"] == ["+12125550188"]
    assert (await house.ask("DELETE", f"{where}/{second}", bearer=token)).status == 404
    house.clock.advance(timedelta(seconds=301))
    for method, path, body in (
        ("POST", "", {"kind": "mobile", "value": "+12125550190"}),
        ("PATCH", f"/{mobile}", {"value": "+12125550190"}),
        ("DELETE", f"/{mobile}", None),
        ("POST", f"/{mobile}/use", None),
    ):
        stale = await house.ask(method, where + path, bearer=token, body=body)
        assert (stale.status, stale.json["error"]) == (401, "step_up_required")


@pytest.mark.feature("SEC-36")
async def test_another_tenants_people_are_like_nobody(house: House) -> None:
    token, theirs = await house.log_in("technician"), house.other.people[0]
    said = set()
    for contact_id, client_id in ((theirs.id, theirs.client_id), (NOBODY, NOBODY)):
        for method, path, body in (
            ("PATCH", f"{CONTACTS}/{contact_id}", {"name": "Mine"}),
            ("POST", f"{CONTACTS}/{contact_id}/addresses", {"kind": "mobile", "value": "+12125550190"}),
            ("DELETE", f"{CONTACTS}/{contact_id}/addresses/{NOBODY}", None),
            ("GET", f"{CLIENTS}/{client_id}", None),
            ("PATCH", f"{CLIENTS}/{client_id}", {"name": "Mine"}),
        ):
            answer = await house.ask(method, path, bearer=token, body=body)
            said.add((answer.status, answer.json["error"], answer.json["message"]))
        moved = await house.ask(
            "PATCH", f"{CONTACTS}/{house.world.people[0].id}", bearer=token, body={"client_id": client_id}
        )
        assert (moved.status, moved.json["error"]) == (422, "no_client")
    assert len(said) == 1
    assert next(iter(said))[0] == 404
