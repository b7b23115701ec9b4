"""Twilio's webhooks for calls over real HTTP: who is believed, what is answered, and that no answer holds a code."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from structlog.testing import capture_logs
from twilio.request_validator import RequestValidator

from channels.twilio.call_webhooks import By, TwilioCallWebhooks, answered_by
from dialogs.messages import DeliveryReport, Unavailable
from dialogs.ports import Contended
from simulator.twiml import Gather, Hangup, Pause, Say, read_twiml
from tests.fixtures.twilio.stage import (
    ACCOUNT,
    OTHER,
    OTHER_ACCOUNT,
    OTHER_TOKEN,
    OTHERS,
    OURS,
    PUBLIC,
    THEIRS,
    TOKEN,
    Account,
    Accounts,
    Desk,
    encoded,
    headers,
    signed,
)

Client = TestClient[web.Request, web.Application]
ID = "0190a5c8-0000-7000-8000-000000000001"
CALL = "CA" + "0" * 31 + "7"
VOICE = f"/webhooks/twilio/voice?v={ID}"
KEY = VOICE + "&step=key"
ENDED = f"/webhooks/twilio/voice/status?v={ID}"


def form(**changes: str) -> dict[str, str]:
    """What Twilio posts about a call of ours."""
    made = {
        "Called": THEIRS,
        "ToState": "CA",
        "CallerCountry": "US",
        "Direction": "outbound-api",
        "CallSid": CALL,
        "To": THEIRS,
        "ToCountry": "US",
        "ApiVersion": "2010-04-01",
        "CallStatus": "in-progress",
        "From": OURS,
        "AccountSid": ACCOUNT,
        "AnsweredBy": "human",
        "Caller": OURS,
        "ToCity": "",
    }
    return {**made, **changes}


@dataclass(frozen=True, slots=True)
class Words:
    say: str
    then: Literal["wait", "press", "hang_up"]


@dataclass(slots=True)
class Acts:
    """Remembers what it was told and answers as it is set."""

    words: Words = field(default_factory=lambda: Words("Hello, this is <Harbor> & Co.", "wait"))
    told: list[tuple[str, ...]] = field(default_factory=list)
    failure: Exception | None = None

    async def call_answered(self, tenant_id: str, verification_id: str, *, call_id: str, by: By) -> Words:
        return self._answer("answered", tenant_id, verification_id, call_id, by)

    async def call_keyed(self, tenant_id: str, verification_id: str, *, call_id: str, digit: str) -> Words:
        return self._answer("keyed", tenant_id, verification_id, call_id, digit)

    async def call_ended(self, tenant_id: str, verification_id: str, *, call_id: str, how: str) -> None:
        self._answer("ended", tenant_id, verification_id, call_id, how)

    def _answer(self, *what: str) -> Words:
        if self.failure is not None:
            raise self.failure
        self.told.append(what)
        return self.words


@dataclass(slots=True)
class Stage:
    client: Client
    acts: Acts
    desk: Desk

    async def post(
        self, path: str, fields: Mapping[str, str], *, token: str = TOKEN, sign_as: str = "", signature: str = ""
    ) -> ClientResponse:
        given = signature or signed(sign_as or path, fields, token)
        return await self.client.post(path, data=encoded(fields), headers=headers(given))


@asynccontextmanager
async def on_stage(*accounts: Account) -> AsyncIterator[Stage]:
    acts, desk = Acts(), Desk()
    hooks = TwilioCallWebhooks(
        acts=acts,
        report=desk.report,
        account=Accounts(accounts or (Account(), OTHER)),
        public_url=PUBLIC + "/",
        count=desk.count,
    )
    app = web.Application()
    app.add_routes(hooks.routes())
    async with TestClient(TestServer(app)) as client:
        yield Stage(client, acts, desk)


@pytest.mark.feature("EV-14", "SEC-21")
async def test_who_picked_up_hears_the_first_words_and_waits() -> None:
    async with on_stage() as stage:
        response = await stage.post(VOICE, form())
        assert (response.status, response.content_type) == (200, "text/xml")
        say, pause, end = read_twiml(await response.text())
        assert say == Say("Hello, this is <Harbor> & Co.")
        assert isinstance(pause, Pause)
        assert isinstance(end, Hangup)
        # The tenant is the account's: nothing in the request names one.
        assert stage.acts.told == [("answered", "tenant-a", ID, CALL, "person")]
        assert stage.desk.counts == {"voice.answered": 1}


@pytest.mark.feature("EV-14")
@pytest.mark.parametrize(
    ("given", "by"),
    [
        ("human", "person"),
        ("machine_start", "machine"),
        ("machine_end_beep", "machine"),
        ("fax", "machine"),
        ("unknown", "unknown"),
        ("", "unknown"),
        ("robot", "unknown"),
    ],
)
async def test_only_a_person_is_taken_for_one(given: str, by: By) -> None:
    assert answered_by(given) == by
    async with on_stage() as stage:
        fields = form(AnsweredBy=given)
        if not given:
            del fields["AnsweredBy"]
        await stage.post(VOICE, fields)
        assert stage.acts.told == [("answered", "tenant-a", ID, CALL, by)]


@pytest.mark.feature("EV-15")
async def test_a_key_is_handed_on_and_one_more_may_be_pressed() -> None:
    async with on_stage() as stage:
        stage.acts.words = Words("Press 1 to hear your code.", "press")
        response = await stage.post(KEY, form(Digits="1"))
        gather, end = read_twiml(await response.text())
        assert isinstance(gather, Gather)
        assert gather.parts == (Say("Press 1 to hear your code."),)
        assert (gather.keys, gather.action) == (1, f"{PUBLIC}{KEY}#rc=3&rp=5xx,ct,rt")
        assert isinstance(end, Hangup)
        stage.acts.words = Words("", "wait")
        pause, end = read_twiml(await (await stage.post(KEY, form(Digits="*"))).text())
        assert isinstance(pause, Pause)
        assert [told[0::4] for told in stage.acts.told] == [("keyed", "1"), ("keyed", "*")]


@pytest.mark.feature("EV-14")
async def test_goodbye() -> None:
    async with on_stage() as stage:
        stage.acts.words = Words("Goodbye.", "hang_up")
        assert read_twiml(await (await stage.post(VOICE, form())).text()) == (Say("Goodbye."), Hangup())


@pytest.mark.feature("EV-14", "Y-06")
@pytest.mark.parametrize(
    ("how", "ends"),
    [
        ("initiated", False),
        ("ringing", False),
        ("in-progress", False),
        ("completed", True),
        ("busy", True),
        ("failed", True),
        ("no-answer", True),
        ("canceled", True),
    ],
)
async def test_what_becomes_of_a_call_is_reported(how: str, ends: bool) -> None:
    async with on_stage() as stage:
        response = await stage.post(ENDED, form(CallStatus=how, SequenceNumber="2"))
        assert (response.status, await response.read()) == (204, b"")
        assert stage.desk.reports == [DeliveryReport("twilio", CALL, how, "")]
        assert stage.acts.told == ([("ended", "tenant-a", ID, CALL, how)] if ends else [])


# --- who is not believed --------------------------------------------------------------------------------------------

OTHER_FORM = {"AccountSid": OTHER_ACCOUNT, "From": OTHERS, "Caller": OTHERS}


@pytest.mark.feature("SEC-21", "SEC-22")
@pytest.mark.parametrize("path", [VOICE, KEY, ENDED])
@pytest.mark.parametrize(
    ("changes", "signing", "status", "word"),
    [
        ({}, {"token": "another"}, 403, "bad_signature"),
        ({}, {"token": OTHER_TOKEN}, 403, "bad_signature"),
        ({}, {"sign_as": "/webhooks/twilio/sms"}, 403, "bad_signature"),
        # The query is signed too: a request about one verification is none about another.
        ({}, {"sign_as": VOICE.replace("1", "2", 1) + "&x=1"}, 403, "bad_signature"),
        ({"AccountSid": "AC" + "c" * 32}, {}, 403, "unknown_account"),
        ({"From": OTHERS}, {}, 403, "not_owned"),
        ({"From": THEIRS, "To": OURS}, {}, 403, "not_owned"),  # somebody calls us
        ({"CallSid": "CA1"}, {}, 403, "bad_field"),
        ({"CallSid": "SM" + "0" * 32}, {}, 403, "bad_field"),
        ({"To": "client:ada"}, {}, 403, "bad_field"),
        ({"CallStatus": "In Progress"}, {}, 403, "bad_field"),
        ({"ToCity": "SpringfieldCallSid" + CALL}, {}, 403, "smuggled_field"),
        ({"Called-Via": "x"}, {}, 403, "bad_name"),
    ],
)
async def test_refused(path: str, changes: dict[str, str], signing: dict[str, str], status: int, word: str) -> None:
    async with on_stage() as stage:
        fields = form(**({"Digits": "1"} if path == KEY else {})) | changes
        response = await stage.post(path, fields, **signing)
        assert (response.status, await response.read()) == (status, b"")
        assert (stage.acts.told, stage.desk.reports) == ([], [])
        assert stage.desk.counts == {("call_status." if path == ENDED else "voice.") + word: 1}


@pytest.mark.feature("SEC-22")
async def test_another_tenants_signature_speaks_for_that_tenant_alone() -> None:
    """Whoever signs with their own account gets into their own tenant, whatever id the query names."""
    async with on_stage() as stage:
        response = await stage.post(VOICE, form(**OTHER_FORM), token=OTHER_TOKEN)
        assert response.status == 200
        assert [told[1] for told in stage.acts.told] == ["tenant-b"]


@pytest.mark.feature("SEC-22")
@pytest.mark.parametrize("key", ["", "11", "A", "1&Digits=2"])
async def test_a_key_is_one_key(key: str) -> None:
    async with on_stage() as stage:
        assert (await stage.post(KEY, form(Digits=key))).status == 403
        assert (await stage.post(KEY, form())).status == 403
        assert stage.acts.told == []


@pytest.mark.feature("SEC-22")
@pytest.mark.parametrize(
    "query",
    ["", "?", "?v=", "?v=1", f"?v={ID}&t=x", f"?v={ID}&step=code", f"?v={ID.upper()}A", f"?v={ID}%00", f"?t={ID}"],
)
async def test_a_query_that_we_gave_nobody_is_refused(query: str) -> None:
    async with on_stage() as stage:
        for path in ("/webhooks/twilio/voice", "/webhooks/twilio/voice/status"):
            assert (await stage.post(path + query, form())).status == 403
        assert (await stage.post(ENDED + "&step=key", form(CallStatus="completed"))).status == 403
        assert (stage.acts.told, stage.desk.reports) == ([], [])


@pytest.mark.feature("SEC-22")
async def test_repeated_fields_are_refused_though_the_signature_is_right() -> None:
    async with on_stage() as stage:
        fields = form()
        raw = encoded(fields) + b"&From=" + OURS.replace("+", "%2B").encode()
        signature = signed(VOICE, fields)
        assert RequestValidator(TOKEN).validate(PUBLIC + VOICE, fields, signature)
        response = await stage.client.post(VOICE, data=raw, headers=headers(signature))
        assert response.status == 403
        assert stage.acts.told == []


@pytest.mark.feature("SEC-21")
async def test_only_post_and_only_signed() -> None:
    async with on_stage() as stage:
        assert (await stage.client.get(VOICE)).status == 405
        unsigned = await stage.client.post(
            VOICE, data=encoded(form()), headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert unsigned.status == 403
        assert stage.acts.told == []


@pytest.mark.feature("REL-10")
@pytest.mark.parametrize("failure", [Unavailable(), Contended()])
@pytest.mark.parametrize("path", [VOICE, KEY, ENDED])
async def test_while_storage_is_away_twilio_is_asked_to_come_again(path: str, failure: Exception) -> None:
    async with on_stage() as stage:
        stage.acts.failure = failure
        fields = form(Digits="1") if path == KEY else form(CallStatus="completed" if path == ENDED else "in-progress")
        response = await stage.post(path, fields)
        assert (response.status, response.headers["Retry-After"]) == (503, "5")


@pytest.mark.feature("SEC-20")
async def test_nothing_of_a_refused_request_is_logged() -> None:
    async with on_stage() as stage:
        with capture_logs() as logs:
            await stage.post(VOICE, form(), token="wrong")
        assert [entry["event"] for entry in logs] == ["twilio_refused"]
        for secret in (THEIRS, OURS, CALL, ID):
            assert secret not in str(logs)
