"""What every turn store promises about turns: taken once, whole or not at all, in some order."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from dialogs.ports import Contended
from dialogs.turns import (
    CheckAsk,
    CheckFacts,
    Decision,
    Duplicate,
    Facts,
    InboundFacts,
    Taken,
    Turn,
    Unroutable,
)
from tests.fixtures.turn_parts import (
    act,
    check_facts,
    confirmed,
    desk_of,
    facts_for,
    inbound_turn,
    line,
    moved,
    new_check,
    nothing,
    open_state,
    said,
    text_item,
)
from tests.fixtures.turn_stores import House
from tests.fixtures.world import START

# --- taken, duplicate, unroutable -----------------------------------------------------------------------------------


@pytest.mark.feature("REL-01", "Y-01")
async def test_a_turn_finds_contact_number_and_tenant(house: House) -> None:
    ada = house.world.people[0]
    facts = await facts_for(house, ada.mobile)
    assert facts.tenant.id == house.world.tenant_id
    assert facts.tenant.name == house.world.name
    assert facts.tenant.settings == house.world.settings
    assert len(facts.tenant.digest_key) == 32
    assert facts.number == house.world.number
    assert facts.contacts == (ada.facts,)
    assert (facts.desk, facts.checks, facts.announced, facts.suppressed) == (None, (), (), "")


async def test_a_stranger_has_no_contacts_and_their_words_are_kept(house: House) -> None:
    result = await house.store.take(inbound_turn(said(house.world, house.world.stranger, "who is this"), nothing("ok")))
    assert result == Taken("ok")
    assert await house.words() == ["who is this"]


async def test_another_number_than_ours_is_unroutable(house: House) -> None:
    inbound = said(house.world, house.world.people[0].mobile)
    foreign = type(inbound)("sms", "twilio", "SM1", "+19995550199", inbound.their_address, "hi")
    assert await house.store.take(inbound_turn(foreign, nothing())) == Unroutable()
    assert await house.store.take(Turn(CheckAsk("no tenant", "x"), nothing(), START)) == Unroutable()
    assert await house.words() == []


@pytest.mark.feature("SEC-23", "REL-02")
@pytest.mark.parametrize("after", [timedelta(seconds=1), timedelta(days=1), timedelta(days=31)])
async def test_the_same_provider_id_is_a_duplicate_for_ever(house: House, after: timedelta) -> None:
    inbound = said(house.world, house.world.people[0].mobile, sid="SM-same")
    first = inbound_turn(inbound, lambda f: Decision("done", audit=(line(),), desk=desk_of(f, inbound.their_address)))
    assert await house.store.take(first) == Taken("done")
    again = inbound_turn(inbound, lambda f: Decision("done", audit=(line(),)), START + after)
    assert await house.store.take(again) == Duplicate()
    assert len(await house.log()) == 1
    assert len(await house.words()) == 1


@pytest.mark.feature("SEC-22")
async def test_the_same_signature_under_another_id_is_a_duplicate(house: House) -> None:
    ada = house.world.people[0].mobile
    await house.store.take(inbound_turn(said(house.world, ada, sid="SM-1", signature="aa" * 32), nothing()))
    resplit = said(house.world, ada, text="#confirm", sid="SM-2", signature="aa" * 32)
    assert await house.store.take(inbound_turn(resplit, nothing())) == Duplicate()
    fresh = said(house.world, ada, sid="SM-3", signature="bb" * 32)
    assert await house.store.take(inbound_turn(fresh, nothing())) == Taken(None)


@pytest.mark.feature("REL-02")
async def test_five_deliveries_at_once_are_one_turn(house: House) -> None:
    inbound = said(house.world, house.world.people[0].mobile, sid="SM-same")
    turns = [inbound_turn(inbound, lambda f: Decision("done", audit=(line(),))) for _ in range(5)]
    results = await asyncio.gather(*(house.store.take(t) for t in turns))
    assert sorted(map(str, results)) == sorted(map(str, [Taken("done"), *[Duplicate()] * 4]))
    assert len(await house.log()) == 1


async def test_an_act_with_a_key_happens_once(house: House) -> None:
    ask = CheckAsk(house.world.tenant_id, "none", once="psa:17")
    assert await act(house, ask, Decision("a", audit=(line(),))) == Taken("a")
    assert await act(house, ask, Decision("b", audit=(line(),))) == Duplicate()
    assert len(await house.log()) == 1


# --- all or nothing -------------------------------------------------------------------------------------------------


@pytest.mark.feature("REL-01")
async def test_a_decide_that_raises_costs_only_its_own_turn(house: House) -> None:
    def raises(facts: InboundFacts) -> Decision[str]:
        raise LookupError("on purpose")

    people = [p.mobile for p in house.world.people]
    turns = [
        inbound_turn(said(house.world, their), raises if i == 3 else lambda f: Decision("ok", audit=(line(),)))
        for i, their in enumerate(people)
    ]
    results = await asyncio.gather(*(house.store.take(t) for t in turns), return_exceptions=True)
    assert [type(r) for r in results] == [Taken, Taken, Taken, LookupError, Taken, Taken]
    assert len(await house.log()) == 5
    assert len(await house.words()) == 5


@pytest.mark.feature("REL-01")
async def test_a_write_that_fails_leaves_nothing_of_its_turn_and_all_of_the_others(house: House) -> None:
    """The second of two outbox items repeats an id: by then half of the turn has been written."""
    twice = text_item(house.world, "+1", "one")
    bad = Decision("bad", audit=(line("bad"),), outbox=(twice, twice))
    turns = [
        inbound_turn(
            said(house.world, p.mobile, sid=f"SM-{i}"),
            (lambda f: bad) if i == 2 else (lambda f: Decision("ok", audit=(line("good"),))),
        )
        for i, p in enumerate(house.world.people)
    ]
    results = await asyncio.gather(*(house.store.take(t) for t in turns), return_exceptions=True)
    assert [r == Taken("ok") for r in results] == [True, True, False, True, True, True]
    assert isinstance(results[2], Exception)
    assert [entry.kind for entry in await house.log()] == ["good"] * 5
    assert await house.outbox() == []
    # A failed turn has forgotten the message too, so the provider's retry works.
    assert await house.store.take(inbound_turn(said(house.world, "+1", sid="SM-2"), nothing("now"))) == Taken("now")


async def test_a_decision_for_another_tenant_is_refused(house: House) -> None:
    turn = inbound_turn(
        said(house.world, "+1"), lambda f: Decision("x", tenant_id=house.other.tenant_id, audit=(line(),))
    )
    with pytest.raises(Exception, match="another tenant"):
        await house.store.take(turn)
    assert await house.log() == []


# --- versions -------------------------------------------------------------------------------------------------------


@pytest.mark.feature("REL-09")
async def test_a_hundred_texts_of_one_person_at_once_are_some_order(house: House) -> None:
    ada = house.world.people[0].mobile
    turns = [
        inbound_turn(said(house.world, ada), lambda f: Decision(f.desk.version if f.desk else 0, desk=desk_of(f, ada)))
        for _ in range(100)
    ]
    results = await asyncio.gather(*(house.store.take(t) for t in turns))
    assert sorted(r.reply for r in results if isinstance(r, Taken)) == list(range(100))
    facts = await facts_for(house, ada)
    assert facts.desk is not None
    assert facts.desk.version == 100
    assert len(facts.desk.desk.answered) == 100


@pytest.mark.feature("REL-09")
async def test_a_lost_race_is_decided_anew(house: House) -> None:
    ada = house.world.people[0].mobile
    tries = []

    def late(facts: InboundFacts) -> Decision[str]:
        tries.append(facts)
        desk = desk_of(facts, ada)
        stale = replace(desk, version=7) if len(tries) < 3 else desk
        return Decision("won", desk=stale)

    assert await house.store.take(inbound_turn(said(house.world, ada), late)) == Taken("won")
    assert len(tries) >= 3


@pytest.mark.feature("REL-09")
async def test_a_race_that_is_never_won_ends(house: House) -> None:
    ada = house.world.people[0].mobile

    def stale(facts: InboundFacts) -> Decision[str]:
        return Decision("x", desk=replace(desk_of(facts, ada), version=7))

    with pytest.raises(Contended):
        await house.store.take(inbound_turn(said(house.world, ada), stale))
    assert await house.words() == []


@pytest.mark.feature("SEC-11")
async def test_fifty_confirmations_at_once_confirm_once(house: House) -> None:
    ada = house.world.people[0]
    check = new_check(house.world, ada)
    await house.store.take(inbound_turn(said(house.world, ada.mobile), lambda f: Decision("", checks=(check,))))

    def confirm(facts: Facts) -> Decision[str]:
        assert isinstance(facts, CheckFacts)
        assert facts.check is not None
        state = facts.check.state
        if type(state).__name__ != "Open":
            return Decision("late")
        return Decision("confirmed", checks=(moved(facts, confirmed(open_state(ada))),))

    ask = CheckAsk(house.world.tenant_id, check.id)
    results = await asyncio.gather(*(house.store.take(Turn(ask, confirm, START)) for _ in range(50)))
    assert sorted(r.reply for r in results if isinstance(r, Taken)) == ["confirmed"] + ["late"] * 49


@pytest.mark.feature("SEC-11")
@pytest.mark.parametrize("same", ["sender", "contact"])
async def test_a_person_has_one_live_check(house: House, same: str) -> None:
    ada, ben = house.world.people[:2]
    first = new_check(house.world, ada)
    second = (
        new_check(house.world, ben, their=ada.mobile) if same == "sender" else new_check(house.world, ada, their="+1")
    )
    ask = CheckAsk(house.world.tenant_id, "none")
    assert await act(house, ask, Decision("a", checks=(first,))) == Taken("a")
    with pytest.raises(Contended):
        await act(house, ask, Decision("b", checks=(second,)))
    over = Decision("", checks=(moved(await check_facts(house, first.id), confirmed(open_state(ada))), second))
    assert await act(house, ask, over) == Taken("")
    assert [c.id for c in (await facts_for(house, ada.mobile)).checks if type(c.state).__name__ == "Open"] == [
        second.id
    ]


async def test_checks_without_a_contact_do_not_stand_in_each_others_way(house: House) -> None:
    ada = house.world.people[0]
    two = tuple(new_check(house.world, ada, their=f"+1212555017{i}", contact="") for i in range(2))
    assert await act(house, CheckAsk(house.world.tenant_id, "none"), Decision("ok", checks=two)) == Taken("ok")
