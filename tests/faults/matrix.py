"""The table of faults: each with what is done, how long it lasts, where it applies and what it may cost.

What a check is made of is a column of its own (`STORIES`), so that later dialogs join by a line.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from bot.breakers import IN_A_ROW
from simulator.carrier_records import Fault as CarrierFault
from tests.faults.end_users import by_code, by_link
from tests.faults.installation import Installation
from tests.faults.traffic import PATIENCE_S, Traffic
from tests.faults.verdict import NOTHING_WRONG, Cost
from tests.fixtures.servers import PostgresServer, RedisServer

#: What is told beside checks of callers, which are always there.
MORE = (by_code, by_link)
#: Dialogs that go through the matrix, with what carries one from its beginning to its end; None: not built yet.
STORIES: dict[str, Callable[[Traffic], object] | None] = {
    "technician verification": lambda traffic: traffic.story,
    "end-user verification, code": lambda traffic: partial(by_code, traffic),
    "end-user verification, link": lambda traffic: partial(by_link, traffic),
    "one-time secret": None,
    "voice ticket": None,
}

Act = Callable[[Installation], Awaitable[None]]
Place = Literal["file", "servers"]
BOTH: tuple[Place, ...] = ("file", "servers")
#: REL-10: this long after a dependency is back everything is answered again.
RECOVERS_WITHIN_S = 10.0
#: A provider that failed again and again is left alone for half a minute, then tried once (REL-06).
AFTER_A_BREAKER_S = 30.0 + 3.0 + RECOVERS_WITHIN_S
#: Usual costs.
NOTHING, REPEATS = NOTHING_WRONG, Cost(repeats=True)
#: Who is hit is always the first; the others are there to go on.
FIRST = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """`lasts`: seconds in the usual run, `long`: in the long one; no `long`, no long run. `flips`: no replica is ready
    meanwhile. `unnoticed`: the provider is answered 200 all the while. `gone`: the first replica does not come back.
    `jumps`, `fills`: replicas need a clock that can be moved, data lies on a small disk. `recovers_within`: seconds
    until what is new is answered again, `told_within`: until all that was under way has come to its end."""

    name: str
    where: tuple[Place, ...]
    begin: Act
    end: Act
    lasts: float
    long: float = 0.0
    cost: Cost = NOTHING
    long_cost: Cost = REPEATS
    flips: bool = False
    unnoticed: bool = False
    gone: bool = False
    jumps: bool = False
    fills: bool = False
    recovers_within: float = RECOVERS_WITHIN_S
    told_within: float = PATIENCE_S


async def _nothing(installation: Installation) -> None:
    """It is over by itself."""


# --- replicas -------------------------------------------------------------------------------------------------------


async def _kill(installation: Installation) -> None:
    installation.replicas[FIRST].kill()


async def _start_again(installation: Installation) -> None:
    """As systemd does; there is nobody else to go on."""
    installation.replicas[FIRST].start()
    await installation.replicas[FIRST].until_ready(installation.http)


async def _stop(installation: Installation) -> None:
    installation.replicas[FIRST].signal(signal.SIGSTOP)


async def _go_on(installation: Installation) -> None:
    installation.replicas[FIRST].signal(signal.SIGCONT)


def _jump(seconds: int) -> Act:
    async def act(installation: Installation) -> None:
        replica = installation.replicas[FIRST]
        installation.offset_file(replica.name).write_text(str(seconds))
        replica.signal(signal.SIGUSR1)

    return act


# --- servers --------------------------------------------------------------------------------------------------------


def _postgres(act: Callable[[PostgresServer], None]) -> Act:
    async def acting(installation: Installation) -> None:
        assert installation.postgres is not None
        await asyncio.to_thread(act, installation.postgres)

    return acting


def _redis(act: Callable[[RedisServer], object]) -> Act:
    async def acting(installation: Installation) -> None:
        assert installation.redis is not None
        await asyncio.to_thread(act, installation.redis)

    return acting


def _pids(installation: Installation) -> list[int]:
    """Of those who write to the small disk."""
    if installation.postgres is not None:
        return installation.postgres.family()
    return [replica.process.pid for replica in installation.replicas if replica.process is not None]


async def _fill(installation: Installation) -> None:
    assert installation.disk is not None
    installation.disk.fill(_pids(installation))


async def _make_room(installation: Installation) -> None:
    """PostgreSQL stops by itself where it cannot write its log any more; the operator starts it again."""
    assert installation.disk is not None
    installation.disk.empty(_pids(installation))
    server = installation.postgres
    if server is not None and not server.running:
        await asyncio.to_thread(server.start)


# --- the provider ---------------------------------------------------------------------------------------------------


def _send(*faults: CarrierFault) -> Act:
    """The next sends go wrong like this. Never as many as open a breaker, which stays open for half a minute on purpose
    (REL-06)."""

    async def act(installation: Installation) -> None:
        installation.carrier.carrier.fail_next(*faults)

    return act


def _hang(requests: int, seconds: float) -> Act:
    async def act(installation: Installation) -> None:
        installation.carrier.hangs, installation.carrier.hang_s = requests, seconds

    return act


def _down(*faults: CarrierFault) -> Act:
    """Every send goes wrong until it is over."""

    async def act(installation: Installation) -> None:
        installation.carrier.carrier.fail_next(*faults * 10_000)

    return act


async def _up(installation: Installation) -> None:
    installation.carrier.carrier.faults.clear()
    installation.carrier.hangs = 0


_WELL = CarrierFault()


def _some(fault: CarrierFault) -> Sequence[CarrierFault]:
    """Fewer than a breaker needs in all: which replica meets which of them is chance, so one may meet every one."""
    return [fault, _WELL] * (IN_A_ROW - 1)


#: Only in the long run: what opens breakers, or waits for a real time-out.
LONG_FAULTS: tuple[Fault, ...] = (
    Fault("provider 500 for long", BOTH, _down(CarrierFault(500)), _up, 0.0, 20.0, recovers_within=AFTER_A_BREAKER_S),
    # Long enough for three attempts; the fifth would wait for up to ten minutes (REL-05).
    Fault(
        "provider 429 for long",
        BOTH,
        _down(CarrierFault(429, 20429, retry_after="2")),
        _up,
        0.0,
        5.0,
        told_within=180.0,
    ),
    Fault(
        "provider silent for long", BOTH, _hang(10_000, 40.0), _up, 0.0, 20.0, recovers_within=AFTER_A_BREAKER_S + 15
    ),
)
FAULTS: tuple[Fault, ...] = (
    Fault("replica killed", ("servers",), _kill, _nothing, 1.0, 61.3, Cost(dead=True), gone=True),
    Fault("replica killed", ("file",), _kill, _start_again, 0.2, 63.0, Cost(dead=True)),
    Fault("replica stands still", BOTH, _stop, _go_on, 2.5, 62.0),
    Fault("PostgreSQL restarts", ("servers",), _postgres(PostgresServer.restart), _nothing, 1.0),
    Fault(
        "PostgreSQL killed",
        ("servers",),
        _postgres(PostgresServer.kill),
        _postgres(PostgresServer.start),
        1.6,
        15.0,
        flips=True,
    ),
    Fault(
        "PostgreSQL frozen",
        ("servers",),
        _postgres(PostgresServer.pause),
        _postgres(PostgresServer.resume),
        3.0,
        30.0,
        flips=True,
    ),
    Fault(
        "Redis killed",
        ("servers",),
        _redis(RedisServer.kill),
        _redis(RedisServer.start),
        1.5,
        15.0,
        unnoticed=True,
    ),
    Fault("Redis emptied", ("servers",), _redis(lambda r: r.ask("FLUSHALL")), _nothing, 0.5, unnoticed=True),
    Fault(
        "Redis frozen",
        ("servers",),
        _redis(RedisServer.pause),
        _redis(RedisServer.resume),
        2.0,
        30.0,
        unnoticed=True,
    ),
    Fault(
        "provider 429", BOTH, _send(*_some(CarrierFault(429, 20429, retry_after="1"))), _nothing, 1.5, unnoticed=True
    ),
    Fault("provider 500", BOTH, _send(*_some(CarrierFault(500))), _nothing, 1.5, unnoticed=True),
    Fault("provider time-out", BOTH, _hang(4, 1.0), _up, 1.0, unnoticed=True, cost=REPEATS),
    Fault(
        "provider accepts, then drops",
        BOTH,
        _send(*_some(CarrierFault(drop=True))),
        _nothing,
        1.5,
        unnoticed=True,
        cost=REPEATS,
    ),
    Fault("disk full", BOTH, _fill, _make_room, 1.5, 20.0, fills=True),
    *(
        Fault(
            f"clock jumps {seconds:+} s",
            BOTH,
            _jump(seconds),
            _jump(0),
            1.5,
            jumps=True,
            cost=Cost(repeats=True, ends=frozenset({"confirmed", "expired"}), ahead=max(0, seconds)),
        )
        for seconds in (-3600, 3600, -400, 400)
    ),
)
