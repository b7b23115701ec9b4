"""What every turn store promises about requests to a second person."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from dialogs import approvals as ap
from dialogs import user_verify as uv
from dialogs.number_signals import Signals
from dialogs.ports import Contended
from dialogs.tech_verify import Technician
from dialogs.turns import (
    Decision,
    Duplicate,
    StoredApproval,
    Taken,
    Timer,
    Turn,
    VerificationAsk,
    VerificationFacts,
)
from storage.postgres import PostgresTurnStore
from tests.fixtures.approval_parts import (
    ALEX,
    DANA,
    MINUTE,
    granted,
    new,
    put,
    step,
    the_first,
    waiting,
    wanted,
)
from tests.fixtures.turn_stores import House, PostgresHouse, rank
from tests.fixtures.verification_parts import (
    GREEN,
    address_of,
    asking,
    begin,
    look,
    move,
    sent,
    verified,
)
from tests.fixtures.world import START, Person


async def test_what_is_saved_is_found_by_its_id_and_by_its_contact(house: House) -> None:
    ada, ben = house.world.people[:2]
    older, newer = new(ada, waiting(ada)), new(ada, granted(ada, "v1", "v2"), START + MINUTE)
    for save in (older, newer, new(ben, waiting(ben)), new(ada, ap.Withdrawn(wanted(ada), START))):
        await put(house, save)
    by_contact = await look(house, contact_id=ada.id)
    assert [a.id for a in by_contact.approvals] == [newer.id, older.id], "the live ones, newest first"
    assert [a.state for a in by_contact.approvals] == [newer.state, older.state]
    assert by_contact.approval is None
    by_id = await look(house, approval_id=older.id)
    assert by_id.approval == StoredApproval(older.id, 1, older.state, ada.id, ada.mobile, START)
    assert by_id.contact == ada.facts
    assert by_id.approvals == by_contact.approvals
    assert {a.value for a in by_id.addresses} == {ada.mobile, ada.email}
    nothing = await look(house, approval_id="none", contact_id=ada.id)
    assert (nothing.approval, nothing.contact, nothing.approvals) == (None, None, ())
    about_one = asking(house.world, ada, sent(house.world, ada))
    await begin(house, about_one)
    assert (await look(house, verification_id=about_one.id)).approvals == ()


async def test_one_that_is_over_is_found_by_its_id_alone_and_rings_no_more(house: House) -> None:
    ada = the_first(house)
    save = new(ada, waiting(ada))
    ring = Timer(house.world.tenant_id, save.id, ap.DEADLINE, START + ap.DECIDE_WITHIN)
    await put(house, save, ring)
    assert await house.store.due_timers(ring.at) == [ring]
    assert await step(house, save.id, ap.Refuse(ALEX, "who is that boss")) == ""
    assert await house.store.due_timers(ring.at) == []
    assert (await look(house, contact_id=ada.id)).approvals == ()
    over = (await look(house, approval_id=save.id)).approval
    assert over is not None
    assert (over.version, over.state) == (2, ap.Refused(wanted(ada), START, ALEX, "who is that boss"))


async def test_a_timer_goes_with_its_turn(house: House) -> None:
    ada = the_first(house)
    save = new(ada, waiting(ada))
    await put(house, save, Timer(house.world.tenant_id, save.id, ap.DEADLINE, START + MINUTE))
    rung = VerificationAsk(house.world.tenant_id, approval_id=save.id, timer=ap.DEADLINE)
    assert isinstance(await house.store.take(Turn(rung, lambda _: Decision(""), START)), Taken)
    assert await house.store.take(Turn(rung, lambda _: Decision(""), START)) == Duplicate()


async def test_nobody_else_sees_them(house: House) -> None:
    ada = the_first(house)
    save = new(ada, waiting(ada))
    await put(house, save)
    ask = VerificationAsk(house.other.tenant_id, approval_id=save.id)
    result = await house.store.take(Turn(ask, lambda facts: Decision(facts), START))
    assert isinstance(result, Taken)
    assert isinstance(result.reply, VerificationFacts)
    assert (result.reply.approval, result.reply.contact) == (None, None)


@pytest.mark.feature("SEC-11", "SEC-12")
async def test_how_often_a_technician_asked_is_counted_whatever_came_of_it(house: House) -> None:
    ada, ben = house.world.people[:2]
    theirs = replace(waiting(ben), wanted=replace(wanted(ben), technician=ALEX))
    over: list[ap.State] = [ap.Withdrawn(wanted(ada), START), ap.Refused(wanted(ada), START, ALEX)]
    states = [*over, waiting(ada), granted(ada, "v1", "v2")]
    for n, state in enumerate(states):
        await put(house, new(ada, state, START + n * MINUTE))
    await put(house, new(ben, waiting(ben), START + 4 * MINUTE))
    await put(house, new(ben, theirs, START + 5 * MINUTE))
    all_of_dana = tuple(START + n * MINUTE for n in range(5))
    by_dana: dict[str, Any] = {"contact_id": ben.id, "technician_id": DANA.id}
    assert (await look(house, **by_dana)).asked_by_technician == all_of_dana, "about whomever"
    assert (await look(house, contact_id=ada.id, technician_id=ALEX.id)).asked_by_technician == (START + 5 * MINUTE,)
    assert (await look(house, START + 61 * MINUTE, **by_dana)).asked_by_technician == all_of_dana[2:]
    assert (await look(house, contact_id=ada.id)).asked_by_technician == ()
    elsewhere = VerificationAsk(house.other.tenant_id, ben.id, technician_id=DANA.id)
    found = await house.store.take(Turn(elsewhere, lambda facts: Decision(facts), START))
    assert isinstance(found, Taken)
    assert isinstance(found.reply, VerificationFacts)
    assert found.reply.asked_by_technician == ()


@pytest.mark.feature("SEC-11")
async def test_what_has_moved_on_is_not_written_over(house: House) -> None:
    ada = the_first(house)
    save = new(ada, waiting(ada))
    await put(house, save)
    assert await step(house, save.id, ap.Grant(ALEX)) == ""
    with pytest.raises(Contended):
        await put(house, replace(save, version=1))
    with pytest.raises(Contended):
        await put(house, save)
    kept = (await look(house, approval_id=save.id)).approval
    assert kept is not None
    assert (kept.version, type(kept.state)) == (2, ap.Granted)


@pytest.mark.feature("SEC-12", "SEC-11")
async def test_of_fifty_uses_at_once_one_counts(house: House) -> None:
    ada = the_first(house)
    save = new(ada, granted(ada))
    await put(house, save)
    uses = [ap.Use(DANA, address_of(ada), "T-1", f"v{n}") for n in range(50)]
    replies = await asyncio.gather(*(step(house, save.id, use) for use in uses))
    assert sorted(replies) == [""] + ["approval_over"] * 49
    used = (await look(house, approval_id=save.id)).approval
    assert used is not None
    assert isinstance(used.state, ap.Used)
    assert used.state.verification_id == f"v{replies.index('')}"
    assert used.version == 2


@pytest.mark.feature("SEC-12", "SEC-11")
async def test_of_fifty_decisions_at_once_one_counts(house: House) -> None:
    ada = the_first(house)
    save = new(ada, waiting(ada))
    await put(house, save)
    people = [Technician(f"x{n}", "X") for n in range(25)]
    decisions: list[ap.Event] = [each for by in people for each in (ap.Grant(by), ap.Refuse(by))]
    replies = await asyncio.gather(*(step(house, save.id, event) for event in decisions))
    assert sorted(replies) == [""] + ["approval_over"] * 49


async def two_shields(house: House, person: Person) -> tuple[str, str]:
    """By text about this ticket and by mail about none; their ids."""
    by_text = asking(house.world, person, sent(house.world, person))
    await begin(house, by_text)
    await move(house, by_text.id, verified(sent(house.world, person)))
    mail = uv.Destination(address_of(person, "email"), "email", "a...@x", is_default=True, is_new=False)
    how: dict[str, Any] = {"destination": mail, "method": uv.Method.EMAIL_CODE, "ticket": None}
    how |= {"override": uv.Override("they insist", alone=False), "signals": Signals("mobile", "swapped")}
    asked = sent(house.world, person, START + MINUTE, **how)
    by_mail = replace(asking(house.world, person, asked), their_address=person.email)
    await begin(house, by_mail)
    await move(house, by_mail.id, verified(asked, START + MINUTE))
    return by_text.id, by_mail.id


@pytest.mark.feature("SEC-09", "SEC-15")
async def test_what_is_green_is_found_until_it_turns_back_or_is_ended(house: House) -> None:
    ada, ben = house.world.people[:2]
    first, second = await two_shields(house, ada)
    code = uv.Assurance.CODE
    expected = (
        ap.GreenShield(first, uv.Method.SMS_CODE, code, "T-1", START + GREEN),
        ap.GreenShield(second, uv.Method.EMAIL_CODE, code, "", START + MINUTE + GREEN, None, True, True),
    )
    assert (await look(house, contact_id=ada.id)).shields == expected
    assert (await look(house, START + GREEN, contact_id=ada.id)).shields == expected[1:]
    assert (await look(house, contact_id=ben.id)).shields == ()
    assert (await look(house, verification_id=first)).shields == ()
    ask = VerificationAsk(house.world.tenant_id, contact_id=ada.id)
    await house.store.take(Turn(ask, lambda _: Decision("", end_shields=(ada.id,)), START + MINUTE))
    assert (await look(house, START + MINUTE, contact_id=ada.id)).shields == ()
    assert (await look(house, contact_id=ada.id)).shields == (), "a clock that jumps back revives nothing"


# --- two replicas ---------------------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-12", "SEC-11")
async def test_of_fifty_uses_at_two_replicas_one_counts(on_server: PostgresHouse) -> None:
    ada = the_first(on_server)
    save = new(ada, granted(ada))
    await put(on_server, save)
    other = PostgresTurnStore(on_server.url, on_server.keyring, rank)
    try:
        use = ap.Use(DANA, address_of(ada), "T-1", "v1")
        tries = (step(on_server, save.id, use, store=store) for store in (on_server.store, other) * 25)
        replies = await asyncio.gather(*tries)
    finally:
        await other.close()
    assert sorted(replies) == [""] + ["approval_over"] * 49
