"""A ticket closes after its person was verified, or with a waiver that says why, where the policy wants that."""

from __future__ import annotations

import pytest

from dialogs.user_verify import Policy
from tests.fixtures.forms import send, words
from tests.fixtures.verify_desk import code_of, set_policy, start, ticket_of
from tests.fixtures.web_house import House
from tests.scenario.route_ground import new_integration_key
from web.routing import Scope


@pytest.mark.feature("EV-40")
async def test_a_ticket_closes_only_after_its_person_was_verified_where_the_policy_wants_that(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    free = await ticket_of(house, ada, "Before")
    assert (await send(house, cookie, f"/tickets/{free}/status", status="closed")).status == 303
    await set_policy(house, Policy(closing="verified_or_waived"))
    ticket, psa = await ticket_of(house, ada), house.services.psa(house.world.tenant_id)
    refused = await send(house, cookie, f"/tickets/{ticket}/status", status="closed")
    assert refused.status == 409
    assert "Nobody was verified for this ticket" in words(refused)
    api = await house.log_in("technician")
    path = f"/api/v1/tickets/{ticket}/status"
    answer = await house.ask("POST", path, bearer=api, body={"status": "closed"})
    assert (answer.status, answer.json["error"]) == (409, "verification_required")
    answer = await house.ask("POST", path, bearer=api, body={"status": "closed", "waiver": "no time"})
    assert (answer.status, answer.json["error"]) == (422, "waiver_note_short")
    assert (await psa.get_ticket(ticket)).is_open
    row = await start(house, cookie, ada, about=ticket)
    await send(house, cookie, f"/verifications/{row.id}/check", code=await code_of(house, row.id))
    assert (await send(house, cookie, f"/tickets/{ticket}/status", status="closed")).status == 303
    assert not (await psa.get_ticket(ticket)).is_open


@pytest.mark.feature("EV-40")
async def test_a_waiver_says_why_in_the_ticket_and_on_record(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    await set_policy(house, Policy(closing="verified_or_waived"))
    ticket, psa = await ticket_of(house, ada), house.services.psa(house.world.tenant_id)
    short = await send(house, cookie, f"/tickets/{ticket}/status", status="closed", waiver="no time")
    assert short.status == 422
    assert ">no time</textarea>" in short.text
    why = "She stood at my desk, we know each other for years."
    done = await send(house, cookie, f"/tickets/{ticket}/status", status="closed", waiver=why)
    assert done.status == 303
    assert not (await psa.get_ticket(ticket)).is_open
    assert [n.body for n in await psa.notes(ticket)] == [
        f"Closed without a verification of the person. Technician: {why}"
    ]
    waiver = await house.services.verifications.waiver(house.world.tenant_id, ticket)
    assert waiver is not None
    assert (waiver.note, waiver.technician_id) == (why, house.people["technician"].id)
    await house.place_lines()
    lines = (await house.services.log.before(house.world.tenant_id, kind="ticket.closing_waived", limit=5)).items
    assert len(lines) == 1


@pytest.mark.feature("EV-40", "SEC-35")
async def test_no_program_waives_it_and_nobody_with_words_that_cannot_be_read(house: House) -> None:
    await set_policy(house, Policy(closing="verified_or_waived"))
    ticket, psa = await ticket_of(house, house.world.people[0]), house.services.psa(house.world.tenant_id)
    key, _ = await new_integration_key(house, set(Scope))
    for by, why in ((key, "Closed by the night run"), (await house.log_in("technician"), "\u200b" * 20)):
        body = {"status": "closed", "waiver": why}
        answer = await house.ask("POST", f"/api/v1/tickets/{ticket}/status", bearer=by, body=body)
        assert (answer.status, answer.json["error"]) == (409, "verification_required")
    assert (await psa.get_ticket(ticket)).is_open
    assert await house.services.verifications.waiver(house.world.tenant_id, ticket) is None
