"""Phones that ring in a simulation: people, machines, nobody; and what their carrier tells us of it, in its time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from dialogs.messages import Unavailable
from dialogs.ports import Contended
from tests.simulation.house import House
from tests.simulation.outside import Row
from tests.simulation.provider import Stage
from web.ports import CallWords

#: Who is there. `quiet`: cannot be told from a machine, and presses nothing.
Manner: TypeAlias = Literal["person", "machine", "unknown", "quiet", "no-answer", "busy"]
MANNERS: tuple[Manner, ...] = (
    "person",
    "person",
    "person",
    "machine",
    "unknown",
    "unknown",
    "quiet",
    "no-answer",
    "busy",
)
#: The carrier ends what goes on for so long.
LONGEST_S = 120.0


@dataclass
class Ringing:
    """One call. `pressed`: somebody pressed a key, so it is no machine."""

    id: str
    tenant_id: str
    verification_id: str
    manner: Manner
    pressed: bool = False
    over: bool = False


class Phones:
    """All of them."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.calls: dict[str, Ringing] = {}

    def is_over(self, call_id: str) -> bool:
        return call_id not in self.calls or self.calls[call_id].over

    def taken(self, row: Row) -> None:
        """The carrier has a call to place, or words to say on one."""
        self._stage.watch.sent(row)
        if row.kind == "say":
            return self._hear(self.calls[row.values["call_id"]])
        dice = self._stage.dice
        tenant_id = self._stage.watch.tenant_of(row.values["from"])
        call = Ringing(row.id, tenant_id, row.values["verification_id"], dice.choice(MANNERS))
        if any(not c.over and c.verification_id == call.verification_id for c in self.calls.values()):
            self._stage.watch.two_ring(call.verification_id)
        self.calls[call.id] = call
        self._stage.counts[f"phone: {call.manner}"] += 1
        if call.manner in ("no-answer", "busy"):
            return self._stage.after(dice.choice((0.0, 1.0, 30.0)), lambda: self._hang_up(call))
        self._stage.after(dice.choice((0.0, 0.001, 2.0, 20.0)), lambda: self._pick_up(call))
        self._stage.after(LONGEST_S, lambda: self._hang_up(call))

    def _pick_up(self, call: Ringing) -> None:
        by: Literal["person", "machine", "unknown"] = "unknown"
        if call.manner == "person" or call.manner == "machine":
            by = call.manner
        self._ask(
            call,
            lambda house: house.verifying.call_answered(call.tenant_id, call.verification_id, call_id=call.id, by=by),
        )

    def _press(self, call: Ringing, digit: str) -> None:
        call.pressed = True
        self._ask(
            call,
            lambda house: house.verifying.call_keyed(
                call.tenant_id, call.verification_id, call_id=call.id, digit=digit
            ),
        )

    def _ask(self, call: Ringing, what: Callable[[House], Awaitable[CallWords]]) -> None:
        """The carrier asks what to say, now and then twice; whoever does not answer has the call ended."""
        if call.over:
            return
        houses, dice = self._stage.houses, self._stage.dice
        if not houses:
            return self._hang_up(call)
        for house in [dice.choice(houses) for _ in range(dice.choice((1, 1, 1, 1, 2)))]:
            self._stage.begin(house, self._asked(call, house, what))

    async def _asked(self, call: Ringing, house: House, what: Callable[[House], Awaitable[CallWords]]) -> None:
        dice = self._stage.dice
        try:
            words = await what(house)
        except (Unavailable, Contended):
            return self._hang_up(call)
        self._stage.watch.heard_on_call(call.verification_id, words.say)
        match words.then:
            case "hang_up":
                # The last words are spoken first.
                self._stage.after(dice.choice((0.5, 3.0)), lambda: self._hang_up(call))
            case "press" if call.manner != "quiet" and dice.random() < 0.8:
                digit = dice.choice(("1", "1", "1", "5"))
                self._stage.after(dice.choice((0.0, 1.0, 4.0)), lambda: self._press(call, digit))
            case _:
                pass

    def _hear(self, call: Ringing) -> None:
        """The digits are spoken."""
        dice = self._stage.dice
        self._stage.counts["codes spoken"] += 1
        if call.manner == "machine" and not call.pressed:
            self._stage.watch.machine_heard(call.verification_id)
        if dice.random() < 0.4:
            self._stage.after(dice.choice((0.0, 3.0)), lambda: self._press(call, "1"))
        else:
            self._stage.after(dice.choice((0.0, 2.0, 15.0)), lambda: self._hang_up(call))

    def _hang_up(self, call: Ringing) -> None:
        if call.over:
            return
        call.over = True
        dice = self._stage.dice
        if dice.random() < 0.1:
            # Nobody ever tells us.
            return
        for _ in range(dice.choice((1, 1, 2))):
            self._stage.after(dice.choice((0.0, 0.5, 8.0)), lambda: self._tell_end(call, 5))

    def _tell_end(self, call: Ringing, tries: int) -> None:
        how = call.manner if call.manner in ("no-answer", "busy") else "completed"

        def again() -> None:
            if tries > 0:
                self._stage.after(20, lambda: self._tell_end(call, tries - 1))

        if not self._stage.houses:
            return again()
        house = self._stage.dice.choice(self._stage.houses)

        async def tell() -> None:
            try:
                await house.verifying.call_ended(call.tenant_id, call.verification_id, call_id=call.id, how=how)
            except (Unavailable, Contended):
                again()

        self._stage.begin(house, tell())
