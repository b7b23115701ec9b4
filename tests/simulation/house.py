"""One running Watchword over a store that outlives it: engine, acts, delivery and dispatcher, the real ones.

Control passes between the house and the outside at named points; at each of them it may crash. What was being done is
then never heard of again, and another house is built on the same store.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from bot.approving import Approving
from bot.delivery import Delivery, Outside
from bot.dispatcher import Dispatcher
from bot.engine import Engine
from bot.verifying import Verifying
from bot.wording import Wording
from dialogs.effects import Code
from dialogs.messages import DeliveryReport
from dialogs.ports import Clock, Randomness, SendCall, SendMail, SendText, TurnStore
from dialogs.turns import Alert, AuditEvent, Decision, Facts, Leased, Settled, Timer, Turn, TurnResult
from psa.base import Psa
from storage.database import Database
from storage.memory import MemoryTurnStore
from tests.fixtures.duty import NoMail, by_text
from tests.simulation.loop import Life
from tests.simulation.outside import Point
from tests.simulation.ready import ActsInMemory, AllWaysOut, AloneOnDuty, LinksInMemory, NobodyLooksUp
from tests.simulation.watch import Watch

R = TypeVar("R")
_LEASE = timedelta(seconds=60)


class Crash(BaseException):
    """The process is gone at this very instant; nothing may catch it."""


class Chance:
    """`dialogs.ports.Randomness` from a seed. Ids minted later sort later, as the running application's do."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)
        self._count = 0

    def code(self, length: int) -> Code:
        return Code(f"{self._random.randrange(10**length):0{length}d}")

    def new_id(self, now: datetime) -> str:
        self._count += 1
        return f"01900000-0000-7000-8000-{self._count:012x}"

    def token(self) -> str:
        return base64.urlsafe_b64encode(self._random.randbytes(32)).decode().rstrip("=")

    def fraction(self) -> float:
        return self._random.random()


class WatchedStore:
    """The store as one house sees it: each call passes a point on its way in and out, and the watch is told of each
    commit at the moment it becomes durable."""

    def __init__(self, inner: TurnStore, memory: MemoryTurnStore, watch: Watch, at: Point, life: Life) -> None:
        self._inner = inner
        self._memory = memory
        self._watch = watch
        self._at = at
        self._life = life

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        decided: list[tuple[Facts, Decision[Any]]] = []

        def decide(facts: Facts) -> Decision[R]:
            decision = turn.decide(facts)
            decided.append((facts, decision))
            return decision

        def committed() -> None:
            facts, decision = decided[-1]
            self._watch.turn(turn, facts, decision)

        self._at("take:before")
        with_hooks = self._hooked(committed)
        try:
            result = await self._inner.take(replace(turn, decide=decide))
        finally:
            with_hooks()
        self._at("take:after")
        return result

    async def due_timers(self, now: datetime, limit: int = 100) -> Sequence[Timer]:
        return await self._inner.due_timers(now, limit)

    async def put_aside(self, timer: Timer, audit: AuditEvent, alert: Alert) -> None:
        await self._inner.put_aside(timer, audit, alert)

    async def lease(
        self,
        worker: str,
        now: datetime,
        *,
        limit: int = 32,
        lasts: timedelta = _LEASE,
        full: Collection[str] = (),
    ) -> Sequence[Leased]:
        self._at("lease:before")
        leased = await self._inner.lease(worker, now, limit=limit, lasts=lasts, full=full)
        for one in leased:
            self._watch.leased(one)
        self._at("lease:after")
        return leased

    async def renew(self, leased: Sequence[Leased], now: datetime, *, lasts: timedelta = _LEASE) -> None:
        await self._inner.renew(leased, now, lasts=lasts)

    async def settle(self, outcomes: Sequence[Settled], now: datetime) -> None:
        self._at("settle:before")
        stale = self._watch.stale(outcomes)

        def committed() -> None:
            self._watch.settled(outcomes)
            self._watch.untouched(stale)

        with_hooks = self._hooked(committed)
        try:
            await self._inner.settle(outcomes, now)
        finally:
            with_hooks()
        self._at("settle:after")

    async def release_leases(self, worker: str) -> None:
        await self._inner.release_leases(worker)

    async def report_delivery(self, report: DeliveryReport, now: datetime) -> bool:
        self._at("report:before")
        moved = await self._inner.report_delivery(report, now)
        self._at("report:after")
        return moved

    async def next_due(self, now: datetime) -> datetime | None:
        return await self._inner.next_due(now)

    def _hooked(self, committed: Callable[[], None]) -> Callable[[], None]:
        """Set the store's hooks for one call; calling what comes back takes them away."""

        def after() -> None:
            committed()
            self._at("commit:after")

        memory = self._memory
        before_was, after_was = memory.before_commit, memory.after_commit
        memory.before_commit, memory.after_commit = lambda: self._at("commit:before"), after

        def undo() -> None:
            memory.before_commit, memory.after_commit = before_was, after_was

        return undo


@dataclass(frozen=True, slots=True)
class WaysOut:
    """Everything outside that a house may reach."""

    texts: SendText
    mail: SendMail
    calls: SendCall
    psa: Callable[[str], Psa]


class House:
    """One process. `store` opens the turn store; `kept` holds its rows, for finding links. `mobiles`: of those who are
    alerted; `alone`: who is on duty, by tenant."""

    def __init__(
        self,
        name: str,
        store: Callable[[Life], TurnStore],
        clock: Clock,
        chance: Randomness,
        ways: WaysOut,
        mobiles: dict[str, str],
        database: Database,
        kept: MemoryTurnStore,
        alone: Mapping[str, str],
    ) -> None:
        self.name = name
        self.life = Life()

        async def anywhere(to: str, our_number: str, tenant_id: str) -> str:
            return ""

        opened, wording = store(self.life), Wording("https://desk.example")
        self.engine = Engine(opened, clock, chance, wording)
        self.acts = ActsInMemory(self.engine, ways.psa, database, clock, chance, kept)
        links, roll = LinksInMemory(kept, database), AloneOnDuty(alone, database)
        self.verifying = Verifying(self.engine, ways.psa, links, roll, AllWaysOut(), wording, chance, NobodyLooksUp())
        self.approving = Approving(self.engine, ways.psa)
        outside = Outside(ways.texts, ways.psa, anywhere, by_text(mobiles), ways.mail, NoMail(), ways.calls, anywhere)
        delivery = Delivery(self.engine, outside, clock, chance)
        self.dispatcher = Dispatcher(opened, self.engine, delivery, clock, name)
