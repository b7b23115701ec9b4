"""Verifying a caller who has no ticket yet: one is opened in the same turn, and what comes of it is noted there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.demo_house import DemoHouse
from tests.fixtures.verifying import act, asked, check, code_in, shield, shown, steps


async def tickets_of(demo: DemoHouse, contact_id: str) -> list[Any]:
    """Everything open that is theirs, the newest first."""
    found = (await demo.api("GET", f"/api/v1/tickets?contact_id={contact_id}")).json["items"]
    return [ticket for ticket in found if ticket["contact_id"] == contact_id]


@pytest.mark.feature("EV-37", "EV-44")
async def test_the_ticket_is_opened_with_the_asking_and_gets_the_result(demo: DemoHouse) -> None:
    cleo = demo.contact("cleo")
    before = {ticket["id"] for ticket in await tickets_of(demo, cleo.id)}
    id = await asked(demo, cleo, ticket="new")
    text = demo.texts_to(cleo)[-1]
    assert "asks about a new ticket" in text
    made = await shown(demo, id)
    (ticket,) = [ticket for ticket in await tickets_of(demo, cleo.id) if ticket["id"] not in before]
    assert (made["ticket"], made["ticket_number"], made["ticket_choice"]) == (ticket["id"], ticket["number"], "ticket")
    assert ticket["title"] == f"Call by {cleo.name}"
    assert (await check(demo, id, code_in(text))).status == 200
    (note,) = await demo.notes(ticket["id"])
    assert "End-user verification: VERIFIED" in note
    assert f"Ticket {ticket['number']} was opened" in note
    assert (await shield(demo, cleo))["ticket"] == ticket["id"], "it counts for this ticket and no other"
    assert not await demo.house.services.verifications.needs_closing(demo.seeded.tenant_id, ticket["id"])
    assert await steps(demo, id) == ["euv.ask", "euv.keep_new_ticket", "euv.check_code"]


@pytest.mark.feature("EV-44", "REL-05")
async def test_a_ticket_system_that_is_away_holds_nobody_up(demo: DemoHouse) -> None:
    """The code goes out, the caller is verified; ticket and note follow once it is back."""
    cleo = demo.contact("cleo")
    before = {ticket["id"] for ticket in await tickets_of(demo, cleo.id)}
    demo.world.tickets_down = True
    id = await asked(demo, cleo, ticket="new")
    done = await check(demo, id, code_in(demo.texts_to(cleo)[-1]))
    assert (done.status, done.json["state"], done.json["ticket"], done.json["ticket_choice"]) == (
        200,
        "verified",
        None,
        "new",
    )
    demo.world.tickets_down = False
    await demo.advance(3600)
    (ticket,) = [ticket for ticket in await tickets_of(demo, cleo.id) if ticket["id"] not in before]
    assert (await shown(demo, id))["ticket"] == ticket["id"]
    assert ["VERIFIED" in note for note in await demo.notes(ticket["id"])] == [True]
    assert (await steps(demo, id))[-1] == "euv.note_new_ticket"


@pytest.mark.feature("EV-44")
async def test_a_ticket_that_never_comes_is_owed_until_one_is_linked(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    demo.world.tickets_down = True
    id = await asked(demo, ada, ticket="new")
    assert (await check(demo, id, code_in(demo.texts_to(ada)[-1]))).status == 200
    for _ in range(3):
        await demo.advance(12 * 3600)
    assert "not_delivered" in await demo.alerts()
    owed = await shown(demo, id)
    assert (owed["ticket"], owed["ticket_choice"]) == (None, "later")
    demo.world.tickets_down = False
    linked = await act(demo, id, "ticket", {"ticket": ada.open_ticket})
    assert (linked.status, linked.json["ticket"]) == (200, ada.open_ticket)
    (note,) = await demo.notes(ada.open_ticket)
    assert "The ticket could not be opened" in note


@pytest.mark.feature("EV-44")
async def test_one_that_was_linked_meanwhile_stays(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    demo.world.tickets_down = True
    id = await asked(demo, ada, ticket="new")
    demo.world.tickets_down = False
    linked = await act(demo, id, "ticket", {"ticket": ada.open_ticket})
    assert linked.status == 200, linked.text
    await demo.advance(120)
    assert (await shown(demo, id))["ticket"] == ada.open_ticket
    assert (await check(demo, id, code_in(demo.texts_to(ada)[-1]))).status == 200


@pytest.mark.feature("EV-44", "SEC-12")
async def test_refused_means_no_ticket_either(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    await asked(demo, ada, ticket=ada.open_ticket)
    before = len(await tickets_of(demo, ada.id))
    refused = await demo.api(
        "POST",
        "/api/v1/end-user-verifications",
        {"contact_id": ada.id, "method": "sms_code", "ticket": "new"},
    )
    assert (refused.status, refused.json["error"]) == (429, "too_many_sends")
    assert len(await tickets_of(demo, ada.id)) == before
    id = (await demo.api("GET", f"/api/v1/contacts/{ada.id}/verifications")).json["items"][0]["id"]
    linked = await act(demo, id, "ticket", {"ticket": "new"})
    assert (linked.status, linked.json["error"]) == (404, "ticket_not_found"), "only to begin with"
