"""A second person as people use one: asked from the panel, decided on a page of its own, seen in the console, the pod
and the API (SEC-12, SEC-09)."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from dialogs.user_verify import Policy
from storage.verifications import VerificationRow
from tests.fixtures.forms import send, words
from tests.fixtures.verify_desk import add_address, address_of, code_of, newest, read, set_policy, start, ticket_of
from tests.fixtures.web_house import Answer, House, Who
from tests.fixtures.world import Person
from tests.scenario.route_ground import new_integration_key
from web.routing import Scope

API = "/api/v1/approvals"
WHY = "She lost her phone; her boss is with me."


async def ask_by_form(house: House, cookie: str, person: Person, way: str, **fields: str) -> Answer:
    asked = {"kind": "address", "way": way, "note": WHY, **fields}
    return await send(house, cookie, f"/contacts/{person.id}/approvals", **asked)


async def the_only(house: House, **by: str) -> Any:
    """The one request there is, as the API has it."""
    asked = await house.ask("GET", f"{API}?{urlencode(by)}", bearer=await house.log_in("technician"))
    (item,) = asked.json["items"]
    return item


async def verify(house: House, cookie: str, person: Person, method: str, **fields: str) -> VerificationRow:
    """Asked and answered."""
    row = await start(house, cookie, person, method, **fields)
    done = await send(house, cookie, f"/verifications/{row.id}/check", code=await code_of(house, row.id))
    assert done.status == 303, words(done)
    return row


def waiting(page: Answer) -> int:
    """The number beside Approvals in the navigation."""
    found = re.search(r"data-asked( hidden)?>.*?<span data-number>(\d+)</span>", page.text)
    assert found is not None
    assert bool(found[1]) == (found[2] == "0"), "nothing is said of none"
    return int(found[2])


def shown_in_navigation(page: Answer) -> bool:
    found = re.search(r'<a href="/approvals"([^>]*)>', page.text)
    assert found is not None
    return "hidden" not in found[1]


@pytest.mark.feature("SEC-12", "EV-34")
async def test_another_number_takes_two_people(house: House) -> None:
    ada = house.world.people[0]
    other = await add_address(house, ada.id, "mobile", "+12125550199")
    mine, theirs = await house.log_in("technician", "cookie"), await house.log_in("other_technician", "cookie")
    way, panel = f"sms_code.{other}", f"/contacts/{ada.id}/verify"
    assert not shown_in_navigation(await read(house, mine, "/contacts")), "nobody here needs a second person"
    await set_policy(house, Policy(second_person=True))

    offered = await read(house, mine, panel)
    assert shown_in_navigation(offered)
    assert waiting(offered) == 0
    option = re.search(rf'<option value="{re.escape(way)}"([^>]*)>([^<]*)<', offered.text)
    assert option is not None
    assert "data-second" in option[1]
    assert "a second person must agree" in option[2]
    assert f'formaction="/contacts/{ada.id}/approvals"' in offered.text

    # Sent all the same, it is refused, and what was typed goes on to the request.
    refused = await send(house, mine, panel, way=way, note=WHY)
    assert refused.status == 409
    assert WHY in refused.text
    assert re.search(rf'<option value="{re.escape(way)}"[^>]* selected', refused.text)
    short = await ask_by_form(house, mine, ada, way, note="short")
    assert short.status == 422
    assert (await house.ask("GET", API, bearer=await house.log_in("technician"))).json["items"] == []

    asked = await ask_by_form(house, mine, ada, way, back=panel)
    assert (asked.status, asked.headers["Location"]) == (303, panel)
    waits = await read(house, mine, panel)
    assert "You have asked; nobody has decided yet" in words(waits)
    assert "a second person was asked" in words(waits)
    assert waiting(waits) == 0, "nobody decides about their own"
    approval = await the_only(house)
    path = f"/approvals/{approval['id']}"
    own = await read(house, mine, path)
    assert "I agree" not in _card(own)
    assert "Somebody else has to decide." in words(own)
    assert (await send(house, mine, f"{path}/grant", back=path)).headers["Location"] == f"{path}?refused=own_approval"

    board = await read(house, theirs, "/codes")
    assert waiting(board) == 1
    everything = await read(house, theirs, "/approvals")
    for said in ("Technician asks you", ada.name, "Send one code or link to", WHY, "It is not their usual number"):
        assert said in words(everything), said
    assert "0199" in words(everything)
    assert "+1 212-555-0199" not in words(everything), "whoever decides need not know the whole number"
    other_panel = await read(house, theirs, panel)
    assert f'href="{path}"' in other_panel.text
    agreed = await send(house, theirs, f"{path}/grant", back="/approvals")
    assert agreed.headers["Location"] == "/approvals?said=approval_granted"
    assert waiting(await read(house, theirs, "/approvals")) == 0

    ready = await read(house, mine, panel)
    assert "Other Technician agreed" in words(ready)
    assert re.search(rf'<option value="{re.escape(way)}"[^>]* selected', ready.text), "it is chosen already"
    sent = await send(house, mine, panel, way=way)
    assert sent.status == 303, words(sent)
    row = await newest(house, ada.id)
    assert (row.note, row.destination_is_default) == (WHY, False)
    used = await the_only(house)
    assert (used["state"], used["verification_id"]) == ("used", row.id)
    assert "agreed; it was sent" in words(await read(house, theirs, "/approvals"))
    house.clock.advance(timedelta(minutes=20))
    mine = await house.log_in("technician", "cookie")
    again = await send(house, mine, panel, way=way, note=WHY)
    assert again.status == 409, "one yes, one message"
    assert "Ask a second person" in words(again)


def _card(page: Answer) -> str:
    """The card that is there, without the templates of scripts; what is hidden left out."""
    card = page.text.partition('data-list="waiting"')[2].partition("</ul>")[0]
    return re.sub(r"<(form|details)[^>]* hidden>.*?</\1>", "", card, flags=re.DOTALL)


@pytest.mark.feature("SEC-12", "SEC-34")
async def test_a_yes_takes_a_fresh_proof_and_keeps_the_page(house: House) -> None:
    ada = house.world.people[0]
    other = await add_address(house, ada.id, "mobile", "+12125550199")
    await set_policy(house, Policy(second_person=True))
    mine = await house.log_in("technician", "cookie")
    stale, stale_bearer = await house.log_in("other_technician", "cookie"), await house.log_in("other_technician")
    house.clock.advance(timedelta(seconds=301))
    await ask_by_form(house, mine, ada, f"sms_code.{other}")
    approval = await the_only(house)
    asked = await send(house, stale, f"/approvals/{approval['id']}/grant", back="/approvals")
    assert asked.status == 401
    assert 'name="back" value="/approvals"' in asked.text, "what was pressed goes on from here"
    refused = await house.ask("POST", f"{API}/{approval['id']}/grant", bearer=stale_bearer)
    assert (refused.status, refused.json["error"]) == (401, "step_up_required")
    assert (await the_only(house))["state"] == "waiting"
    # Saying no needs none: it opens nothing.
    said = await house.ask("POST", f"{API}/{approval['id']}/refuse", body={"reason": "Call him"}, bearer=stale_bearer)
    assert (said.json["state"], said.json["reason"]) == ("refused", "Call him")


@pytest.mark.feature("SEC-12")
async def test_a_no_and_its_reason_stand_where_it_was_asked(house: House) -> None:
    ada = house.world.people[0]
    other, ticket = await add_address(house, ada.id, "mobile", "+12125550199"), await ticket_of(house, ada)
    await set_policy(house, Policy(second_person=True, approver="supervisor"))
    mine, way = await house.log_in("technician", "cookie"), f"sms_code.{other}"
    panel = f"/contacts/{ada.id}/verify?ticket={ticket}"
    assert (await ask_by_form(house, mine, ada, way, about=ticket, back=panel)).headers["Location"] == panel
    approval = await the_only(house, ticket=ticket)
    assert (approval["kind"], approval["unusual"], approval["may_decide"]) == ("address", "other_address", False)
    path = f"/approvals/{approval['id']}"

    colleague = await house.log_in("other_technician", "cookie")
    page = await read(house, colleague, path)
    assert "A supervisor or an admin decides this one." in words(page)
    assert waiting(await read(house, colleague, "/approvals")) == 0
    refused = await send(house, colleague, f"{path}/grant", back=path)
    assert refused.headers["Location"] == f"{path}?refused=approver_required"
    boss = await house.log_in("supervisor", "cookie")
    assert waiting(await read(house, boss, "/codes")) == 1
    said = await send(house, boss, f"{path}/refuse", reason="Call her back first.", back=path)
    assert said.headers["Location"] == f"{path}?said=approval_refused"
    shown = words(await read(house, mine, panel))
    assert "Supervisor said no. Call her back first." in shown
    house.clock.advance(timedelta(minutes=11))
    mine = await house.log_in("technician", "cookie")
    assert "said no" not in words(await read(house, mine, panel)), "news for ten minutes"

    # Asked once more, and taken back by whoever asked and nobody else.
    await ask_by_form(house, mine, ada, way, about=ticket)
    (again,) = (await house.ask("GET", f"{API}?live=true", bearer=await house.log_in("technician"))).json["items"]
    boss = await house.log_in("supervisor", "cookie")
    not_theirs = await send(house, boss, f"/approvals/{again['id']}/withdraw", back="/approvals")
    assert not_theirs.headers["Location"] == "/approvals?refused=not_your_approval"
    taken = await send(house, mine, f"/approvals/{again['id']}/withdraw", back=panel)
    assert taken.headers["Location"] == f"{panel}&said=approval_withdrawn"
    over = await house.ask("POST", f"{API}/{again['id']}/grant", bearer=await house.log_in("admin"))
    assert (over.status, over.json["error"]) == (409, "approval_over")


@pytest.mark.feature("SEC-09", "SEC-12")
async def test_high_risk_work_is_cleared_by_two_ways_and_two_people(house: House) -> None:
    await set_policy(house, Policy(high_by_two=True))
    mine, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    ticket = await ticket_of(house, ada)
    panel = f"/contacts/{ada.id}/verify?ticket={ticket}"

    async def high_risk(path: str = "") -> Any:
        bearer = await house.log_in("technician")
        answer = await house.ask("GET", f"/api/v1/contacts/{ada.id}{path}?ticket={ticket}", bearer=bearer)
        return answer.json["high_risk"]

    assert (await high_risk())["missing"] == "two_methods"
    assert "data-high" not in (await read(house, mine, panel)).text
    early = await send(house, mine, f"/contacts/{ada.id}/approvals", kind="high", about=ticket, note=WHY)
    assert early.status == 409
    await verify(house, mine, ada, "sms_code", about=ticket)
    assert "Not cleared for high-risk work. Done: Code by text." in words(await read(house, mine, panel))
    await verify(house, mine, ada, "email_code", about=ticket)
    assert (await high_risk())["missing"] == "approval"
    both = await read(house, mine, panel)
    assert "Now a colleague has to agree." in words(both)
    asked = await send(house, mine, f"/contacts/{ada.id}/approvals", kind="high", about=ticket, note=WHY, back=panel)
    assert (asked.status, asked.headers["Location"]) == (303, panel)
    assert (await high_risk("/methods"))["missing"] == "decision"
    approval = await the_only(house)
    theirs = await house.log_in("other_technician", "cookie")
    page = words(await read(house, theirs, f"/approvals/{approval['id']}"))
    assert "High-risk work: passwords, sign-in, rights, payments." in page
    assert "Code by text" in page
    assert "Code by mail" in page
    await send(house, theirs, f"/approvals/{approval['id']}/grant")

    found = await high_risk()
    assert (found["cleared"], found["missing"], found["approved_by"]) == (True, None, "Other")
    assert sorted(found["methods"]) == ["email_code", "sms_code"]
    assert found["until"] is not None
    pod = await house.log_in("technician", "pod")
    in_pod = await house.ask("GET", f"/pod/contacts/{ada.id}/verify?tenant=tenant-1000&ticket={ticket}", pod=pod)
    for shown in (await read(house, mine, panel), await read(house, mine, f"/tickets/{ticket}"), in_pod):
        assert 'data-high="cleared"' in shown.text, words(shown)
        assert "Other agreed" in words(shown)
    elsewhere = await read(house, mine, f"/contacts/{ada.id}/verify?ticket={await ticket_of(house, ada, 'Scanner')}")
    assert "data-high" not in elsewhere.text, "of this ticket and no other"
    # It stands no longer than what it rests on.
    await house.text(ada.mobile, "#verify")
    await house.text(ada.mobile, "#deny")
    assert (await high_risk())["cleared"] is False


@pytest.mark.feature("SEC-12", "EV-35")
async def test_the_pod_asks_and_nobody_agrees_inside_a_frame(house: House) -> None:
    ada = house.world.people[0]
    other = await add_address(house, ada.id, "mobile", "+12125550199")
    await set_policy(house, Policy(second_person=True))
    pod, query = await house.log_in("technician", "pod"), "?tenant=tenant-1000"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    here = f"/pod/contacts/{ada.id}/verify{query}"

    async def press(path: str, **fields: str) -> Answer:
        return await house.ask("POST", f"/pod{path}{query}", pod=pod, raw=urlencode(fields).encode(), headers=form)

    refused = await press(f"/contacts/{ada.id}/verify", way=f"sms_code.{other}", note=WHY)
    assert refused.status == 409
    assert f'formaction="/pod/contacts/{ada.id}/approvals' in refused.text
    assert WHY in refused.text
    asked = await press(f"/contacts/{ada.id}/approvals", kind="address", way=f"sms_code.{other}", note=WHY, back=here)
    assert (asked.status, asked.headers["Location"]) == (303, here)
    approval = await the_only(house)
    assert "You have asked; nobody has decided yet" in words(await house.ask("GET", here, pod=pod))
    theirs = await house.log_in("other_technician", "pod")
    seen = await house.ask("GET", here, pod=theirs)
    assert re.search(rf'href="/approvals/{approval["id"]}" target="_blank"', seen.text)
    assert (await press(f"/approvals/{approval['id']}/grant")).status in (404, 405)
    taken = await press(f"/approvals/{approval['id']}/withdraw", back=here)
    assert taken.status == 303
    assert (await the_only(house))["state"] == "withdrawn"


@pytest.mark.feature("SEC-35", "SEC-12")
async def test_keys_read_and_decide_nothing(house: House) -> None:
    ada = house.world.people[0]
    other = await add_address(house, ada.id, "email", "ada@elsewhere.example")
    await set_policy(house, Policy(second_person=True))
    key, _ = await new_integration_key(house, set(Scope))
    body = {"kind": "address", "contact_id": ada.id, "address_id": other, "note": WHY}
    assert (await house.ask("POST", API, body=body, bearer=key)).status == 403
    made = await house.ask("POST", API, body=body, bearer=await house.log_in("technician"))
    assert made.status == 201, made.text
    twice = await house.ask("POST", API, body=body, bearer=await house.log_in("technician"))
    assert twice.json["id"] == made.json["id"], "asked twice it is the same"
    path = f"{API}/{made.json['id']}"
    seen = await house.ask("GET", path, bearer=key)
    assert (seen.status, seen.json["state"], seen.json["may_decide"]) == (200, "waiting", False)
    for act in ("grant", "refuse", "withdraw"):
        answer = await house.ask("POST", f"{path}/{act}", body={}, bearer=key)
        assert (answer.status, answer.json["error"]) == (403, "scope_missing")
    own = await house.ask("POST", f"{path}/grant", bearer=await house.log_in("technician"))
    assert (own.status, own.json["error"]) == (403, "own_approval")
    ways = await house.ask("GET", f"/api/v1/contacts/{ada.id}/methods", bearer=await house.log_in("technician"))
    (way,) = [w for w in ways.json["items"] if w["address_id"] == other and w["method"] == "email_code"]
    assert (way["why"], way["approval"]) == ("approval_waiting", made.json["id"])
    for wrong, status in (({"kind": "everything"}, 422), ({"address_id": "555-0199"}, 422), ({"granted": True}, 422)):
        answer = await house.ask("POST", API, body={**body, **wrong}, bearer=await house.log_in("technician"))
        assert answer.status == status, wrong
    usual = await address_of(house, ada.id, "email")
    answer = await house.ask("POST", API, body={**body, "address_id": usual}, bearer=await house.log_in("technician"))
    assert (answer.status, answer.json["error"]) == (409, "approval_not_needed")


@pytest.mark.feature("SEC-12")
async def test_the_stream_tells_each_how_many_wait_for_them(house: House) -> None:
    ada = house.world.people[0]
    other = await add_address(house, ada.id, "mobile", "+12125550199")
    await set_policy(house, Policy(second_person=True))
    before = await house.services.log.newest(house.world.tenant_id)
    body = {"kind": "address", "contact_id": ada.id, "address_id": other, "note": WHY}
    made = await house.ask("POST", API, body=body, bearer=await house.log_in("technician"))
    assert made.status == 201, made.text
    await house.place_lines()
    people: tuple[tuple[Who, int], ...] = (("technician", 0), ("other_technician", 1), ("admin", 1))
    for who, count in people:
        told = await _first_about_approvals(house, who, before)
        assert (told["check_id"], told["contact_id"], told["asked"]) == (made.json["id"], ada.id, count)
        assert "row" not in told


async def _first_about_approvals(house: House, who: Who, after: int) -> Any:
    headers = {"Cookie": f"__Host-ww={await house.log_in(who, 'cookie')}", "User-Agent": "Firefox/130.0"}
    url = house.server.make_url(f"/events?rows=1&after={after}")
    async with house.http.get(url, headers=headers) as answer:
        async for line in answer.content:
            if line.startswith(b"data: {"):
                data = json.loads(line.removeprefix(b"data: "))
                if data["kind"].startswith("approval."):
                    return data
    raise AssertionError("the stream ended")
