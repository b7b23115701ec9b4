"""Connections on which nobody can dawdle: the headers of a request are whole within seconds, or the connection ends.

aiohttp bounds headers by its keep-alive time alone, which is far longer than they may take (REL-16), and answers what
it cannot parse in words and headers of its own (SEC-32, SEC-57). Both are settled here, in the protocol of each
connection, through methods aiohttp offers for overriding. Bodies have a time-out of their own, where they are read.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from aiohttp import StreamReader, web
from aiohttp.abc import AbstractAccessLogger, AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage

log = structlog.get_logger(__name__)

#: How long a connection is kept for the next request, and a body is read that nobody asked for, in seconds.
KEEP_SECONDS = 75.0
LINGER_SECONDS = 2.0


class Connection(web.RequestHandler):
    """One connection. Its time runs from the opening, and from the first byte of each later request, until the headers
    are whole; it stands still while a request is worked on or its body comes in."""

    __slots__ = ("header_body", "header_fixed", "header_seconds", "header_since", "header_timer", "header_working")

    def __init__(
        self,
        server: web.Server,
        seconds: float,
        fixed: Mapping[str, str],
        access_log_class: type[AbstractAccessLogger] | None,
    ) -> None:
        """`seconds`: how long headers may take. `fixed`: headers of the answer to what cannot be parsed."""
        # Bodies are not unpacked: nobody who writes to us compresses, a small body could unfold into a large one, and
        # one that is no gzip at all would end the connection with an error of the server's instead of an answer.
        options: dict[str, Any] = {
            "keepalive_timeout": KEEP_SECONDS,
            "lingering_time": LINGER_SECONDS,
            "auto_decompress": False,
            "access_log": None,
        }
        if access_log_class is not None:
            options |= {"access_log": logging.getLogger("requests"), "access_log_class": access_log_class}
        super().__init__(server, loop=asyncio.get_running_loop(), **options)
        self.header_seconds = seconds
        self.header_fixed = fixed
        self.header_since: float | None = None
        self.header_timer: asyncio.TimerHandle | None = None
        self.header_working = False
        self.header_body: StreamReader | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._run()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self.header_timer is not None:
            self.header_timer.cancel()
            self.header_timer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # What comes now may still be the body of the last request, which nobody read.
        begins = not self.header_working and (self.header_body is None or self.header_body.is_eof())
        if data and begins and self.header_since is None:
            self._run()
        super().data_received(data)

    def headers_whole(self, body: StreamReader) -> None:
        """A request has been understood, or refused as one that cannot be."""
        self.header_since = None
        self.header_working = True
        self.header_body = body

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self.header_working = False

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answers for what never became a request: no word of the parser's, nor of what was sent (SEC-57)."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer broke off")
        if status >= 500:
            log.error("unexpected", status=status, kind=type(exc).__name__)
        said = "That request could not be understood." if status < 500 else "Something went wrong on our side."
        response = web.Response(status=status, text=said + "\n", headers=self.header_fixed)
        response.force_close()
        return response

    def _run(self) -> None:
        """Let the time run. One timer serves every request of a connection, and is not set anew for each: most headers
        come in one piece, and are whole before it could matter."""
        loop = asyncio.get_running_loop()
        self.header_since = loop.time()
        if self.header_timer is None:
            self.header_timer = loop.call_later(self.header_seconds, self._look)

    def _look(self) -> None:
        self.header_timer = None
        if self.header_since is None:
            return
        loop = asyncio.get_running_loop()
        if loop.time() >= self.header_since + self.header_seconds:
            self.force_close()
        else:
            self.header_timer = loop.call_at(self.header_since + self.header_seconds, self._look)


def connections(
    server: web.Server,
    *,
    header_seconds: float,
    fixed: Mapping[str, str],
    access_log_class: type[AbstractAccessLogger] | None = None,
) -> Callable[[], Connection]:
    """What makes a connection of `server`; `server` learns to tell each when its headers are whole."""
    make_request = server.request_factory

    def heard(
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        if isinstance(protocol, Connection):
            protocol.headers_whole(payload)
        return make_request(message, payload, protocol, writer, task)

    server.request_factory = heard
    return lambda: Connection(server, header_seconds, fixed, access_log_class)


async def listen_on(
    runner: web.AppRunner,
    listening: socket.socket,
    *,
    header_seconds: float,
    fixed: Mapping[str, str],
    access_log_class: type[AbstractAccessLogger] | None = None,
) -> asyncio.Server:
    """Set `runner` up and serve its application on a bound socket. Close what is returned, then clean the runner up."""
    await runner.setup()
    server = runner.server
    assert server is not None, "setup makes the server"
    make = connections(server, header_seconds=header_seconds, fixed=fixed, access_log_class=access_log_class)
    return await asyncio.get_running_loop().create_server(make, sock=listening, backlog=512)
