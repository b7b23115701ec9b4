"""The simulated carrier's API: create, list and read messages, list numbers, with the vendor's log-in, refusals and
shapes. Calls are in `simulator.calls_http`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime

from aiohttp import web

from simulator.calls_http import CallsApi
from simulator.carrier import Carrier
from simulator.carrier_records import CarrierAccount, Message, TextRoute, number_as_json
from simulator.carrier_rest import ACCOUNT, Refusal, act, error, look, page_of, when

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
MAX_BODY = 1600
_MESSAGES = f"{ACCOUNT}/Messages.json"
_MESSAGE = f"{ACCOUNT}/Messages/{{sid}}.json"
_NUMBERS = f"{ACCOUNT}/IncomingPhoneNumbers.json"


class CarrierApi:
    """Routes over a carrier; mount them at the root of an application, or under a prefix."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    def routes(self) -> list[web.RouteDef]:
        """`POST` and `GET .../Messages.json`, `GET .../Messages/{sid}.json`, `GET .../IncomingPhoneNumbers.json`, and
        those of calls."""
        return [
            web.post(_MESSAGES, self.create),
            web.get(_MESSAGES, self.recent, allow_head=False),
            web.get(_MESSAGE, self.one, allow_head=False),
            web.get(_NUMBERS, self.numbers, allow_head=False),
            *CallsApi(self._carrier).routes(),
        ]

    async def create(self, request: web.Request) -> web.StreamResponse:
        """Accept a text and answer 201, or refuse it."""
        return await act(self._carrier, request, self._accept, 201)

    async def recent(self, request: web.Request) -> web.StreamResponse:
        """The account's messages, newest first, by `To`, `From` and `DateSent`; one page of them."""
        query = request.query

        def recent(account: CarrierAccount) -> web.Response:
            try:
                filters = {name: when(query[name]) for name in ("DateSent", "DateSent<", "DateSent>") if name in query}
            except ValueError:
                return error(400, 20001)
            found = [
                message.as_json()
                for message in reversed(self._carrier.messages.values())
                if message.account_sid == account.account_sid
                and query.get("To", message.to) == message.to
                and query.get("From", message.sender) == message.sender
                and _sent_within(message, filters)
            ]
            return page_of(request, "messages", found)

        return look(self._carrier, request, recent)

    async def one(self, request: web.Request) -> web.StreamResponse:
        """One message of the account."""

        def one(account: CarrierAccount) -> web.Response:
            message = self._carrier.messages.get(request.match_info["sid"])
            if message is None or message.account_sid != account.account_sid:
                raise Refusal(20404)
            return web.json_response(message.as_json())

        return look(self._carrier, request, one)

    async def numbers(self, request: web.Request) -> web.StreamResponse:
        """The account's numbers and where each sends its texts, by `PhoneNumber` if that is given; one page of them."""

        def numbers(account: CarrierAccount) -> web.Response:
            wanted = request.query.get("PhoneNumber", "")
            found = [
                number_as_json(account, number, self._carrier.routes.get(number, TextRoute()))
                for number in sorted(account.numbers)
                if wanted in {"", number}
            ]
            return page_of(request, "incoming_phone_numbers", found)

        return look(self._carrier, request, numbers)

    def _accept(self, account: CarrierAccount, form: Mapping[str, list[str]]) -> Mapping[str, object]:
        to, sender, body, callback = (form.get(name, [""])[-1] for name in ("To", "From", "Body", "StatusCallback"))
        for missing, code in ((not to, 21604), (not sender, 21603), (not body, 21602)):
            if missing:
                raise Refusal(code)
        if sender not in account.numbers:
            raise Refusal(21606)
        if not _E164.fullmatch(to):
            raise Refusal(21211)
        if to == sender:
            raise Refusal(21266)
        if len(body) > MAX_BODY:
            raise Refusal(21617)
        if self._carrier.is_opted_out(sender, to):
            raise Refusal(21610)
        return self._carrier.accept(account, to=to, sender=sender, body=body, callback=callback).as_json()


def _sent_within(message: Message, filters: Mapping[str, datetime | date]) -> bool:
    """Whether the message was sent then; one that was not sent yet never was."""
    if not filters:
        return True
    if message.sent is None:
        return False
    for name, bound in filters.items():
        sent = message.sent if isinstance(bound, datetime) else message.sent.astimezone(UTC).date()
        if name == "DateSent" and sent != bound:
            return False
        if (name == "DateSent<" and sent > bound) or (name == "DateSent>" and sent < bound):
            return False
    return True
