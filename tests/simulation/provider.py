"""The carrier's side of a simulation: it delivers texts until they are answered, and reports on those it was given."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol

from dialogs.messages import DeliveryReport, Inbound, Unavailable
from dialogs.ports import Contended
from tests.fixtures.world import World
from tests.simulation.house import House
from tests.simulation.outside import Ledger
from tests.simulation.watch import Watch

RANKS = {"accepted": 1, "queued": 2, "sent": 3, "undelivered": 5, "delivered": 6}


class Stage(Protocol):
    """What the provider needs of the simulation it is part of."""

    dice: random.Random
    counts: Counter[str]
    watch: Watch
    houses: list[House]
    ledger: Ledger

    def after(self, seconds: float, do: Callable[[], None]) -> None: ...

    def begin(self, house: House, work: Coroutine[Any, Any, Any]) -> None: ...


@dataclass
class Message:
    """One text at the provider, until a webhook has been answered."""

    inbound: Inbound
    tries: int = 0
    acknowledged: bool = False


class Provider:
    """One carrier for all tenants."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._count = 0
        #: Their address and ours: opt-outs that the carrier keeps.
        self.opted_out: set[tuple[str, str]] = set()
        self.messages: list[Message] = []
        #: The furthest state that was reported and answered, by the provider's id.
        self.reported: dict[str, int] = {}

    def taken(self, provider_id: str) -> None:
        """The carrier has a text: it will report on it, more than once and in any order."""
        row = self._stage.ledger.of_kind("text")[-1]
        self._stage.watch.sent(row)
        statuses = self._stage.dice.sample(["queued", "sent", self._stage.dice.choice(("delivered", "undelivered"))], 3)
        for status in [*statuses, self._stage.dice.choice(statuses)]:
            report = DeliveryReport("twilio", provider_id, status, "")
            self._stage.after(self._stage.dice.choice((0.0, 0.001, 0.5, 8.0)), partial(self._report, report))

    def _report(self, report: DeliveryReport) -> None:
        if not self._stage.houses:
            return self._stage.after(20, lambda: self._report(report))
        house = self._stage.dice.choice(self._stage.houses)

        async def deliver() -> None:
            try:
                await house.engine.report_delivery(report)
            except Unavailable:
                return self._stage.after(20, lambda: self._report(report))
            rank = RANKS[report.status]
            self.reported[report.provider_id] = max(rank, self.reported.get(report.provider_id, 0))

        self._stage.begin(house, deliver())

    def text(self, world: World, sender: str, ours: str, words: str, *, digest: str = "") -> Message:
        """Somebody sends a text; the carrier delivers it until it is answered, and then perhaps once more."""
        number = world.number if ours == world.number.address else world.second
        said = words.strip().lower()
        opt_out: Literal["", "stop", "start"] = ""
        if said in ("stop", "stopall", "start"):
            opt_out = "start" if said == "start" else "stop"
        if number.opt_out_by == "carrier":
            if opt_out == "stop":
                self.opted_out.add((sender, ours))
            elif opt_out == "start":
                self.opted_out.discard((sender, ours))
        self._count += 1
        provider_id = f"IN{self._count}"
        inbound = Inbound(
            "sms",
            "twilio",
            provider_id,
            ours,
            sender,
            words,
            digest or f"digest {provider_id}",
            opt_out if number.opt_out_by == "carrier" else "",
        )
        message = Message(inbound)
        self.messages.append(message)
        self._stage.watch.trace.append(f"text {sender[-4:]} to {ours[-4:]}: {words!r}")
        for _ in range(self._stage.dice.choice((1, 1, 1, 2, 3))):
            self._deliver(message)
        if self._stage.dice.random() < 0.1:
            self._stage.after(self._stage.dice.choice((1, 30, 900)), lambda: self._deliver(message))
        return message

    def _deliver(self, message: Message) -> None:
        message.tries += 1
        self._stage.counts["deliveries"] += 1
        if not self._stage.houses:
            return self._stage.after(15, lambda: self._deliver(message))
        house = self._stage.dice.choice(self._stage.houses)

        async def post() -> None:
            try:
                await house.engine.receive(message.inbound)
            except (Unavailable, Contended):
                return
            message.acknowledged = True

        def again() -> None:
            if not message.acknowledged:
                self._deliver(message)

        self._stage.begin(house, post())
        if message.tries < 50:
            self._stage.after(15, again)
