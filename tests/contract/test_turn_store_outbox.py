"""What every turn store promises about the outbox: order, leases and outcomes."""

from datetime import timedelta

import pytest

from dialogs.turns import CheckAsk, Decision, Leased, OutboxItem, SaveCheck, Settled
from tests.fixtures.turn_parts import (
    act,
    line,
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


# --- lanes and leases -----------------------------------------------------------------------------------------------


@pytest.mark.feature("REL-03")
async def test_a_lane_goes_in_order_and_lanes_do_not_wait_for_each_other(house: House) -> None:
    a1, a2 = (text_item(house.world, "+1", body, lane="a") for body in ("a1", "a2"))
    b1 = text_item(house.world, "+1", "b1", lane="b")
    await put(house, a1, a2, b1)
    first = await house.store.lease("w", START)
    assert sorted(held.item.payload["body"] for held in first) == ["a1", "b1"]
    assert await house.store.lease("w2", START) == []
    await house.store.settle([Settled(held, "sent") for held in first], START)
    assert (await lease_one(house)).item == a2


@pytest.mark.feature("REL-03", "SEC-37")
async def test_lanes_of_two_tenants_never_wait_for_one_another(house: House) -> None:
    await put(house, text_item(house.world, "+1", "ours", lane="psa"))
    ask = CheckAsk(house.other.tenant_id, "none")
    await act(house, ask, Decision("", outbox=(text_item(house.other, "+1", "theirs", lane="psa"),)))
    leased = await house.store.lease("w", START)
    assert {(held.tenant_id, held.item.payload["body"]) for held in leased} == {
        (house.world.tenant_id, "ours"),
        (house.other.tenant_id, "theirs"),
    }


async def test_an_item_comes_back_as_it_was_put(house: House) -> None:
    ada = house.world.people[0]
    item = OutboxItem(
        text_item(house.world, "+1").id,
        "ticket.note",
        "psa",
        {"ticket_id": "T", "body": 'ü "quoted"\n'},
        START,
        START + MINUTE,
        "check",
        "talk",
        ada.id,
        house.world.dana,
        "note.tv",
        after_stop=True,
        segments=2,
    )
    await put(house, item)
    leased = await lease_one(house)
    assert leased.item == item
    assert (leased.tenant_id, leased.attempt, leased.suppressed, leased.unknown) == (
        house.world.tenant_id,
        1,
        False,
        False,
    )
    assert leased.first_attempt_at is None


async def test_a_lease_takes_no_more_than_asked_for_and_nothing_before_it_is_due(house: House) -> None:
    await put(house, *(text_item(house.world, "+1", str(i), lane=str(i)) for i in range(4)))
    await put(house, text_item(house.world, "+1", "later", lane="later", due_at=START + MINUTE))
    assert len(await house.store.lease("w", START, limit=3)) == 3
    assert len(await house.store.lease("w", START)) == 1
    assert await house.store.next_due(START) == START + MINUTE


@pytest.mark.feature("REL-03", "REL-04")
async def test_a_lease_that_runs_out_goes_to_the_next_worker_who_knows_of_the_first(house: House) -> None:
    await put(house, text_item(house.world, "+1"))
    first = await lease_one(house)
    assert await house.store.next_due(START) == START + MINUTE
    assert await house.store.lease("w2", START + 59 * SECOND) == []
    (second,) = await house.store.lease("w2", RUN_OUT)
    assert second.fence > first.fence
    assert (second.attempt, second.unknown, second.first_attempt_at) == (2, True, START)
    assert second.item == first.item


@pytest.mark.feature("REL-03")
@pytest.mark.parametrize("outcome", ["sent", "retry", "unknown", "dead", "dropped"])
async def test_an_outcome_with_a_stale_fence_is_ignored(house: House, outcome: str) -> None:
    await put(house, text_item(house.world, "+1"))
    first = await lease_one(house)
    (second,) = await house.store.lease("w2", RUN_OUT)
    late = Settled(first, outcome, retry_at=START, audit=(line("late"),))  # type: ignore[arg-type]  # parametrised
    await house.store.settle([late], RUN_OUT)
    assert await house.log() == []
    assert await house.store.lease("w3", RUN_OUT) == []
    await house.store.settle([Settled(second, "sent", audit=(line("sent"),))], RUN_OUT)
    await house.store.settle([Settled(second, "dead", audit=(line("twice"),))], RUN_OUT)
    assert [entry.kind for entry in await house.log()] == ["sent"]
    assert [row.status for row in await house.outbox()] == ["sent"]


async def test_renewing_prolongs_only_what_is_still_held(house: House) -> None:
    await put(house, text_item(house.world, "+1", lane="a"), text_item(house.world, "+1", lane="b"))
    held, lost = await house.store.lease("w", START)
    await house.store.renew([held], START + 50 * SECOND)
    (taken,) = await house.store.lease("w2", RUN_OUT)
    assert taken.item.id == lost.item.id
    await house.store.renew([lost], RUN_OUT, lasts=timedelta(hours=1))
    again = await house.store.lease("w3", RUN_OUT + MINUTE)
    assert {leased.item.id for leased in again} == {held.item.id, lost.item.id}


async def test_what_a_worker_gives_back_at_shutdown_was_never_tried(house: House) -> None:
    await put(house, text_item(house.world, "+1"))
    await lease_one(house, "leaving")
    await house.store.release_leases("leaving")
    again = await lease_one(house, "next")
    assert (again.attempt, again.unknown, again.first_attempt_at) == (1, False, None)
    await house.store.release_leases("leaving")
    assert await house.store.lease("third", START) == []


# --- outcomes -------------------------------------------------------------------------------------------------------


@pytest.mark.feature("REL-05")
async def test_a_retry_sends_the_same_body_later(house: House) -> None:
    await put(house, text_item(house.world, "+1", "same"))
    first = await lease_one(house)
    await house.store.settle([Settled(first, "retry", error="30001", retry_at=START + MINUTE)], START)
    assert await house.store.lease("w", START + 59 * SECOND) == []
    assert await house.store.next_due(START) == START + MINUTE
    (again,) = await house.store.lease("w", START + MINUTE)
    assert (again.item.payload, again.attempt, again.unknown) == (first.item.payload, 2, False)
    assert again.first_attempt_at == START


@pytest.mark.feature("REL-04")
async def test_an_unclear_attempt_stays_unknown_until_it_is_settled(house: House) -> None:
    await put(house, text_item(house.world, "+1"))
    await house.store.settle([Settled(await lease_one(house), "unknown", retry_at=START + SECOND)], START)
    (again,) = await house.store.lease("w", START + SECOND)
    assert again.unknown
    assert [row.status for row in await house.outbox()] == ["unknown"]
    await house.store.settle([Settled(again, "sent", "twilio", "SM9")], START)
    assert [(row.status, row.provider_id) for row in await house.outbox()] == [("sent", "SM9")]


@pytest.mark.parametrize("outcome", ["dead", "dropped"])
async def test_what_is_given_up_frees_its_lane_and_says_why(house: House, outcome: str) -> None:
    await put(house, text_item(house.world, "+1", "first"), text_item(house.world, "+1", "second"))
    given_up = Settled(await lease_one(house), outcome, error="21610")  # type: ignore[arg-type]  # parametrised
    await house.store.settle([given_up], START)
    assert (await lease_one(house)).item.payload["body"] == "second"
    rows = await house.outbox()
    assert (rows[0].status, rows[0].error, rows[0].body) == (outcome, "21610", "first")
