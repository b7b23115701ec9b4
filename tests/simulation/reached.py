"""Mail and calls as the simulation and the crash tests see them: a mail server and a telephone with moods.

They write what they took in to the ledger of `tests.simulation.outside`, which outlives a crash of the house.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from dialogs.ports import Clock, ForEndUser, SendLater, SendRefused, SendUnclear
from tests.simulation.outside import Calm, Ledger, Point, Row, Weather, nothing

#: Is told of what was taken in.
Taken = Callable[[Row], None]


def nobody(row: Row) -> None:
    """Nobody is told."""


class MailServer:
    """`dialogs.ports.SendMail`, for every tenant."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        weather: Weather | None = None,
        at: Point = nothing,
        taken: Taken = nobody,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._weather: Weather = weather or Calm()
        self._at = at
        self._taken = taken

    async def send(
        self, tenant_id: str, *, to: str, subject: str, text: str, key: str, for_user: ForEndUser | None = None
    ) -> str:
        self._at("mail:before")
        mood = self._weather.mood("mail")
        await self._weather.pause("mail")
        if mood == "later":
            raise SendLater("smtp_451", "come back later")
        if mood == "lost":
            raise SendUnclear("no answer")
        if mood == "never":
            raise SendRefused("smtp_550", "no such mailbox")
        code = for_user.code if for_user is not None else ""
        values = {"to": to, "subject": subject, "body": text, "code": code, "key": key}
        row = Row("mail", f"<{key}@desk.example>", self._clock.now(), values, tenant_id)
        self._ledger.append(row)
        self._taken(row)
        self._at("mail:taken")
        if mood == "taken":
            raise SendUnclear("no answer")
        await self._weather.pause("mail")
        self._at("mail:after")
        return row.id


class Telephone:
    """`dialogs.ports.SendCall`. `is_over`: whether a call has ended, which the phones know."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        weather: Weather | None = None,
        at: Point = nothing,
        taken: Taken = nobody,
        is_over: Callable[[str], bool] = lambda call_id: False,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._weather: Weather = weather or Calm()
        self._at = at
        self._taken = taken
        self._is_over = is_over

    async def call(self, *, to: str, sender: str, verification_id: str, key: str) -> str:
        self._at("call:before")
        mood = self._weather.mood("phone")
        await self._weather.pause("phone")
        if mood == "later":
            raise SendLater("20429", "too many requests", retry_after=3.0)
        if mood == "lost":
            raise SendUnclear("no answer")
        if mood == "never":
            raise SendRefused("21211", "not a number")
        values = {"to": to, "from": sender, "verification_id": verification_id, "key": key}
        row = Row("call", f"CA{len(self._ledger.of_kind('call')) + 1:032x}", self._clock.now(), values)
        self._ledger.append(row)
        self._taken(row)
        self._at("call:taken")
        if mood == "taken":
            raise SendUnclear("no answer")
        await self._weather.pause("phone")
        self._at("call:after")
        return row.id

    async def find(self, *, to: str, sender: str, since: datetime) -> str | None:
        self._at("find:before")
        mood = self._weather.mood("phone.find")
        await self._weather.pause("phone")
        if mood != "well":
            raise SendLater("20429", "too many requests")
        for row in reversed(self._ledger.of_kind("call")):
            if (row.values["to"], row.values["from"]) == (to, sender) and row.at >= since - timedelta(seconds=1):
                return row.id
        return None

    async def say(self, *, call_id: str, sender: str, verification_id: str, body: str, then: str) -> None:
        self._at("say:before")
        mood = self._weather.mood("phone")
        await self._weather.pause("phone")
        if mood == "later":
            raise SendLater("20429", "too many requests", retry_after=1.0)
        if mood == "lost":
            raise SendUnclear("no answer")
        if self._is_over(call_id):
            raise SendRefused("call_over", "nobody is on it any more")
        values = {"call_id": call_id, "from": sender, "verification_id": verification_id, "body": body, "then": then}
        row = Row("say", f"SAY{len(self._ledger.of_kind('say')) + 1}", self._clock.now(), values)
        self._ledger.append(row)
        self._taken(row)
        self._at("say:taken")
        if mood == "taken":
            raise SendUnclear("no answer")
        self._at("say:after")
