"""The course of one call: it rings, is picked up or not, plays what it is told, and reports every step as the real
carrier would, signed.

Speaking takes no time here; ringing and waiting for keys do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qs, urldefrag

from dialogs.ports import Clock
from simulator.call_records import (
    ANSWERED_BY,
    RINGS,
    RINGS_USUALLY,
    Call,
    HangUp,
    Happening,
    Key,
    NewWords,
    PickUp,
)
from simulator.carrier_records import API_VERSION, CarrierAccount, rfc2822
from simulator.twiml import BadTwiml, Gather, Hangup, Pause, Redirect, Say, Verb, read_twiml

TROUBLE = "We are sorry. An application error has occurred. Goodbye."
#: The vendor's numbers for an address that does not answer as it should, and for an answer that makes no sense.
NO_ANSWER, NO_SENSE = 11200, 12100

#: Signs and posts a form; the status (0 when nobody answers) and what was answered.
Post = Callable[[str, CarrierAccount, Mapping[str, str]], Awaitable[tuple[int, str]]]


class Course:
    """Takes calls through their course. `post`: how webhooks are posted."""

    def __init__(self, *, clock: Clock, post: Post) -> None:
        #: How long a second lasts: less lets phones that ring for long be tried quickly.
        self.second = 1.0
        self._clock = clock
        self._post = post
        #: Calls that do not wait for a person, an application or a clock.
        self._moving: set[str] = set()
        self._still = asyncio.Event()
        self._still.set()

    @property
    def is_moving(self) -> bool:
        """Whether a call goes on by itself; see `Calls.is_moving`."""
        return bool(self._moving)

    async def still(self) -> None:
        """Wait until no call moves."""
        while self._moving:
            await self._still.wait()

    def happens(self, call: Call, what: Happening) -> None:
        """Something interrupts whatever the call waits for."""
        self._moves(call)
        call.happenings.put_nowait(what)

    def begins(self, call: Call) -> None:
        """It was taken and moves from now on."""
        self._written(call)
        self._moves(call)

    async def run(self, call: Call, account: CarrierAccount) -> None:
        try:
            await self._becomes(call, account, "initiated", "initiated")
            await self._becomes(call, account, "ringing", "ringing")
            how = await self._ring(call)
            if how == "in-progress":
                call.started = self._clock.now()
                if call.order.detects:
                    call.answered_by = ANSWERED_BY.get(call.manner, "human")
                await self._becomes(call, account, how, "answered")
                await self._talk(call, account)
                how = "completed"
            call.ended = self._clock.now()
            await self._becomes(call, account, how, "completed")
        finally:
            self._rests(call)

    async def _ring(self, call: Call) -> str:
        """What comes of the ringing."""
        match call.manner:
            case "busy":
                return "busy"
            case "unreachable":
                return "failed"
            case "person" | "press_1" | "voicemail" | "unknown":
                waits, what, moving = RINGS_USUALLY, "in-progress", True
            case "slow":
                waits, what, moving = RINGS["slow"], "in-progress", False
            case "no_answer" | "by_hand":
                waits, what, moving = float("inf"), "no-answer", False
        if waits > call.order.ring_s:
            waits, what = call.order.ring_s, "no-answer"
        match await self._happening(call, waits, moving=moving):
            case PickUp() | Key():
                return "in-progress"
            case HangUp(by_api=True):
                return "canceled"
            case HangUp():
                return "busy"
            case _:
                return what

    async def _talk(self, call: Call, account: CarrierAccount) -> None:
        try:
            async with asyncio.timeout(call.order.limit_s * self.second):
                order = call.order
                verbs = order.verbs or await self._ask(call, account, order.url)
                while verbs:
                    verbs = await self._play(call, account, verbs)
        except TimeoutError:
            return

    async def _play(self, call: Call, account: CarrierAccount, verbs: tuple[Verb, ...]) -> tuple[Verb, ...]:
        """What is to be played next; nothing when the call is over."""
        for verb in verbs:
            happened: Happening | None = None
            match verb:
                case Say(words):
                    self._speak(call, words)
                case Pause(seconds):
                    happened = await self._wait(call, seconds)
                case Gather():
                    happened = await self._gather(call, verb)
                    if isinstance(happened, Key):
                        return await self._ask(call, account, verb.action, digits=happened.digit)
                case Redirect(url):
                    return await self._ask(call, account, url)
                case Hangup():
                    break
            match happened:
                case NewWords(new):
                    return new
                case HangUp():
                    return ()
        # What was taken for a call in progress is played, also when it came with the last word.
        happened = await self._wait(call, 0)
        return happened.verbs if isinstance(happened, NewWords) else ()

    async def _gather(self, call: Call, verb: Gather) -> Happening | None:
        for part in verb.parts:
            if isinstance(part, Say):
                self._speak(call, part.words)
        if call.manner == "press_1" and not call.keys:
            call.keys.append("1")
            return Key("1")
        return await self._wait(call, verb.seconds, keys=True)

    async def _wait(self, call: Call, seconds: float, *, keys: bool = False) -> Happening | None:
        """What interrupts the silence; None when nothing does. A key counts only where one is asked for."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds * self.second
        while True:
            happened = await self._happening(call, max(0.0, until - loop.time()) / self.second)
            if not isinstance(happened, Key | PickUp):
                return happened
            if keys and isinstance(happened, Key):
                call.keys.append(happened.digit)
                return happened

    async def _happening(self, call: Call, seconds: float, *, moving: bool = False) -> Happening | None:
        if not call.happenings.empty():
            return call.happenings.get_nowait()
        if not moving and seconds > 0:
            self._rests(call)
        try:
            async with asyncio.timeout(seconds * self.second):
                return await call.happenings.get()
        except TimeoutError:
            return None
        finally:
            self._moves(call)

    def _speak(self, call: Call, words: str) -> None:
        call.words.append(words)
        self._written(call)

    # --- what the application is told and asked ---------------------------------------------------------------------

    async def _ask(self, call: Call, account: CarrierAccount, url: str, *, digits: str = "") -> tuple[Verb, ...]:
        """What to play, from the application; words of our own when it does not know."""
        fields = self._fields(call)
        if call.answered_by:
            fields["AnsweredBy"] = call.answered_by
        if digits:
            fields |= {"Digits": digits, "msg": "Gather Hangup", "FinishedOnKey": ""}
        status, answer = await self._persistently(url, account, fields)
        try:
            if status == 200:
                # A document that says nothing is one that ends the call.
                return read_twiml(answer) or (Hangup(),)
            call.trouble = NO_ANSWER
        except BadTwiml:
            call.trouble = NO_SENSE
        return (Say(TROUBLE), Hangup())

    async def _becomes(self, call: Call, account: CarrierAccount, status: str, event: str) -> None:
        call.status = status
        self._written(call)
        if not call.order.callback or event not in call.order.events:
            return
        fields = self._fields(call) | {
            "Timestamp": rfc2822(self._clock.now()),
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(call.reports),
        }
        if status == "completed":
            fields |= {"CallDuration": str(call.seconds), "Duration": str(-(-call.seconds // 60))}
        call.reports += 1
        await self._persistently(call.order.callback, account, fields)

    async def _persistently(self, url: str, account: CarrierAccount, fields: Mapping[str, str]) -> tuple[int, str]:
        """Post as often as the address itself asks for; see the vendor's connection overrides."""
        asked = parse_qs(urldefrag(url).fragment)
        tries = 1 + int(asked.get("rc", ["1"])[0])
        status, answer = 0, ""
        for _ in range(tries):
            status, answer = await self._post(url, account, fields)
            if 0 < status < 500:
                break
        return status, answer

    def _fields(self, call: Call) -> dict[str, str]:
        order = call.order
        return {
            "Called": order.to,
            "ToState": "",
            "CallerCountry": "US",
            "Direction": "outbound-api",
            "CallerState": "",
            "ToZip": "",
            "CallSid": call.sid,
            "To": order.to,
            "CallerZip": "",
            "ToCountry": "US",
            "ApiVersion": API_VERSION,
            "CalledZip": "",
            "CalledCity": "",
            "CallStatus": call.status,
            "From": order.sender,
            "AccountSid": call.account_sid,
            "CalledCountry": "US",
            "CallerCity": "",
            "Caller": order.sender,
            "FromCountry": "US",
            "ToCity": "",
            "FromCity": "",
            "CalledState": "",
            "FromZip": "",
            "FromState": "",
        }

    def _written(self, call: Call) -> None:
        """The entry in the outbox says what the call has come to."""
        call.entry["text"] = call.spoken
        call.entry["payload"] = {"sid": call.sid, "status": call.status, "answered_by": call.answered_by}

    def _moves(self, call: Call) -> None:
        self._moving.add(call.sid)
        self._still.clear()

    def _rests(self, call: Call) -> None:
        self._moving.discard(call.sid)
        if not self._moving:
            self._still.set()
