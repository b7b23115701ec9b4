"""Redis may be killed, frozen, emptied or restarted at any time: that costs speed, and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from storage.redis.check import check
from storage.redis.connection import ANSWERS_WITHIN, NOT_NOW, RESTS, BadRedisUrl, Connection
from storage.redis.names import WAKE, of_tenant
from storage.shared import Shared, open_shared
from tests.fixtures.replicas import FAULTS, SLACK, answers_again, eventually, mend
from tests.fixtures.servers import RedisServer, free_port
from tests.fixtures.stand_ins import StandingClock
from tests.fixtures.world import make_world

ACME, OTHER = make_world(1).tenant_id, make_world(2).tenant_id
DANA = make_world(1).dana


@pytest.fixture
async def connection(redis: RedisServer) -> AsyncIterator[Connection]:
    connection = Connection(redis.url)
    yield connection
    await connection.close()


# --- questions and answers ------------------------------------------------------------------------------------------


@pytest.mark.feature("REL-10")
@pytest.mark.parametrize("fault", FAULTS)
async def test_nobody_waits_long_or_sees_an_error_while_redis_is_away(
    redis: RedisServer, connection: Connection, fault: str
) -> None:
    assert await connection.run(("PING",)) != NOT_NOW
    for _ in range(3):  # more often than there are connections to lose
        FAULTS[fault](redis)
        began = time.monotonic()
        answers = await asyncio.gather(*(connection.run(("INCR", "x")) for _ in range(50)))
        assert set(answers) == {NOT_NOW}
        assert time.monotonic() - began < ANSWERS_WITHIN + SLACK
        began = time.monotonic()
        assert [await connection.run(("INCR", "x")) for _ in range(20)] == [NOT_NOW] * 20
        assert time.monotonic() - began < ANSWERS_WITHIN * 2 + SLACK, "only one a second may wait"
        mend(redis)
        began = time.monotonic()
        while await connection.run(("PING",)) == NOT_NOW:
            assert time.monotonic() - began < RESTS + SLACK, "back by itself"
            await asyncio.sleep(0.01)


@pytest.mark.feature("REL-10")
async def test_only_one_at_a_time_tries_whether_redis_is_back(redis: RedisServer) -> None:
    connection = Connection(redis.url, rests=0.05)
    redis.pause()
    assert await connection.run(("PING",)) is NOT_NOW

    async def waited() -> float:
        began = time.monotonic()
        assert await connection.run(("PING",)) is NOT_NOW
        return time.monotonic() - began

    await asyncio.sleep(0.06)  # its rest is over
    waits = await asyncio.gather(*(waited() for _ in range(50)))
    assert sum(wait > ANSWERS_WITHIN / 2 for wait in waits) == 1
    await connection.close()


async def test_a_refused_command_is_not_now(redis: RedisServer, connection: Connection) -> None:
    assert await connection.run(("SET", "word", "a"), ("LPUSH", "word", "b")) is NOT_NOW
    await answers_again(connection)


@pytest.mark.feature("SEC-17")
async def test_the_password_opens_the_door_and_is_never_said(redis: RedisServer) -> None:
    assert redis.ask("CONFIG SET requirepass canary-password") == "+OK"
    with_password = redis.url.replace("redis://", "redis://:canary-password@")
    wrong = redis.url.replace("redis://", "redis://:wrong-canary@")
    with capture_logs() as logs:
        for url, answers in ((with_password, True), (wrong, False), (redis.url, False)):
            connection = Connection(url)
            assert (await connection.run(("PING",)) is not NOT_NOW) == answers
            assert "canary" not in repr(connection) + str(vars(connection))
            await connection.close()
            assert "canary" not in str(await check(url))
        with pytest.raises(BadRedisUrl) as bad:
            Connection("http://:canary-password@127.0.0.1/0")
        assert "canary" not in str(bad.value)
        assert bad.value.__cause__ is None
    assert [entry["event"] for entry in logs if entry["event"] == "redis_away"]
    assert "canary" not in str(logs)


async def test_doctor_is_told_how_redis_fares(redis: RedisServer) -> None:
    found = await check(redis.url)
    assert found.state == "ok"
    assert found.version in found.text
    assert found.version[0].isdigit()
    assert 0 < found.latency_ms < 1000
    redis.kill()
    assert (await check(redis.url)).state == "warn", "it is a help, and its loss no failure"
    assert (await check("redis://127.0.0.1:notaport/0")).state == "fail"


# --- replicas -------------------------------------------------------------------------------------------------------


@pytest.fixture
async def replicas(redis: RedisServer, clock: StandingClock) -> AsyncIterator[tuple[Shared, Shared]]:
    async with AsyncExitStack() as stack:
        one, two = [await stack.enter_async_context(open_shared(redis.url, clock, me=me)) for me in ("one", "two")]
        yield one, two


@pytest.mark.feature("REL-10")
async def test_a_commit_wakes_the_others_and_not_oneself(redis: RedisServer, replicas: tuple[Shared, Shared]) -> None:
    one, two = replicas
    woken = {"one": 0, "two": 0}

    def wake(who: str) -> Callable[[], None]:
        def count() -> None:
            woken[who] += 1

        return count

    one.wakeups.on_wake(wake("one"))
    two.wakeups.on_wake(wake("two"))
    await eventually(lambda: woken == {"one": 1, "two": 1}, "once at the beginning: something may have been missed")
    for _ in range(1000):
        one.wakeups.tell()
    await eventually(lambda: woken["two"] > 1, "the wake-up")
    heard = woken["two"]
    assert heard <= 4, "one that is under way stands for all that wait"
    for number in range(1, 6):
        two.wakeups.tell()
        await eventually(lambda n=number: woken["one"] > n)  # type: ignore[misc]
        heard = woken["two"]
        one.wakeups.tell()
        await eventually(lambda h=heard: woken["two"] > h)  # type: ignore[misc]
    assert woken["one"] == 6, "its own woke nobody here"
    for fault in FAULTS.values():
        for shared in replicas:
            assert shared.fan_out is not None
            shared.fan_out.follow(ACME)
        await eventually(lambda: all(s.fan_out is not None and s.fan_out.follows(ACME) for s in replicas))
        before = dict(woken)
        fault(redis)
        one.wakeups.tell()
        await eventually(lambda: not any(s.fan_out is not None and s.fan_out.follows(ACME) for s in replicas), "notice")
        mend(redis)
        await eventually(lambda b=before: woken["one"] > b["one"] and woken["two"] > b["two"], "once it is back")  # type: ignore[misc]
        before = dict(woken)
        while woken["two"] == before["two"]:
            one.wakeups.tell()
            await asyncio.sleep(0.01)


@pytest.mark.feature("REL-10")
async def test_a_frozen_redis_is_noticed_and_found_again(redis: RedisServer, replicas: tuple[Shared, Shared]) -> None:
    fan_out = replicas[0].fan_out
    assert fan_out is not None
    unsure: list[str] = []
    fan_out.attach(lambda tenant, push: None, unsure.append)
    fan_out.follow(ACME)
    await eventually(lambda: fan_out.follows(ACME))
    assert unsure == [ACME], "what was published before may have been missed"
    redis.pause()
    began = time.monotonic()
    await eventually(lambda: not fan_out.follows(ACME))
    assert time.monotonic() - began < 1.2 + SLACK
    assert unsure == [ACME] * 2
    redis.resume()
    await eventually(lambda: fan_out.follows(ACME))
    assert unsure == [ACME] * 3
    fan_out.unfollow(ACME)
    fan_out.follow(ACME)
    await eventually(lambda: fan_out.follows(ACME), "following again at once")
    fan_out.unfollow(ACME)
    await eventually(lambda: ACME not in redis.ask("PUBSUB CHANNELS"), "unsubscribing")
    assert not fan_out.follows(ACME)


async def test_bounds_mirror_by_themselves(
    redis: RedisServer, replicas: tuple[Shared, Shared], clock: StandingClock
) -> None:
    here, there = [shared.limits.bound("few", 3, timedelta(hours=1)) for shared in replicas]
    for _ in range(3):
        here.count(ACME, clock.now())
    await eventually(lambda: redis.ask("ZCARD", of_tenant(ACME, "bound:few")) == ":3", "telling")
    there.count(ACME, clock.now())
    await eventually(lambda: not there.has_room(ACME, clock.now()))


# --- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-37")
async def test_every_name_in_redis_carries_its_tenant(
    redis: RedisServer, replicas: tuple[Shared, Shared], clock: StandingClock
) -> None:
    one, two = replicas
    for tenant_id in (ACME, OTHER):
        one.presence.arrive(tenant_id, DANA)
        assert two.fan_out is not None
        two.fan_out.follow(tenant_id)
        one.limits.bound("strangers", 5, timedelta(hours=1)).count(tenant_id, clock.now())
    one.wakeups.tell()
    await eventually(lambda: redis.ask("DBSIZE") == ":4", "the keys")
    await eventually(lambda: redis.ask("PUBSUB CHANNELS").count("watchword:") == 3, "the channels")
    keys = [line for line in redis.ask("KEYS *").split("\r\n") if line[0] not in "*$"]
    channels = [line for line in redis.ask("PUBSUB CHANNELS").split("\r\n") if line[0] not in "*$"]
    for name in [*keys, *channels]:
        assert name == WAKE or name.startswith((f"watchword:{ACME}:", f"watchword:{OTHER}:")), name
    assert all(int(redis.ask("PTTL", key)[1:]) > 0 for key in keys), "and goes away by itself"
    for bad in ("", "a:b"):
        with pytest.raises(ValueError, match="tenant"):
            of_tenant(bad, "x")


@pytest.mark.feature("REL-10")
async def test_starting_needs_no_redis(clock: StandingClock) -> None:
    began = time.monotonic()
    async with open_shared(f"redis://127.0.0.1:{free_port()}/0", clock, me="one") as shared:
        shared.wakeups.tell()
        shared.presence.arrive(ACME, DANA)
        assert await shared.presence.present(ACME) == {DANA}
        assert shared.limits.bound("few", 1, timedelta(hours=1)).has_room(ACME, clock.now())
    assert time.monotonic() - began < 2 * ANSWERS_WITHIN + SLACK


async def test_without_an_address_nothing_is_shared_and_all_works(clock: StandingClock) -> None:
    async with open_shared("", clock, me="one") as shared:
        assert shared.fan_out is None
        shared.wakeups.on_wake(lambda: pytest.fail("there is nobody to wake us"))
        shared.wakeups.tell()
        shared.presence.arrive(ACME, DANA)
        shared.presence.arrive(ACME, DANA)
        shared.presence.leave(ACME, DANA)
        assert await shared.presence.present(ACME) == {DANA}
        shared.presence.leave(ACME, DANA)
        assert await shared.presence.present(ACME) == frozenset()
        bound = shared.limits.bound("few", 1, timedelta(hours=1))
        bound.count(ACME, clock.now())
        assert not bound.has_room(ACME, clock.now())
        assert bound.has_room(ACME, clock.now() + timedelta(hours=1))
