"""What requests to the simulated carrier's API have in common: log-in, scripted faults, refusals, pages of lists."""

from __future__ import annotations

import asyncio
import hmac
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aiohttp import web

from simulator.carrier_records import API_VERSION, REFUSALS, CarrierAccount, Fault

if TYPE_CHECKING:
    from simulator.carrier import Carrier

ACCOUNT = f"/{API_VERSION}/Accounts/{{account_sid}}"

#: Does what was asked for and answers the thing's shape.
Do = Callable[[CarrierAccount, Mapping[str, list[str]]], Mapping[str, object]]
Look = Callable[[CarrierAccount], web.Response]


class Refusal(Exception):
    """The request is answered with the vendor's error of this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


async def act(carrier: Carrier, request: web.Request, do: Do, status: int) -> web.StreamResponse:
    """Do what a form asks for and answer `status`, or refuse it; scripted faults come before everything but the
    log-in."""
    try:
        account = log_in(carrier, request)
        fault = carrier.faults.popleft() if carrier.faults else Fault()
        if fault.delay_s:
            await asyncio.sleep(fault.delay_s)
        if fault.slow is not None:
            await fault.slow.wait()
        if fault.reset and request.transport is not None:
            request.transport.abort()
            return web.Response(status=status)
        if fault.status:
            return error(fault.status, fault.code, fault.retry_after)
        form = await request.post()
        made = do(account, {name: [str(value) for value in form.getall(name)] for name in form})
    except Refusal as refusal:
        return error(REFUSALS[refusal.code][0], refusal.code)
    if fault.drop:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=status)
    if fault.malformed:
        return web.json_response({"sid": "?"}, status=status)
    return web.json_response(made, status=status)


def look(carrier: Carrier, request: web.Request, what: Look) -> web.Response:
    """Answer what is read, or refuse it."""
    try:
        return what(log_in(carrier, request))
    except Refusal as refusal:
        return error(REFUSALS[refusal.code][0], refusal.code)


def log_in(carrier: Carrier, request: web.Request) -> CarrierAccount:
    """The account of the path, when the Basic log-in is its own."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    try:
        user, _, password = b64decode(given, validate=True).decode().partition(":")
    except ValueError:
        raise Refusal(20003) from None
    account = carrier.accounts.get(user)
    known = account is not None and hmac.compare_digest(password.encode(), account.auth_token.encode())
    if scheme.lower() != "basic" or account is None or not known:
        raise Refusal(20003)
    if request.match_info["account_sid"] != user:
        raise Refusal(20404)
    return account


def page_of(request: web.Request, what: str, found: Sequence[Mapping[str, object]]) -> web.Response:
    """One page of a list, as the vendor turns its pages."""
    query = request.query
    try:
        page, size = int(query.get("Page", "0")), int(query.get("PageSize", "50"))
    except ValueError:
        return error(400, 20001)
    if page < 0 or not 1 <= size <= 1000:
        return error(400, 20006)
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


def error(status: int, code: int, retry_after: str = "") -> web.Response:
    text = REFUSALS[code][1] if code in REFUSALS else "Something is wrong."
    body = {"code": code, "message": text, "more_info": f"https://www.twilio.com/docs/errors/{code}", "status": status}
    return web.json_response(body, status=status, headers={"Retry-After": retry_after} if retry_after else None)


def when(text: str) -> datetime | date:
    """A day, or a moment in UTC."""
    if len(text) == 10:
        return date.fromisoformat(text)
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
