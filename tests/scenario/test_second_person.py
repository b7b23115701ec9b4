"""A second person: a colleague agrees before a code goes to an unusual address (SEC-12), or before high-risk work is
done after two independent methods (SEC-09)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from dialogs.turns import AuditEvent
from dialogs.user_verify import Method
from storage.contact_changes import AddressEdit
from tests.fixtures.demo_house import DemoHouse
from tests.fixtures.second_person import (
    OTHER,
    WHY,
    acting,
    ask_for,
    clearance,
    grant,
    policy,
    row,
    second_number,
    verified_by,
)
from tests.fixtures.verifying import address_of, ask, asked, mails_to, shown

NOBODY = "01900000-0000-7000-8000-00000000dead"
SAM, THEO, DANA = "+15165550153", "+19175550152", "+12015550151"

#: What the stores promise has tests of its own; here it is the same on every one of them.
anywhere = pytest.mark.parametrize("cluster", ["sqlite"], indirect=True, ids=["anywhere"])


async def refused(demo: DemoHouse, contact: Any, **more: Any) -> tuple[int, str]:
    answer = await ask(demo, contact, **more)
    return answer.status, answer.json.get("error", "")


# --- an unusual address ---------------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-12")
async def test_a_code_to_another_number_waits_for_a_colleague(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    other = await second_number(demo, ada)
    about: dict[str, Any] = {"address_id": other, "ticket": ada.open_ticket}
    assert (await ask(demo, ada, **about, note=WHY)).status == 201, "as long as the policy does not want anybody"
    await demo.advance(31)
    await policy(demo, second_person=True)
    assert (await ask(demo, ada)).status == 201, "the usual number needs nobody"
    await demo.advance(31)
    assert await refused(demo, ada, **about, note=WHY) == (409, "approval_required")
    assert (await ask_for(demo, ada, **about, note="boss ok")).refused == "approval_note_short"
    wanted = await ask_for(demo, ada, **about)
    assert (wanted.refused, (await ask_for(demo, ada, **about)).id) == ("", wanted.id), "once, however often"
    assert await refused(demo, ada, **about) == (409, "approval_waiting")
    assert await grant(demo, wanted.id, who="dana") == "own_approval"
    assert await grant(demo, wanted.id) == ""
    assert await grant(demo, wanted.id, who="sam") == "approval_over"
    id = await asked(demo, ada, **about)
    assert (await shown(demo, id))["note"] == WHY, "what the colleague agreed to was said why"
    await demo.advance(31)
    assert await refused(demo, ada, **about, note=WHY) == (409, "approval_required"), "it was good for one"

    used = await row(demo, wanted.id)
    assert (used.state, used.verification_id, used.decided_by, used.address) == ("used", id, "Alex Meyer", "...0177")
    (note,) = [n for n in await demo.notes(ada.open_ticket) if n.startswith("Second person")]
    assert "AGREED, and the code or link was sent" in note
    assert "Asked for by Dana: one code or link to ...0177 (not their usual address)" in note
    assert "Decided by: Alex" in note
    assert OTHER not in note
    lines = await demo.audit(f"check_id={wanted.id}&kind=approval.")
    assert [line["kind"].removeprefix("approval.") for line in lines] == [
        "ask_second_person",
        "colleagues_told",
        "act_refused",
        "grant",
        "refuse_when_decided",
        "use",
    ]
    await demo.advance(5 * 60)
    assert any("Second person who agreed: Alex" in note for note in await demo.notes(ada.open_ticket))


@anywhere
@pytest.mark.feature("SEC-12")
async def test_what_was_agreed_to_is_good_for_nothing_else(demo: DemoHouse) -> None:
    """Another technician, another ticket, another number, too late, taken back, changed since."""
    ada = demo.contact("ada")
    other, third = await second_number(demo, ada), await second_number(demo, ada, "+12135550178")
    await policy(demo, second_person=True)
    about: dict[str, Any] = {"address_id": other, "ticket": ada.open_ticket, "note": WHY}
    id = (await ask_for(demo, ada, **about)).id
    assert await grant(demo, id) == ""
    needs = (409, "approval_required")
    assert await refused(demo, ada, **about, who="theo") == needs
    assert await refused(demo, ada, **(about | {"address_id": third})) == needs
    assert await refused(demo, ada, **{k: v for k, v in about.items() if k != "ticket"}) == needs
    acts = demo.house.services.approval_acts
    assert (await acts.withdraw(acting(demo, "theo"), id)).refused == "not_your_approval"
    assert (await acts.withdraw(acting(demo, "dana"), id)).refused == ""
    assert await refused(demo, ada, **about) == needs

    again = (await ask_for(demo, ada, **about)).id
    assert again != id
    assert await grant(demo, again) == ""
    await demo.advance(15 * 60)
    assert await refused(demo, ada, **about) == needs
    assert ((await row(demo, again)).state, (await row(demo, again)).reason) == ("expired", "over")

    changed = (await ask_for(demo, ada, **about)).id
    event = AuditEvent(NOBODY, demo.house.services.clock.now(), "contact.address_changed", contact_id=ada.id)
    edit = AddressEdit("changed", other, "mobile", OTHER, "+12135550179")
    assert (
        await demo.house.services.contact_acts.edit_address(demo.seeded.tenant_id, ada.id, edit, event)
    ).refused == ""
    assert await grant(demo, changed) == "address_not_found", "it is another number by now"
    assert await refused(demo, ada, **about) == needs


@anywhere
@pytest.mark.feature("SEC-12", "SEC-13")
async def test_the_usual_address_needs_a_colleague_while_it_is_new(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    await policy(demo, second_person=True, note_required=False)
    assert (await ask_for(demo, ada, address_id=await address_of(demo, ada))).refused == "approval_not_needed"
    event = AuditEvent(NOBODY, demo.house.services.clock.now(), "contact.address_changed", contact_id=ada.id)
    edit = AddressEdit("changed", await address_of(demo, ada), "mobile", ada.mobile, OTHER)
    await demo.house.services.contact_acts.edit_address(demo.seeded.tenant_id, ada.id, edit, event)
    assert await refused(demo, ada) == (409, "approval_required")
    id = (await ask_for(demo, ada, address_id=await address_of(demo, ada))).id
    assert (await row(demo, id)).unusual == "new_address"
    assert await grant(demo, id) == ""
    assert (await ask(demo, ada)).status == 201


@pytest.mark.feature("SEC-12", "SEC-11")
async def test_of_many_sends_at_once_one_goes_out(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    other = await second_number(demo, ada)
    await policy(demo, second_person=True)
    id = (await ask_for(demo, ada, address_id=other)).id
    assert await grant(demo, id) == ""
    verifying, dana = demo.house.services.verifying, acting(demo, "dana")
    tries = [
        verifying.start(dana, contact_id=ada.id, address_id=other, method=("sms_code", "sms_link", "voice_call")[n % 3])
        for n in range(12)
    ]
    acted = await asyncio.gather(*tries)
    assert [one.refused for one in acted].count("") == 1
    assert {one.refused for one in acted} <= {"", "approval_required", "too_many_sends", "contended"}
    (sent,) = (one.id for one in acted if not one.refused)
    assert (await row(demo, id)).verification_id == sent
    assert len(await demo.rows("SELECT id FROM challenge_sends WHERE destination = :to", to=OTHER)) == 1


@anywhere
@pytest.mark.feature("SEC-12", "SEC-34", "SEC-35", "SEC-36")
async def test_who_may_be_a_second_person(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    other = await second_number(demo, ada)
    await policy(demo, second_person=True, approver="supervisor")
    acts = demo.house.services.approval_acts
    key = replace(acting(demo, "alex", kind="key"), technician_id="", role="admin")
    asks = {"contact_id": ada.id, "address_id": other, "note": WHY}
    assert (await acts.ask(key, kind="address", **asks)).refused == "key_may_not"
    assert (await acts.ask(acting(demo, "dana"), kind="root", **asks)).refused == "approval_kind_unknown"
    id = (await ask_for(demo, ada, address_id=other)).id
    for act in (acts.grant(key, id), acts.refuse(key, id), acts.withdraw(key, id)):
        assert (await act).refused == "key_may_not"
    assert (await acts.refuse(acting(demo, "dana"), id)).refused == "own_approval"
    assert (await acts.refuse(acting(demo, "theo"), id)).refused == "approver_required"
    assert await grant(demo, id, who="theo") == "approver_required"
    assert await grant(demo, NOBODY) == "approval_not_found"
    stranger = replace(acting(demo, "alex"), tenant_id=NOBODY)
    assert (await acts.grant(stranger, id)).refused == "approval_not_found"
    assert (await acts.ask(stranger, kind="address", **asks)).refused == "contact_not_found"
    assert (await ask_for(demo, ada, address_id=NOBODY)).refused == "address_not_found"
    assert (await acts.ask(acting(demo, "dana"), kind="address", **asks, ticket="none")).refused == "ticket_not_found"
    eve = demo.contact("eve")
    assert (await ask_for(demo, ada, address_id=other, ticket=eve.open_ticket)).refused == "ticket_of_other_client"
    assert (await acts.refuse(acting(demo, "sam"), id, reason=" Her boss is on leave ")).refused == ""
    assert ((await row(demo, id)).state, (await row(demo, id)).reason) == ("refused", "Her boss is on leave")
    again = (await ask_for(demo, ada, address_id=other)).id
    assert await grant(demo, again, who="alex") == "", "an admin counts as a supervisor"


@anywhere
@pytest.mark.feature("SEC-12")
async def test_whoever_may_decide_is_told_by_their_own_way_and_nobody_else(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    other = await second_number(demo, ada)
    await policy(demo, second_person=True)
    await ask_for(demo, ada, address_id=other)
    mobiles = {m for m in (DANA, THEO, SAM) if any("second person" in text for text in demo.texts_to(m))}
    assert mobiles == {THEO, SAM}
    (text,) = demo.texts_to(THEO)
    assert "Dana asks for a second person: Ada Bishop, one code or link to ...0177 (not their usual address)" in text
    assert "/approvals/" in text
    assert OTHER not in text
    assert WHY not in text
    await policy(demo, approver="supervisor")
    await demo.advance(15 * 60)
    await ask_for(demo, ada, address_id=other)
    assert (len(demo.texts_to(THEO)), len(demo.texts_to(SAM))) == (1, 2)


@pytest.mark.feature("SEC-11", "SEC-12")
async def test_asking_and_taking_it_back_calls_colleagues_ten_times_an_hour_at_most(demo: DemoHouse) -> None:
    """About whomever, one after the other or all at once; another technician may still ask."""
    await policy(demo, second_person=True)
    acts, dana = demo.house.services.approval_acts, acting(demo, "dana")
    people = [demo.contact("ada"), demo.contact("eve")]
    about = [
        {"contact_id": p.id, "address_id": await second_number(demo, p, f"+1213555018{n}")}
        for n, p in enumerate(people)
    ]
    for n in range(8):
        asked_for = await acts.ask(dana, kind="address", **about[n % 2], note=WHY)
        assert asked_for.refused == ""
        assert (await acts.withdraw(dana, asked_for.id)).refused == ""
        await demo.advance(60)
    started = demo.house.services.clock.now()
    numbers = [await second_number(demo, people[n % 2], f"+1213555019{n}") for n in range(6)]
    at_once = await asyncio.gather(
        *(
            acts.ask(dana, kind="address", contact_id=people[n % 2].id, address_id=id, note=WHY)
            for n, id in enumerate(numbers)
        )
    )
    assert sorted(one.refused for one in at_once) == ["", "", *["too_many_asks"] * 4]
    until = next(one.not_before for one in at_once if one.refused)
    assert until is not None
    assert timedelta(minutes=51) < until - started < timedelta(minutes=53), "an hour after the first"
    await demo.idle()
    assert len([t for t in demo.texts_to(THEO) if "second person" in t]) <= 10
    assert (await ask_for(demo, people[0], address_id=about[0]["address_id"], who="theo")).refused == ""
    await demo.advance((until - started).total_seconds() + 1)
    assert (await ask_for(demo, people[0], address_id=about[0]["address_id"])).refused == ""


@anywhere
@pytest.mark.feature("SEC-12", "REL-08")
async def test_what_nobody_decides_runs_out_and_the_ticket_says_so(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    other = await second_number(demo, ada)
    await policy(demo, second_person=True)
    id = (await ask_for(demo, ada, address_id=other, ticket=ada.open_ticket)).id
    await demo.advance(15 * 60)
    assert ((await row(demo, id)).state, (await row(demo, id)).reason) == ("expired", "undecided")
    assert any("nobody decided in time" in note for note in await demo.notes(ada.open_ticket))
    assert await grant(demo, id) == "approval_over"


# --- high-risk work -------------------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-09", "SEC-15")
async def test_two_independent_methods_and_a_colleague_clear_high_risk_work(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    ticket = str(ada.open_ticket)
    await policy(demo, high_is="enforced")
    assert await refused(demo, ada, action="high") == (409, "assurance_too_low")
    assert (await ask_for(demo, ada, kind="high", ticket=ticket)).refused == "high_not_offered"
    assert (await clearance(demo, ada, ticket)).missing == ("not_offered",)
    await policy(demo, high_by_two=True)
    await verified_by(demo, ada, "sms_code", ticket=ticket, action="high")
    assert (await clearance(demo, ada, ticket)).missing == ("other_method",)
    assert (await ask_for(demo, ada, kind="high", ticket=ticket)).refused == "two_methods_needed"
    await demo.advance(60)
    await verified_by(demo, ada, "voice_call", ticket=ticket, action="high")
    assert (await clearance(demo, ada, ticket)).missing == ("other_method",), "the same phone"
    await verified_by(demo, ada, "email_code", ticket=ticket, action="high")
    assert (await clearance(demo, ada, ticket)).missing == ("approval",)
    assert any("This alone is NOT enough" in note for note in await demo.notes(ticket))
    id = (await ask_for(demo, ada, kind="high", ticket=ticket)).id
    assert (await clearance(demo, ada, ticket)).missing == ("decision",)
    assert await grant(demo, id, who="dana") == "own_approval"
    await demo.advance(60)
    assert await grant(demo, id) == ""
    cleared = await clearance(demo, ada, ticket)
    assert (cleared.cleared, cleared.approved_by, cleared.approval_id) == (True, "Alex", id)
    assert set(cleared.methods) == {Method.VOICE_CALL, Method.EMAIL_CODE}, "the two that stand longest"
    assert cleared.until == (await row(demo, id)).until
    assert any("AGREED" in n and "code by phone call and code by e-mail" in n for n in await demo.notes(ticket))
    assert (await clearance(demo, ada, "another ticket")).missing == ("two_methods",)
    assert (await row(demo, id)).state == "granted", "no send uses it up"
    assert (await ask(demo, ada, "email_link", ticket=ticket, action="high")).status == 201
    assert (await row(demo, id)).state == "granted"
    await demo.advance(30 * 60)
    assert (await clearance(demo, ada, ticket)).missing == ("two_methods",)
    assert ((await row(demo, id)).state, (await row(demo, id)).reason) == ("expired", "over")


@anywhere
@pytest.mark.feature("SEC-09", "SEC-08")
@pytest.mark.parametrize("ends", ["denied", "number"])
async def test_a_denial_or_another_number_ends_a_clearance_at_once(demo: DemoHouse, ends: str) -> None:
    ada = demo.contact("ada")
    await policy(demo, high_by_two=True)
    await verified_by(demo, ada, "sms_code")
    await verified_by(demo, ada, "email_code")
    id = (await ask_for(demo, ada, kind="high")).id
    assert await grant(demo, id) == ""
    assert (await clearance(demo, ada)).cleared
    if ends == "denied":
        await demo.text(ada, "#deny")
    else:
        event = AuditEvent(NOBODY, demo.house.services.clock.now(), "contact.address_changed", contact_id=ada.id)
        edit = AddressEdit("changed", await address_of(demo, ada), "mobile", ada.mobile, OTHER)
        await demo.house.services.contact_acts.edit_address(demo.seeded.tenant_id, ada.id, edit, event)
    assert (await clearance(demo, ada)).missing == ("two_methods",)
    again = await ask_for(demo, ada, kind="high")
    assert again.refused == ("denied_lately" if ends == "denied" else "two_methods_needed")
    assert (again.not_before is not None) == (ends == "denied")


@anywhere
@pytest.mark.feature("SEC-09", "SEC-13")
async def test_a_new_number_is_no_step_towards_high_risk_work(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    await policy(demo, high_is="enforced", high_by_two=True, note_required=False)
    event = AuditEvent(NOBODY, demo.house.services.clock.now(), "contact.address_changed", contact_id=ada.id)
    edit = AddressEdit("changed", await address_of(demo, ada), "mobile", ada.mobile, OTHER)
    await demo.house.services.contact_acts.edit_address(demo.seeded.tenant_id, ada.id, edit, event)
    assert await refused(demo, ada, action="high") == (409, "assurance_too_low")
    assert (await ask(demo, ada, "email_code", action="high")).status == 201
    assert mails_to(demo, ada)
