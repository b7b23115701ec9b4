"""The simulated carrier's API for calls: place, change, list and read them, with the vendor's refusals and shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web

from simulator.call_records import Call, Order
from simulator.carrier_records import CarrierAccount
from simulator.carrier_rest import ACCOUNT, Refusal, act, error, look, page_of, when
from simulator.twiml import BadTwiml, Verb, read_twiml

if TYPE_CHECKING:
    from simulator.carrier import Carrier

#: What may be asked of a new call and of one under way. The vendor lets other names pass in silence, and whoever wrote
#: them never learns that they did nothing; here they are refused.
CREATE = frozenset(
    {
        "To",
        "From",
        "Method",
        "FallbackUrl",
        "FallbackMethod",
        "StatusCallback",
        "StatusCallbackEvent",
        "StatusCallbackMethod",
        "SendDigits",
        "Timeout",
        "Record",
        "RecordingChannels",
        "RecordingStatusCallback",
        "RecordingStatusCallbackMethod",
        "SipAuthUsername",
        "SipAuthPassword",
        "MachineDetection",
        "MachineDetectionTimeout",
        "RecordingStatusCallbackEvent",
        "Trim",
        "CallerId",
        "MachineDetectionSpeechThreshold",
        "MachineDetectionSpeechEndThreshold",
        "MachineDetectionSilenceTimeout",
        "AsyncAmd",
        "AsyncAmdStatusCallback",
        "AsyncAmdStatusCallbackMethod",
        "Byoc",
        "CallReason",
        "CallToken",
        "RecordingTrack",
        "TimeLimit",
        "ClientNotificationUrl",
        "Url",
        "Twiml",
        "ApplicationSid",
    }
)
UPDATE = frozenset(
    {
        "Url",
        "Method",
        "Status",
        "FallbackUrl",
        "FallbackMethod",
        "StatusCallback",
        "StatusCallbackMethod",
        "Twiml",
        "TimeLimit",
    }
)
EVENTS = frozenset({"initiated", "ringing", "answered", "completed"})
MOST_TWIML = 4000

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_CALLS = f"{ACCOUNT}/Calls.json"
_CALL = f"{ACCOUNT}/Calls/{{sid}}.json"

Form = Mapping[str, list[str]]


class CallsApi:
    """Routes over a carrier's calls."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    def routes(self) -> list[web.RouteDef]:
        """`POST` and `GET .../Calls.json`, `POST` and `GET .../Calls/{sid}.json`."""
        return [
            web.post(_CALLS, self.create),
            web.get(_CALLS, self.recent, allow_head=False),
            web.post(_CALL, self.update),
            web.get(_CALL, self.one, allow_head=False),
        ]

    async def create(self, request: web.Request) -> web.StreamResponse:
        """Place a call and answer 201, or refuse it."""

        def place(account: CarrierAccount, form: Form) -> Mapping[str, object]:
            return self._carrier.calls.place(account, _order(account, form)).as_json()

        return await act(self._carrier, request, place, 201)

    async def update(self, request: web.Request) -> web.StreamResponse:
        """Change what a call plays, or end it."""

        def change(account: CarrierAccount, form: Form) -> Mapping[str, object]:
            call = self._of(account, request)
            if set(form) - UPDATE:
                raise Refusal(20001)
            twiml, status = _one(form, "Twiml"), _one(form, "Status")
            if twiml and not status:
                verbs = _verbs(twiml)
                if call.status != "in-progress":
                    raise Refusal(21220)
                self._carrier.calls.update(call, verbs)
            elif status in ("completed", "canceled") and not twiml:
                if call.is_over:
                    raise Refusal(21220)
                # The vendor takes back only what nobody has picked up yet; it says yes, and lets the rest go on.
                if status == "completed" or call.status != "in-progress":
                    self._carrier.calls.end(call)
            else:
                raise Refusal(20001)
            return call.as_json()

        return await act(self._carrier, request, change, 200)

    async def recent(self, request: web.Request) -> web.StreamResponse:
        """The account's calls, newest first, by `To`, `From`, `Status` and `StartTime`; one page of them."""
        query = request.query

        def recent(account: CarrierAccount) -> web.Response:
            try:
                bounds = {
                    name: when(query[name]) for name in ("StartTime", "StartTime<", "StartTime>") if name in query
                }
            except ValueError:
                return error(400, 20001)
            found = [
                call.as_json()
                for call in reversed(self._carrier.calls.by_sid.values())
                if call.account_sid == account.account_sid
                and query.get("To", call.order.to) == call.order.to
                and query.get("From", call.order.sender) == call.order.sender
                and query.get("Status", call.status) == call.status
                and _started_within(call, bounds)
            ]
            return page_of(request, "calls", found)

        return look(self._carrier, request, recent)

    async def one(self, request: web.Request) -> web.StreamResponse:
        """One call of the account."""
        return look(self._carrier, request, lambda account: web.json_response(self._of(account, request).as_json()))

    def _of(self, account: CarrierAccount, request: web.Request) -> Call:
        call = self._carrier.calls.by_sid.get(request.match_info["sid"])
        if call is None or call.account_sid != account.account_sid:
            raise Refusal(20404)
        return call


def _order(account: CarrierAccount, form: Form) -> Order:
    to, sender, url, twiml = (_one(form, name) for name in ("To", "From", "Url", "Twiml"))
    if set(form) - CREATE:
        raise Refusal(20001)
    for missing, code in ((not to, 21201), (not sender, 21213), (not url and not twiml, 21205)):
        if missing:
            raise Refusal(code)
    if sender not in account.numbers:
        raise Refusal(21210)
    if not _E164.fullmatch(to):
        raise Refusal(21211)
    callback = _one(form, "StatusCallback")
    for address in (url, callback):
        if address and (urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).hostname):
            raise Refusal(21205)
    if any(_one(form, name) not in ("", "POST") for name in ("Method", "StatusCallbackMethod")):
        # The vendor knows GET too; nothing here does.
        raise Refusal(21209)
    events = frozenset(form.get("StatusCallbackEvent", ["completed"]))
    if events - EVENTS or _one(form, "MachineDetection") not in ("", "Enable"):
        raise Refusal(20001)
    return Order(
        to=to,
        sender=sender,
        url=url,
        # With an address the vendor does not look at the rest.
        verbs=() if url else _verbs(twiml),
        callback=callback,
        events=events,
        ring_s=_seconds(form, "Timeout", 60, 600, 21208),
        limit_s=_seconds(form, "TimeLimit", 14400, 14400, 20001),
        detects=bool(_one(form, "MachineDetection")),
    )


def _one(form: Form, name: str) -> str:
    return form.get(name, [""])[-1]


def _seconds(form: Form, name: str, default: int, most: int, code: int) -> int:
    given = _one(form, name) or str(default)
    if not (given.isascii() and given.isdigit() and 1 <= int(given) <= most):
        raise Refusal(code)
    return int(given)


def _verbs(twiml: str) -> tuple[Verb, ...]:
    try:
        if len(twiml) <= MOST_TWIML and (verbs := read_twiml(twiml)):
            return verbs
    except BadTwiml:
        raise Refusal(12100) from None
    raise Refusal(12100)


def _started_within(call: Call, bounds: Mapping[str, datetime | date]) -> bool:
    """Whether the call was picked up then; one that was not yet never was."""
    if not bounds:
        return True
    if call.started is None:
        return False
    for name, bound in bounds.items():
        started = call.started if isinstance(bound, datetime) else call.started.astimezone(UTC).date()
        if name == "StartTime" and started != bound:
            return False
        if (name == "StartTime<" and started > bound) or (name == "StartTime>" and started < bound):
            return False
    return True
