"""Calls at the simulated carrier: placing them, the phones they go to, and what people do with those.

What a call goes through is in `simulator.call_course`.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from dialogs.ports import Clock, Randomness
from simulator.call_course import Course, Post
from simulator.call_records import Call, HangUp, Key, Manner, NewWords, Order, PickUp
from simulator.carrier_records import CarrierAccount
from simulator.twiml import Verb

#: How many calls are kept, in memory only.
KEPT = 500


class NoCall(LookupError):
    """That phone neither rings nor has anybody on it."""


class Calls:
    """All calls of the carrier. `post`: how webhooks are posted. `show`: puts an entry into the outbox."""

    def __init__(
        self, *, clock: Clock, randomness: Randomness, post: Post, show: Callable[[dict[str, object]], None]
    ) -> None:
        self.by_sid: OrderedDict[str, Call] = OrderedDict()
        self.course = Course(clock=clock, post=post)
        self._clock = clock
        self._randomness = randomness
        self._show = show
        self._manners: dict[str, Manner] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """Cut every line."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    @property
    def is_moving(self) -> bool:
        """Whether a call goes on by itself: it is about to be picked up, asks what to say, or is being reported. One
        that only waits, for a key, for new words or for somebody to pick up, does not move."""
        return self.course.is_moving

    async def still(self) -> None:
        """Wait until no call moves."""
        await self.course.still()

    async def over(self) -> None:
        """Wait until every call has ended, by its own time or by somebody's."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    # --- people -----------------------------------------------------------------------------------------------------

    def answer(self, number: str, manner: Manner) -> None:
        """How this phone behaves from the next call on."""
        self._manners[number] = manner

    def manner_of(self, number: str) -> Manner:
        return self._manners.get(number, "person")

    def to(self, number: str) -> list[Call]:
        """Calls to this phone, newest first."""
        return [call for call in reversed(self.by_sid.values()) if call.order.to == number]

    def pick_up(self, number: str) -> None:
        """Somebody takes the call. Raises `NoCall`."""
        self.course.happens(self._at(number, "ringing"), PickUp())

    def press(self, number: str, digit: str) -> None:
        """Somebody presses a key during the call. Raises `NoCall`."""
        self.course.happens(self._at(number, "in-progress"), Key(digit))

    def hang_up(self, number: str) -> None:
        """Somebody hangs up, or declines the call that rings. Raises `NoCall`."""
        self.course.happens(self._at(number, "ringing", "in-progress"), HangUp())

    def _at(self, number: str, *statuses: str) -> Call:
        for call in self.to(number):
            if call.status in statuses:
                return call
        raise NoCall(number)

    # --- the API's other half ---------------------------------------------------------------------------------------

    def place(self, account: CarrierAccount, order: Order) -> Call:
        """Take a call: it shows in the outbox at once and goes its way."""
        now = self._clock.now()
        sid = "CA" + self._randomness.new_id(now).replace("-", "")
        call = Call(sid, account.account_sid, order, self.manner_of(order.to), now)
        self.by_sid[sid] = call
        while len(self.by_sid) > KEPT:
            self.by_sid.popitem(last=False)
        call.entry.update(channel="phone", to=order.to, text="", at=now.isoformat(), payload={})
        call.entry["from"] = order.sender
        self.course.begins(call)
        self._show(call.entry)
        task = asyncio.create_task(self.course.run(call, account), name=f"call {sid}")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return call

    def update(self, call: Call, verbs: tuple[Verb, ...]) -> None:
        """Play this from now on. The call must be in progress."""
        self.course.happens(call, NewWords(verbs))

    def end(self, call: Call) -> None:
        """End it, whether it rings or is in progress."""
        self.course.happens(call, HangUp(by_api=True))
