"""What a simulation is set up from: worlds and settings by chance, faults put in on purpose, small stand-ins."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection

from dialogs import user_verify as uv
from dialogs.ports import SendCall, SendMail, SendText, TurnStore
from dialogs.settings import Limits, TenantSettings
from dialogs.tech_verify import Mode, Rules
from storage.database import Unscoped
from storage.memory import MemoryTurnStore
from tests.fixtures.stand_ins import StandingClock
from tests.fixtures.world import World, make_world
from tests.simulation.watch import Watch

T = TypeVar("T")
#: Hardly any bound on what is sent.
_FREE = Limits(
    verify_per_10_min=100,
    verify_per_24_h=100,
    prefix_per_hour=100,
    resend_gap=timedelta(seconds=1),
    destination_per_10_min=100,
    destination_per_hour=100,
    destination_per_24_h=100,
)


class Broken(AssertionError):
    """An invariant does not hold; the message says which, in which seed, and how to see it again."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What is broken on purpose, to see that the watch notices. `outer` stands between the engine and the watch,
    `inner` between the watch and the store, `texts`, `mail` and `calls` before the outside; `slow_clock` is how far
    behind the engine believes it is."""

    outer: Callable[[TurnStore], TurnStore] = lambda store: store
    inner: Callable[[MemoryTurnStore], TurnStore] = lambda store: store
    texts: Callable[[SendText], SendText] = lambda texts: texts
    mail: Callable[[SendMail], SendMail] = lambda mail: mail
    calls: Callable[[SendCall], SendCall] = lambda calls: calls
    slow_clock: timedelta = timedelta(0)


class NoDatabase:
    """The simulated technicians never do what needs a database beside the turn store."""

    async def read(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        raise AssertionError("nothing is read beside the turn")

    async def write(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        raise AssertionError("nothing is written beside the turn")


class LateClock:
    """The simulation's clock, behind by a fault's worth."""

    def __init__(self, clock: StandingClock, behind: timedelta) -> None:
        self._clock = clock
        self._behind = behind

    def now(self) -> datetime:
        return self._clock.now() - self._behind


class Doorway:
    """Every text passes here on its way to the carrier."""

    def __init__(self, texts: SendText, watch: Watch) -> None:
        self._texts = texts
        self._watch = watch

    async def send(self, *, to: str, sender: str, body: str, key: str) -> str:
        self._watch.setting_out(to, sender, key)
        return await self._texts.send(to=to, sender=sender, body=body, key=key)

    async def find(self, *, to: str, sender: str, body: str, since: datetime) -> str | None:
        return await self._texts.find(to=to, sender=sender, body=body, since=since)


def drawn_world(n: int, dice: random.Random) -> World:
    """World number `n` with settings by chance."""
    rules = Rules(
        mode=dice.choice((Mode.COMPARE, Mode.COMPARE, Mode.TRANSFER)),
        lifetime=timedelta(minutes=dice.choice((1, 5, 10))),
        require_claim=dice.random() < 0.85,
        ticket_at_claim=dice.choice(("optional", "optional", "required")),
        ticket_logging=dice.choice(("auto", "auto", "ask")),
        max_wrong_codes=dice.choice((3, 5)),
    )
    limits = dice.choice((Limits(), _FREE))
    policy = uv.Policy(
        code_lifetime=timedelta(minutes=dice.choice((1, 5, 10))),
        link_lifetime=timedelta(minutes=dice.choice((1, 5, 10))),
        max_wrong_codes=dice.choice((3, 5)),
        green_for=timedelta(minutes=dice.choice((1, 30, 60))),
        note_required=dice.random() < 0.5,
        spoken_number=dice.random() < 0.4,
        high_is=dice.choice(("report_only", "enforced")),
    )
    world = make_world(n, TenantSettings(phone="+12125550199", rules=rules, limits=limits, policy=policy))
    return replace(
        world,
        number=replace(world.number, opt_out_by=dice.choice(("carrier", "watchword"))),
        second=replace(world.second, opt_out_by=dice.choice(("carrier", "watchword"))),
    )


def with_second_person(world: World, dice: random.Random) -> World:
    """Some tenants want a second person for unusual addresses, for high-risk work, or for both."""
    if dice.random() >= 0.3:
        return world
    address, high = dice.choice(((True, True), (True, True), (True, False), (False, True)))
    by_rank = dice.random() < 0.5
    policy = replace(
        world.settings.policy,
        second_person=address,
        high_by_two=high,
        approver="supervisor" if by_rank else "any_technician",
    )
    return replace(world, settings=replace(world.settings, policy=policy))


def wants_colleagues(world: World) -> bool:
    return world.settings.policy.second_person or world.settings.policy.high_by_two
