"""The simulated carrier's API: create, list and read messages, list numbers, with the vendor's log-in, refusals and
shapes."""

from __future__ import annotations

import asyncio
import hmac
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from urllib.parse import urlencode

from aiohttp import web

from simulator.carrier import Carrier
from simulator.carrier_records import API_VERSION, REFUSALS, CarrierAccount, Fault, Message, TextRoute, number_as_json

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
MAX_BODY = 1600
_ACCOUNT = f"/{API_VERSION}/Accounts/{{account_sid}}"
_MESSAGES = f"{_ACCOUNT}/Messages.json"
_MESSAGE = f"{_ACCOUNT}/Messages/{{sid}}.json"
_NUMBERS = f"{_ACCOUNT}/IncomingPhoneNumbers.json"


class _Refusal(Exception):
    """The request is answered with the vendor's error of this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class CarrierApi:
    """Routes over a carrier; mount them at the root of an application, or under a prefix."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    def routes(self) -> list[web.RouteDef]:
        """`POST` and `GET .../Messages.json`, `GET .../Messages/{sid}.json`, `GET .../IncomingPhoneNumbers.json`."""
        return [
            web.post(_MESSAGES, self.create),
            web.get(_MESSAGES, self.recent, allow_head=False),
            web.get(_MESSAGE, self.one, allow_head=False),
            web.get(_NUMBERS, self.numbers, allow_head=False),
        ]

    async def create(self, request: web.Request) -> web.StreamResponse:
        """Accept a text and answer 201, or refuse it; scripted faults come before everything but the log-in."""
        try:
            account = self._log_in(request)
            faults = self._carrier.faults
            fault = faults.popleft() if faults else Fault()
            if fault.delay_s:
                await asyncio.sleep(fault.delay_s)
            if fault.status:
                return _error(fault.status, fault.code, fault.retry_after)
            form = await request.post()
            message = self._accept(account, {name: str(value) for name, value in form.items()})
        except _Refusal as refusal:
            return _error(REFUSALS[refusal.code][0], refusal.code)
        if fault.drop:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=201)
        if fault.malformed:
            return web.json_response({"sid": "?"}, status=201)
        return web.json_response(message.as_json(), status=201)

    async def recent(self, request: web.Request) -> web.StreamResponse:
        """The account's messages, newest first, by `To`, `From` and `DateSent`; one page of them."""
        try:
            account = self._log_in(request)
        except _Refusal as refusal:
            return _error(REFUSALS[refusal.code][0], refusal.code)
        query = request.query
        try:
            filters = {name: _when(query[name]) for name in ("DateSent", "DateSent<", "DateSent>") if name in query}
        except ValueError:
            return _error(400, 20001)
        found = [
            message.as_json()
            for message in reversed(self._carrier.messages.values())
            if message.account_sid == account.account_sid
            and query.get("To", message.to) == message.to
            and query.get("From", message.sender) == message.sender
            and _sent_within(message, filters)
        ]
        return _page(request, "messages", found)

    async def one(self, request: web.Request) -> web.StreamResponse:
        """One message of the account."""
        try:
            account = self._log_in(request)
            message = self._carrier.messages.get(request.match_info["sid"])
            if message is None or message.account_sid != account.account_sid:
                raise _Refusal(20404)
        except _Refusal as refusal:
            return _error(REFUSALS[refusal.code][0], refusal.code)
        return web.json_response(message.as_json())

    async def numbers(self, request: web.Request) -> web.StreamResponse:
        """The account's numbers and where each sends its texts, by `PhoneNumber` if that is given; one page of them."""
        try:
            account = self._log_in(request)
        except _Refusal as refusal:
            return _error(REFUSALS[refusal.code][0], refusal.code)
        wanted = request.query.get("PhoneNumber", "")
        found = [
            number_as_json(account, number, self._carrier.routes.get(number, TextRoute()))
            for number in sorted(account.numbers)
            if wanted in {"", number}
        ]
        return _page(request, "incoming_phone_numbers", found)

    def _log_in(self, request: web.Request) -> CarrierAccount:
        """The account of the path, when the Basic log-in is its own."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        try:
            user, _, password = b64decode(given, validate=True).decode().partition(":")
        except ValueError:
            raise _Refusal(20003) from None
        account = self._carrier.accounts.get(user)
        known = account is not None and hmac.compare_digest(password.encode(), account.auth_token.encode())
        if scheme.lower() != "basic" or account is None or not known:
            raise _Refusal(20003)
        if request.match_info["account_sid"] != user:
            raise _Refusal(20404)
        return account

    def _accept(self, account: CarrierAccount, form: Mapping[str, str]) -> Message:
        to, sender, body = form.get("To", ""), form.get("From", ""), form.get("Body", "")
        for missing, code in ((not to, 21604), (not sender, 21603), (not body, 21602)):
            if missing:
                raise _Refusal(code)
        if sender not in account.numbers:
            raise _Refusal(21606)
        if not _E164.fullmatch(to):
            raise _Refusal(21211)
        if to == sender:
            raise _Refusal(21266)
        if len(body) > MAX_BODY:
            raise _Refusal(21617)
        if self._carrier.is_opted_out(sender, to):
            raise _Refusal(21610)
        return self._carrier.accept(account, to=to, sender=sender, body=body, callback=form.get("StatusCallback", ""))


def _page(request: web.Request, what: str, found: Sequence[Mapping[str, object]]) -> web.Response:
    """One page of a list, as the vendor turns its pages."""
    query = request.query
    try:
        page, size = int(query.get("Page", "0")), int(query.get("PageSize", "50"))
    except ValueError:
        return _error(400, 20001)
    if page < 0 or not 1 <= size <= 1000:
        return _error(400, 20006)
    start = page * size
    here = found[start : start + size]
    # A prefix the API is mounted under is not the vendor's, and its addresses do not show it.
    path = f"/{API_VERSION}" + request.path.partition(f"/{API_VERSION}")[2]

    def at(number: int) -> str:
        return f"{path}?{urlencode({**query, 'Page': str(number), 'PageSize': str(size)})}"

    return web.json_response(
        {
            "end": start + max(len(here) - 1, 0),
            "first_page_uri": at(0),
            what: here,
            "next_page_uri": at(page + 1) if start + size < len(found) else None,
            "page": page,
            "page_size": size,
            "previous_page_uri": at(page - 1) if page else None,
            "start": start,
            "uri": at(page),
        }
    )


def _error(status: int, code: int, retry_after: str = "") -> web.Response:
    text = REFUSALS[code][1] if code in REFUSALS else "Something is wrong."
    body = {"code": code, "message": text, "more_info": f"https://www.twilio.com/docs/errors/{code}", "status": status}
    return web.json_response(body, status=status, headers={"Retry-After": retry_after} if retry_after else None)


def _when(text: str) -> datetime | date:
    """A day, or a moment in UTC."""
    if len(text) == 10:
        return date.fromisoformat(text)
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


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
