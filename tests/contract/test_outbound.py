"""Going to addresses that tenants entered, over real sockets: never into our own networks, whatever a name, a redirect
or a second look at the name says; never for longer, and never with more in hand, than we decided (SEC-46)."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from ipaddress import ip_address

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.networks import Address, read_networks
from bot.outbound import MOST_BYTES, GuardedOutbound, LookUp
from dialogs.ports import OutboundFailed, OutboundRefused
from simulator.certificate import make_certificate
from tests.fixtures.stand_ins import StandingClock

pytestmark = pytest.mark.feature("SEC-46")

#: The only address that stands for "outside" here; the rest of loopback is as closed as it always is.
OUTSIDE, INSIDE = "127.0.0.1", "127.0.0.2"
ALLOWED = read_networks(f"{OUTSIDE}/32")
PUBLIC, PRIVATE = "93.184.215.14", "10.0.0.7"
CERTIFICATE = make_certificate("tool.example")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Names:
    """A name system that answers with what it is told, one answer after the other; the last one stays."""

    answers: list[Sequence[str]]
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not answer:
            raise OSError("no such name")
        return [ip_address(written) for written in answer]


@asynccontextmanager
async def opened(
    names: LookUp | None = None, *, allowed: str = "", connect_s: float = 5.0, total_s: float = 15.0
) -> AsyncIterator[GuardedOutbound]:
    outbound = GuardedOutbound(
        clock=StandingClock(),
        allowed=read_networks(allowed) if allowed else ALLOWED,
        look_up=names,
        tls=CERTIFICATE.client,
        connect_s=connect_s,
        total_s=total_s,
    )
    try:
        yield outbound
    finally:
        await outbound.close()


@asynccontextmanager
async def serving(handler: Handler, *, host: str = OUTSIDE, port: int = 0, tls: bool = True) -> AsyncIterator[int]:
    """A server at that address; its port."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    server = TestServer(app, scheme="https" if tls else "http", host=host, port=port or None)
    await server.start_server(ssl=CERTIFICATE.server) if tls else await server.start_server()
    try:
        yield int(server.port or 0)
    finally:
        await server.close()


async def fine(request: web.Request) -> web.Response:
    return web.Response(text=f"{request.method} {request.host} {await request.text()}")


async def must_not_be_reached(request: web.Request) -> web.Response:
    raise AssertionError("somebody came here")


# --- where we do not go ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "says"),
    [
        # Other ways to write 127.0.0.1 and 169.254.169.254: decimal, hex, octal, short, wide letters and dots, mapped.
        ("https://2130706433/", "four numbers"),
        ("https://0x7f000001/", "four numbers"),
        ("https://0x7f.0.0.1/", "four numbers"),
        ("https://0177.0.0.1/", "four numbers"),
        ("https://127.1/", "four numbers"),
        ("https://2852039166/latest/meta-data/", "four numbers"),
        ("https://127%2e0.0.1/", "four numbers"),
        ("https://127.0.0.1./", "four numbers"),
        ("https://127.0.0.2/", "this machine"),
        ("https://127。0。0。2/", "this machine"),
        ("https://１２７.0.0.2/", "this machine"),
        ("https://[::1]/", "this machine"),
        ("https://[::ffff:127.0.0.1]/", "wrapped"),
        ("https://[::ffff:7f00:1]/", "wrapped"),
        ("https://[0:0:0:0:0:ffff:a9fe:a9fe]/", "wrapped"),
        ("https://[64:ff9b::a9fe:a9fe]/", "wrapped"),
        ("https://[2002:a9fe:a9fe::]/", "wrapped"),
        ("https://[fe80::1]/", "link-local"),
        ("https://169.254.169.254/latest/meta-data/", "metadata"),
        ("https://100.64.1.1/", "private"),
        # What is no address that we take at all.
        ("http://93.184.215.14/", "https://"),
        ("ftp://tool.example/", "https://"),
        ("file:///etc/passwd", "https://"),
        ("tool.example/hooks", "https://"),
        ("https://", "name a host"),
        ("https:///hooks", "name a host"),
        ("", "https://"),
        ("https://admin:secret@tool.example/", "before an @"),
        ("https://tool.example@127.0.0.2/", "before an @"),
        ("https://tool.example\\@127.0.0.2/", "backslash"),
        ("https://tool.example:99999/", "understood"),
        ("https://tool.example:0/", "port"),
        ("https://tool .example/", "blank"),
        ("https://tool.example/\r\nHost: x", "cannot be seen"),
        ("https://tool..example/", "looked up"),
        ("https://-tool.example/", "looked up"),
        ("https://" + "a" * 64 + ".example/", "looked up"),
        ("https://tool.example/" + "a" * 2048, "longer than"),
    ],
)
async def test_an_address_is_refused_with_the_reason_and_nobody_is_asked(url: str, says: str) -> None:
    names = Names([[PUBLIC]])
    async with opened(names) as outbound:
        for going in (outbound.check(url), outbound.post(url, b"{}", {})):
            with pytest.raises(OutboundRefused) as refused:
                await going
            assert says in str(refused.value)
    assert names.asked == []


@pytest.mark.parametrize(
    "bad", [PRIVATE, INSIDE, "169.254.169.254", "100.64.0.1", "fd00::1", "::ffff:8.8.8.8", "ff02::1"]
)
async def test_one_bad_address_among_good_ones_is_enough(bad: str) -> None:
    async with opened(Names([[PUBLIC, bad]])) as outbound:
        with pytest.raises(OutboundRefused, match="WATCHWORD_PRIVATE_TARGETS"):
            await outbound.check("https://tool.example/")
        with pytest.raises(OutboundRefused):
            await outbound.post("https://tool.example/", b"{}", {})


async def test_a_name_that_nobody_knows_is_refused_when_entered_and_tried_again_when_told() -> None:
    async with opened(Names([[]])) as outbound:
        with pytest.raises(OutboundRefused, match=r"tool\.example has no address"):
            await outbound.check("https://tool.example/")
        with pytest.raises(OutboundFailed, match="could not be found"):
            await outbound.post("https://tool.example/", b"{}", {})


async def test_names_of_this_machine_are_refused_with_the_system_s_own_name_system() -> None:
    async with opened(allowed="192.0.2.0/24") as outbound:
        with pytest.raises(OutboundRefused, match="this machine"):
            await outbound.check("https://localhost/")


async def test_a_name_that_turns_private_after_it_was_entered_is_refused_at_the_next_try() -> None:
    async with opened(Names([[PUBLIC], [PRIVATE]])) as outbound:
        await outbound.check("https://tool.example/")
        with pytest.raises(OutboundRefused, match="private network"):
            await outbound.post("https://tool.example/", b"{}", {})


async def test_the_connection_goes_to_the_address_that_was_looked_at() -> None:
    """A name system that answers well once and badly from then on gets one question and no second chance."""
    names = Names([[OUTSIDE], [INSIDE]])
    async with serving(fine) as port, serving(must_not_be_reached, host=INSIDE, port=port), opened(names) as outbound:
        answer = await outbound.post(f"https://tool.example:{port}/hooks", b"words", {})
    assert answer.body.decode() == f"POST tool.example:{port} words"
    assert names.asked == ["tool.example"]


async def test_http_is_for_networks_that_the_operator_opened_alone() -> None:
    async with serving(fine, tls=False) as port, opened(Names([[OUTSIDE]])) as outbound:
        assert (await outbound.post(f"http://tool.example:{port}/", b"", {})).status == 200
    async with opened(Names([[PUBLIC]])) as outbound:
        with pytest.raises(OutboundRefused, match="https://"):
            await outbound.post("http://tool.example/", b"", {})
    async with opened(Names([[OUTSIDE, PUBLIC]])) as outbound:
        with pytest.raises(OutboundRefused, match="https://"):
            await outbound.check("http://tool.example/")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_answers_and_are_not_followed(status: int) -> None:
    went: list[str] = []

    async def lead_away(request: web.Request) -> web.Response:
        went.append(request.path)
        leads = ["http://169.254.169.254/latest/meta-data/", f"https://tool.example:{request.url.port}/elsewhere"]
        return web.Response(status=status, headers={"Location": leads[status % 2]})

    async with serving(lead_away) as port, opened(Names([[OUTSIDE]])) as outbound:
        assert (await outbound.post(f"https://tool.example:{port}/hooks", b"", {})).status == status
    assert went == ["/hooks"]


async def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(must_not_be_reached, tls=False) as proxy, serving(fine) as port:
        for name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        async with opened(Names([[OUTSIDE]])) as outbound:
            assert (await outbound.post(f"https://tool.example:{port}/", b"", {})).status == 200


async def test_a_certificate_for_another_name_or_by_nobody_is_not_taken() -> None:
    async with serving(fine) as port, opened(Names([[OUTSIDE]])) as outbound:
        with pytest.raises(OutboundFailed, match="certificate"):
            await outbound.post(f"https://other.example:{port}/", b"", {})
    stranger = GuardedOutbound(clock=StandingClock(), allowed=ALLOWED, look_up=Names([[OUTSIDE]]))
    async with serving(fine) as port:
        with pytest.raises(OutboundFailed, match="certificate"):
            await stranger.post(f"https://tool.example:{port}/", b"", {})
    await stranger.close()


# --- for how long, and how much -------------------------------------------------------------------------------------


async def test_a_body_that_trickles_is_cut_off_in_time() -> None:
    gone = asyncio.Event()

    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b".")
                await asyncio.sleep(0.01)  # a peer that is slow on purpose
        finally:
            gone.set()

    async with serving(trickle) as port, opened(Names([[OUTSIDE]]), total_s=0.3) as outbound:
        with pytest.raises(OutboundFailed, match=r"within 0\.3 seconds"):
            await outbound.post(f"https://tool.example:{port}/", b"", {})
        async with asyncio.timeout(5):
            await gone.wait()


async def test_a_body_without_end_is_cut_at_a_mebibyte() -> None:
    cut = asyncio.Event()

    async def pour(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while request.transport is not None and not request.transport.is_closing():
            await response.write(b"x" * 65536)
            await asyncio.sleep(0)
        cut.set()
        return response

    async with serving(pour) as port, opened(Names([[OUTSIDE]])) as outbound, asyncio.timeout(10):
        answer = await outbound.post(f"https://tool.example:{port}/", b"", {})
        await cut.wait()
    assert (answer.status, len(answer.body)) == (200, MOST_BYTES)


async def test_what_is_packed_stays_packed() -> None:
    async def bomb(request: web.Request) -> web.Response:
        assert request.headers["Accept-Encoding"] == "identity"
        return web.Response(body=gzip.compress(bytes(8 * MOST_BYTES)), headers={"Content-Encoding": "gzip"})

    async with serving(bomb) as port, opened(Names([[OUTSIDE]])) as outbound:
        assert len((await outbound.post(f"https://tool.example:{port}/", b"", {})).body) < MOST_BYTES // 16


async def test_a_name_system_that_never_answers_is_not_waited_for() -> None:
    async def never(host: str, port: int) -> Sequence[Address]:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async with opened(never, connect_s=0.1) as outbound:
        with pytest.raises(OutboundFailed, match="looked up in time"):
            await outbound.post("https://tool.example/", b"", {})
        with pytest.raises(OutboundRefused, match="has no address"):
            await outbound.check("https://tool.example/")


async def test_who_takes_the_connection_and_says_nothing_is_not_waited_for() -> None:
    with socket.create_server((OUTSIDE, 0)) as silent:
        async with opened(Names([[OUTSIDE]]), connect_s=0.2) as outbound:
            with pytest.raises(OutboundFailed, match=r"No connection within 0\.2 seconds"):
                await outbound.post(f"https://tool.example:{silent.getsockname()[1]}/", b"", {})


async def test_nobody_there_and_a_broken_answer_are_told_without_the_address() -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"SMTP ready\r\n")
        writer.close()

    with socket.create_server((OUTSIDE, 0)) as taken:
        port = taken.getsockname()[1]
    async with opened(Names([[OUTSIDE]])) as outbound:
        with pytest.raises(OutboundFailed) as nobody:
            await outbound.post(f"https://tool.example:{port}/hooks?secret=s3cret", b"", {})
        broken = await asyncio.start_server(break_off, OUTSIDE, 0)
        async with broken:
            url = f"http://tool.example:{broken.sockets[0].getsockname()[1]}/hooks?secret=s3cret"
            with pytest.raises(OutboundFailed) as garbled:
                await outbound.post(url, b"", {})
    for failed in (nobody, garbled):
        assert "s3cret" not in str(failed.value)
        assert "tool.example" not in str(failed.value)


async def test_nothing_is_kept_from_one_time_to_the_next() -> None:
    got: list[str] = []

    async def give_cookie(request: web.Request) -> web.Response:
        got.append(request.headers.get("Cookie", ""))
        response = web.Response()
        response.set_cookie("id", "1")
        return response

    async with serving(give_cookie) as port, opened(Names([[OUTSIDE]])) as outbound:
        for _ in range(2):
            await outbound.post(f"https://tool.example:{port}/", b"", {})
    assert got == ["", ""]


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        (format_datetime(StandingClock().now() + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(StandingClock().now() - timedelta(seconds=90), usegmt=True), 0.0),
        ("soon", None),
        ("-5", None),
        ("9" * 40, None),
        ("", None),
    ],
)
async def test_how_long_to_wait_is_understood_in_both_ways_of_saying_it(said: str, seconds: float | None) -> None:
    async def later(request: web.Request) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": said})

    async with serving(later) as port, opened(Names([[OUTSIDE]])) as outbound:
        answer = await outbound.post(f"https://tool.example:{port}/", b"", {})
    assert answer.status == 503
    assert answer.retry_after == (pytest.approx(seconds, abs=1) if seconds is not None else None)
