"""What replicas mirror through Redis: who has a console open, and bounds on answers to strangers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from storage.redis.connection import ANSWERS_WITHIN, Connection
from storage.redis.limits import RedisBound
from storage.redis.names import of_tenant
from storage.redis.presence import LASTS, RedisPresence
from tests.fixtures.replicas import FAULTS, SLACK, answers_again, mend
from tests.fixtures.servers import RedisServer
from tests.fixtures.stand_ins import StandingClock
from tests.fixtures.world import make_world

ACME, OTHER = make_world(1).tenant_id, make_world(2).tenant_id
DANA, THEO = (technician for technician, _ in make_world(1).technicians[:2])

# --- who is here ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def consoles(redis: RedisServer, clock: StandingClock) -> AsyncIterator[tuple[RedisPresence, RedisPresence]]:
    connections = [Connection(redis.url) for _ in range(2)]
    yield (RedisPresence(connections[0], clock, "one"), RedisPresence(connections[1], clock, "two"))
    for connection in connections:
        await connection.close()


async def fresh(presence: RedisPresence, tenant_id: str = ACME) -> set[str]:
    """Without what was heard a moment ago."""
    presence._known.clear()
    return set(await presence.present(tenant_id))


async def test_who_has_a_console_open_is_known_everywhere(
    consoles: tuple[RedisPresence, RedisPresence], clock: StandingClock
) -> None:
    one, two = consoles
    for _ in range(2):
        one.arrive(ACME, DANA)
    two.arrive(ACME, THEO)
    two.arrive(OTHER, "somebody")
    for presence in consoles:
        await presence.say()
        assert DANA in await fresh(presence)
    assert await fresh(one) == await fresh(two) == {DANA, THEO}
    assert await fresh(one, OTHER) == {"somebody"}
    one.leave(ACME, DANA)
    await one.say()
    assert await fresh(two) == {DANA, THEO}, "her other console"
    two.arrive(ACME, DANA)
    await two.say()
    one.leave(ACME, DANA)
    await one.say()
    assert await fresh(one) == {DANA, THEO}, "the one at the other replica"
    clock.advance(LASTS)
    assert await fresh(one) == set(), "a replica that says nothing any more has crashed"
    await two.say()
    assert await fresh(one) == {DANA, THEO}


@pytest.mark.feature("REL-10")
@pytest.mark.parametrize("fault", FAULTS)
async def test_without_redis_a_replica_knows_its_own_consoles(
    redis: RedisServer, consoles: tuple[RedisPresence, RedisPresence], fault: str
) -> None:
    one, two = consoles
    one.arrive(ACME, DANA)
    two.arrive(ACME, THEO)
    await one.say()
    await two.say()
    assert await fresh(one) == {DANA, THEO}
    FAULTS[fault](redis)
    began = time.monotonic()
    assert await fresh(one) == {DANA}
    await one.say()
    assert time.monotonic() - began < 2 * ANSWERS_WITHIN + SLACK
    mend(redis)
    began = time.monotonic()
    while await fresh(one) != {DANA, THEO}:
        assert time.monotonic() - began < 20
        await two.say()
        await asyncio.sleep(0.02)
    assert redis.ask("FLUSHALL") == "+OK"
    assert await fresh(one) == {DANA}
    await two.say()
    assert await fresh(one) == {DANA, THEO}


# --- bounds ---------------------------------------------------------------------------------------------------------

HOUR = timedelta(hours=1)


@pytest.fixture
async def bounds(redis: RedisServer, clock: StandingClock) -> AsyncIterator[list[RedisBound]]:
    connections = [Connection(redis.url) for _ in range(3)]
    yield [
        RedisBound(connection, clock, f"r{n}", name="strangers", most=10, within=HOUR)
        for n, connection in enumerate(connections)
    ]
    for connection in connections:
        await connection.close()


async def spend(bounds: list[RedisBound], clock: StandingClock, times: int, tenant_id: str = ACME) -> int:
    """How many of so many tries get through, one replica after the other."""
    through = 0
    for number in range(times):
        clock.advance(timedelta(seconds=1))
        bound = bounds[number % len(bounds)]
        if bound.has_room(tenant_id, clock.now()):
            bound.count(tenant_id, clock.now())
            await bound.mirror(tenant_id)
            through += 1
    return through


@pytest.mark.feature("SEC-39", "SEC-37")
async def test_replicas_keep_a_bound_together(bounds: list[RedisBound], clock: StandingClock) -> None:
    assert 10 <= await spend(bounds, clock, 60) <= 10 + len(bounds) - 1
    assert not any(bound.has_room(ACME, clock.now()) for bound in bounds)
    assert all(bound.has_room(OTHER, clock.now()) for bound in bounds), "another tenant's"
    clock.advance(HOUR)
    assert all(bound.has_room(ACME, clock.now()) for bound in bounds)
    assert 10 <= await spend(bounds, clock, 60) <= 10 + len(bounds) - 1


@pytest.mark.feature("REL-10")
@pytest.mark.parametrize("score", ["inf", "-inf", "1e300"])
async def test_what_none_of_us_wrote_is_no_moment(bounds: list[RedisBound], clock: StandingClock, score: str) -> None:
    """Another program on the same Redis must not end the task that mirrors all bounds."""
    key = of_tenant(ACME, "bound:strangers")
    told = [part for n in range(20) for part in (score, f"stranger{n}")]
    await bounds[0]._connection.run(("ZADD", key, *told))
    await bounds[0].mirror(ACME)
    assert bounds[0].has_room(ACME, clock.now())


@pytest.mark.feature("SEC-39", "REL-10")
async def test_an_emptied_redis_is_told_all_again(
    redis: RedisServer, bounds: list[RedisBound], clock: StandingClock
) -> None:
    assert await spend(bounds, clock, 6) == 6
    assert redis.ask("FLUSHALL") == "+OK"
    assert 4 <= await spend(bounds, clock, 60) <= 4 + len(bounds) - 1


@pytest.mark.feature("SEC-39", "REL-10")
@pytest.mark.parametrize("fault", FAULTS)
async def test_without_redis_each_replica_keeps_the_bound_for_itself(
    redis: RedisServer, bounds: list[RedisBound], clock: StandingClock, fault: str
) -> None:
    FAULTS[fault](redis)
    began = time.monotonic()
    assert await spend(bounds, clock, 90) == 30
    assert time.monotonic() - began < 3 * ANSWERS_WITHIN + 2 * SLACK + 3
    mend(redis)
    await asyncio.gather(*(answers_again(bound._connection) for bound in bounds))
    clock.advance(HOUR)
    assert 10 <= await spend(bounds, clock, 60) <= 10 + len(bounds) - 1
