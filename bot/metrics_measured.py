"""A turn store and a delivery with a stop-watch: they do what they did, and `bot.metrics` hears of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from time import perf_counter
from typing import TypeVar

from bot.delivery import Delivery
from bot.hold import Hold
from bot.metrics import Metrics
from bot.outcomes import PROVIDERS
from dialogs.messages import Unavailable
from dialogs.ports import Contended, TurnStore
from dialogs.turns import Decision, Duplicate, Facts, Leased, Settled, Taken, Turn, TurnResult

R = TypeVar("R")

_TURNED: dict[type[object], str] = {Taken: "taken", Duplicate: "duplicate"}


class MeasuredStore:
    """A `TurnStore` whose turns and outcomes are counted."""

    def __init__(self, inner: TurnStore, metrics: Metrics) -> None:
        self._inner = inner
        self._metrics = metrics
        # Nothing to measure here, so nothing stands in between.
        self.due_timers = inner.due_timers
        self.put_aside = inner.put_aside
        self.lease = inner.lease
        self.renew = inner.renew
        self.release_leases = inner.release_leases
        self.report_delivery = inner.report_delivery
        self.next_due = inner.next_due

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        decided: list[Decision[R]] = []

        def decide(facts: Facts) -> Decision[R]:
            # Called again after a lost race; the last one counts.
            decided[:] = (turn.decide(facts),)
            return decided[0]

        began = perf_counter()
        outcome = "error"
        try:
            result = await self._inner.take(Turn(turn.ask, decide, turn.now))
            outcome = _TURNED.get(type(result), "unroutable")
            if decided and outcome == "taken":
                self._metrics.decided(decided[0])
        except Unavailable:
            outcome = "unavailable"
            raise
        except Contended:
            outcome = "contended"
            raise
        finally:
            self._metrics.turn(type(turn.ask), outcome, perf_counter() - began)
        return result

    async def settle(self, outcomes: Sequence[Settled], now: datetime) -> None:
        await self._inner.settle(outcomes, now)
        for settled in outcomes:
            self._metrics.settled(settled.leased.item.kind, settled.outcome)


class MeasuredDelivery(Delivery):
    """A `Delivery` whose attempts are timed once it has been told where to."""

    _metrics: Metrics | None = None

    def measure(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def carry_out(self, leased: Leased, hold: Hold) -> Settled:
        began = perf_counter()
        outcome = "error"
        try:
            settled = await super().carry_out(leased, hold)
            outcome = settled.outcome if settled.tried else "dropped"
        finally:
            provider = PROVIDERS.get(leased.item.kind)
            # What is dropped or put off never got as far as a provider.
            if self._metrics is not None and provider is not None and outcome != "dropped":
                self._metrics.call(provider, leased.item.kind, outcome, perf_counter() - began)
        return settled
