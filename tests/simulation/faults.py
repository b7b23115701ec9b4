"""Faults put in on purpose, one for each invariant, to see that the watch notices them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from dialogs.messages import DeliveryReport
from dialogs.ports import SendText, TurnStore
from dialogs.tech_verify import Claim, Claimed, Confirmed, Direction, Later, Logged, Open, State, Technician
from dialogs.turns import (
    ContactFacts,
    Decision,
    Facts,
    InboundAsk,
    InboundFacts,
    Leased,
    SaveCheck,
    Settled,
    StoredCheck,
    Turn,
    TurnResult,
)
from tests.simulation.bent import Bent, InMemory
from tests.simulation.faults_approvals import APPROVAL_FAULTS
from tests.simulation.faults_users import USER_FAULTS
from tests.simulation.parts import Faults
from tests.simulation.provider import RANKS

R = TypeVar("R")
_LEASE = timedelta(seconds=60)
#: Somebody of whom no tenant knows.
NOBODY = ContactFacts("01900000-0000-7000-8000-999999999999", "Nobody", "none", "None")


class StaleReads(Bent):
    """I1: hands out a check as it was before it was confirmed, with the version that lets the write pass; to whoever
    confirms, as anything else that is said then goes wrong in other ways first. They are heard twice, because people
    seldom confirm again in time."""

    def __init__(self, store: TurnStore) -> None:
        super().__init__(store)
        self._before: dict[str, StoredCheck] = {}

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        ask = turn.ask
        if not isinstance(ask, InboundAsk) or "#confirm" not in ask.inbound.text:
            return await self.store.take(turn)

        def decide(facts: Facts) -> Decision[R]:
            return turn.decide(replace(facts, checks=self._stale(facts)) if isinstance(facts, InboundFacts) else facts)

        result = await self.store.take(replace(turn, decide=decide))
        once_more = replace(ask.inbound, provider_id=ask.inbound.provider_id + " again", replay_digest="")
        await self.store.take(replace(turn, ask=replace(ask, inbound=once_more), decide=decide))
        return result

    def _stale(self, facts: InboundFacts) -> tuple[StoredCheck, ...]:
        for check in facts.checks:
            if isinstance(check.state, Claimed):
                self._before[check.id] = check
        return tuple(
            replace(self._before[c.id], version=c.version)
            if isinstance(c.state, Confirmed) and c.id in self._before
            else c
            for c in facts.checks
        )


class Decides(Bent):
    """Changes the states that a turn would save, as a wrong machine would."""

    def __init__(self, store: TurnStore, change: Callable[[State, Any], State]) -> None:
        super().__init__(store)
        self._change = change

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        def decide(facts: Facts) -> Decision[R]:
            decision = turn.decide(facts)
            checks = tuple(self._bend(save, facts) for save in decision.checks)
            return replace(decision, checks=checks)

        return await self.store.take(replace(turn, decide=decide))

    def _bend(self, save: SaveCheck, facts: Facts) -> SaveCheck:
        before = next((c.state for c in getattr(facts, "checks", ()) if c.id == save.id), None)
        return replace(save, state=self._change(save.state, before))


class LeavesNoTrail(Bent):
    """I6: forgets the log."""

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        return await self.store.take(replace(turn, decide=lambda facts: replace(turn.decide(facts), audit=())))


class ForgetsWhatItTook(Bent):
    """I5: no repeat is ever a duplicate."""

    def __init__(self, store: TurnStore) -> None:
        super().__init__(store)
        self._count = 0

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        if isinstance(turn.ask, InboundAsk):
            self._count += 1
            said = replace(turn.ask.inbound, provider_id=f"{id(self)}-{self._count}", replay_digest="")
            turn = replace(turn, ask=replace(turn.ask, inbound=said))
        return await self.store.take(turn)


class MixesTenants(Bent):
    """I7: finds a contact that is not of this tenant."""

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        def decide(facts: Facts) -> Decision[R]:
            return turn.decide(replace(facts, contacts=(NOBODY,)) if isinstance(facts, InboundFacts) else facts)

        return await self.store.take(replace(turn, decide=decide))


class Revives(InMemory):
    """I4: an ended check is what it was again."""

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        before = dict(self.rows.checks)
        result = await self.store.take(turn)
        for key, check in self.rows.checks.items():
            if isinstance(check.state, Confirmed) and key in before:
                self.rows.checks[key] = before[key]
        return result


class Doubles(InMemory):
    """I12: a second live check of the same person."""

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        result = await self.store.take(turn)
        for (tenant_id, check_id), check in list(self.rows.checks.items()):
            if isinstance(check.state, Open):
                twin = check_id[:-1] + "x"
                self.rows.checks[tenant_id, twin] = replace(check, id=twin)
        return result


class KeepsCodes(InMemory):
    """I8: a code that was sent stays in the outbox."""

    async def settle(self, outcomes: Sequence[Settled], now: datetime) -> None:
        await self.store.settle(outcomes, now)
        for one in outcomes:
            key = (one.leased.tenant_id, one.leased.item.id)
            self.rows.outbox[key] = replace(self.rows.outbox[key], item=one.leased.item)


class ForgetsStop(Bent):
    """I9: never sees that somebody has opted out."""

    async def lease(
        self,
        worker: str,
        now: datetime,
        *,
        limit: int = 32,
        lasts: timedelta = _LEASE,
        full: Collection[str] = (),
    ) -> Sequence[Leased]:
        leased = await self.store.lease(worker, now, limit=limit, lasts=lasts, full=full)
        return [replace(one, suppressed="") for one in leased]


class IgnoresFences(InMemory):
    """REL-03: takes the word of a worker whose lease somebody else has by now."""

    async def settle(self, outcomes: Sequence[Settled], now: datetime) -> None:
        rows = self.rows.outbox
        newest = [replace(o.leased, fence=rows[o.leased.tenant_id, o.leased.item.id].fence) for o in outcomes]
        await self.store.settle([replace(o, leased=n) for o, n in zip(outcomes, newest, strict=True)], now)


class GoesBack(InMemory):
    """REL-08: the last report wins."""

    async def report_delivery(self, report: DeliveryReport, now: datetime) -> bool:
        moved = await self.store.report_delivery(report, now)
        for key, row in self.rows.outbox.items():
            if row.provider_id == report.provider_id:
                self.rows.outbox[key] = replace(row, delivery=report.status, delivery_rank=RANKS[report.status])
        return moved


class CallsItSent(Bent):
    """Nothing lost: what should be tried again is said to be done."""

    async def settle(self, outcomes: Sequence[Settled], now: datetime) -> None:
        bent = [replace(o, outcome="sent") if o.outcome in ("retry", "unknown") else o for o in outcomes]
        await self.store.settle(bent, now)


@dataclass
class RendersAnew:
    """I11: every attempt has words of its own."""

    texts: SendText
    count: int = 0

    async def send(self, *, to: str, sender: str, body: str, key: str) -> str:
        self.count += 1
        return await self.texts.send(to=to, sender=sender, body=f"{body} ({self.count})", key=key)

    async def find(self, *, to: str, sender: str, body: str, since: datetime) -> str | None:
        return None


def _accepts_any_code(after: State, before: Any) -> State:
    if isinstance(before, Claimed) and isinstance(after, Claimed):
        counted = after.challenge.wrong_codes > before.challenge.wrong_codes
        if counted:
            return _confirmed(after, after.claim)
    return after


def _needs_no_claim(after: State, before: Any) -> State:
    if isinstance(after, Open) and after.challenge.confirmed_early:
        someone = Technician("t-0", "Mallory")
        return _confirmed(after, Claim(someone, Direction.WE_CALLED_USER, Later(), after.story.requested_at))
    return after


def _forgives_wrong_codes(after: State, before: Any) -> State:
    if isinstance(after, Claimed | Open):
        return replace(after, challenge=replace(after.challenge, wrong_codes=0, hints=0))
    return after


def _forgives_once(after: State, before: Any) -> State:
    if isinstance(after, Claimed | Open) and isinstance(before, Claimed | Open) and before.challenge.wrong_codes == 1:
        return _forgives_wrong_codes(after, before)
    return after


def _confirmed(state: Open | Claimed, claim: Claim) -> Confirmed:
    return Confirmed(state.story, claim.at, claim, "compare", Logged.WAITS_FOR_TICKET)


#: Invariant -> what breaks it.
FAULTS: dict[str, Faults] = {
    "I1": Faults(outer=StaleReads),
    "I2": Faults(outer=lambda store: Decides(store, _accepts_any_code)),
    "I2: confirmed after the deadline": Faults(slow_clock=timedelta(seconds=40)),
    "I3": Faults(outer=lambda store: Decides(store, _needs_no_claim)),
    "I4": Faults(inner=Revives),
    "I5": Faults(inner=ForgetsWhatItTook),
    "I6": Faults(outer=LeavesNoTrail),
    "I7": Faults(inner=MixesTenants),
    "I8": Faults(inner=KeepsCodes),
    "I9": Faults(inner=ForgetsStop),
    "I10": Faults(outer=lambda store: Decides(store, _forgives_once)),
    "I11": Faults(texts=RendersAnew),
    "I12": Faults(inner=Doubles),
    "REL-03": Faults(inner=IgnoresFences),
    "REL-08": Faults(inner=GoesBack),
    "lost": Faults(inner=CallsItSent),
    **USER_FAULTS,
    **APPROVAL_FAULTS,
}
