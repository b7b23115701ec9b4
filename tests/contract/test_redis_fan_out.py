"""Events pushed between replicas: each reader gets each event once and in order, whatever becomes of Redis."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection, insert

from storage.database import Database, Unscoped
from storage.feed import Feed
from storage.postgres import PostgresDatabase
from storage.redis.fan_out import as_message, read_message
from storage.sealed.sequencer import Sequencer
from storage.shared import Shared, open_shared
from storage.stream import OVERTAKEN, Event, EventStream, Push, StartOver
from storage.tables import audit
from tests.fixtures.kept import Kept
from tests.fixtures.postgres import Cluster
from tests.fixtures.replicas import Console, Counting, Placer, T, eventually, running
from tests.fixtures.servers import RedisServer
from tests.fixtures.stand_ins import SeededRandomness, StandingClock
from tests.fixtures.world import make_world


@dataclass
class Replica:
    """What one process of several has: its way to Redis, its stream, and a count of what it reads."""

    shared: Shared
    stream: EventStream
    database: Counting


async def replica(stack: AsyncExitStack, kept: Kept, url: str, me: str, look_every: float = 0.2) -> Replica:
    """One that stops with the stack."""
    shared = await stack.enter_async_context(open_shared(url, kept.clock, me=me))
    database = Counting(kept.database)
    stream = EventStream(database, look_every=look_every, fan_out=shared.fan_out)
    shared.wakeups.on_wake(stream.wake)
    await stack.enter_async_context(running(stream.run()))
    return Replica(shared, stream, database)


def follows(replica: Replica, tenant_id: str) -> bool:
    return replica.shared.fan_out is not None and replica.shared.fan_out.follows(tenant_id)


async def hitch(draw: random.Random, redis: RedisServer) -> None:
    """Something that happens to a Redis."""
    match draw.choice(["kill", "pause", "resume", "flush", "start"]):
        case "kill" if redis.running:
            redis.resume()
            redis.kill()
        case "pause" if redis.running:
            redis.pause()
        case "resume" if redis.running:
            redis.resume()
        case "flush":
            await asyncio.to_thread(_flush, redis)
        case "start" if not redis.running:
            await asyncio.to_thread(redis.start)


def _flush(redis: RedisServer) -> None:
    if redis.running:
        redis.resume()
        assert redis.ask("FLUSHALL") == "+OK"


@pytest.mark.feature("REL-10", "TV-07")
@pytest.mark.parametrize("seed", range(6))
async def test_everybody_gets_everything_once_while_redis_comes_and_goes(
    kept: Kept, redis: RedisServer, seed: int
) -> None:
    draw = random.Random(seed)
    tenants = [kept.world.tenant_id, kept.other.tenant_id]
    placer = Placer(kept)
    async with AsyncExitStack() as stack:
        replicas = [await replica(stack, kept, redis.url, me) for me in ("one", "two")]
        consoles = []
        for number in range(6):
            console = Console(draw.choice(tenants) if number > 1 else tenants[number])
            consoles.append(console)
            breaks = sorted(draw.sample(range(1, 60), 2))
            which = replicas[number] if number < 2 else draw.choice(replicas)
            await stack.enter_async_context(running(console.follow(which.stream, leave_after=breaks)))
        await eventually(lambda: all(follows(replicas[n], tenants[n]) for n in range(2)), "following")
        placed: dict[str, list[str]] = {tenant: [] for tenant in tenants}
        for step in range(80):
            tenant = draw.choice(tenants)
            kinds = [f"k{step}.{n}" for n in range(draw.choice([1, 1, 1, 3]))]
            since, events = await placer.place(tenant, *kinds)
            placed[tenant] += kinds
            which = draw.choice(replicas)
            if draw.random() < 0.9:  # else: crashed between the commit and telling anyone
                which.stream.placed(tenant, since, events)
            if draw.random() < 0.1:
                which.stream.placed(tenant, since, events)  # said twice
            which.shared.wakeups.tell()
            if draw.random() < 0.15:
                await hitch(draw, redis)
            if draw.random() < 0.5:
                await asyncio.sleep(draw.choice([0.0, 0.001, 0.02, 0.1]))
        for console in consoles:
            wanted = placed[console.tenant_id]
            await eventually(lambda c=console, w=wanted: len(c.got) >= len(w), f"all of {console.tenant_id}")  # type: ignore[misc]
            assert console.kinds == wanted
        if redis.running:
            redis.resume()


@pytest.mark.feature("REL-10")
@pytest.mark.parametrize("with_redis", [True, False])
async def test_what_is_pushed_need_not_be_read(kept: Kept, redis: RedisServer, with_redis: bool) -> None:
    """Two replicas, a console of each tenant at both; nearly all reads of the log fall away."""
    tenants = [kept.world.tenant_id, kept.other.tenant_id]
    placer = Placer(kept)
    async with AsyncExitStack() as stack:
        url = redis.url if with_redis else ""
        replicas = [await replica(stack, kept, url, me, look_every=60) for me in ("one", "two")]
        consoles = [Console(tenant) for tenant in tenants for _ in replicas]
        for console, which in zip(consoles, replicas * 2, strict=True):
            await stack.enter_async_context(running(console.follow(which.stream)))
        for each in replicas if with_redis else ():
            await eventually(lambda e=each: all(follows(e, t) for t in tenants), "following")  # type: ignore[misc]
        for number, tenant in enumerate(tenants):
            replicas[0].stream.placed(tenant, *await placer.place(tenant, f"first {number}"))
            for each in replicas:
                each.stream.wake()
        await eventually(lambda: all(len(c.got) == 1 for c in consoles))
        before = sum(each.database.reads for each in replicas)
        for number in range(100):
            tenant = tenants[number % 2]
            since, events = await placer.place(tenant, "next")
            replicas[number % 3 % 2].stream.placed(tenant, since, events)
            for each in replicas:
                each.stream.wake()  # as PostgreSQL's notices do, at every replica
            await eventually(lambda n=number: sum(len(c.got) for c in consoles) == 4 + 2 * (n + 1))  # type: ignore[misc]
        reads = sum(each.database.reads for each in replicas) - before
        assert reads <= 10 if with_redis else reads >= 200, reads


@pytest.mark.feature("REL-10")
async def test_what_one_replica_placed_is_read_once_for_all_tenants_and_pushed(kept: Kept, redis: RedisServer) -> None:
    """The replica that places has no console open; the others get all of it and read nothing."""
    tenants = [kept.world.tenant_id, kept.other.tenant_id]
    placer = Placer(kept)
    for number in range(3):
        await placer.place(tenants[number % 2], f"old {number}")
    async with AsyncExitStack() as stack:
        placing, other = [await replica(stack, kept, redis.url, me, look_every=60) for me in ("one", "two")]
        feed = Feed(placing.database, placing.stream)
        await stack.enter_async_context(running(feed.run()))
        consoles = [Console(tenant) for tenant in tenants]
        for console in consoles:
            await stack.enter_async_context(running(console.follow(other.stream)))
        await eventually(lambda: all(follows(other, t) for t in tenants) and sum(len(c.got) for c in consoles) == 3)
        for number, tenant in enumerate(tenants):
            await placer.place(tenant, "first")
            feed.placed()
            await eventually(lambda n=number: sum(len(c.got) for c in consoles) == 4 + n)  # type: ignore[misc]
        before = (placing.database.reads, other.database.reads)
        for number in range(50):
            await placer.place(tenants[number % 2], "x", "y")
            await placer.place(tenants[number // 2 % 2], "z")
            feed.placed()
            other.stream.wake()
            await eventually(lambda n=number: sum(len(c.got) for c in consoles) == 5 + 3 * (n + 1))  # type: ignore[misc]
        # A look that was under way when counting began, or that a slow push was waited for with, may come on top.
        assert other.database.reads - before[1] <= 5, "not one for each of fifty rounds"
        assert 50 <= placing.database.reads - before[0] <= 55
        for console in consoles:
            assert [e.seq for e in console.got] == sorted({e.seq for e in console.got})


@pytest.mark.feature("TV-07", "REL-10")
async def test_two_sequencers_feed_two_replicas(postgres: Cluster, redis: RedisServer) -> None:
    """The whole way on PostgreSQL: lines without a place, whoever comes first places them, the other is pushed them."""
    where, clock, draws = await postgres.seeded(), StandingClock(), SeededRandomness()
    tenants = [make_world(n).tenant_id for n in (1, 2)]
    async with AsyncExitStack() as stack:
        streams, sequencers, databases = [], [], []
        for me in ("one", "two"):
            database = PostgresDatabase(where.app)
            stack.push_async_callback(database.close)
            shared = await stack.enter_async_context(open_shared(redis.url, clock, me=me))
            databases.append(database)
            streams.append(EventStream(database, fan_out=shared.fan_out))
            feed = Feed(database, streams[-1])
            sequencers.append(Sequencer(where.app))
            sequencers[-1].on_placed(feed.placed)
            stack.push_async_callback(sequencers[-1].close)
            await stack.enter_async_context(running(streams[-1].run(), feed.run()))
        consoles = [Console(tenant) for _ in streams for tenant in tenants]
        for console, stream in zip(consoles, (streams[0], streams[0], streams[1], streams[1]), strict=True):
            await stack.enter_async_context(running(console.follow(stream)))
        wanted: dict[str, list[str]] = {tenant: [] for tenant in tenants}
        for number in range(40):
            tenant, kind = tenants[number * 7 % 5 % 2], f"k{number}"
            wanted[tenant].append(kind)
            row = {"tenant_id": tenant, "id": draws.new_id(clock.now()), "at": number, "kind": kind, "leaf": bytes(32)}
            await databases[0].write(tenant, lambda conn, row=row: conn.execute(insert(audit).values(row)))  # type: ignore[misc]
            await asyncio.gather(*(sequencer.place() for sequencer in sequencers))
        await eventually(lambda: all(c.kinds == wanted[c.tenant_id] for c in consoles), "all of it")


async def test_a_push_says_where_it_goes_on_from(kept: Kept) -> None:
    one, two = kept.world.tenant_id, kept.other.tenant_id
    placer, wire = Placer(kept), Wire()
    feed = Feed(kept.database, EventStream(kept.database, fan_out=wire))
    await placer.place(one, "a", "b")
    await placer.place(two, "c")
    async with running(feed.run()):
        feed.placed()
        await eventually(lambda: len(wire.published) == 2)
        await placer.place(one, "d")
        await placer.place(two, "e")
        await placer.place(one, "f")
        feed.placed()
        await eventually(lambda: len(wire.published) == 4)
    assert wire.published == [(one, 0, [1, 2]), (two, 0, [3]), (one, 2, [4, 6]), (two, 3, [5])]


async def test_where_nobody_pushes_every_commit_is_read(kept: Kept) -> None:
    """A Redis is set, and whoever places lines in the log tells nobody: no later than without one."""
    tenant, placer = kept.world.tenant_id, Placer(kept)
    stream, console = EventStream(kept.database, look_every=60, fan_out=Wire()), Console(kept.world.tenant_id)
    async with running(stream.run(), console.follow(stream)):
        for kind in "abc":
            await placer.place(tenant, kind)
            stream.wake()
            await eventually(lambda k=kind: console.kinds[-1:] == [k])  # type: ignore[misc]


async def test_what_was_never_said_is_found_by_looking(kept: Kept) -> None:
    tenant, placer = kept.world.tenant_id, Placer(kept)
    stream, console = EventStream(kept.database, look_every=0.05, fan_out=Wire()), Console(kept.world.tenant_id)
    async with running(stream.run(), console.follow(stream)):
        for kind in "abc":
            await placer.place(tenant, kind)
            await eventually(lambda k=kind: console.kinds[-1:] == [k])  # type: ignore[misc]


async def test_a_push_that_leaves_a_gap_makes_the_log_be_read(kept: Kept) -> None:
    tenant, placer = kept.world.tenant_id, Placer(kept)
    stream, console = EventStream(kept.database, look_every=60), Console(kept.world.tenant_id)
    stream.placed(tenant, *await placer.place(tenant, "before anybody listens"))
    async with running(stream.run(), console.follow(stream)):
        await eventually(lambda: console.kinds == ["before anybody listens"])
        await placer.place(tenant, "said to nobody")
        stream.placed(tenant, *await placer.place(tenant, "said"))
        await eventually(lambda: len(console.got) == 3, "what was missing")
    assert console.kinds == ["before anybody listens", "said to nobody", "said"]


async def test_pushes_that_overtake_each_other_wait_and_are_not_read(kept: Kept) -> None:
    tenant, placer, database = kept.world.tenant_id, Placer(kept), Counting(kept.database)
    pushes = Wire()
    stream, console = EventStream(database, look_every=60, fan_out=pushes), Console(tenant)
    async with running(stream.run(), console.follow(stream)):
        await eventually(lambda: database.reads >= 2, "looking")
        stream.placed(tenant, *await placer.place(tenant, "a"))
        await eventually(lambda: console.kinds == ["a"])
        late, later, latest = [Push(*await placer.place(tenant, kind)) for kind in "bcd"]
        before = database.reads
        for push in (latest, later, late):
            pushes.arrives(tenant, push)
        await eventually(lambda: len(console.got) == 4)
        await asyncio.sleep(2 * OVERTAKEN)
        assert database.reads == before
    assert console.kinds == list("abcd")


@pytest.mark.feature("REL-10", "TV-07")
@pytest.mark.parametrize("ahead", [1, 1_000_000, 2**63 - 1 - 2])
async def test_a_push_of_another_log_does_not_hide_what_comes_in_ours(kept: Kept, ahead: int) -> None:
    """A copy of this installation with the same Redis, say: the same tenants, and another log."""
    tenant, placer, pushes = kept.world.tenant_id, Placer(kept), Wire()
    stream, got = EventStream(kept.database, look_every=0.05, fan_out=pushes), list[str]()

    async def follow() -> None:
        while True:
            try:
                async with aclosing(stream.subscribe(tenant, placer.newest)) as events:
                    async for event in events:
                        got.append(event.kind)
            except StartOver:
                got.append("start over")

    await placer.place(tenant, "a")
    async with running(stream.run(), follow()):
        await eventually(lambda: stream.readers() == 1)
        stream.placed(tenant, *await placer.place(tenant, "b"))
        await eventually(lambda: got == ["b"])
        pushes.arrives(tenant, Push(1, (Event(2 + ahead, "false", "", "", "", {}),)))
        await eventually(lambda: got == ["b", "false", "start over"])
        await eventually(lambda: stream.readers() == 1)
        await placer.place(tenant, "c")
        stream.wake()
        await eventually(lambda: got[3:] == ["c"], "what came next")


class Wire:
    """A fan-out whose pushes the test makes, and sees."""

    def __init__(self) -> None:
        self.published: list[tuple[str, int, list[int]]] = []

    def attach(self, pushed: Callable[[str, Push], None], unsure: Callable[[str], None]) -> None:
        self.arrives, self.unsure = pushed, unsure

    def follow(self, tenant_id: str) -> None: ...

    def unfollow(self, tenant_id: str) -> None: ...

    def follows(self, tenant_id: str) -> bool:
        return True

    def publish(self, tenant_id: str, push: Push) -> None:
        self.published.append((tenant_id, push.since, [event.seq for event in push.events]))


class Paced:
    """The same database; each of the next answers is held back until it is let go."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.holds = False
        self.held: list[asyncio.Event] = []
        self.under_way = 0

    async def read(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        mine, self.holds = self.holds, False
        if mine:
            answer = await self._database.read(scope, work)
            self.held.append(let_go := asyncio.Event())
            await let_go.wait()
            return answer
        self.under_way += 1
        try:
            return await self._database.read(scope, work)
        finally:
            self.under_way -= 1

    async def write(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        return await self._database.write(scope, work)


@pytest.mark.feature("TV-07")
async def test_rows_that_were_read_before_somebody_subscribed_leave_them_no_gap(kept: Kept) -> None:
    tenant, placer, database = kept.world.tenant_id, Placer(kept), Paced(kept.database)
    stream, early, late = EventStream(database, look_every=60), Console(tenant), []
    await placer.place(tenant, "a")

    async def join() -> None:
        async for event in stream.subscribe(tenant):
            late.append(event.kind)

    async with running(stream.run(), early.follow(stream)):
        await eventually(lambda: early.kinds == ["a"])
        await reading_is_over(database)
        database.holds = True
        async with running(join()):
            await eventually(lambda: len(database.held) == 1, "the look")
            await placer.place(tenant, "b")
            stream.wake()
            await eventually(lambda: early.kinds == ["a", "b"])
            await reading_is_over(database)
            await placer.place(tenant, "c")
            database.holds = True
            stream.wake()
            await eventually(lambda: len(database.held) == 2, "the reading")
            database.held[0].set()
            await asyncio.sleep(0.01)
            database.held[1].set()
            await eventually(lambda: bool(late) and late[-1] == "c")
            assert late == ["b", "c"], "what came after the look"


async def reading_is_over(database: Paced) -> None:
    """Nobody is reading just now."""
    await eventually(lambda: database.under_way == 0)


def test_a_push_says_nothing_that_is_sealed_and_comes_back_as_it_was() -> None:
    push = Push(4, (Event(7, "tv.opened", "c", "p", "t", {"n": 1, "word": "ü"}), Event(9, "x", "", "", "", {})))
    assert read_message(as_message(push)) == push


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[1]",
        b"[1,2]",
        b'["1",[]]',
        b"[true,[]]",
        b"[1,[[2]]]",
        b'[1,["abcdef"]]',
        b'[1,[[2,"k","","","",[]]]]',
        b'[1,[[2,"k","","",7,{}]]]',
        b'[1,[[2,"k","","","",{"a":[1]}]]]',
        b'[1,[[1,"k","","","",{}]]]',
        b'[3,[[2,"k","","","",{}]]]',
        b'[1,[[3,"k","","","",{}],[2,"k","","","",{}]]]',
        b'[1,[["2","k","","","",{}]]]',
        b'[-1,[[2,"k","","","",{}]]]',
        b'[1,[[9223372036854775808,"k","","","",{}]]]',
        b"[" * 100_000,
    ],
)
async def test_what_is_no_push_is_dropped(message: bytes) -> None:
    assert read_message(message) is None
