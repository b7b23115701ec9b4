"""The API over the real engine: a check from `#verify` to its end, and who sees the code on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from storage.directory import NewAddress
from tests.fixtures.addresses import put_address
from tests.fixtures.web_house import House, OpenWeb

TV = "/api/v1/technician-verifications"
CALLED = {"direction": "we_called_user", "ticket": "later"}


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web() as opened:
        yield opened


async def _asked(house: House, *, person: int = 0) -> str:
    """Somebody texts `#verify`; the id of their check."""
    someone = house.world.people[person]
    await house.text(someone.mobile, "#verify")
    token = await house.log_in("admin")
    listed = await house.ask("GET", f"{TV}?live=true&contact_id={someone.id}", bearer=token)
    assert listed.status == 200, listed.text
    return str(listed.json["items"][0]["id"])


async def _ticket(house: House, bearer: str, person: int = 0) -> Any:
    body = {"contact_id": house.world.people[person].id, "title": "Printer is on fire"}
    made = await house.ask("POST", "/api/v1/tickets", bearer=bearer, body=body)
    assert made.status == 201, made.text
    return made.json


@pytest.mark.feature("SEC-02", "Y-04")
async def test_the_code_is_for_the_claimer_alone(house: House) -> None:
    id = await _asked(house)
    mine, theirs = await house.log_in("technician"), await house.log_in("other_technician")
    for token in (mine, theirs):
        for path in (f"{TV}/{id}", TV, f"{TV}?state=open", "/api/v1/audit", "/api/v1/alerts"):
            answer = await house.ask("GET", path, bearer=token)
            assert answer.status == 200
            assert '"code":"' not in answer.text

    claimed = await house.ask("POST", f"{TV}/{id}/claim", bearer=mine, body=CALLED)
    assert claimed.status == 200, claimed.text
    code = claimed.json["code"]
    assert len(code) == 6
    assert code.isdecimal()
    assert claimed.json["state"] == "claimed"
    assert claimed.json["technician"]["name"] == "Technician"
    assert claimed.json["created_at"].endswith("Z")

    assert (await house.ask("GET", f"{TV}/{id}", bearer=mine)).json["code"] == code
    assert (await house.ask("GET", TV, bearer=mine)).json["items"][0]["code"] == code
    for path in (f"{TV}/{id}", TV, "/api/v1/audit", f"/api/v1/contacts/{house.world.people[0].id}/verifications"):
        for token in (theirs, await house.log_in("admin")):
            answer = await house.ask("GET", path, bearer=token)
            assert answer.status == 200
            assert code not in answer.text

    await house.text(house.world.people[0].mobile, "#confirm")
    ended = await house.ask("GET", f"{TV}/{id}", bearer=mine)
    assert (ended.json["state"], ended.json["assurance"], ended.json["code"]) == ("confirmed", "compare", None)
    shown = await house.ask("GET", f"/api/v1/audit?kind=tv.code_shown&check_id={id}", bearer=mine)
    assert len(shown.json["items"]) == 1, "one line for the claimer, however often it was read"


@pytest.mark.feature("SEC-02")
async def test_the_code_is_gone_at_the_deadline_even_before_the_timer(house: House) -> None:
    id, mine = await _asked(house), await house.log_in("technician")
    assert (await house.ask("POST", f"{TV}/{id}/claim", bearer=mine, body=CALLED)).json["code"]
    house.clock.advance(timedelta(minutes=10))
    late = await house.ask("GET", f"{TV}/{id}", bearer=mine)
    assert late.json["code"] is None


@pytest.mark.feature("SEC-02")
async def test_who_was_called_never_gets_a_code(house: House) -> None:
    id, mine = await _asked(house), await house.log_in("technician")
    refused = await house.ask(
        "POST", f"{TV}/{id}/claim", bearer=mine, body={"direction": "user_called_us", "ticket": "later"}
    )
    assert (refused.status, refused.json["error"]) == (409, "user_called_us")
    assert (await house.ask("GET", f"{TV}/{id}", bearer=mine)).json["state"] == "open"


@pytest.mark.feature("TV-09")
async def test_ticket_choices(house: House) -> None:
    mine = await house.log_in("technician")
    ticket = await _ticket(house, mine)
    id = await _asked(house)
    later = await house.ask("POST", f"{TV}/{id}/claim", bearer=mine, body=CALLED)
    assert (later.json["ticket"], later.json["ticket_choice"], later.json["needs_ticket"]) == (None, "later", True)
    linked = await house.ask("POST", f"{TV}/{id}/ticket", bearer=mine, body={"ticket": ticket["id"]})
    assert (linked.json["ticket"], linked.json["ticket_number"]) == (ticket["id"], ticket["number"])
    found = await house.ask("GET", f"{TV}?ticket={ticket['id']}", bearer=mine)
    assert [item["id"] for item in found.json["items"]] == [id]

    other = await _asked(house, person=3)
    wrong = await house.ask(
        "POST", f"{TV}/{other}/claim", bearer=mine, body={"direction": "on_site", "ticket": ticket["id"]}
    )
    assert (wrong.status, wrong.json["error"]) == (409, "ticket_of_other_client")
    unknown = await house.ask("POST", f"{TV}/{other}/claim", bearer=mine, body={"direction": "on_site", "ticket": "x"})
    assert (unknown.status, unknown.json["error"]) == (404, "ticket_not_found")


@pytest.mark.feature("Y-04")
async def test_everything_else_a_technician_does(house: House) -> None:
    id = await _asked(house)
    mine, theirs = await house.log_in("technician"), await house.log_in("other_technician")
    early = await house.ask("POST", f"{TV}/{id}/release", bearer=mine)
    assert (early.status, early.json["error"]) == (409, "not_claimed")
    await house.ask("POST", f"{TV}/{id}/claim", bearer=mine, body=CALLED)
    again = await house.ask("POST", f"{TV}/{id}/claim", bearer=theirs, body=CALLED)
    assert (again.status, again.json["error"]) == (409, "already_claimed")
    taken = await house.ask("POST", f"{TV}/{id}/take-over", bearer=theirs, body={})
    assert taken.json["technician"]["name"] == "Other Technician"
    assert taken.json["code"]
    assert (await house.ask("GET", f"{TV}/{id}", bearer=mine)).json["code"] is None
    freed = await house.ask("POST", f"{TV}/{id}/release", bearer=theirs)
    assert (freed.json["state"], freed.json["technician"], freed.json["code"]) == ("open", None, None)
    await house.ask("POST", f"{TV}/{id}/claim", bearer=mine, body=CALLED)
    soon = await house.ask("POST", f"{TV}/{id}/resend", bearer=mine)
    assert (soon.status, soon.json["error"]) == (429, "too_many_sends")
    assert soon.json["not_before"].endswith("Z")
    house.clock.advance(timedelta(seconds=31))
    assert (await house.ask("POST", f"{TV}/{id}/resend", bearer=mine)).status == 200
    bare = await house.ask("POST", f"{TV}/{id}/verbal", bearer=mine, body={"note": " "})
    assert (bare.status, bare.json["error"]) == (422, "note_required")
    spoken = await house.ask("POST", f"{TV}/{id}/verbal", bearer=mine, body={"note": "Ada said yes on the phone"})
    assert (spoken.json["state"], spoken.json["assurance"]) == ("confirmed", "verbal")
    over = await house.ask("POST", f"{TV}/{id}/claim", bearer=theirs, body=CALLED)
    assert (over.status, over.json["error"]) == (409, "ended")

    second = await _asked(house)
    await house.ask("POST", f"{TV}/{second}/claim", bearer=mine, body=CALLED)
    ended = await house.ask("POST", f"{TV}/{second}/reject", bearer=mine, body={"reason": "Not me on the phone"})
    assert (ended.json["state"], ended.json["reason"]) == ("rejected", "Not me on the phone")


@pytest.mark.feature("SEC-14")
@pytest.mark.parametrize("field", ["verified", "state", "assurance", "technician_id", "tenant_id", "code"])
async def test_no_field_more_than_declared_is_taken(house: House, field: str) -> None:
    """`verified=true` in any body changes nothing but the answer."""
    id, mine = await _asked(house), await house.log_in("technician")
    for verb, body in (
        ("claim", CALLED),
        ("release", {}),
        ("take-over", {}),
        ("verbal", {"note": "said yes"}),
        ("reject", {"reason": "no"}),
        ("ticket", {"ticket": "new"}),
        ("resend", {}),
        ("note", {}),
    ):
        answer = await house.ask("POST", f"{TV}/{id}/{verb}", bearer=mine, body={**body, field: True})
        assert (answer.status, answer.json["error"]) == (422, "invalid")
    assert (await house.ask("GET", f"{TV}/{id}", bearer=mine)).json["state"] == "open"


@pytest.mark.feature("SEC-36")
async def test_another_tenants_check_is_a_check_that_is_not_there(house: House) -> None:
    id, other = await _asked(house), await house.log_in("other_admin")
    nobody = "01900000-0000-7000-8000-00000000dead"
    said = set()
    for wanted in (id, nobody, "x", id.upper(), "..%2f" + id, id + "0", "%20"):
        answers = [await house.ask("GET", f"{TV}/{wanted}", bearer=other)]
        for verb, body in (("claim", CALLED), ("release", None), ("verbal", {"note": "yes"})):
            answers.append(await house.ask("POST", f"{TV}/{wanted}/{verb}", bearer=other, body=body))
        for answer in answers:
            assert answer.status == 404, (wanted, answer.text)
            said.add((answer.json["error"], answer.json["message"].replace(answer.json["id"], "")))
    assert len({error for error, _ in said}) == 1
    assert (await house.ask("GET", TV, bearer=other)).json["items"] == []


async def test_a_number_of_several_contacts(house: House) -> None:
    """The claimer says whom they are calling; until then nobody's name stands on the check."""
    ada, ben = house.world.people[0], house.world.people[1]
    new = NewAddress(house.services.random.new_id(house.clock.now()), "mobile", ada.mobile)
    await put_address(house.database, house.world.tenant_id, ben.id, new)
    await house.text(ada.mobile, "#verify")
    mine = await house.log_in("technician")
    check = (await house.ask("GET", TV, bearer=mine)).json["items"][0]
    assert check["contact_id"] is None
    assert {c["name"] for c in check["candidates"]} == {ada.name, ben.name}
    unsaid = await house.ask("POST", f"{TV}/{check['id']}/claim", bearer=mine, body=CALLED)
    assert (unsaid.status, unsaid.json["error"]) == (409, "pick_contact")
    said = await house.ask("POST", f"{TV}/{check['id']}/claim", bearer=mine, body={**CALLED, "contact_id": ben.id})
    assert (said.status, said.json["contact_id"]) == (200, ben.id)
    assert said.json["code"]


async def test_lists_come_in_pages(house: House) -> None:
    ids = [await _asked(house, person=n) for n in range(6)]
    mine = await house.log_in("technician")
    seen: list[str] = []
    path = f"{TV}?limit=4"
    while path:
        page = (await house.ask("GET", path, bearer=mine)).json
        seen += [item["id"] for item in page["items"]]
        path = f"{TV}?limit=4&after={page['next']}" if page["next"] else ""
    assert sorted(seen) == sorted(ids)
    wrong = await house.ask("GET", f"{TV}?after=nonsense", bearer=mine)
    assert (wrong.status, wrong.json["error"]) == (422, "bad_cursor")
    await house.ask("POST", f"{TV}/{ids[2]}/claim", bearer=mine, body=CALLED)
    claimed = await house.ask("GET", f"{TV}?state=claimed", bearer=mine)
    assert [item["id"] for item in claimed.json["items"]] == [ids[2]]
