"""A technician who would rather agree to it alone: ways around a second person that are none (SEC-12)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.fixtures.demo_house import DemoHouse
from tests.fixtures.second_person import OTHER, WHY, second_number
from tests.fixtures.verifying import ask

anywhere = pytest.mark.parametrize("cluster", ["sqlite"], indirect=True, ids=["anywhere"])


async def strict(demo: DemoHouse, client_id: str) -> None:
    """Two people must agree at this client, and at no other."""
    await demo.settings(
        lambda s: replace(
            s,
            client_policies={client_id: replace(s.policy, second_person=True, high_by_two=True, approver="supervisor")},
        )
    )


@anywhere
@pytest.mark.feature("SEC-12", "SEC-14")
async def test_nobody_is_moved_out_of_reach_of_a_policy_by_whom_it_binds(demo: DemoHouse) -> None:
    ada, eve = demo.contact("ada"), demo.contact("eve")
    here, there = [(await demo.api("GET", f"/api/v1/contacts/{c.id}")).json["client_id"] for c in (ada, eve)]
    other = await second_number(demo, ada)
    await strict(demo, here)
    about: dict[str, Any] = {"address_id": other, "note": WHY}
    assert (await ask(demo, ada, **about)).json["error"] == "approval_required"
    path = f"/api/v1/contacts/{ada.id}"
    moved = await demo.api("PATCH", path, {"client_id": there})
    assert (moved.status, moved.json["error"]) == (403, "not_allowed")
    assert (await demo.api("PATCH", path, {"name": "Ada B."})).status == 200, "what is not about the client goes on"
    back = await demo.api("PATCH", f"/api/v1/contacts/{eve.id}", {"client_id": here})
    assert back.status == 403, "nor is anybody put among them"
    assert (await ask(demo, ada, **about)).json["error"] == "approval_required"
    assert (await demo.api("PATCH", path, {"client_id": there}, who="sam")).status == 200


@anywhere
@pytest.mark.feature("SEC-12", "SEC-09")
async def test_a_record_of_their_own_needs_a_colleague_too(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    client = (await demo.api("GET", f"/api/v1/contacts/{ada.id}")).json["client_id"]
    body: dict[str, Any] = {"name": "Ada Bishop", "client_id": client, "same_name": True}
    body["addresses"] = [{"kind": "mobile", "value": OTHER}, {"kind": "email", "value": "ada.private@acme.example"}]
    before = (await demo.api("POST", "/api/v1/contacts", body)).json
    assert [a["changed_at"] for a in before["addresses"]] == [None, None], "where nobody else is asked, nothing changes"
    await strict(demo, client)
    body["addresses"] = [{"kind": "mobile", "value": "+12135550179"}]
    made = await demo.api("POST", "/api/v1/contacts", body)
    assert made.status == 201, made.text
    one = replace(ada, id=made.json["id"])
    assert (await ask(demo, one, note=WHY)).json["error"] == "approval_required"
