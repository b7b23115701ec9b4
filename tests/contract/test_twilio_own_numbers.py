"""What Twilio has on record for our numbers: against the simulated carrier, its refusals, and the vendor's contract."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse

from channels.twilio.own_numbers import NumberRoute, TextFate, fate_of, list_numbers
from channels.twilio.rest import Rest, path_of
from dialogs.ports import SendLater, SendRefused
from simulator.carrier import Carrier
from simulator.carrier_http import CarrierApi
from simulator.carrier_records import CarrierAccount, Step, TextRoute
from tests.fixtures.twilio.stage import (
    ACCOUNT,
    OTHER,
    OURS,
    THEIRS,
    TOKEN,
    Account,
    CountingLots,
    StandingClock,
    log_in,
)

CONTRACT = Path(__file__).parents[3] / "shared" / "specs" / "twilio" / "api_v2010.subset.json"
NUMBERS = f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json"


@dataclass(slots=True)
class Stage:
    rest: Rest
    carrier: Carrier
    base: str
    http: aiohttp.ClientSession
    #: path and query of a request, the status of its answer and the answer
    seen: list[tuple[str, dict[str, str], int, bytes]] = field(default_factory=list)


@asynccontextmanager
async def on_stage(*numbers: str, prefix: str = "") -> AsyncIterator[Stage]:
    carrier = Carrier(
        [CarrierAccount(ACCOUNT, TOKEN, frozenset(numbers or {OURS}))], clock=StandingClock(), randomness=CountingLots()
    )
    seen: list[tuple[str, dict[str, str], int, bytes]] = []

    @web.middleware
    async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        assert isinstance(response, web.Response)
        body = response.body if isinstance(response.body, bytes) else b""
        seen.append((request.path, dict(request.query), response.status, body))
        return response

    app = web.Application(middlewares=[record])
    app.add_routes([web.route(r.method, prefix + r.path, r.handler, **r.kwargs) for r in CarrierApi(carrier).routes()])
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        await carrier.start()
        base = str(server.make_url("/")).rstrip("/") + prefix
        try:
            yield Stage(Rest(session, base_url=base), carrier, base, session, seen)
        finally:
            await carrier.stop()


async def test_where_each_number_sends_its_texts() -> None:
    async with on_stage(OURS, "+14155550199") as stage:
        stage.carrier.routes[OURS] = TextRoute("https://a.example/sms", "POST", "https://b.example/down", "GET")
        assert await list_numbers(stage.rest, Account()) == [
            NumberRoute(OURS, "https://a.example/sms", "POST", "https://b.example/down", "GET", ""),
            NumberRoute("+14155550199", "", "POST", "", "POST", ""),
        ]


@pytest.mark.parametrize("prefix", ["", "/simulator/carrier"])
async def test_every_page_is_read(prefix: str) -> None:
    many = [f"+1415555{n:04d}" for n in range(230)]
    async with on_stage(*many, prefix=prefix) as stage:
        assert [route.number for route in await list_numbers(stage.rest, Account())] == many
        assert [query.get("Page", "0") for _, query, _, _ in stage.seen] == ["0", "1", "2"]


async def test_refusals_say_which() -> None:
    async with on_stage() as stage:
        for account, code in ((Account(auth_token="x" * 32), "20003"), (OTHER, "20003")):
            with pytest.raises(SendRefused) as refused:
                await list_numbers(stage.rest, account)
            assert refused.value.code == code
        rotated = Account(auth_token="x" * 32, secondary_token=TOKEN)
        assert len(await list_numbers(stage.rest, rotated)) == 1, "the second token counts while tokens are rotated"
        elsewhere = stage.base + NUMBERS.replace(ACCOUNT, OTHER.account_sid)
        async with stage.http.get(elsewhere, headers=log_in()) as response:
            assert (response.status, (await response.json())["code"]) == (404, 20404)
        for bad in ("PageSize=0", "PageSize=1001", "Page=-1", "Page=x"):
            async with stage.http.get(f"{stage.base}{NUMBERS}?{bad}", headers=log_in()) as response:
                assert response.status == 400


async def test_a_carrier_that_is_away() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(SendLater):
            await list_numbers(Rest(session, base_url="http://127.0.0.1:1"), Account())


async def test_the_fate_of_a_text() -> None:
    async with on_stage() as stage:
        stage.carrier.travel_next([Step("sent"), Step("undelivered", 30005)])
        account = stage.carrier.accounts[ACCOUNT]
        message = stage.carrier.accept(account, to=THEIRS, sender=OURS, body="Hello", callback="")
        await stage.carrier.settled()
        assert await fate_of(stage.rest, Account(), message.sid) == TextFate("undelivered", "30005")
        with pytest.raises(SendRefused) as refused:
            await fate_of(stage.rest, Account(), "SM" + "0" * 32)
        assert refused.value.code == "20404"


async def test_requests_and_answers_fit_the_contract() -> None:
    if not CONTRACT.exists():
        pytest.skip("the vendor's contract is not here: requests to Twilio are NOT checked against it")
    contract = OpenAPI.from_dict(json.loads(CONTRACT.read_text("utf-8")))
    async with on_stage(OURS, "+14155550199") as stage:
        stage.carrier.routes[OURS] = TextRoute("https://a.example/sms", fallback_url="https://b.example/down")
        message = stage.carrier.accept(
            stage.carrier.accounts[ACCOUNT], to=THEIRS, sender=OURS, body="Hello", callback=""
        )
        await list_numbers(stage.rest, Account())
        await fate_of(stage.rest, Account(), message.sid)
        assert [path.rpartition("/")[2] for path, _, _, _ in stage.seen] == [
            path_of(Account(), "IncomingPhoneNumbers.json").rpartition("/")[2],
            f"{message.sid}.json",
        ]
        for path, query, status, body in stage.seen:
            request = MockRequest("https://api.twilio.com", "get", path, args=query, headers=log_in())
            contract.validate_request(request)
            contract.validate_response(request, MockResponse(body, status, content_type="application/json"))
