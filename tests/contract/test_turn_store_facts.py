"""What every turn store finds for a turn, and keeps of it."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from dialogs.limits import SendCounts
from dialogs.settings import TenantSettings
from dialogs.turns import (
    Alert,
    AnnounceAsk,
    AnnouncedCall,
    AnnounceFacts,
    Announcement,
    CheckAsk,
    CheckFacts,
    Decision,
    Duplicate,
    Facts,
    InboundAsk,
    Suppression,
    Taken,
    Timer,
    Turn,
    VerificationFacts,
)
from tests.fixtures.turn_parts import (
    act,
    check_facts,
    claimed,
    confirmed,
    facts_for,
    inbound_turn,
    line,
    moved,
    new_check,
    new_id,
    nothing,
    open_state,
    said,
    text_item,
)
from tests.fixtures.turn_stores import House
from tests.fixtures.world import START, World

LATER = START + timedelta(minutes=5)

# --- what a turn finds ----------------------------------------------------------------------------------------------


async def test_a_check_comes_back_as_it_was_saved(house: House) -> None:
    ada = house.world.people[0]
    check = new_check(house.world, ada, claimed(open_state(ada), house.world.dana))
    await act(house, CheckAsk(house.world.tenant_id, "none"), Decision("", checks=(check,)))
    facts = await check_facts(house, check.id, pick=house.world.people[3].id)
    assert facts.check is not None
    assert facts.check.state == check.state
    assert (facts.check.version, facts.check.channel, facts.check.our_address) == (1, "sms", check.our_address)
    assert (facts.check.their_address, facts.check.created_at) == (ada.mobile, START)
    assert facts.contact == ada.facts
    assert facts.picked == house.world.people[3].facts


async def test_a_text_finds_live_checks_of_sender_and_contact_and_the_newest_ended_one(house: House) -> None:
    ada, ben = house.world.people[:2]
    ask = CheckAsk(house.world.tenant_id, "none")
    for i in range(2):
        old = replace(new_check(house.world, ada, confirmed(open_state(ada))), created_at=START + timedelta(seconds=i))
        await act(house, ask, Decision("", checks=(old,)))
    by_landline = new_check(house.world, ada, their="+12125550177")
    of_ben = new_check(house.world, ben)
    await act(house, ask, Decision("", checks=(by_landline, of_ben)))
    found = (await facts_for(house, ada.mobile)).checks
    assert [c.id for c in found] == [old.id, by_landline.id]


async def test_settings_changes_are_seen_by_the_next_turn(house: House) -> None:
    assert (await facts_for(house, house.world.stranger)).tenant.settings == TenantSettings()
    await house.change_settings(TenantSettings(code_length=8))
    assert (await facts_for(house, house.world.stranger)).tenant.settings.code_length == 8


async def test_opting_out_binds_to_the_number_and_stop_all_to_the_tenant(house: House) -> None:
    ada, ben = (p.mobile for p in house.world.people[:2])
    ask = CheckAsk(house.world.tenant_id, "none")
    out = (
        Suppression(True, house.world.second.address, ada, "word"),
        Suppression(True, "", ben, "carrier"),
        Suppression(True, "", ben, "carrier"),
    )
    await act(house, ask, Decision("", suppressions=out))
    assert not (await facts_for(house, ada)).suppressed
    assert (await facts_for(house, ben)).suppressed
    result = await house.store.take(inbound_turn(said(house.world, ada, second=True), barred))
    assert result == Taken("opted_out")
    await act(house, ask, Decision("", suppressions=(Suppression(False, house.world.number.address, ben, "word"),)))
    assert not (await facts_for(house, ben)).suppressed


async def test_alerts_are_kept(house: House) -> None:
    alert = Alert(new_id(), "denied", START, "c", house.world.people[0].id, "Ada said no")
    await act(house, CheckAsk(house.world.tenant_id, "none"), Decision("", alerts=(alert,)))
    assert await house.alerts() == ["Ada said no"]


async def test_the_log_keeps_what_was_said_in_order(house: House) -> None:
    ada = house.world.people[0].id
    events = [line("one", public={"n": 1}, sealed={"word": "grün"}, contact_id=ada), line("two", sealed={"w": "x"})]
    for event in events:
        await act(house, CheckAsk(house.world.tenant_id, "none"), Decision("", audit=(event,)))
    found = await house.log()
    assert [(f.kind, f.public, f.sealed) for f in found] == [
        ("one", {"n": 1}, {"word": "grün"}),
        ("two", {}, {"w": "x"}),
    ]


# --- timers ---------------------------------------------------------------------------------------------------------


@pytest.mark.feature("REL-12")
async def test_a_timer_moves_rings_once_and_goes_with_its_turn(house: House) -> None:
    tenant = house.world.tenant_id
    ask = CheckAsk(tenant, "c1")
    for at in (START + timedelta(minutes=9), LATER):
        await act(house, ask, Decision("", timers=(Timer(tenant, "c1", "deadline", at),)))
    assert await house.store.next_due(START) == LATER
    assert await house.store.due_timers(START) == []
    assert await house.store.due_timers(LATER) == [Timer(tenant, "c1", "deadline", LATER)]
    rings = CheckAsk(tenant, "c1", timer="deadline")
    results = await asyncio.gather(*(act(house, rings, Decision("rang", audit=(line(),))) for _ in range(3)))
    assert sorted(map(str, results)) == sorted(map(str, [Taken("rang"), Duplicate(), Duplicate()]))
    assert await house.store.due_timers(LATER) == []
    assert await house.store.next_due(LATER) is None


async def test_timers_come_oldest_first_and_no_more_than_asked_for(house: House) -> None:
    tenant = house.world.tenant_id
    timers = tuple(Timer(tenant, f"c{i}", "t", START - timedelta(seconds=i)) for i in range(5))
    await act(house, CheckAsk(tenant, "none"), Decision("", timers=timers))
    assert [t.check_id for t in await house.store.due_timers(START, 3)] == ["c4", "c3", "c2"]


async def test_an_ended_check_rings_no_more(house: House) -> None:
    ada = house.world.people[0]
    check = new_check(house.world, ada)
    tenant = house.world.tenant_id
    timer = Timer(tenant, check.id, "deadline", START)
    await act(house, CheckAsk(tenant, "none"), Decision("", checks=(check,), timers=(timer,)))
    assert await house.store.due_timers(START) == [timer]
    over = moved(await check_facts(house, check.id), confirmed(open_state(ada)))
    await act(house, CheckAsk(tenant, check.id), Decision("", checks=(over,)))
    assert await house.store.due_timers(START) == []


# --- announced calls ------------------------------------------------------------------------------------------------


async def test_an_announced_call_is_found_by_the_text_it_was_made_for(house: House) -> None:
    ada = house.world.people[0]
    call = AnnouncedCall(new_id(), ada.id, house.world.dana, "Dana", "we_called_user", "ticket", "T-1", "1234", LATER)
    ask = AnnounceAsk(house.world.tenant_id, ada.id)
    found = await house.store.take(Turn(ask, lambda f: Decision(f, announcements=(Announcement(call),)), START))
    assert isinstance(found, Taken)
    assert isinstance(found.reply, AnnounceFacts)
    assert (found.reply.contact, found.reply.mobile) == (ada.facts, ada.mobile)
    assert (found.reply.our_address, found.reply.announced) == (house.world.number.address, ())
    assert (await facts_for(house, ada.mobile)).announced == (call,)
    assert (await facts_for(house, house.world.people[1].mobile)).announced == ()
    late = inbound_turn(said(house.world, ada.mobile), lambda f: Decision(f.announced), LATER)
    assert await house.store.take(late) == Taken(())


@pytest.mark.feature("SEC-39")
async def test_an_announcement_finds_what_has_gone_to_the_phone(house: House) -> None:
    """Only when it asks, and with the technician's own bound."""
    ada, world = house.world.people[0], house.world
    item = text_item(world, ada.mobile, challenge=True, technician_id=world.dana)
    await act(house, AnnounceAsk(world.tenant_id, ada.id), Decision("", outbox=(item,)))
    sends = []
    for with_limits in (False, True):
        ask = AnnounceAsk(world.tenant_id, ada.id, technician_id=world.dana, with_limits=with_limits)
        taken = await house.store.take(Turn(ask, lambda f: Decision(f), START))
        assert isinstance(taken, Taken)
        assert isinstance(taken.reply, AnnounceFacts)
        sends.append(taken.reply.sends)
    assert sends[0] == SendCounts()
    assert (sends[1].destination, sends[1].technician, sends[1].prefix) == ((START,), (START,), (START,))


@pytest.mark.parametrize(("ends", "left"), [("mine", 1), ("everybody's", 0)])
async def test_announcements_end_for_one_technician_or_for_all(house: House, ends: str, left: int) -> None:
    ada = house.world.people[0]
    calls = [
        AnnouncedCall(new_id(), ada.id, t, name, "on_site", "later", "", "", LATER)
        for t, name in house.world.technicians
    ]
    ask = AnnounceAsk(house.world.tenant_id, ada.id)
    await act(house, ask, Decision("", announcements=tuple(Announcement(c) for c in calls)))
    over = AnnouncedCall("", ada.id, house.world.dana if ends == "mine" else "", "", "on_site", "later", "", "", LATER)
    await act(house, ask, Decision("", announcements=(Announcement(over, ends=True),)))
    assert len((await facts_for(house, ada.mobile)).announced) == left


# --- tenants --------------------------------------------------------------------------------------------------------


def barred(facts: Facts) -> Decision[str]:
    """Why no text may go to whom the turn is about."""
    assert not isinstance(facts, VerificationFacts), "those say so of each address"
    return Decision(facts.suppressed)


@pytest.mark.feature("SEC-37")
@pytest.mark.parametrize("after", [timedelta(0), timedelta(minutes=59)])
async def test_a_blocked_sender_is_blocked_until_the_time_is_up(house: House, after: timedelta) -> None:
    ada, ben = (p.mobile for p in house.world.people[:2])
    await house.block(ada, START + timedelta(hours=1))
    await act(
        house, CheckAsk(house.world.tenant_id, "none"), Decision("", suppressions=(Suppression(True, "", ada, "word"),))
    )

    def seen(by: World, sender: str, at: datetime) -> Turn[Any]:
        return Turn(InboundAsk(said(by, sender)), barred, at)

    assert await house.store.take(seen(house.world, ada, START + after)) == Taken("blocked")
    assert await house.store.take(seen(house.world, ben, START + after)) == Taken("")
    assert await house.store.take(seen(house.other, ada, START + after)) == Taken("")
    # The block has ended, and the STOP that stood behind it counts again.
    assert await house.store.take(seen(house.world, ada, START + timedelta(hours=1))) == Taken("opted_out")


async def test_a_ban_ends_no_more_and_nothing_leaves_for_whoever_is_blocked(house: House) -> None:
    world, (ada, ben) = house.world, house.world.people[:2]
    check = new_check(world, ada)
    items = (text_item(world, ada.mobile, lane="ada"), text_item(world, ben.mobile, lane="ben"))
    await act(house, CheckAsk(world.tenant_id, "none"), Decision("", checks=(check,), outbox=items))
    await house.block(ada.mobile, None)
    later = START + timedelta(days=4000)
    assert await house.store.take(Turn(CheckAsk(world.tenant_id, check.id), barred, later)) == (Taken("blocked"))
    announced = Turn(AnnounceAsk(world.tenant_id, ada.facts.id), barred, later)
    assert await house.store.take(announced) == Taken("blocked")
    leased = await house.store.lease("w", START)
    assert {held.item.payload["to"]: held.suppressed for held in leased} == {ada.mobile: "blocked", ben.mobile: ""}


async def test_two_tenants_with_the_same_people_see_nothing_of_each_other(house: House) -> None:
    """Same caller, same provider id, same check id, same timer: the number written to decides whose it is."""
    ada, twin = house.world.people[0], house.other.people[0]
    assert ada.mobile == twin.mobile
    check = new_check(house.world, ada)
    for world in (house.world, house.other):
        turn = inbound_turn(said(world, ada.mobile, sid="SM-same"), lambda f: Decision(f.contacts[0].id))
        assert await house.store.take(turn) == Taken(world.people[0].id)
    await act(
        house,
        CheckAsk(house.world.tenant_id, "x", once="k"),
        Decision(
            "",
            checks=(check,),
            timers=(Timer(house.world.tenant_id, check.id, "t", START),),
            suppressions=(Suppression(True, "", ada.mobile, "word"),),
        ),
    )
    theirs = await house.store.take(inbound_turn(said(house.other, ada.mobile), lambda f: Decision(f)))
    assert isinstance(theirs, Taken)
    assert (theirs.reply.checks, theirs.reply.suppressed) == ((), "")
    seen = await house.store.take(
        Turn(CheckAsk(house.other.tenant_id, check.id, once="k"), lambda f: Decision(f), START)
    )
    assert isinstance(seen, Taken)
    assert isinstance(seen.reply, CheckFacts)
    assert seen.reply.check is None
    rings = Turn(CheckAsk(house.other.tenant_id, check.id, timer="t"), nothing(), START)
    assert await house.store.take(rings) == Duplicate()


async def test_listeners_hear_of_turns_after_the_commit(house: House) -> None:
    heard: list[int] = []
    house.on_commit(lambda: heard.append(1))
    await house.store.take(inbound_turn(said(house.world, house.world.stranger), nothing()))
    await asyncio.sleep(0)
    assert heard == [1]
    await house.store.lease("w", START)
    await house.store.due_timers(START)
    await asyncio.sleep(0)
    assert heard == [1]
