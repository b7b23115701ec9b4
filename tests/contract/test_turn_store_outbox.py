"""What every turn store promises about the outbox: order, leases and outcomes."""

from datetime import timedelta

import pytest

from dialogs.turns import Alert, CheckAsk, Decision, Leased, OutboxItem, SaveCheck, Settled, Timer
from tests.fixtures.turn_parts import act, line, new_id, text_item
from tests.fixtures.turn_stores import House
from tests.fixtures.world import START, World

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
        "",
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


# --- unclear attempts (REL-04) --------------------------------------------------------------------------------------


@pytest.mark.feature("REL-04")
async def test_unclear_attempts_are_counted_apart_from_attempts(house: House) -> None:
    await put(house, text_item(house.world, "+1"))
    first = await lease_one(house)
    await house.store.settle([Settled(first, "retry", retry_at=START)], START)
    second = await lease_one(house)
    await house.store.settle([Settled(second, "unknown", retry_at=START)], START)
    third = await lease_one(house)
    (fourth,) = await house.store.lease("w2", RUN_OUT)
    assert [(held.attempt, held.unclear) for held in (first, second, third, fourth)] == [(1, 0), (2, 0), (3, 1), (4, 2)]


@pytest.mark.feature("REL-04", "REL-06")
@pytest.mark.parametrize("outcome", ["retry", "unknown"])
async def test_what_was_not_tried_counts_for_nothing_and_stays_as_unclear_as_it_was(house: House, outcome: str) -> None:
    await put(house, text_item(house.world, "+1"))

    async def put_off(held: Leased) -> None:
        settled = Settled(held, outcome, error="x", retry_at=START, tried=False)  # type: ignore[arg-type]  # parametrised
        await house.store.settle([settled], START)

    await put_off(await lease_one(house))
    again = await lease_one(house)
    assert (again.attempt, again.unknown, again.unclear, again.first_attempt_at) == (1, False, 0, None)
    await house.store.settle([Settled(again, "unknown", retry_at=START)], START)
    await put_off(await lease_one(house))
    unclear = await lease_one(house)
    assert (unclear.attempt, unclear.unknown, unclear.unclear, unclear.first_attempt_at) == (2, True, 1, START)


@pytest.mark.feature("REL-04")
@pytest.mark.parametrize("back", ["put off", "released"])
async def test_a_lease_that_ran_out_once_is_not_forgotten_by_whoever_gives_it_back(house: House, back: str) -> None:
    await put(house, text_item(house.world, "+1"))
    await lease_one(house)
    (second,) = await house.store.lease("w2", RUN_OUT)
    if back == "released":
        await house.store.release_leases("w2")
    else:
        await house.store.settle([Settled(second, "retry", retry_at=RUN_OUT, tried=False)], RUN_OUT)
    (third,) = await house.store.lease("w3", RUN_OUT)
    assert (third.attempt, third.unknown, third.unclear) == (2, True, 1)


# --- shares (SEC-38) ------------------------------------------------------------------------------------------------


async def put_for(house: House, world: World, *bodies: str, **more: object) -> None:
    items = (text_item(world, "+1", body, lane=body, **more) for body in bodies)
    await act(house, CheckAsk(world.tenant_id, "none"), Decision("", outbox=tuple(items)))


def bodies(leased: object) -> list[str]:
    assert isinstance(leased, list | tuple)
    return [held.item.payload["body"] for held in leased]


@pytest.mark.feature("SEC-38")
async def test_the_oldest_of_each_tenant_comes_before_the_second_of_anybody(house: House) -> None:
    await put_for(house, house.world, "a1", "a2", "a3", "a4", "a5")
    await put_for(house, house.other, "b1", "b2", due_at=START + SECOND)
    now = START + 2 * SECOND
    assert bodies(await house.store.lease("w", now, limit=3)) == ["a1", "b1", "a2"]
    assert bodies(await house.store.lease("w", now, limit=3)) == ["a3", "b2", "a4"]
    assert bodies(await house.store.lease("w", now, limit=3)) == ["a5"]


@pytest.mark.feature("SEC-38")
async def test_a_tenant_with_its_share_under_way_gets_none(house: House) -> None:
    await put_for(house, house.world, "a1", "a2")
    await put_for(house, house.other, "b1", "b2")
    assert bodies(await house.store.lease("w", START, full={house.world.tenant_id})) == ["b1", "b2"]
    both = {house.world.tenant_id, house.other.tenant_id}
    assert bodies(await house.store.lease("w", START, full=both)) == []
    assert bodies(await house.store.lease("w", START, full={house.other.tenant_id})) == ["a1", "a2"]


async def test_the_next_thing_due_is_found_behind_what_others_hold(house: House) -> None:
    await put_for(house, house.world, "held")
    await house.store.lease("w", START)
    await put_for(house, house.world, "soon", due_at=START + 5 * SECOND)
    await put_for(house, house.other, "late", due_at=START + 2 * MINUTE)
    assert await house.store.next_due(START) == START + 5 * SECOND
    await house.store.lease("w", START + 50 * SECOND)
    assert await house.store.next_due(START) == START + MINUTE


# --- timers that cannot be rung (REL-15) ----------------------------------------------------------------------------


@pytest.mark.feature("REL-15")
async def test_a_timer_that_is_put_aside_leaves_a_line_and_an_alert_in_its_place(house: House) -> None:
    tenant_id, other_id = house.world.tenant_id, house.other.tenant_id
    bad, good = (Timer(tenant_id, "check", name, START) for name in ("deadline", "reminder"))
    await act(house, CheckAsk(tenant_id, "none"), Decision("", timers=(bad, good)))
    theirs = Timer(other_id, "check", "deadline", START)
    await act(house, CheckAsk(other_id, "none"), Decision("", timers=(theirs,)))
    told: list[str] = []
    house.on_commit(lambda: told.append("told"))
    alert = Alert(new_id(), "put_aside", START, "check", "", "look at it")
    await house.store.put_aside(bad, line("timer.put_aside"), alert)
    left = await house.store.due_timers(START)
    assert {(t.tenant_id, t.name) for t in left} == {(tenant_id, "reminder"), (other_id, "deadline")}
    assert [(entry.tenant_id, entry.kind) for entry in await house.log()] == [(tenant_id, "timer.put_aside")]
    assert await house.alerts() == ["look at it"]
    assert told


@pytest.mark.feature("REL-15")
async def test_a_timer_that_has_rung_or_was_moved_meanwhile_is_not_put_aside(house: House) -> None:
    tenant_id = house.world.tenant_id
    for moved in ((), (Timer(tenant_id, "check", "deadline", START + SECOND),)):
        await act(house, CheckAsk(tenant_id, "none"), Decision("", timers=moved))
        alert = Alert(new_id(), "put_aside", START, "check", "", "look at it")
        await house.store.put_aside(Timer(tenant_id, "check", "deadline", START), line("timer.put_aside"), alert)
        assert list(await house.store.due_timers(START + MINUTE)) == list(moved)
    assert (await house.log(), await house.alerts()) == ([], [])
