"""Sending texts: against the simulated carrier, a server that misbehaves, and the vendor's contract."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from openapi_core import OpenAPI

from channels.twilio.sender import TwilioTexts
from dialogs.ports import SendLater, SendRefused, SendUnclear
from simulator.carrier import Carrier
from simulator.carrier_http import CarrierApi
from simulator.carrier_records import CarrierAccount, Fault
from tests.fixtures.twilio.stage import (
    ACCOUNT,
    OURS,
    PUBLIC,
    STATUS,
    THEIRS,
    TOKEN,
    Account,
    Accounts,
    CountingLots,
    StandingClock,
)
from tests.fixtures.twilio.wire import Seen, recording, validate, vendors_contract

MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
SHORT = aiohttp.ClientTimeout(total=0.3, connect=0.2)


@dataclass(slots=True)
class Stage:
    texts: TwilioTexts
    carrier: Carrier
    clock: StandingClock
    seen: list[Seen] = field(default_factory=list)

    async def send(self, body: str = "Hello", to: str = THEIRS) -> str:
        return await self.texts.send(to=to, sender=OURS, body=body, key="effect-1")

    async def find(self, body: str = "Hello") -> str | None:
        return await self.texts.find(to=THEIRS, sender=OURS, body=body, since=self.clock.now())


@asynccontextmanager
async def on_stage(account: Account | None = None) -> AsyncIterator[Stage]:
    clock, seen = StandingClock(), list[Seen]()
    carrier = Carrier([CarrierAccount(ACCOUNT, TOKEN, frozenset({OURS}))], clock=clock, randomness=CountingLots())

    app = web.Application(middlewares=[recording(seen)])
    app.add_routes(CarrierApi(carrier).routes())
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        await carrier.start()
        try:
            texts = TwilioTexts(
                session,
                account_for=Accounts((account or Account(),)).for_number,
                public_url=PUBLIC + "/",
                base_url=str(server.make_url("/")),
                timeout=SHORT,
            )
            yield Stage(texts, carrier, clock, seen)
        finally:
            await carrier.stop()


async def test_a_text_goes_out() -> None:
    async with on_stage() as stage:
        sid = await stage.send("Ä & + 日本\n")
        sent = stage.carrier.messages[sid]
        assert (sent.to, sent.sender, sent.body, sent.callback) == (THEIRS, OURS, "Ä & + 日本\n", PUBLIC + STATUS)


@pytest.mark.feature("REL-04")
async def test_accepted_and_then_cut_off_is_unclear_and_found() -> None:
    """The text went out and we cannot know: no second one is sent before the carrier's list was read."""
    async with on_stage() as stage:
        stage.carrier.fail_next(Fault(drop=True))
        with pytest.raises(SendUnclear):
            await stage.send()
        stage.clock.advance(seconds=2)
        found = await stage.texts.find(
            to=THEIRS, sender=OURS, body="Hello", since=stage.clock.now() - timedelta(seconds=2)
        )
        assert [found] == list(stage.carrier.messages)
        assert len(stage.carrier.outbox()) == 1


@pytest.mark.feature("REL-04")
async def test_only_this_very_text_is_found() -> None:
    async with on_stage() as stage:
        assert await stage.find() is None
        await stage.send("Hello!")
        await stage.send("Hello", to="+14155550112")
        await stage.send()
        stage.clock.advance(seconds=30)  # the same words, asked for again half a minute later
        assert await stage.find() is None
        await stage.carrier.settled()
        assert await stage.find() is None
        sid = await stage.send()
        assert await stage.find() == sid
        stage.carrier.messages[sid].direction = "outbound-reply"
        assert await stage.find() is None


@pytest.mark.feature("REL-04")
async def test_a_text_is_found_behind_others_and_while_it_waits() -> None:
    """Not sent yet, so without a DateSent, and on the third page."""
    async with on_stage() as stage:
        account = stage.carrier.accounts[ACCOUNT]
        wanted = stage.carrier.accept(account, to=THEIRS, sender=OURS, body="Hello", callback="")
        for number in range(120):
            stage.carrier.accept(account, to=THEIRS, sender=OURS, body=str(number), callback="")
        await stage.carrier.settled()
        assert await stage.find() == wanted.sid
        wanted.sent = None
        assert await stage.find() == wanted.sid
        for number in range(400):
            stage.carrier.accept(account, to=THEIRS, sender=OURS, body=str(number), callback="")
        stage.seen.clear()
        assert await stage.find() is None
        assert len(stage.seen) == 8  # two questions of four pages: bounded whatever the list says


@pytest.mark.feature("REL-04")
@pytest.mark.parametrize("fault", [Fault(malformed=True), Fault(502), Fault(504), Fault(delay_s=5)])
async def test_what_may_have_gone_out_is_unclear(fault: Fault) -> None:
    async with on_stage() as stage:
        stage.carrier.fail_next(fault)
        with pytest.raises(SendUnclear):
            await stage.send()


@pytest.mark.feature("REL-05")
@pytest.mark.parametrize(
    ("fault", "code", "after"),
    [
        (Fault(429, 20429, retry_after="7"), "20429", 7.0),
        (Fault(429), "http_429", None),
        (Fault(500), "http_500", None),
        (Fault(503, retry_after="120"), "http_503", 120.0),
        (Fault(503, retry_after="soon"), "http_503", None),
        (Fault(503, retry_after="-1"), "http_503", None),
        (Fault(503, retry_after="Thu, 01 Jan 1970 00:00:00 GMT"), "http_503", 0.0),
        (Fault(408), "http_408", None),
        (Fault(400, 20429), "20429", None),
    ],
)
async def test_nothing_went_out_try_later(fault: Fault, code: str, after: float | None) -> None:
    async with on_stage() as stage:
        stage.carrier.fail_next(fault)
        with pytest.raises(SendLater) as caught:
            await stage.send()
        assert (caught.value.code, caught.value.retry_after) == (code, after)
        assert stage.carrier.outbox() == []


@pytest.mark.feature("REL-05", "SEC-40")
@pytest.mark.parametrize(
    ("fault", "code", "opted_out"),
    [
        (Fault(400, 21610), "21610", True),
        (Fault(400, 21211), "21211", False),
        (Fault(400, 21408), "21408", False),
        (Fault(400, 99999), "99999", False),
        (Fault(404), "http_404", False),
    ],
)
async def test_refused_for_good(fault: Fault, code: str, opted_out: bool) -> None:
    async with on_stage() as stage:
        stage.carrier.fail_next(fault)
        with pytest.raises(SendRefused) as caught:
            await stage.send()
        assert (caught.value.code, caught.value.opted_out) == (code, opted_out)
        assert THEIRS not in str(caught.value)


@pytest.mark.feature("SEC-40")
async def test_after_stop_the_carrier_refuses() -> None:
    async with on_stage() as stage:
        await stage.carrier.text(THEIRS, OURS, "STOP")
        with pytest.raises(SendRefused) as caught:
            await stage.send()
        assert (caught.value.code, caught.value.opted_out) == ("21610", True)


async def test_nobody_listens() -> None:
    async with aiohttp.ClientSession() as session:
        base = f"http://127.0.0.1:{unused_port()}"
        texts = TwilioTexts(session, account_for=Accounts().for_number, public_url=PUBLIC, base_url=base)
        with pytest.raises(SendLater):
            await texts.send(to=THEIRS, sender=OURS, body="x", key="k")
        with pytest.raises(SendLater):
            await texts.find(to=THEIRS, sender=OURS, body="x", since=StandingClock().now())


async def test_a_number_without_an_account() -> None:
    async with on_stage(Account(numbers=frozenset())) as stage:
        with pytest.raises(SendRefused) as caught:
            await stage.send()
        assert caught.value.code == "no_account"
        assert stage.seen == []


async def test_the_second_token_is_tried_while_they_are_rotated() -> None:
    async with on_stage(Account(auth_token="retired", secondary_token=TOKEN)) as stage:
        assert await stage.send() in stage.carrier.messages
        assert [seen.status for seen in stage.seen] == [401, 201]
        assert await stage.find() is not None
    async with on_stage(Account(secondary_token="not yet promoted")) as stage:
        await stage.send()
        assert [seen.status for seen in stage.seen] == [201]
    async with on_stage(Account(auth_token="wrong", secondary_token="wrong too")) as stage:
        with pytest.raises(SendRefused) as caught:
            await stage.send()
        assert caught.value.code == "20003"


@asynccontextmanager
async def raw_server(answer: bytes) -> AsyncIterator[TwilioTexts]:
    """A server that reads the request, writes these bytes and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, aiohttp.ClientSession() as session:
        yield TwilioTexts(session, account_for=Accounts().for_number, public_url=PUBLIC, base_url=base, timeout=SHORT)


@pytest.mark.feature("REL-04")
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"", SendUnclear),
        (b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{", SendUnclear),
        (b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n[]", SendUnclear),
        (b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\n\xff\xfe\xfd\xfc", SendUnclear),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", SendUnclear),
        (b'HTTP/1.1 202 Accepted\r\nContent-Length: 44\r\n\r\n{"sid":"SM%s"}' % (b"0" * 32), SendUnclear),
        (b"rubbish\r\n\r\n", SendUnclear),
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 500\r\n\r\n{", SendRefused),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 500\r\n\r\n{", SendLater),
        (b'HTTP/1.1 400 Bad\r\nContent-Length: 14\r\n\r\n{"code":"xxx"}', SendRefused),
        (b"HTTP/1.1 302 Found\r\nLocation: http://evil.example.com/\r\nContent-Length: 0\r\n\r\n", SendRefused),
    ],
)
async def test_answers_that_break_off_or_make_no_sense(answer: bytes, expected: type[Exception]) -> None:
    async with raw_server(answer) as texts:
        with pytest.raises(expected):
            await texts.send(to=THEIRS, sender=OURS, body="x", key="k")
        with pytest.raises((SendLater, SendRefused)):
            await texts.find(to=THEIRS, sender=OURS, body="x", since=StandingClock().now())


@pytest.mark.feature("REL-04")
@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"to": "+14155550112"}, False),
        ({"from": "+14155550112"}, False),
        ({"body": "x "}, False),
        ({"direction": "inbound"}, False),
        ({"sid": None}, False),
        ({"date_created": None}, False),
        ({"date_created": "yesterday"}, False),
        ({"date_created": "Sun, 01 Mar 2026 11:59:54 +0000"}, False),
    ],
)
async def test_a_list_is_not_trusted_to_be_filtered(changes: dict[str, str | None], found: bool) -> None:
    """Whatever the list holds, only this very text counts as sent."""
    message = {
        "sid": "SM" + "0" * 32,
        "to": THEIRS,
        "from": OURS,
        "body": "x",
        "direction": "outbound-api",
        "date_created": "Sun, 01 Mar 2026 11:59:56 +0000",
    }
    body = json.dumps({"messages": [None, message | changes], "next_page_uri": "https://evil.example.com/"}).encode()
    async with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body) as texts:
        sid = await texts.find(to=THEIRS, sender=OURS, body="x", since=StandingClock().now())
    assert (sid is not None) is found


# --- the vendor's contract ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def contract() -> OpenAPI:
    return vendors_contract()


async def test_every_request_and_answer_fits_the_contract(contract: OpenAPI) -> None:
    """Ours by what the vendor publishes, and the simulated carrier's answers by the same."""
    async with on_stage() as stage:
        await stage.send("x" * 1600)
        await stage.carrier.settled()
        account = stage.carrier.accounts[ACCOUNT]
        for number in range(60):
            stage.carrier.accept(account, to=THEIRS, sender=OURS, body=str(number), callback="")
        await stage.find("not there")
        assert {(seen.method, seen.status) for seen in stage.seen} == {("POST", 201), ("GET", 200)}
        assert len(stage.seen) > 3
        for seen in stage.seen:
            validate(contract, seen)


async def test_the_contract_notices_a_wrong_request(contract: OpenAPI) -> None:
    """So that the test above is known to be able to fail."""
    async with on_stage() as stage:
        await stage.send()
        await stage.find()
        good, question = stage.seen[0], stage.seen[1]
        wrong = [
            Seen(good.method, good.path, [], good.headers, b"From=x&Body=y", 201, good.answer),
            Seen(good.method, good.path, [], good.headers, good.body, 201, b'{"sid": 1}'),
            Seen(good.method, MESSAGES.replace(ACCOUNT, "AC1"), [], good.headers, good.body, 201, good.answer),
            Seen(question.method, question.path, [("PageSize", "0")], question.headers, b"", 400, b""),
            Seen(question.method, question.path, [("DateSent>", "yesterday")], question.headers, b"", 400, b""),
            Seen(question.method, question.path, [], {}, b"", 400, b""),
        ]
        for seen in wrong:
            with pytest.raises(Exception, match=r".") as caught:
                validate(contract, seen)
            assert type(caught.value).__module__.startswith("openapi_core")
