"""Nothing that could be misused is ever written to the log, whatever is logged and whoever logs it (SEC-20)."""

from __future__ import annotations

import ast
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from bot.logs import SAFE_KEYS, WITHHELD, AccessLog, FaultLog, configure, redact
from dialogs.effects import Code

ROOT = Path(__file__).parents[2]
ROOMS = ("bot", "web", "channels", "psa", "identity", "storage", "manifests", "simulator", "voice")
LEVELS = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
SECRETS = (
    "482913",
    "4829130165",
    "482 913",
    "482-913",
    "+12125550143",
    "+1 (212) 555-0143",
    "0012125550143",
    "k9VQx0c2m1LrT4n8YbWz3sHfJ6pDgE7uAoKiXvQwMeR",
    "a3f1c09e7b5d4826a3f1c09e7b5d4826",
    "7k2m-q9xd-04fz-h1vt",
    "Bearer k9VQx0c2m1LrT4",
    "Authorization: Basic QUM6dG9rZW4=",
    "X-Twilio-Signature=0/KCTR6DLpKmkAf8muzZqo1nDgQ=",
    "0/KCTR6DLpKmkAf8muzZqo1nDgQ=",
    "Cookie: __Host-ww=abcdefgh",
    "password='correct horse'",
    "dana.reyes@example.com",
    "203.0.113.77",
    "2001:db8:1:2:3:4:5:6",
)


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What has been logged as JSON, at the noisiest level."""
    out = io.StringIO()
    configure(readable=False, out=out, level=logging.DEBUG)
    yield out
    structlog.reset_defaults()
    root = logging.getLogger()
    for handler in [h for h in root.handlers if type(h).__module__ == "bot.logs"]:
        root.removeHandler(handler)
    root.setLevel(logging.WARNING)


def records(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.mark.feature("SEC-20", "TV-02")
@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("around", ["{}", "the text was {}, and then", "code:{};", "/v/{}", "'{}'"])
def test_no_secret_passes(written: io.StringIO, secret: str, around: str) -> None:
    said = around.format(secret)
    structlog.get_logger().info("tried", why=said, path=said, calls=[said], body=said, code=Code("482913"))
    structlog.get_logger().info(said)
    logging.getLogger("aiohttp.server").error(said)
    assert secret not in written.getvalue()
    assert "horse" not in written.getvalue()
    assert len(records(written)) == 3


@pytest.mark.feature("SEC-20")
def test_numbers_keep_two_digits_and_addresses_their_domain() -> None:
    assert redact("to +1 (212) 555-0143 now") == "to [number ...43] now"
    assert redact("from dana@example.com") == "from [...]@example.com"
    assert redact("from 203.0.113.77 and 2001:db8::5:6:7") == "from 203.0.113.x and [address]"


def test_what_helps_is_kept() -> None:
    kept = "check 01900000-0000-7000-8000-000000001050 of SM0123456789abcdef0123456789abcdef at 2026-03-02T09:00:00Z"
    assert redact(kept) == kept
    assert (
        redact("listening on 127.0.0.1:8080, error 21610, 12 texts")
        == "listening on 127.0.0.1:8080, error 21610, 12 texts"
    )
    assert redact("/api/v1/technician-verifications/{id}") == "/api/v1/technician-verifications/{id}"


@pytest.mark.feature("SEC-20")
def test_unknown_keys_and_things_are_withheld(written: io.StringIO) -> None:
    structlog.get_logger().warning("refused", body="hello there", status=403, why=object(), **{"bad key\n": "x"})
    (record,) = records(written)
    assert record["body"] == WITHHELD
    assert record["withheld"] == WITHHELD
    assert record["status"] == 403
    assert record["why"] == "[object]"
    assert "hello" not in written.getvalue()


@pytest.mark.feature("SEC-20")
@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\x0b", "\x0c", "\x1b[2K", "\x85", "\u2028", "\u2029", "\u202e"])
@pytest.mark.parametrize("readable", [True, False])
def test_nobody_can_forge_a_record(end: str, readable: bool) -> None:
    out = io.StringIO()
    configure(readable=readable, out=out)
    try:
        structlog.get_logger().info(f"odd{end}name", why=f"a{end}12:00:00 error forged")
        logging.getLogger("aiohttp").error(f"odd{end}12:00:00 error forged")
    finally:
        structlog.reset_defaults()
    assert len(out.getvalue().splitlines()) == 2
    assert end not in out.getvalue().replace("\n", "", 2) if end == "\n" else end not in out.getvalue()


@pytest.mark.feature("SEC-20", "SEC-57")
def test_errors_are_named_without_their_words(written: io.StringIO) -> None:
    try:
        raise ValueError("the code was 482913 and the name Ada")
    except ValueError:
        structlog.get_logger().exception("failed")
        logging.getLogger("asyncio").exception("Task exception was never retrieved\nfuture: <Task name='Ada'>")
    for record in records(written):
        assert record["error"] == "ValueError"
        assert str(record["calls"]).count("test_errors_are_named_without_their_words") == 1
    assert "482913" not in written.getvalue()
    assert "Ada" not in written.getvalue()


def test_libraries_are_logged_without_the_values_of_their_sentences(written: io.StringIO) -> None:
    logging.getLogger("aiohttp.server").warning("Error handling request from %s", "Ada Bishop")
    (record,) = records(written)
    assert record["event"] == "Error handling request from %s"
    assert record["level"] == "warning"
    assert "Bishop" not in written.getvalue()


@pytest.mark.feature("SEC-20")
async def test_requests_are_logged_by_route(written: io.StringIO) -> None:
    async def page(request: web.Request) -> web.Response:
        return web.Response(text="not well", status=int(request.query["status"]))

    app = web.Application()
    app.router.add_get("/v/{token}", page)
    server = TestServer(app)
    await server.start_server(access_log_class=AccessLog, access_log=logging.getLogger("requests"))
    async with TestClient(server) as client:
        (await client.get("/v/sesame-open-4711?code=482913&name=Ada&status=403")).release()
        (await client.get("/nowhere/482913?q=Ada", headers={"Authorization": "Bearer abcdefghij"})).release()
        (await client.get("/v/sesame-open-4711?code=482913&name=Ada&status=200")).release()
    known, unknown = (record for record in records(written) if record["event"] == "request")
    assert (known["route"], known["status"], known["method"]) == ("/v/{token}", 403, "GET")
    assert (unknown["route"], unknown["status"]) == ("/nowhere/[code]", 404)
    for secret in ("sesame", "482913", "Ada", "abcdefghij", "127.0.0.1"):
        assert secret not in written.getvalue()


@pytest.mark.parametrize(
    ("log_class", "status", "seconds", "level"),
    [
        (AccessLog, 200, 0.1, None),
        (AccessLog, 404, 0.1, "info"),
        (AccessLog, 500, 0.1, "warning"),
        (AccessLog, 200, 1.5, "warning"),
        (AccessLog, 101, 900.0, None),
        (FaultLog, 404, 0.1, None),
        (FaultLog, 503, 0.1, "warning"),
        (FaultLog, 200, 1.5, "warning"),
    ],
)
def test_what_is_worth_a_line(
    written: io.StringIO, log_class: type[AccessLog], status: int, seconds: float, level: str | None
) -> None:
    logger = log_class(logging.getLogger("requests"), "")
    logger.log(make_mocked_request("GET", "/codes"), web.Response(status=status), seconds)
    assert [record["level"] for record in records(written)] == ([level] if level else [])


def test_every_key_that_our_code_logs_is_allowed() -> None:
    """A key that is missing in the list would be withheld just when somebody needs it."""
    logged = {key for room in ROOMS for file in (ROOT / room).rglob("*.py") for key in logged_keys(file)}
    assert logged, "no log call was found, so this test looks in the wrong place"
    assert logged <= SAFE_KEYS


def logged_keys(file: Path) -> Iterator[str]:
    """The keywords of `log.info(...)` and its sisters."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=level)) if level in LEVELS:
                yield from (keyword.arg for keyword in node.keywords if keyword.arg is not None)
