"""What the log tells of verifying an end user: who did what, about whom and about which ticket, and what was refused.
Whoever looks into a complaint weeks later has nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from storage.sealed.export import Wanted
from tests.fixtures.demo_house import DemoHouse
from tests.fixtures.second_person import WHY, acting, ask_for, grant, policy, second_number
from tests.fixtures.verifying import act, ask, asked, check, code_in, said_to

#: What the stores promise has tests of its own; here it is the same on every one of them.
pytestmark = pytest.mark.parametrize("cluster", ["sqlite"], indirect=True, ids=["anywhere"])

REASON = "The line is bad and her boss is waiting"


async def told(demo: DemoHouse, kind: str, *, check_id: str = "") -> list[tuple[str, str | None, str | None, str]]:
    """Each line as step, technician, ticket, and the word of a refusal; every one of them is about Ada."""
    found = await demo.audit(f"kind={kind}." + (f"&check_id={check_id}" if check_id else ""))
    lines = [line for line in found if line["kind"] != "approval.colleagues_told"]
    assert {line["contact_id"] for line in lines} == {demo.contact("ada").id}
    return [
        (line["kind"].partition(".")[2], line["technician_id"], line["ticket_id"], line["facts"].get("refused", ""))
        for line in lines
    ]


@pytest.mark.feature("SEC-56")
async def test_each_step_names_who_took_it_and_the_ticket(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    dana, theo = demo.technician("dana").id, demo.technician("theo").id
    mine = await asked(demo, ada, ticket=ada.open_ticket)
    code = code_in(said_to(demo, ada)[-1])
    assert (await act(demo, mine, "resend")).status == 429
    assert (await check(demo, mine, code, who="theo")).status == 409
    assert (await check(demo, mine, code)).status == 200
    assert await told(demo, "euv", check_id=mine) == [
        ("ask", dana, ada.open_ticket, ""),
        ("act_refused", dana, ada.open_ticket, "too_many_sends"),
        ("check_code", theo, ada.open_ticket, "not_your_verification"),
        ("check_code", dana, ada.open_ticket, ""),
    ]


@pytest.mark.feature("SEC-56", "SEC-14")
async def test_whoever_takes_the_place_of_an_older_one_is_named_in_its_story(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    older = await asked(demo, ada, ticket=ada.open_ticket)
    await asked(demo, ada, "email_code", who="theo")
    *_, last = await told(demo, "euv", check_id=older)
    assert last == ("supersede", demo.technician("theo").id, ada.open_ticket, "")


@pytest.mark.feature("SEC-56", "SEC-06")
async def test_what_was_not_sent_is_written_down_with_way_and_ticket(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    dana, sam = demo.technician("dana").id, demo.technician("sam").id
    await demo.verify(ada)
    assert (await ask(demo, ada, ticket=ada.open_ticket)).status == 409
    await demo.advance(31)
    over = await asked(demo, ada, who="sam", ticket=ada.open_ticket, override=REASON)
    assert await told(demo, "euv") == [
        ("act_refused", dana, ada.open_ticket, "direction_conflict"),
        ("ask", sam, ada.open_ticket, ""),
        ("override", sam, ada.open_ticket, ""),
    ]
    refused, *_, override = await demo.audit("kind=euv.")
    assert (refused["facts"]["method"], refused["channel"]) == ("sms_code", "sms")
    assert (override["check_id"], override["facts"]["alone"]) == (over, 0)


@pytest.mark.feature("SEC-56", "SEC-12")
async def test_what_a_second_person_was_refused_is_written_down(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    dana, alex = demo.technician("dana").id, demo.technician("alex").id
    await policy(demo, second_person=True)
    about: dict[str, Any] = {"address_id": await second_number(demo, ada), "ticket": ada.open_ticket}
    assert (await ask_for(demo, ada, **about, note="boss ok")).refused == "approval_note_short"
    wanted = (await ask_for(demo, ada, **about)).id
    assert await grant(demo, wanted, who="dana") == "own_approval"
    refuse = demo.house.services.approval_acts.refuse
    assert (await refuse(acting(demo, "alex"), wanted, reason="Her boss knows of nothing")).refused == ""
    await demo.idle()
    assert await told(demo, "approval") == [
        ("act_refused", dana, ada.open_ticket, "approval_note_short"),
        ("ask_second_person", dana, ada.open_ticket, ""),
        ("act_refused", dana, ada.open_ticket, "own_approval"),
        ("refuse", alex, ada.open_ticket, ""),
    ]
    kinds = {line["facts"]["approval"] for line in await demo.audit("kind=approval.act_refused")}
    assert kinds == {"address"}


@pytest.mark.feature("SEC-56", "SEC-06", "SEC-12")
async def test_what_people_gave_as_reasons_can_be_read_in_an_export(demo: DemoHouse) -> None:
    """Sealed in the log, and opened for an admin who exports it."""
    ada = demo.contact("ada")
    await policy(demo, second_person=True)
    wanted = (await ask_for(demo, ada, address_id=await second_number(demo, ada))).id
    refuse = demo.house.services.approval_acts.refuse
    assert (await refuse(acting(demo, "alex"), wanted, reason="Her boss knows of nothing")).refused == ""
    await demo.verify(ada)
    await demo.advance(31)
    await asked(demo, ada, who="sam", override=REASON, note="She is at the front desk")
    everything = Wanted(demo.seeded.tenant_id, opened=True)
    pieces = [piece async for piece in demo.house.services.integrity.export(everything, "jsonl")]
    lines = [json.loads(line) for line in "".join(pieces).splitlines()]
    opened = {line["kind"]: line["opened"] for line in lines if line.get("kind", "").startswith(("euv.", "approval."))}
    assert opened["approval.ask_second_person"] == {"note": WHY}
    assert opened["approval.refuse"] == {"reason": "Her boss knows of nothing"}
    assert opened["euv.ask"] == {"to": ada.mobile, "note": "She is at the front desk", "override": REASON}
    assert opened["euv.override"] == {"reason": REASON}
