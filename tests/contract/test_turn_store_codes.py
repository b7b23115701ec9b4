"""What every turn store promises about codes, opt-outs, limits and delivery reports."""

import asyncio
import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest

from dialogs.limits import PrefixDay
from dialogs.messages import DeliveryReport
from dialogs.turns import (
    Alert,
    CheckAsk,
    Decision,
    InboundFacts,
    Leased,
    OutboxItem,
    SaveCheck,
    Settled,
    Suppression,
    Taken,
    Turn,
)
from tests.fixtures.turn_parts import (
    CODE,
    act,
    check_facts,
    confirmed,
    facts_for,
    inbound_turn,
    moved,
    new_check,
    new_id,
    open_state,
    said,
    text_item,
)
from tests.fixtures.turn_stores import House
from tests.fixtures.world import START

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
RUN_OUT = START + 61 * SECOND


async def put(house: House, *items: OutboxItem, checks: tuple[SaveCheck, ...] = ()) -> None:
    await act(house, CheckAsk(house.world.tenant_id, "none"), Decision("", outbox=items, checks=checks))


async def lease_one(house: House, worker: str = "w") -> Leased:
    (leased,) = await house.store.lease(worker, START)
    return leased


async def state_of(house: House) -> list[tuple[str, str]]:
    return [(row.status, row.body) for row in await house.outbox()]


async def end(house: House, check: SaveCheck) -> None:
    """The check is confirmed."""
    person = next(p for p in house.world.people if p.id == check.contact_id)
    over = moved(await check_facts(house, check.id), confirmed(open_state(person)))
    await act(house, CheckAsk(house.world.tenant_id, check.id), Decision("", checks=(over,)))


async def code_waiting(house: House) -> tuple[SaveCheck, OutboxItem]:
    """A live check whose code is still to be sent."""
    ada = house.world.people[0]
    check = new_check(house.world, ada)
    item = text_item(
        house.world,
        ada.mobile,
        f"code {CODE}",
        check_id=check.id,
        contact_id=ada.id,
        template="tv.code",
        challenge=True,
    )
    await put(house, item, checks=(check,))
    return check, item


# --- codes ----------------------------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-17")
@pytest.mark.parametrize("outcome", ["sent", "dead", "dropped"])
async def test_a_code_is_wiped_when_its_text_is_done_with_and_other_texts_are_kept(house: House, outcome: str) -> None:
    await code_waiting(house)
    await put(house, text_item(house.world, "+1", "hello", lane="other", template="desk.plain"))
    held = await house.store.lease("w", START)
    await house.store.settle([Settled(h, outcome) for h in held], START)  # type: ignore[arg-type]  # parametrised
    assert await state_of(house) == [(outcome, ""), (outcome, "hello")]


@pytest.mark.feature("SEC-17")
async def test_a_code_that_waits_is_dropped_with_its_check(house: House) -> None:
    check, _ = await code_waiting(house)
    await put(house, text_item(house.world, "+1", "note", lane="x", check_id=check.id, template="tv.confirmed"))
    await end(house, check)
    assert await state_of(house) == [("dropped", ""), ("waiting", "note")]


@pytest.mark.feature("SEC-17")
@pytest.mark.parametrize("outcome", ["retry", "unknown", "sent"])
async def test_a_code_on_its_way_is_left_to_its_worker_and_never_sent_again(house: House, outcome: str) -> None:
    check, _ = await code_waiting(house)
    held = await lease_one(house)
    await end(house, check)
    assert await state_of(house) == [("waiting", f"code {CODE}")]
    settled = Settled(held, outcome, retry_at=START)  # type: ignore[arg-type]  # parametrised
    await house.store.settle([settled], START)
    assert await state_of(house) == [("sent" if outcome == "sent" else "dropped", "")]


@pytest.mark.feature("SEC-17")
async def test_a_code_whose_worker_died_is_not_sent_after_its_check_has_ended(house: House) -> None:
    check, _ = await code_waiting(house)
    await lease_one(house)
    await end(house, check)
    assert await house.store.lease("w2", RUN_OUT) == []
    assert await state_of(house) == [("dropped", "")]


@pytest.mark.feature("SEC-17")
async def test_a_code_given_back_at_shutdown_does_not_wait_on_after_its_check_has_ended(house: House) -> None:
    check, _ = await code_waiting(house)
    await put(house, text_item(house.world, "+1", "hello", lane="other", template="desk.plain"))
    assert len(await house.store.lease("leaving", START)) == 2
    await end(house, check)
    await house.store.release_leases("leaving")
    assert await state_of(house) == [("dropped", ""), ("waiting", "hello")]


@pytest.mark.feature("REL-05")
async def test_a_code_that_came_too_late_reaches_the_dispatcher_only_to_be_dropped(house: House) -> None:
    """The store says when it was to be dropped and wipes it when the dispatcher says so."""
    _, item = await code_waiting(house)
    (held,) = await house.store.lease("w", START + 11 * MINUTE)
    assert held.item.drop_at == item.drop_at
    await house.store.settle([Settled(held, "dropped", error="expired")], START + 11 * MINUTE)
    assert await state_of(house) == [("dropped", "")]


# --- opting out and limits ------------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-16")
async def test_an_opt_out_since_then_shows_at_the_lease(house: House) -> None:
    ada = house.world.people[0].mobile
    await put(
        house,
        text_item(house.world, ada, "news", lane="a"),
        text_item(house.world, ada, "stopped", lane="b", after_stop=True),
        text_item(house.world, "+1", "another", lane="c"),
    )
    stop = Suppression(True, house.world.number.address, ada, "word")
    await act(house, CheckAsk(house.world.tenant_id, "none"), Decision("", suppressions=(stop,)))
    leased = await house.store.lease("w", START)
    assert {held.item.payload["body"]: held.suppressed for held in leased} == {
        "news": "opted_out",
        "stopped": "",
        "another": "",
    }


async def test_a_settlement_may_record_that_the_recipient_opted_out(house: House) -> None:
    ada = house.world.people[0].mobile
    await put(house, text_item(house.world, ada))
    stop = Suppression(True, house.world.number.address, ada, "carrier")
    await house.store.settle([Settled(await lease_one(house), "dead", suppressions=(stop,))], START)
    assert (await facts_for(house, ada)).suppressed


@pytest.mark.feature("SEC-39")
async def test_unanswered_challenges_count_until_they_are_given_back(house: House) -> None:
    ada = house.world.people[0]
    near = ada.mobile[:-4] + "9999"
    mine = text_item(house.world, ada.mobile, check_id="c1", challenge=True, technician_id="t", segments=2)
    other = text_item(house.world, near, check_id="c2", challenge=True, segments=1)
    plain = text_item(house.world, ada.mobile, check_id="c1", segments=5)
    await put(house, mine, other, plain)
    counts = (await facts_for(house, ada.mobile, with_limits=True)).sends
    assert (counts.destination, counts.prefix, counts.tenant) == ((START,), (START, START), (START, START))
    assert (counts.technician, counts.segments_today) == ((), 3)
    assert (await facts_for(house, ada.mobile)).sends.tenant == ()
    hour_later = (await facts_for(house, ada.mobile, with_limits=True, now=START + timedelta(hours=1))).sends
    assert (hour_later.destination, hour_later.prefix, hour_later.tenant) == ((START,), (), ())
    await act(house, CheckAsk(house.world.tenant_id, "none"), Decision("", give_back=("c1",)))
    left = (await facts_for(house, ada.mobile, with_limits=True)).sends
    assert (left.destination, left.prefix) == ((), (START,))
    assert left.segments_today == 3, "what was given back was paid for all the same"


@pytest.mark.feature("SEC-39")
async def test_codes_to_a_prefix_are_counted_answered_or_not(house: House) -> None:
    """For a day, whoever of these numbers asks; with the newest one, and whether the console knows about it."""
    ada, ben = house.world.people[:2]
    near, ask = ada.mobile[:-4] + "9999", CheckAsk(house.world.tenant_id, "none")

    async def day(now: datetime, their: str = near) -> PrefixDay:
        return (await facts_for(house, their, with_limits=True, now=now)).sends.prefix_day

    assert await day(START) == PrefixDay()
    first = text_item(house.world, ada.mobile, check_id="c1", challenge=True)
    again = text_item(house.world, ada.mobile, check_id="c1", challenge=True)
    second = text_item(house.world, near, check_id="c2", challenge=True)
    announced = text_item(house.world, near, challenge=True)
    elsewhere = text_item(house.world, ben.mobile, check_id="c3", challenge=True)
    plain = text_item(house.world, near, check_id="c2")
    await put(house, first, again, second, announced, elsewhere, plain)
    assert await day(START) == PrefixDay(3, 0, START, second.id)
    assert await day(START, ben.mobile) == PrefixDay(1, 0, START, elsewhere.id)
    assert (await facts_for(house, near)).sends.prefix_day == PrefixDay(), "only who asks for counts gets them"
    await act(house, ask, Decision("", give_back=("c1",)))
    assert await day(START) == PrefixDay(3, 2, START, second.id)
    await act(house, ask, Decision("", alerts=(Alert(first.id, "prefix_paused", START, "", "", "an older one"),)))
    assert await day(START) == PrefixDay(3, 2, START, second.id)
    await act(house, ask, Decision("", alerts=(Alert(second.id, "prefix_paused", START, "", "", "this one"),)))
    assert await day(START) == PrefixDay(3, 2, START, second.id, told=True)
    later = text_item(house.world, ada.mobile, check_id="c4", challenge=True)
    noon = START + timedelta(hours=12)
    await house.store.take(Turn(ask, lambda _: Decision("", outbox=(later,)), noon))
    assert await day(noon) == PrefixDay(4, 2, noon, later.id)
    assert await day(START + timedelta(hours=24)) == PrefixDay(1, 0, noon, later.id)
    assert await day(noon + timedelta(hours=24)) == PrefixDay()


@pytest.mark.feature("SEC-39")
async def test_turns_that_come_together_see_each_others_codes_and_alerts(house: House) -> None:
    """Thirty numbers of one prefix ask at once and three more may be sent; who is refused tells the console once. No
    turn is decided twice, which is what raising an alert that is there already would cost."""
    sent = tuple(text_item(house.world, f"+1303555{n:04}", check_id=f"c{n}", challenge=True) for n in range(17))
    await put(house, *sent)

    asked = []

    def ask(their: str) -> Turn[Any]:
        def decide(facts: InboundFacts) -> Decision[str]:
            asked.append(their)
            day = facts.sends.prefix_day
            if day.sent < 20:
                item = text_item(house.world, their, lane=their, check_id=new_id(), challenge=True)
                return Decision("sent", outbox=(item,))
            if day.told:
                return Decision("refused")
            return Decision("told", alerts=(Alert(day.last_id, "prefix_paused", START, "", "", "paused"),))

        return inbound_turn(said(house.world, their), decide, with_limits=True)

    results = await asyncio.gather(*(house.store.take(ask(f"+1303555{n:04}")) for n in range(100, 130)))
    assert all(isinstance(result, Taken) for result in results)
    replies = [result.reply for result in results if isinstance(result, Taken)]
    assert sorted(replies) == ["refused"] * 26 + ["sent"] * 3 + ["told"]
    assert await house.alerts() == ["paused"]
    assert len(asked) == 30


# --- delivery reports -----------------------------------------------------------------------------------------------


async def sent(house: House) -> None:
    await put(house, text_item(house.world, "+1", check_id="c", conversation_id="talk"))
    await house.store.settle([Settled(await lease_one(house), "sent", "twilio", "SM1")], START)


@pytest.mark.feature("REL-08")
@pytest.mark.parametrize("order", list(itertools.permutations(["queued", "sent", "delivered"])))
async def test_delivery_reports_in_any_order_end_the_same(house: House, order: tuple[str, ...]) -> None:
    await sent(house)
    best = 0
    for status in order:
        moved_on = await house.store.report_delivery(DeliveryReport("twilio", "SM1", status), START)
        assert moved_on == (["queued", "sent", "delivered"].index(status) + 1 > best)
        best = max(best, ["queued", "sent", "delivered"].index(status) + 1)
    assert [row.delivery for row in await house.outbox()] == ["delivered"]
    kinds = [entry.kind for entry in await house.log()]
    assert set(kinds) == {"text.delivery"}
    assert (await house.log())[-1].public["status"] == "delivered"


@pytest.mark.feature("REL-08", "REL-02")
async def test_a_report_that_overtakes_our_note_of_the_send_is_applied_later(house: House) -> None:
    await put(house, text_item(house.world, "+1"))
    held = await lease_one(house)
    early = [DeliveryReport("twilio", "SM1", "delivered"), DeliveryReport("twilio", "SM1", "sent")]
    assert [await house.store.report_delivery(r, START) for r in [*early, early[0]]] == [False] * 3
    await house.store.settle([Settled(held, "sent", "twilio", "SM1")], START)
    assert [row.delivery for row in await house.outbox()] == ["delivered"]
    assert not await house.store.report_delivery(early[1], START)


async def test_a_failed_delivery_says_why(house: House) -> None:
    await sent(house)
    assert await house.store.report_delivery(DeliveryReport("twilio", "SM1", "undelivered", "30003"), START)
    assert [(row.delivery, row.error) for row in await house.outbox()] == [("undelivered", "30003")]


async def test_a_report_on_a_message_of_nobody_moves_nothing(house: House) -> None:
    await sent(house)
    assert not await house.store.report_delivery(DeliveryReport("other", "SM1", "delivered"), START)
    assert not await house.store.report_delivery(DeliveryReport("twilio", "", "delivered"), START)
    assert [row.delivery for row in await house.outbox()] == [""]
