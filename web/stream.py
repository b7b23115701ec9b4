"""The event stream of a browser: ids and kinds of what happened, never a code and never what anyone said.

One stream per browser is enough, the tabs share it. Its ids are those of the log, so a browser that comes back says
where it was and misses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator

from aiohttp import web

from identity import sessions
from storage.stream import Event, StartOver
from web.log_in import shown_token
from web.routing import Access, Call, Route, Surface

#: Seconds of silence after which a comment keeps proxies from closing the line.
PING_EVERY = 15.0
#: A log-in that has ended loses its stream within this many seconds (SEC-29 asks for five).
LOOK_EVERY = 4.0
#: What browsers wait before they come back, in milliseconds.
RETRY_MS = 1500
#: Somebody came or went. No line of the log says so, so it has no id.
PRESENCE = b'event: change\ndata: {"kind": "presence"}\n\n'
#: The streams that are open, as tasks.
OPEN: web.AppKey[set[asyncio.Task[object]]] = web.AppKey("open_streams", set)


async def events(call: Call) -> web.StreamResponse:
    """Server-sent events until the log-in ends or the browser goes away."""
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    await response.prepare(call.request)
    task, open_streams = asyncio.current_task(), call.request.app[OPEN]
    assert task is not None
    open_streams.add(task)
    try:
        with contextlib.suppress(ConnectionResetError):
            await response.write(f"retry: {RETRY_MS}\n\n".encode())
            call.services.presence.arrive(call.who.tenant_id, call.who.technician_id)
            try:
                await _relay(call, response)
            finally:
                call.services.presence.leave(call.who.tenant_id, call.who.technician_id)
    finally:
        open_streams.discard(task)
    return response


def install_streams(app: web.Application) -> None:
    """Let open streams end when the application stops; they would hold it up for a minute otherwise."""
    app[OPEN] = set()

    async def close(app: web.Application) -> None:
        open_streams = app[OPEN]
        running = tuple(open_streams)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    app.on_shutdown.append(close)


async def _relay(call: Call, response: web.StreamResponse) -> None:
    after = read_after(call.request)
    while True:
        try:
            source = call.services.stream.subscribe(call.who.tenant_id, after)
            async with contextlib.aclosing(source):
                await _relay_from(call, response, source)
            return
        except StartOver:
            # Too much was missed. The page reads everything anew at any event, so one without an id says it all.
            after = None
            await response.write(b'event: change\ndata: {"kind": "start_over"}\n\n')


async def _relay_from(call: Call, response: web.StreamResponse, source: AsyncGenerator[Event]) -> None:
    loop = asyncio.get_running_loop()
    wrote = looked = loop.time()
    here = await call.services.presence.present(call.who.tenant_id)
    waiting = asyncio.ensure_future(anext(source))
    try:
        while True:
            await asyncio.wait({waiting}, timeout=max(0.0, looked + LOOK_EVERY - loop.time()))
            if loop.time() >= looked + LOOK_EVERY:
                if _is_gone(call.request) or not await _still_runs(call):
                    return
                looked = loop.time()
                before, here = here, await call.services.presence.present(call.who.tenant_id)
                if here != before:
                    await response.write(PRESENCE)
                    wrote = loop.time()
            if waiting.done():
                await response.write(as_message(waiting.result()))
                wrote = loop.time()
                waiting = asyncio.ensure_future(anext(source))
            elif loop.time() >= wrote + PING_EVERY:
                await response.write(b": ping\n\n")
                wrote = loop.time()
    finally:
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError, StartOver, StopAsyncIteration):
            await waiting


def _is_gone(request: web.Request) -> bool:
    """Whether the browser has hung up; without asking, that shows only at the next write."""
    return request.transport is None or request.transport.is_closing()


async def _still_runs(call: Call) -> bool:
    """Whether the log-in still stands. Looking does not count as using it, or an open page would never end."""
    kind, token = shown_token(call.request)
    now = call.services.clock.now()
    found = await call.services.accounts.find_log_in(sessions.token_digest(token), now)
    return found is not None and found.kind == kind and not sessions.is_over(found, now)


def read_after(request: web.Request) -> int | None:
    """Where the browser was: the id it last saw, or the one its page was drawn at."""
    given = request.headers.get("Last-Event-ID") or request.query.get("after", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None


def as_message(event: Event) -> bytes:
    """One event on the wire: what kind, and which check to look at."""
    data = json.dumps({"kind": event.kind, "check_id": event.check_id})
    return f"id: {event.seq}\nevent: change\ndata: {data}\n\n".encode()


ROUTES = (Route("GET", "/events", events, Access.TECHNICIAN, Surface.STREAM, "What happens, as it happens"),)
