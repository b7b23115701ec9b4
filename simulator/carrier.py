"""A phone carrier with Twilio's manners: takes texts over HTTP, delivers them, reports, honours STOP, posts what people
text back, and places calls. It refuses what the real one would refuse, and fails on request.

Nothing here is shared with the adapter it stands opposite, not even the few lines that sign.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from base64 import b64encode
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from html import unescape
from typing import TypeVar

import aiohttp

from dialogs.ports import Clock, Randomness
from simulator.calls import Calls
from simulator.carrier_records import (
    API_VERSION,
    DELIVERED,
    HELP_WORDS,
    START_WORDS,
    STOP_WORDS,
    CarrierAccount,
    Fault,
    Message,
    Posted,
    Step,
    TextRoute,
)

#: How many texts each way are kept, in memory only; the oldest goes first.
KEPT = 2000
TIMEOUT = aiohttp.ClientTimeout(total=15, connect=5)
V = TypeVar("V")
_INLINE = re.compile(r"<Message[^>]*>(?:\s*<Body>)?(.*?)(?:</Body>\s*)?</Message>", re.DOTALL)


class UnknownNumber(LookupError):
    """No account at this carrier has the number."""


class Carrier:
    """The carrier's state and its own acts; `simulator.carrier_http` is its API.

    `public_url`: where the application is reached, without a slash at the end; may be set later, once it is known.
    `answers_opt_out`: whether the carrier keeps the STOP list and answers such words, as the real one does by default.
    `advanced_opt_out`: whether webhooks say how it read them. Use between `start` and `stop`.
    """

    def __init__(
        self,
        accounts: Iterable[CarrierAccount],
        *,
        clock: Clock,
        randomness: Randomness,
        public_url: str = "",
        answers_opt_out: bool = True,
        advanced_opt_out: bool = False,
    ) -> None:
        self.public_url = public_url
        self.accounts = {account.account_sid: account for account in accounts}
        self.messages: OrderedDict[str, Message] = OrderedDict()
        self.faults: deque[Fault] = deque()
        #: Where numbers send their texts, as their owner set it; webhooks go to `public_url` all the same.
        self.routes: dict[str, TextRoute] = {}
        self._clock = clock
        self._randomness = randomness
        self._answers_opt_out = answers_opt_out
        self._advanced_opt_out = advanced_opt_out
        self._scripts: deque[Sequence[Step]] = deque()
        self._outbox: deque[dict[str, object]] = deque(maxlen=KEPT)
        self._texted: deque[dict[str, object]] = deque(maxlen=KEPT)
        self._inbound: OrderedDict[str, tuple[CarrierAccount, dict[str, str]]] = OrderedDict()
        self._opted_out: set[tuple[str, str]] = set()
        self._travelling: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self.calls = Calls(clock=clock, randomness=randomness, post=self._post, show=self._outbox.append)

    async def start(self) -> None:
        """Be ready to post webhooks."""
        self._session = aiohttp.ClientSession(timeout=TIMEOUT)

    async def stop(self) -> None:
        """Forget what still travels and close the connections. What is taken from now on goes nowhere."""
        await self.calls.stop()
        session, self._session = self._session, None
        for task in self._travelling:
            task.cancel()
        await asyncio.gather(*self._travelling, return_exceptions=True)
        if session is not None:
            await session.close()

    @property
    def is_travelling(self) -> bool:
        """Whether a text is on its way, or a report of one, or a call goes on by itself."""
        return bool(self._travelling) or self.calls.is_moving

    async def settled(self) -> None:
        """Wait until nothing travels: every report has been posted or lost, and calls wait for somebody or are over."""
        while self.is_travelling:
            if self._travelling:
                await asyncio.wait(self._travelling)
            await self.calls.still()

    # --- people ----------------------------------------------------------------------------------------------------

    async def text(self, from_: str, to: str, body: str, *, message_sid: str | None = None) -> Posted:
        """A person texts one of our numbers. Opt-out words work as at the real carrier, and the webhook is posted all
        the same. The same `message_sid` twice is the same text once more. Raises `UnknownNumber`."""
        account = self.owner(to)
        sid = message_sid or self.new_sid()
        params = {
            "ToCountry": "US",
            "ToState": "",
            "SmsMessageSid": sid,
            "NumMedia": "0",
            "ToCity": "",
            "FromZip": "",
            "SmsSid": sid,
            "FromState": "",
            "SmsStatus": "received",
            "FromCity": "",
            "Body": body,
            "FromCountry": "US",
            "To": to,
            "ToZip": "",
            "NumSegments": "1",
            "MessageSid": sid,
            "AccountSid": account.account_sid,
            "From": from_,
            "ApiVersion": API_VERSION,
        }
        read = _opt_out(body)
        if read and self._advanced_opt_out:
            params["OptOutType"] = read
        if sid not in self._inbound:
            self._texted.append(self._entry(to=to, sender=from_, text=body, payload={"sid": sid}))
        _keep(self._inbound, sid, (account, params))
        if read and self._answers_opt_out:
            self._obey(read, person=from_, number=to)
        return await self._post_text(account, params)

    async def redeliver(self, message_sid: str) -> Posted:
        """Post the webhook of an earlier text again, the same to the last byte. Raises `KeyError`."""
        account, params = self._inbound[message_sid]
        return await self._post_text(account, params)

    def outbox(self) -> list[dict[str, object]]:
        """Every text and call that left for a person, newest first; inline answers and the carrier's own included. A
        call's text is all that was spoken so far."""
        return list(reversed(self._outbox))

    def texted(self) -> list[dict[str, object]]:
        """Every text a person sent, newest first, in the shape of `outbox`."""
        return list(reversed(self._texted))

    def opted_out(self) -> set[tuple[str, str]]:
        """Pairs of (our number, the person's number) between which the carrier lets nothing through."""
        return set(self._opted_out)

    # --- scripts ---------------------------------------------------------------------------------------------------

    def fail_next(self, *faults: Fault) -> None:
        """The next requests to send go wrong like this, in this order."""
        self.faults.extend(faults)

    def travel_next(self, *scripts: Sequence[Step]) -> None:
        """The next messages go through these states instead of `sent`, `delivered`; any order, any loss."""
        self._scripts.extend(scripts)

    # --- the API's other half --------------------------------------------------------------------------------------

    def owner(self, number: str) -> CarrierAccount:
        """The account that owns the number. Raises `UnknownNumber`."""
        for account in self.accounts.values():
            if number in account.numbers:
                return account
        raise UnknownNumber(number)

    def is_opted_out(self, number: str, person: str) -> bool:
        """Whether the person has stopped texts from this number of ours."""
        return (number, person) in self._opted_out

    def accept(self, account: CarrierAccount, *, to: str, sender: str, body: str, callback: str) -> Message:
        """Take a text: it shows in the outbox at once and starts to travel."""
        message = Message(self.new_sid(), account.account_sid, to, sender, body, callback, self._clock.now())
        _keep(self.messages, message.sid, message)
        self._left(to=to, sender=sender, text=body, payload={"sid": message.sid, "by": "api"})
        script = self._scripts.popleft() if self._scripts else DELIVERED
        if self._session is not None:
            task = asyncio.create_task(self._travel(account, message, script), name=f"carrier {message.sid}")
            self._travelling.add(task)
            task.add_done_callback(self._travelling.discard)
        return message

    def new_sid(self) -> str:
        """A message sid that is not used again."""
        return "SM" + self._randomness.new_id(self._clock.now()).replace("-", "")

    # --- inside ----------------------------------------------------------------------------------------------------

    async def _travel(self, account: CarrierAccount, message: Message, script: Sequence[Step]) -> None:
        """Go through the states and report each, one after the other, to the address given with the message."""
        for step in script:
            message.status, message.error_code = step.status, step.error_code
            message.updated = self._clock.now()
            if step.status == "sent":
                message.sent = message.updated
            if not message.callback or step.lost:
                continue
            params = {
                "MessageSid": message.sid,
                "SmsSid": message.sid,
                "MessageStatus": step.status,
                "SmsStatus": step.status,
                "To": message.to,
                "From": message.sender,
                "AccountSid": message.account_sid,
                "ApiVersion": API_VERSION,
            }
            if step.error_code:
                params["ErrorCode"] = str(step.error_code)
            if step.status == "delivered":
                params["RawDlrDoneDate"] = message.updated.strftime("%y%m%d%H%M")
            await self._post(message.callback, account, params)

    def _obey(self, read: str, *, person: str, number: str) -> None:
        pair = (number, person)
        if read == "STOP" and pair not in self._opted_out:
            self._opted_out.add(pair)
            self._answer(person, number, "You will get no more texts from this number. Text START to undo.")
        elif read == "START" and pair in self._opted_out:
            self._opted_out.discard(pair)
            self._answer(person, number, "You will get texts from this number again. Text STOP to end them.")
        elif read == "HELP":
            self._answer(person, number, "This number is used by your IT help desk. Text STOP to end all texts.")

    def _answer(self, person: str, number: str, text: str) -> None:
        self._left(to=person, sender=number, text=text, payload={"by": "carrier"})

    def _left(self, *, to: str, sender: str, text: str, payload: Mapping[str, str]) -> None:
        self._outbox.append(self._entry(to=to, sender=sender, text=text, payload=payload))

    def _entry(self, *, to: str, sender: str, text: str, payload: Mapping[str, str]) -> dict[str, object]:
        at = self._clock.now().isoformat()
        return {"channel": "sms", "to": to, "from": sender, "text": text, "payload": dict(payload), "at": at}

    async def _post_text(self, account: CarrierAccount, params: Mapping[str, str]) -> Posted:
        status, answer = await self._post(f"{self.public_url}/webhooks/twilio/sms", account, params)
        if status == 200:
            for inline in _INLINE.findall(answer):
                self._left(to=params["From"], sender=params["To"], text=unescape(inline), payload={"by": "answer"})
        return Posted(params["MessageSid"], status)

    async def _post(self, url: str, account: CarrierAccount, params: Mapping[str, str]) -> tuple[int, str]:
        """Sign and post a form; (0, "") when nobody answers. What follows a # is for the carrier and is not signed."""
        assert self._session is not None, "start the carrier first"
        url = url.partition("#")[0]
        headers = {"X-Twilio-Signature": sign(url, params, account.auth_token)}
        try:
            async with self._session.post(url, data=dict(params), headers=headers, allow_redirects=False) as response:
                return response.status, await response.text(errors="replace")
        except (TimeoutError, aiohttp.ClientError):
            return 0, ""


def sign(url: str, params: Mapping[str, str], auth_token: str) -> str:
    """The vendor's signature: the URL, then every name and value in order of names, HMAC-SHA1, base64."""
    text = url
    for name in sorted(params):
        text += name + params[name]
    return b64encode(hmac.digest(auth_token.encode(), text.encode(), "sha1")).decode()


def _opt_out(body: str) -> str:
    word = body.strip().casefold()
    for words, read in ((STOP_WORDS, "STOP"), (START_WORDS, "START"), (HELP_WORDS, "HELP")):
        if word in words:
            return read
    return ""


def _keep(store: OrderedDict[str, V], key: str, value: V) -> None:
    store[key] = value
    while len(store) > KEPT:
        store.popitem(last=False)
