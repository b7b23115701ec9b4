"""Twilio's webhooks over real HTTP: what is taken, what is refused and with which answer, and what is never logged."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from structlog.testing import capture_logs
from twilio.request_validator import RequestValidator

from channels.twilio import form
from channels.twilio.webhooks import TwilioWebhooks
from dialogs.messages import Unavailable
from dialogs.ports import Contended
from tests.fixtures.twilio.stage import (
    FORM,
    OTHER,
    OTHER_ACCOUNT,
    OTHER_TOKEN,
    OTHERS,
    OURS,
    PUBLIC,
    SMS,
    STATUS,
    THEIRS,
    TOKEN,
    Account,
    Accounts,
    Desk,
    encoded,
    headers,
    payload,
    signed,
)

Client = TestClient[web.Request, web.Application]
EMPTY = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'


def application(
    desk: Desk, *accounts: Account, body_seconds: float = 30.0, count: Callable[[str], None] | None = None
) -> web.Application:
    hooks = TwilioWebhooks(
        receive=desk.receive,
        report=desk.report,
        account=Accounts(accounts or (Account(), OTHER)),
        public_url=PUBLIC + "/",
        count=count or desk.count,
        body_seconds=body_seconds,
    )
    app = web.Application()
    app.add_routes(hooks.routes())
    return app


@asynccontextmanager
async def listening(desk: Desk, *accounts: Account, body_seconds: float = 30.0) -> AsyncIterator[Client]:
    server = TestServer(application(desk, *accounts, body_seconds=body_seconds))
    await server.start_server(lingering_time=0.0)  # or a cut-off body is waited for once more
    async with TestClient(server) as client:
        yield client


async def post(client: Client, fields: dict[str, str], path: str = SMS, token: str = TOKEN) -> ClientResponse:
    return await client.post(path, data=encoded(fields), headers=headers(signed(path, fields, token)))


async def assert_refused(response: ClientResponse, status: int, desk: Desk, counted: str) -> None:
    """The status, an empty body, nothing handed on, counted."""
    assert response.status == status
    assert await response.read() == b""
    assert (desk.taken, desk.reports) == ([], [])
    assert desk.counts == {counted: 1}


@pytest.mark.feature("SEC-21")
async def test_a_genuine_text_is_taken() -> None:
    desk = Desk()
    async with listening(desk) as client:
        response = await post(client, payload("inbound", Body="#verify é 日本"))
        assert response.status == 200
        assert response.content_type == "text/xml"
        assert await response.text() == EMPTY
    assert [(i.their_address, i.our_address, i.text) for i in desk.taken] == [(THEIRS, OURS, "#verify é 日本")]
    assert desk.counts == {"sms.taken": 1}


@pytest.mark.feature("REL-02", "SEC-23")
async def test_five_times_at_once_is_one_text() -> None:
    desk = Desk()
    async with listening(desk) as client:
        answers = await asyncio.gather(*(post(client, payload("inbound")) for _ in range(5)))
        assert [(a.status, await a.text()) for a in answers] == [(200, EMPTY)] * 5
    assert len(desk.taken) == 1
    assert desk.counts == {"sms.taken": 1, "sms.duplicate": 4}


@pytest.mark.feature("SEC-22", "SEC-23")
async def test_a_cut_of_a_taken_text_is_a_repeat() -> None:
    """Someone texts "#confirm 123Body456". Cut anew, the text is "456", every field looks innocent, and the signature
    is right; but it is the signature of what was taken."""
    desk = Desk()
    genuine = payload("inbound", Body="#confirm 123Body456")
    attack = genuine | {"ApiVersion": genuine["ApiVersion"] + "Body#confirm 123", "Body": "456"}
    signature = signed(SMS, genuine)
    assert RequestValidator(TOKEN).validate(PUBLIC + SMS, attack, signature)
    async with listening(desk) as client:
        for fields, counted in ((genuine, "sms.taken"), (attack, "sms.duplicate")):
            response = await client.post(SMS, data=encoded(fields), headers=headers(signature))
            assert (response.status, await response.text()) == (200, EMPTY)
            assert desk.counts[counted] == 1
    assert [i.text for i in desk.taken] == ["#confirm 123Body456"]


@pytest.mark.feature("SEC-21")
@pytest.mark.parametrize("path", [SMS, STATUS])
@pytest.mark.parametrize("case", ["missing", "empty", "wrong", "truncated", "other_secret", "other_path", "altered"])
async def test_unsigned_and_wrongly_signed(path: str, case: str) -> None:
    desk = Desk()
    fields = payload("inbound" if path == SMS else "status")
    good = signed(path, fields)
    body = encoded(fields)
    given = {
        "missing": None,
        "empty": "",
        "wrong": "A" * 27 + "=",
        "truncated": good[:-1],
        "other_secret": signed(path, fields, OTHER_TOKEN),
        "other_path": signed("/webhooks/twilio/voice", fields),
        "altered": good,
    }[case]
    if case == "altered":
        body = body.replace(b"94105", b"94106").replace(b"2611212216", b"2611212217")
    sent = {"Content-Type": FORM} | ({} if given is None else {"X-Twilio-Signature": given})
    async with listening(desk) as client:
        response = await client.post(path, data=body, headers=sent)
        why = "unsigned" if not given else "bad_signature"
        await assert_refused(response, 403, desk, f"{'sms' if path == SMS else 'status'}.{why}")


@pytest.mark.feature("SEC-21")
async def test_every_altered_byte_is_noticed() -> None:
    desk = Desk()
    fields = payload("inbound")
    body, sent = encoded(fields), headers(signed(SMS, fields))
    async with listening(desk) as client:
        for at in range(len(body)):
            altered = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
            response = await client.post(SMS, data=altered, headers=sent)
            assert response.status in (400, 403), at
    assert desk.taken == []


@pytest.mark.feature("SEC-21")
async def test_host_and_forwarded_headers_change_nothing() -> None:
    """The signature is over the configured address; one made for another does not count, whatever the request says."""
    desk = Desk()
    fields = payload("inbound")
    forged = signed(SMS, fields, public="https://evil.example.com")
    lies = {"Host": "evil.example.com", "X-Forwarded-Host": "evil.example.com", "X-Forwarded-Proto": "https"}
    async with listening(desk) as client:
        response = await client.post(SMS, data=encoded(fields), headers=headers(forged) | lies)
        await assert_refused(response, 403, desk, "sms.bad_signature")
        fine = await client.post(SMS, data=encoded(fields), headers=headers(signed(SMS, fields)) | lies)
        assert fine.status == 200


@pytest.mark.feature("SEC-21")
async def test_shared_keys_and_both_tokens_sign() -> None:
    desk = Desk()
    account = Account(secondary_token="next-token", shared_keys={"sk_1": "shared"})
    fields = payload("inbound")
    async with listening(desk, account) as client:
        assert (await post(client, fields, token="next-token")).status == 200
        sha256 = RequestValidator("shared").compute_signature(PUBLIC + SMS, fields, "HMAC_SHA256")
        settings = {"X-Twilio-Webhooks-Signature-Settings": "key=sk_1,algorithm=HMAC_SHA256"}
        response = await client.post(SMS, data=encoded(fields), headers=headers(sha256) | settings)
        assert response.status == 200
        response = await client.post(SMS, data=encoded(fields), headers=headers(sha256))
        assert response.status == 403


@pytest.mark.feature("SEC-21", "SEC-37")
async def test_another_tenants_account_cannot_speak_to_our_number() -> None:
    """The account is known and the signature is its own, but the number is not."""
    desk = Desk()
    async with listening(desk) as client:
        spoofed = await post(client, payload("inbound", AccountSid=OTHER_ACCOUNT), token=OTHER_TOKEN)
        await assert_refused(spoofed, 403, desk, "sms.not_owned")
        desk.counts.clear()
        spoofed = await post(client, payload("status", AccountSid=OTHER_ACCOUNT), STATUS, OTHER_TOKEN)
        await assert_refused(spoofed, 403, desk, "status.not_owned")
        fine = payload("inbound", AccountSid=OTHER_ACCOUNT, To=OTHERS)
        assert (await post(client, fine, token=OTHER_TOKEN)).status == 200


@pytest.mark.feature("SEC-21")
@pytest.mark.parametrize("account", ["AC" + "c" * 32, "AC1", ""])
async def test_an_unknown_account(account: str) -> None:
    desk = Desk()
    async with listening(desk) as client:
        response = await post(client, payload("inbound", AccountSid=account))
        await assert_refused(response, 403, desk, "sms.unknown_account")


async def test_a_number_the_engine_does_not_know() -> None:
    desk = Desk(numbers=frozenset())
    async with listening(desk) as client:
        await assert_refused(await post(client, payload("inbound")), 403, desk, "sms.unroutable")


@pytest.mark.feature("SEC-22")
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"From": "911"}, "bad_field"),
        ({"MessageSid": ""}, "bad_field"),
        ({"a b": "x"}, "bad_name"),
        ({"Zz": "MessageSid"}, "smuggled_field"),
        ({"Body": "x" * 1601}, "long_body"),
    ],
)
async def test_signed_and_still_distrusted(changes: dict[str, str], why: str) -> None:
    desk = Desk()
    async with listening(desk) as client:
        await assert_refused(await post(client, payload("inbound", **changes)), 403, desk, f"sms.{why}")


@pytest.mark.parametrize(
    ("body", "why"), [(b"", "not_a_form"), (b"Body=%zz", "not_a_form"), (b"a=1" + b"&a=1" * 200, "too_many_fields")]
)
async def test_not_a_form_at_all(body: bytes, why: str) -> None:
    desk = Desk()
    async with listening(desk) as client:
        await assert_refused(await client.post(SMS, data=body, headers=headers("x")), 400, desk, f"sms.{why}")


@pytest.mark.feature("SEC-21")
@pytest.mark.parametrize("path", [SMS, STATUS])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_only_post(path: str, method: str) -> None:
    desk = Desk()
    async with listening(desk) as client:
        fields = payload("inbound")
        response = await client.request(method, path, params=fields, headers=headers(signed(path, fields)))
        assert response.status == 405
    assert (desk.taken, desk.reports) == ([], [])


@pytest.mark.feature("SEC-21")
@pytest.mark.parametrize(
    "kind",
    ["application/json", "multipart/form-data; boundary=x", "text/plain", "", f"{FORM}; charset=utf-16", f"x{FORM}"],
)
async def test_only_forms(kind: str) -> None:
    desk = Desk()
    fields = payload("inbound")
    async with listening(desk) as client:
        sent = headers(signed(SMS, fields)) | {"Content-Type": kind}
        await assert_refused(await client.post(SMS, data=encoded(fields), headers=sent), 415, desk, "sms.wrong_type")


@pytest.mark.parametrize(
    "kind", [f"{FORM}; charset=UTF-8", f"{FORM}; charset=utf-8", FORM.upper(), f'{FORM};charset="utf-8"']
)
async def test_forms_by_any_spelling(kind: str) -> None:
    desk = Desk()
    fields = payload("inbound")
    async with listening(desk) as client:
        sent = headers(signed(SMS, fields)) | {"Content-Type": kind}
        assert (await client.post(SMS, data=encoded(fields), headers=sent)).status == 200


@pytest.mark.feature("REL-16")
async def test_compressed_bodies_are_not_unfolded() -> None:
    desk = Desk()
    fields = payload("inbound")
    async with listening(desk) as client:
        response = await client.post(SMS, data=encoded(fields), headers=headers(signed(SMS, fields)), compress="gzip")
        await assert_refused(response, 415, desk, "sms.compressed")


@pytest.mark.feature("REL-16")
@pytest.mark.parametrize("declared", [True, False])
async def test_oversized_bodies(declared: bool) -> None:
    desk = Desk()

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(form.MAX_BYTES // 1024 + 1):
            yield b"x" * 1024

    data = b"x" * (form.MAX_BYTES + 1) if declared else endless()
    async with listening(desk) as client:
        response = await client.post(SMS, data=data, headers=headers("x"))
        await assert_refused(response, 413, desk, "sms.too_large")


@pytest.mark.feature("REL-16")
@pytest.mark.parametrize(
    ("framing", "sent", "status", "counted"),
    [
        ("Content-Length: 500", b"Body=", 408, "sms.slow_body"),
        ("Content-Length: 262145", b"", 413, "sms.too_large"),
        ("Transfer-Encoding: chunked", b"50000\r\n" + b"x" * 0x50000 + b"\r\n", 413, "sms.too_large"),
    ],
    ids=["stops", "announces too much", "goes on and on"],
)
async def test_a_body_that_never_ends_is_cut_off(framing: str, sent: bytes, status: int, counted: str) -> None:
    """Answered without waiting for the rest of what is too long; what stalls is given up in time."""
    desk = Desk()
    async with listening(desk, body_seconds=0.2) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        head = f"POST {SMS} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nX-Twilio-Signature: x\r\n{framing}\r\n\r\n"
        writer.write(head.encode() + sent)
        answer = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        with suppress(ConnectionError):  # the server has hung up on what was still on its way
            await writer.wait_closed()
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"connection: close" in answer.lower()
    assert desk.counts == {counted: 1}


@pytest.mark.feature("REL-16")
async def test_whoever_hangs_up_in_the_middle_is_no_error_of_ours() -> None:
    desk = Desk()
    counted = asyncio.Event()

    def count(name: str) -> None:
        desk.count(name)
        counted.set()

    # Not the test server: it cancels handlers whose client has gone, which a server for real people does not.
    runner = web.AppRunner(application(desk, count=count), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        _, writer = await asyncio.open_connection(*runner.addresses[0][:2])
        head = f"POST {SMS} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nX-Twilio-Signature: x\r\n"
        writer.write(f"{head}Content-Length: 500\r\n\r\nBody=".encode())
        writer.write_eof()
        await asyncio.wait_for(counted.wait(), 5)
        writer.close()
        await writer.wait_closed()
    finally:
        await runner.cleanup()
    assert desk.counts == {"sms.broken_body": 1}


@pytest.mark.parametrize("pieces", [1, 7, 64])
async def test_a_body_in_pieces_is_put_together(pieces: int) -> None:
    desk = Desk()
    fields = payload("inbound")
    body = encoded(fields)

    async def slowly() -> AsyncIterator[bytes]:
        for at in range(0, len(body), pieces):
            yield body[at : at + pieces]

    async with listening(desk) as client:
        assert (await client.post(SMS, data=slowly(), headers=headers(signed(SMS, fields)))).status == 200
    assert [i.text for i in desk.taken] == ["#verify"]


@pytest.mark.parametrize("failure", [Unavailable("down"), Contended("five times")])
@pytest.mark.parametrize("path", [SMS, STATUS])
async def test_later_is_said_so(path: str, failure: Exception) -> None:
    desk = Desk(failure=failure)
    async with listening(desk) as client:
        response = await post(client, payload("inbound" if path == SMS else "status"), path)
        assert (response.status, response.headers["Retry-After"], await response.read()) == (503, "5", b"")
        desk.failure = None
        assert (await post(client, payload("inbound" if path == SMS else "status"), path)).status == 200


@pytest.mark.feature("Y-06")
async def test_a_status_is_reported() -> None:
    desk = Desk()
    async with listening(desk) as client:
        failed = payload("status", MessageStatus="undelivered", ErrorCode="30006")
        for fields in (payload("status"), failed):
            response = await post(client, fields, STATUS)
            assert (response.status, await response.text()) == (200, EMPTY)
    assert [(r.status, r.error_code) for r in desk.reports] == [("delivered", ""), ("undelivered", "30006")]
    assert desk.counts == {"status.moved": 2}


@pytest.mark.feature("SEC-20")
async def test_nothing_of_a_request_is_logged() -> None:
    desk = Desk()
    canary = "canary-4711"
    async with listening(desk) as client:
        with capture_logs() as logs:
            fields = payload("inbound", Body=canary)
            await post(client, fields)
            await post(client, payload("inbound", Body=canary, Zz="MessageSid"))
            await client.post(SMS, data=encoded(fields), headers=headers(canary))
            desk.failure = Unavailable(canary)
            await post(client, fields)
        written = repr(logs)
        assert len(logs) == 3
        for secret in (canary, THEIRS, OURS, signed(SMS, fields), TOKEN):
            assert secret not in written
