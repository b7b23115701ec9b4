"""The simulated carrier: it refuses, reports and honours STOP as the real one would, in the vendor's shapes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import ClientConnectionError, web
from aiohttp.test_utils import TestClient, TestServer
from twilio.request_validator import RequestValidator

from simulator.carrier import KEPT, Carrier, UnknownNumber
from simulator.carrier_http import CarrierApi
from simulator.carrier_records import CarrierAccount, Fault, Posted, Step
from tests.fixtures.twilio.stage import (
    ACCOUNT,
    OTHER_ACCOUNT,
    OTHER_TOKEN,
    OTHERS,
    OURS,
    SMS,
    THEIRS,
    TOKEN,
    CountingLots,
    StandingClock,
    log_in,
)

Form = dict[str, str]
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
TEXT = {"To": THEIRS, "From": OURS, "Body": "Your help desk calls you."}


@dataclass(slots=True)
class Application:
    """What the carrier posts to: checks every signature with Twilio's validator and answers as told."""

    public: str = ""
    posted: list[tuple[str, Form]] = field(default_factory=list)
    status: int = 200
    answer: str = "<Response></Response>"

    async def hook(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        token = TOKEN if form["AccountSid"] == ACCOUNT else OTHER_TOKEN
        signature = request.headers["X-Twilio-Signature"]
        assert RequestValidator(token).validate(self.public + request.path, form, signature)
        self.posted.append((request.path, form))
        return web.Response(status=self.status, text=self.answer, content_type="text/xml")


@dataclass(slots=True)
class Stage:
    carrier: Carrier
    client: TestClient[web.Request, web.Application]
    app: Application
    clock: StandingClock

    async def send(self, account: str = ACCOUNT, token: str = TOKEN, **changes: str) -> tuple[int, dict[str, object]]:
        form = {name: value for name, value in {**TEXT, **changes}.items() if value}
        path = MESSAGES.replace(ACCOUNT, account)
        response = await self.client.post(path, data=form, headers=log_in(password=token))
        return response.status, await response.json()

    async def recent(self, **query: str) -> dict[str, object]:
        response = await self.client.get(MESSAGES, params=query, headers=log_in())
        assert response.status == 200
        found: dict[str, object] = await response.json()
        return found


@asynccontextmanager
async def on_stage(*, answers_opt_out: bool = True, advanced_opt_out: bool = False) -> AsyncIterator[Stage]:
    clock, app = StandingClock(), Application()
    carrier = Carrier(
        [
            CarrierAccount(ACCOUNT, TOKEN, frozenset({OURS})),
            CarrierAccount(OTHER_ACCOUNT, OTHER_TOKEN, frozenset({OTHERS})),
        ],
        clock=clock,
        randomness=CountingLots(),
        answers_opt_out=answers_opt_out,
        advanced_opt_out=advanced_opt_out,
    )
    application = web.Application()
    application.add_routes([*CarrierApi(carrier).routes(), web.post("/{path:.*}", app.hook)])
    async with TestClient(TestServer(application)) as client:
        app.public = carrier.public_url = str(client.make_url("")).rstrip("/")
        await carrier.start()
        try:
            yield Stage(carrier, client, app, clock)
        finally:
            await carrier.stop()


async def test_a_text_is_taken_delivered_and_reported() -> None:
    async with on_stage() as stage:
        status, message = await stage.send(StatusCallback=f"{stage.app.public}/status#rc=3")
        assert (status, message["status"], message["direction"]) == (201, "queued", "outbound-api")
        await stage.carrier.settled()
        assert [(path, form["MessageStatus"]) for path, form in stage.app.posted] == [
            ("/status", "sent"),
            ("/status", "delivered"),
        ]
        assert {form["MessageSid"] for _, form in stage.app.posted} == {message["sid"]}
        sent, *others = stage.carrier.outbox()
        assert (sent["channel"], sent["to"], sent["from"], sent["text"]) == ("sms", THEIRS, OURS, TEXT["Body"])
        assert others == []


async def test_reports_come_in_the_order_told_and_get_lost() -> None:
    async with on_stage() as stage:
        stage.carrier.travel_next([Step("delivered"), Step("sent"), Step("undelivered", 30003, lost=True)], [])
        _, message = await stage.send(StatusCallback=f"{stage.app.public}/status")
        await stage.carrier.settled()
        assert [form["MessageStatus"] for _, form in stage.app.posted] == ["delivered", "sent"]
        assert stage.carrier.messages[str(message["sid"])].error_code == 30003
        await stage.send(StatusCallback=f"{stage.app.public}/status")
        await stage.carrier.settled()
        assert len(stage.app.posted) == 2


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"To": ""}, 400, 21604),
        ({"From": ""}, 400, 21603),
        ({"Body": ""}, 400, 21602),
        ({"From": THEIRS}, 400, 21606),
        ({"From": OTHERS}, 400, 21606),
        ({"To": "4155550111"}, 400, 21211),
        ({"To": OURS}, 400, 21266),
        ({"Body": "x" * 1601}, 400, 21617),
        ({"token": "wrong"}, 401, 20003),
        ({"account": OTHER_ACCOUNT}, 404, 20404),
    ],
)
async def test_refusals(changes: Form, status: int, code: int) -> None:
    async with on_stage() as stage:
        answered, error = await stage.send(**changes)
        assert (answered, error["code"], error["status"]) == (status, code, status)
        assert stage.carrier.outbox() == []


@pytest.mark.parametrize("given", ["", "Basic", "Basic !!", "Basic /////w==", "Bearer x"])
async def test_no_log_in(given: str) -> None:
    async with on_stage() as stage:
        for answer in (
            await stage.client.post(MESSAGES, data=TEXT, headers={"Authorization": given}),
            await stage.client.get(MESSAGES, headers={"Authorization": given}),
        ):
            assert answer.status == 401


async def test_faults_come_in_order() -> None:
    async with on_stage() as stage:
        stage.carrier.fail_next(Fault(429, 20429, retry_after="7"), Fault(503), Fault(delay_s=0.001))
        response = await stage.client.post(MESSAGES, data=TEXT, headers=log_in())
        assert (response.status, response.headers["Retry-After"], (await response.json())["code"]) == (429, "7", 20429)
        assert [(await stage.send())[0] for _ in range(3)] == [503, 201, 201]
        assert len(stage.carrier.outbox()) == 2


@pytest.mark.feature("REL-04")
async def test_accepted_and_then_cut_off() -> None:
    async with on_stage() as stage:
        stage.carrier.fail_next(Fault(drop=True))
        with pytest.raises(ClientConnectionError):
            await stage.send()
        assert len(stage.carrier.outbox()) == 1


@pytest.mark.feature("SEC-40")
async def test_stop_blocks_one_pair_until_start() -> None:
    async with on_stage() as stage:
        assert (await stage.carrier.text(THEIRS, OURS, " Stop ")).status == 200
        assert stage.carrier.opted_out() == {(OURS, THEIRS)}
        assert [sent["payload"] for sent in stage.carrier.outbox()] == [{"by": "carrier"}]
        await stage.carrier.text(THEIRS, OURS, "STOP")
        assert len(stage.carrier.outbox()) == 1  # one confirmation, however often
        status, error = await stage.send()
        assert (status, error["code"]) == (400, 21610)
        assert (await stage.send(To="+14155550112"))[0] == 201
        await stage.carrier.text(THEIRS, OURS, "start")
        assert (await stage.send())[0] == 201
        # All of it reached the application too, without the carrier's reading of it.
        assert [(path, form["Body"]) for path, form in stage.app.posted] == [
            (SMS, " Stop "),
            (SMS, "STOP"),
            (SMS, "start"),
        ]
        assert all("OptOutType" not in form for _, form in stage.app.posted)


async def test_who_answers_stop_can_be_set() -> None:
    async with on_stage(answers_opt_out=False, advanced_opt_out=True) as stage:
        for word in ("stop", "HELP", "unstop", "stop it"):
            await stage.carrier.text(THEIRS, OURS, word)
        assert stage.carrier.outbox() == []
        assert (await stage.send())[0] == 201
        assert [form.get("OptOutType") for path, form in stage.app.posted] == ["STOP", "HELP", "START", None]


async def test_a_text_comes_again_to_the_last_byte() -> None:
    async with on_stage() as stage:
        first = await stage.carrier.text(THEIRS, OURS, "#verify ÄÖ 日本")
        again = await stage.carrier.redeliver(first.message_sid)
        same = await stage.carrier.text(THEIRS, OURS, "#verify ÄÖ 日本", message_sid=first.message_sid)
        assert first == again == same == Posted(first.message_sid, 200)
        (_, one), (_, two), (_, three) = stage.app.posted
        assert one == two == three
        assert one["Body"] == "#verify ÄÖ 日本"
        assert [(sent["from"], sent["to"], sent["text"]) for sent in stage.carrier.texted()] == [
            (THEIRS, OURS, one["Body"])
        ]


async def test_what_the_application_answers_is_seen() -> None:
    async with on_stage() as stage:
        stage.app.answer = "<Response><Message>a &amp; b</Message><Message><Body>c</Body></Message></Response>"
        await stage.carrier.text(THEIRS, OURS, "hello")
        assert [(sent["text"], sent["payload"]) for sent in stage.carrier.outbox()] == [
            ("c", {"by": "answer"}),
            ("a & b", {"by": "answer"}),
        ]
        stage.app.status = 403
        assert (await stage.carrier.text(THEIRS, OURS, "hello")).status == 403
        assert len(stage.carrier.outbox()) == 2
        stage.carrier.public_url = "http://127.0.0.1:1"
        assert (await stage.carrier.text(THEIRS, OURS, "hello")).status == 0
        with pytest.raises(UnknownNumber):
            await stage.carrier.text(OURS, THEIRS, "hello")


async def test_the_list_is_filtered_and_paged() -> None:
    async with on_stage() as stage:
        for to in (THEIRS, "+14155550112", THEIRS):
            stage.clock.advance(days=1)
            await stage.send(To=to)
            await stage.carrier.settled()
        everything = await stage.recent()
        assert isinstance(everything["messages"], list)
        assert len(everything["messages"]) == 3

        async def dates(**query: str) -> list[str]:
            found = (await stage.recent(**query))["messages"]
            assert isinstance(found, list)
            return [message["date_sent"][5:11] for message in found]

        assert await dates(To=THEIRS, From=OURS) == ["04 Mar", "02 Mar"]
        assert await dates(From=OTHERS) == []
        assert await dates(**{"DateSent>": "2026-03-03"}) == ["04 Mar", "03 Mar"]
        assert await dates(**{"DateSent>": "2026-03-03T13:00:00Z"}) == ["04 Mar"]
        assert await dates(**{"DateSent<": "2026-03-03"}) == ["03 Mar", "02 Mar"]
        assert await dates(DateSent="2026-03-03") == ["03 Mar"]
        first = await stage.recent(PageSize="2")
        following = await stage.client.get(str(first["next_page_uri"]), headers=log_in())
        second = await following.json()
        assert (len(second["messages"]), second["next_page_uri"], second["page"]) == (1, None, 1)
        for wrong in ({"PageSize": "0"}, {"PageSize": "x"}, {"DateSent": "yesterday"}):
            assert (await stage.client.get(MESSAGES, params=wrong, headers=log_in())).status == 400


@pytest.mark.feature("REL-16")
async def test_memory_is_bounded() -> None:
    async with on_stage() as stage:
        account = stage.carrier.accounts[ACCOUNT]
        for _ in range(KEPT + 5):
            stage.carrier.accept(account, to=THEIRS, sender=OURS, body="x", callback="")
        await stage.carrier.settled()
        assert len(stage.carrier.messages) == len(stage.carrier.outbox()) == KEPT


async def test_stopping_forgets_what_travels() -> None:
    async with on_stage() as stage:
        stage.carrier.accept(
            stage.carrier.accounts[ACCOUNT], to=THEIRS, sender=OURS, body="x", callback="http://127.0.0.1:1"
        )
        await stage.carrier.stop()
        await stage.carrier.settled()
        assert stage.app.posted == []
