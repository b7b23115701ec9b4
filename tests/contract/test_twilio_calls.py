"""Calling people: against the simulated carrier, its faults, and the vendor's contract."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from openapi_core import OpenAPI

from channels.twilio.calls import TwilioCalls
from dialogs.ports import SendLater, SendRefused, SendUnclear
from simulator.call_records import MANNERS, Call
from simulator.calls_http import CREATE, UPDATE
from simulator.carrier import Carrier
from simulator.carrier_http import CarrierApi
from simulator.carrier_records import CarrierAccount, Fault
from simulator.twiml import Gather, Hangup, read_twiml
from tests.fixtures.twilio.stage import (
    ACCOUNT,
    OTHER_ACCOUNT,
    OTHER_TOKEN,
    OTHERS,
    OURS,
    THEIRS,
    TOKEN,
    Account,
    Accounts,
    CountingLots,
    StandingClock,
    log_in,
)
from tests.fixtures.twilio.wire import Seen, description, recording, validate, vendors_contract

ID = "0190a5c8-0000-7000-8000-000000000001"
CALLS = f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json"
SHORT = aiohttp.ClientTimeout(total=0.3, connect=0.2)
SPOKEN = "Your code is 4, 8, 2, 9, 1, 3. Again: 4, 8, 2, 9, 1, 3. To hear it once more, press 1."
GREETING = "<Response><Say>Hello.</Say><Pause length='20'/><Hangup/></Response>"


@dataclass(slots=True)
class Stage:
    calls: TwilioCalls
    carrier: Carrier
    clock: StandingClock
    public: str = ""
    seen: list[Seen] = field(default_factory=list)
    #: What was posted to us: path with query, and form.
    posted: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    #: How many webhooks are answered with 503 before one is taken.
    down: int = 0

    async def call(self, to: str = THEIRS) -> Call:
        sid = await self.calls.call(to=to, sender=OURS, verification_id=ID, key="effect-1")
        return self.carrier.calls.by_sid[sid]

    async def say(self, call_id: str, body: str = SPOKEN, then: str = "again") -> None:
        await self.calls.say(call_id=call_id, sender=OURS, verification_id=ID, body=body, then=then)

    async def find(self) -> str | None:
        return await self.calls.find(to=THEIRS, sender=OURS, since=self.clock.now())

    def statuses(self) -> list[str]:
        return [form["CallStatus"] for path, form in self.posted if path.startswith("/webhooks/twilio/voice/status")]


@asynccontextmanager
async def on_stage(account: Account | None = None) -> AsyncIterator[Stage]:
    clock, seen = StandingClock(), list[Seen]()
    accounts = [
        CarrierAccount(ACCOUNT, TOKEN, frozenset({OURS})),
        CarrierAccount(OTHER_ACCOUNT, OTHER_TOKEN, frozenset({OTHERS})),
    ]
    carrier = Carrier(accounts, clock=clock, randomness=CountingLots())
    carrier.calls.course.second = 0.001
    posted: list[tuple[str, Mapping[str, str]]] = []
    stages = list[Stage]()

    async def hook(request: web.Request) -> web.Response:
        posted.append((request.path_qs, {name: str(value) for name, value in (await request.post()).items()}))
        if stages and stages[0].down:
            stages[0].down -= 1
            return web.Response(status=503)
        return web.Response(text=GREETING, content_type="text/xml")

    app = web.Application(middlewares=[recording(seen)])
    app.add_routes([*CarrierApi(carrier).routes(), web.post("/webhooks/{rest:.*}", hook)])
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        await carrier.start()
        public = str(server.make_url("")).rstrip("/")
        try:
            calls = TwilioCalls(
                session,
                account_for=Accounts((account or Account(),)).for_number,
                public_url=public + "/",
                base_url=public,
                timeout=SHORT,
            )
            stages.append(Stage(calls, carrier, clock, public, seen, posted))
            yield stages[0]
        finally:
            await carrier.stop()


@pytest.mark.feature("EV-14")
async def test_a_phone_rings_and_is_asked_for_with_everything_that_goes_with_it() -> None:
    async with on_stage() as stage:
        call = await stage.call()
        order = call.order
        assert (order.to, order.sender, order.ring_s, order.limit_s, order.detects) == (THEIRS, OURS, 40, 180, True)
        assert order.url == f"{stage.public}/webhooks/twilio/voice?v={ID}#rc=3&rp=5xx,ct,rt"
        assert order.callback == f"{stage.public}/webhooks/twilio/voice/status?v={ID}#rc=3&rp=5xx,ct,rt"
        await stage.carrier.settled()
        # Nothing of ours that left so far holds a word that is spoken.
        assert all(b"Say" not in seen.body for seen in stage.seen if "/Calls" in seen.path)
        assert stage.posted[-1][1]["AnsweredBy"] == "human"


@pytest.mark.feature("EV-14", "EV-15")
async def test_the_digits_are_spoken_one_by_one_and_twice() -> None:
    async with on_stage() as stage:
        stage.carrier.calls.course.second = 1.0
        stage.carrier.calls.answer(THEIRS, "by_hand")
        call = await stage.call()
        await stage.carrier.settled()
        stage.carrier.calls.pick_up(THEIRS)
        await stage.carrier.settled()
        assert call.words == ["Hello."]
        await stage.say(call.sid)
        await stage.carrier.settled()
        assert call.words == ["Hello.", SPOKEN]
        assert len(re.findall("4, 8, 2, 9, 1, 3", call.spoken)) == 2
        (document,) = parse_qs(stage.seen[-1].body.decode())["Twiml"]
        gather, end = read_twiml(document)
        assert isinstance(gather, Gather)
        assert (gather.keys, gather.seconds) == (1, 8)
        assert gather.action == f"{stage.public}/webhooks/twilio/voice?v={ID}&step=key#rc=3&rp=5xx,ct,rt"
        assert isinstance(end, Hangup)
        stage.carrier.calls.press(THEIRS, "1")
        await stage.carrier.settled()
        path, form = stage.posted[-1]
        assert (path, form["Digits"], form["CallSid"]) == (
            f"/webhooks/twilio/voice?v={ID}&step=key",
            "1",
            call.sid,
        )


async def test_last_words_end_the_call() -> None:
    async with on_stage() as stage:
        stage.carrier.calls.course.second = 1.0
        stage.carrier.calls.answer(THEIRS, "by_hand")
        call = await stage.call()
        await stage.carrier.settled()
        stage.carrier.calls.pick_up(THEIRS)
        await stage.carrier.settled()
        await stage.say(call.sid, "Goodbye <now> & \x07 then", "hang_up")
        await stage.carrier.settled()
        assert call.words[-1] == "Goodbye <now> & then"
        assert call.status == "completed"


@pytest.mark.feature("EV-14")
async def test_a_call_that_is_over_takes_no_more_words() -> None:
    async with on_stage() as stage:
        call = await stage.call()
        await stage.carrier.calls.over()
        for call_id in (call.sid, "CA" + "0" * 32):
            with pytest.raises(SendRefused) as caught:
                await stage.say(call_id)
            assert caught.value.code == "call_over"
        with pytest.raises(SendRefused) as caught:
            await stage.say("../Messages")
        assert caught.value.code == "bad_call_id"
        assert call.words == ["Hello."]


@pytest.mark.feature("REL-04")
async def test_accepted_and_then_cut_off_is_unclear_and_found() -> None:
    async with on_stage() as stage:
        assert await stage.find() is None
        stage.carrier.fail_next(Fault(drop=True))
        with pytest.raises(SendUnclear):
            await stage.call()
        (sid,) = stage.carrier.calls.by_sid
        assert await stage.find() == sid
        found = await stage.calls.find(to=THEIRS, sender=OURS, since=stage.clock.now() + timedelta(seconds=2))
        assert found == sid  # Twilio's clock is not ours
        assert await stage.calls.find(to=THEIRS, sender=OURS, since=stage.clock.now() + timedelta(minutes=1)) is None
        assert await stage.calls.find(to="+14155550112", sender=OURS, since=stage.clock.now()) is None


@pytest.mark.feature("REL-04")
async def test_only_a_call_of_ours_to_that_person_is_taken_for_the_one_that_was_cut_off() -> None:
    """Though whoever answers for Twilio narrows the list by nothing that was asked for."""
    at, theirs = StandingClock().now(), "CA" + "0" * 31
    ours = {"direction": "outbound-api", "to": THEIRS, "from": OURS, "date_created": format_datetime(at)}
    others = (
        {"direction": "inbound"},
        {"to": OTHERS},
        {"from": OTHERS},
        {"date_created": format_datetime(at - timedelta(hours=1))},
        {"date_created": "yesterday"},
        {"sid": "not a call"},
    )
    listed = [ours | {"sid": f"{theirs}{n}"} | other for n, other in enumerate(others, 1)]

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"calls": listed, "next_page_uri": None})

    app = web.Application()
    app.add_routes([web.get("/{rest:.*}", answer)])
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        url = str(server.make_url("")).rstrip("/")
        account_for = Accounts((Account(),)).for_number
        calls = TwilioCalls(session, account_for=account_for, public_url=url, base_url=url)
        assert await calls.find(to=THEIRS, sender=OURS, since=at) is None
        listed.append(ours | {"sid": f"{theirs}f"})
        assert await calls.find(to=THEIRS, sender=OURS, since=at) == f"{theirs}f"


@pytest.mark.feature("REL-04", "REL-05")
@pytest.mark.parametrize(
    ("fault", "expected", "code"),
    [
        (Fault(malformed=True), SendUnclear, ""),
        (Fault(502), SendUnclear, ""),
        (Fault(delay_s=5), SendUnclear, ""),
        (Fault(429, 20429, retry_after="7"), SendLater, "20429"),
        (Fault(500), SendLater, "http_500"),
        (Fault(400, 21211), SendRefused, "21211"),
        (Fault(400, 21215), SendRefused, "21215"),
        (Fault(400, 99999), SendRefused, "99999"),
    ],
)
async def test_a_call_that_cannot_be_placed(fault: Fault, expected: type[Exception], code: str) -> None:
    async with on_stage() as stage:
        stage.carrier.fail_next(fault)
        with pytest.raises(expected) as caught:
            await stage.call()
        assert getattr(caught.value, "code", "") == code
        assert THEIRS not in str(caught.value)


@pytest.mark.feature("REL-04")
@pytest.mark.parametrize(
    ("fault", "expected"),
    [(Fault(drop=True), SendUnclear), (Fault(504), SendUnclear), (Fault(500), SendLater), (Fault(429), SendLater)],
)
async def test_words_that_cannot_be_said(fault: Fault, expected: type[Exception]) -> None:
    async with on_stage() as stage:
        stage.carrier.calls.answer(THEIRS, "by_hand")
        stage.carrier.calls.course.second = 1.0
        call = await stage.call()
        await stage.carrier.settled()
        stage.carrier.calls.pick_up(THEIRS)
        await stage.carrier.settled()
        stage.carrier.fail_next(fault)
        with pytest.raises(expected):
            await stage.say(call.sid)


@pytest.mark.feature("REL-04")
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"sid": "CA" + "0" * 32}),
        (201, {"sid": "SM" + "0" * 32}),
        (201, {"sid": "CA" + "0" * 31}),
        (201, {}),
        (201, []),
    ],
)
async def test_an_answer_without_a_call_is_unclear(status: int, body: object) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    app = web.Application()
    app.add_routes([web.post("/{rest:.*}", answer)])
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        base = str(server.make_url("")).rstrip("/")
        calls = TwilioCalls(session, account_for=Accounts().for_number, public_url=base, base_url=base)
        with pytest.raises(SendUnclear):
            await calls.call(to=THEIRS, sender=OURS, verification_id=ID, key="effect-1")


async def test_a_number_without_an_account() -> None:
    async with on_stage(Account(numbers=frozenset())) as stage:
        with pytest.raises(SendRefused) as caught:
            await stage.call()
        assert caught.value.code == "no_account"
        assert stage.seen == []


@pytest.mark.feature("REL-10", "EV-14")
async def test_while_we_are_down_each_webhook_comes_three_times_more() -> None:
    """The addresses that go with a call ask for it, since somebody waits on the line meanwhile."""
    async with on_stage() as stage:
        stage.carrier.calls.course.second = 1.0
        stage.carrier.calls.answer(THEIRS, "by_hand")
        call = await stage.call()
        await stage.carrier.settled()
        stage.posted.clear()
        stage.down = 6
        stage.carrier.calls.pick_up(THEIRS)
        await stage.carrier.settled()
        assert [path.partition("?")[0] for path, _ in stage.posted] == [
            *["/webhooks/twilio/voice/status"] * 4,
            *["/webhooks/twilio/voice"] * 3,
        ]
        assert call.words == ["Hello."]
        assert call.trouble == 0


# --- how phones behave ----------------------------------------------------------------------------------------------


@pytest.mark.feature("EV-14")
@pytest.mark.parametrize(
    ("manner", "statuses", "answered_by"),
    [
        ("person", ["initiated", "ringing", "in-progress", "completed"], "human"),
        ("press_1", ["initiated", "ringing", "in-progress", "completed"], "human"),
        ("slow", ["initiated", "ringing", "in-progress", "completed"], "human"),
        ("by_hand", ["initiated", "ringing", "no-answer"], ""),
        ("voicemail", ["initiated", "ringing", "in-progress", "completed"], "machine_start"),
        ("unknown", ["initiated", "ringing", "in-progress", "completed"], "unknown"),
        ("busy", ["initiated", "ringing", "busy"], ""),
        ("no_answer", ["initiated", "ringing", "no-answer"], ""),
        ("unreachable", ["initiated", "ringing", "failed"], ""),
    ],
)
async def test_every_manner_of_a_phone_is_reported_as_it_is(manner: str, statuses: list[str], answered_by: str) -> None:
    async with on_stage() as stage:
        stage.carrier.calls.answer(THEIRS, next(known for known in MANNERS if known == manner))
        call = await stage.call()
        await stage.carrier.calls.over()
        assert stage.statuses() == statuses
        assert call.answered_by == answered_by
        asked = [form for path, form in stage.posted if path == f"/webhooks/twilio/voice?v={ID}"]
        assert [form["AnsweredBy"] for form in asked] == ([answered_by] if answered_by else [])


# --- the vendor's contract ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def contract() -> OpenAPI:
    return vendors_contract()


async def test_every_request_and_answer_fits_the_contract(contract: OpenAPI) -> None:
    async with on_stage() as stage:
        stage.carrier.calls.course.second = 1.0
        stage.carrier.calls.answer(THEIRS, "by_hand")
        call = await stage.call()
        await stage.find()
        await stage.carrier.settled()
        stage.carrier.calls.pick_up(THEIRS)
        await stage.carrier.settled()
        await stage.say(call.sid)
        ours = [seen for seen in stage.seen if "/Calls" in seen.path]
        assert [(seen.method, seen.status) for seen in ours] == [("POST", 201), ("GET", 200), ("POST", 200)]
        for seen in ours:
            validate(contract, seen)
        placed = ours[0]
        for wrong in (
            Seen(placed.method, placed.path, [], placed.headers, b"From=x", 201, placed.answer),
            Seen(placed.method, placed.path, [], placed.headers, placed.body, 201, b'{"sid": 1}'),
        ):
            with pytest.raises(Exception, match=r".") as caught:
                validate(contract, wrong)
            assert type(caught.value).__module__.startswith("openapi_core")


def test_the_simulated_carrier_knows_the_parameters_that_the_vendor_knows() -> None:
    paths = description()["paths"]
    for path, known in (("Calls.json", CREATE), ("Calls/{Sid}.json", UPDATE)):
        operation = paths[f"/2010-04-01/Accounts/{{AccountSid}}/{path}"]["post"]
        schema = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
        assert set(schema["properties"]) == known


# --- what the simulated carrier refuses -----------------------------------------------------------------------------

PLACE = {"To": THEIRS, "From": OURS, "Url": "https://desk.example.com/voice"}


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"To": ""}, 400, 21201),
        ({"From": ""}, 400, 21213),
        ({"Url": ""}, 400, 21205),
        ({"Url": "/voice"}, 400, 21205),
        ({"StatusCallback": "ftp://desk.example.com"}, 400, 21205),
        ({"From": OTHERS}, 400, 21210),
        ({"To": "911"}, 400, 21211),
        ({"Method": "GET"}, 400, 21209),
        ({"Timeout": "601"}, 400, 21208),
        ({"Timeout": "soon"}, 400, 21208),
        ({"StatusCallbackEvent": "done"}, 400, 20001),
        ({"MachineDetection": "On"}, 400, 20001),
        ({"MachineDetect": "Enable"}, 400, 20001),
        ({"Url": "", "Twiml": "<Response><Say>Hi</Say>"}, 400, 12100),
        ({"Url": "", "Twiml": "<Response><Shout>Hi</Shout></Response>"}, 400, 12100),
        ({"Url": "", "Twiml": "<!DOCTYPE a [<!ENTITY b 'c'>]><Response><Say>&b;</Say></Response>"}, 400, 12100),
        ({"Url": "", "Twiml": f"<Response><Say>{'x' * 4000}</Say></Response>"}, 400, 12100),
        ({"token": "wrong"}, 401, 20003),
        ({"account": OTHER_ACCOUNT}, 404, 20404),
    ],
)
async def test_refusals_of_a_call(changes: dict[str, str], status: int, code: int) -> None:
    async with on_stage() as stage, aiohttp.ClientSession() as session:
        given = PLACE | changes
        form = {name: value for name, value in given.items() if value and name not in ("token", "account")}
        path = CALLS.replace(ACCOUNT, given.get("account", ACCOUNT))
        headers = log_in(password=given.get("token", TOKEN))
        async with session.post(stage.public + path, data=form, headers=headers) as response:
            error = await response.json()
            assert (response.status, error["code"], error["status"]) == (status, code, status)
        assert stage.carrier.outbox() == []


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"Twiml": "<Response><Say>x</Say></Response>"}, 21220),  # it only rings
        ({"Twiml": "<Response>"}, 12100),
        ({}, 20001),
        ({"Status": "ringing"}, 20001),
        ({"Words": "x"}, 20001),
    ],
)
async def test_refusals_of_a_change(form: dict[str, str], code: int) -> None:
    async with on_stage() as stage, aiohttp.ClientSession() as session:
        stage.carrier.calls.answer(THEIRS, "by_hand")
        stage.carrier.calls.course.second = 1.0
        call = await stage.call()
        await stage.carrier.settled()
        path = stage.public + CALLS.replace(".json", f"/{call.sid}.json")
        async with session.post(path, data=form, headers=log_in()) as response:
            assert (response.status, (await response.json())["code"]) == (400, code)
        headers = log_in(OTHER_ACCOUNT, OTHER_TOKEN)
        async with session.get(path.replace(ACCOUNT, OTHER_ACCOUNT), headers=headers) as response:
            assert response.status == 404


async def test_a_call_that_was_picked_up_is_not_taken_back_but_can_be_ended() -> None:
    async with on_stage() as stage, aiohttp.ClientSession() as session:
        stage.carrier.calls.answer(THEIRS, "by_hand")
        stage.carrier.calls.course.second = 1.0
        call = await stage.call()
        await stage.carrier.settled()
        stage.carrier.calls.pick_up(THEIRS)
        await stage.carrier.settled()
        path = stage.public + CALLS.replace(".json", f"/{call.sid}.json")
        for status, then in (("canceled", "in-progress"), ("completed", "completed")):
            async with session.post(path, data={"Status": status}, headers=log_in()) as response:
                assert response.status == 200
            await stage.carrier.settled()
            async with session.get(path, headers=log_in()) as response:
                assert (await response.json())["status"] == then


async def test_a_call_is_ended_by_the_api_and_read_back() -> None:
    async with on_stage() as stage, aiohttp.ClientSession() as session:
        stage.carrier.calls.answer(THEIRS, "by_hand")
        stage.carrier.calls.course.second = 1.0
        call = await stage.call()
        await stage.carrier.settled()
        path = stage.public + CALLS.replace(".json", f"/{call.sid}.json")
        async with session.post(path, data={"Status": "canceled"}, headers=log_in()) as response:
            assert response.status == 200
        await stage.carrier.settled()
        async with session.get(path, headers=log_in()) as response:
            assert (await response.json())["status"] == "canceled"
        for query, found in (({"Status": "canceled"}, 1), ({"Status": "busy"}, 0), ({"StartTime>": "2020-01-01"}, 0)):
            async with session.get(stage.public + CALLS, params=query, headers=log_in()) as response:
                assert len((await response.json())["calls"]) == found
        async with session.post(path, data={"Status": "completed"}, headers=log_in()) as response:
            assert (await response.json())["code"] == 21220


@pytest.mark.parametrize("answer", ["", "<Response><Play>x</Play></Response>", "nothing"])
async def test_an_application_that_makes_no_sense_is_told_as_the_vendor_tells_it(answer: str) -> None:
    """So that whoever answers wrongly hears it in the demo."""
    clock = StandingClock()
    carrier = Carrier([CarrierAccount(ACCOUNT, TOKEN, frozenset({OURS}))], clock=clock, randomness=CountingLots())
    carrier.calls.course.second = 0.001

    async def hook(request: web.Request) -> web.Response:
        return web.Response(text=answer, status=200 if answer else 503)

    app = web.Application()
    app.add_routes([*CarrierApi(carrier).routes(), web.post("/voice", hook)])
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        await carrier.start()
        public = str(server.make_url("")).rstrip("/")
        form = PLACE | {"Url": public + "/voice"}
        async with session.post(public + CALLS, data=form, headers=log_in()) as response:
            assert response.status == 201
        await carrier.settled()
        (call,) = carrier.calls.by_sid.values()
        assert call.status == "completed"
        assert call.trouble == (12100 if answer else 11200)
        assert "error" in call.spoken
        await carrier.stop()
