"""The event stream of a browser: ids and kinds of what happened, never a code and never what anyone said.

A console asks for the rows of `/codes` along with it: what changed then comes by itself, drawn once for everybody. A
pod asks for what concerns one person (`about`).

One stream per browser is enough, the tabs share it. Its ids are those of the log, so a browser that comes back says
where it was and misses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import OrderedDict
from collections.abc import AsyncGenerator
from datetime import datetime

from aiohttp import web

from identity import sessions
from storage.stream import Event, StartOver
from web.log_in import shown_token
from web.pages.shared_rows import SHARED, SharedRows
from web.routing import Access, Call, Route, Surface
from web.second_person import waiting_for

#: Seconds of silence after which a beat keeps proxies from closing the line. It is an event, so that a browser notices
#: when even that stays away: a line that was cut without a word looks like one on which nothing happens.
PING_EVERY = 15.0
BEAT = b"event: beat\ndata: 1\n\n"
#: A log-in that has ended loses its stream within this many seconds (SEC-29 asks for five).
LOOK_EVERY = 4.0
#: What browsers wait before they come back, in milliseconds.
RETRY_MS = 1500
#: Somebody came or went. No line of the log says so, so it has no id.
PRESENCE = b'event: change\ndata: {"kind": "presence"}\n\n'
#: What the lists beside the rows are made of; the beginnings of kinds.
BESIDE = (
    "alert.",
    "channel.",
    "desk.blocked",
    "desk.opted_out",
    "desk.put_aside",
    "desk.stranger",
    "installation.",
    "outbox.dead",
    "timer.",
)
#: Of whoever announced it alone.
CALL = "call."
#: Requests to a second person: with each comes how many wait for whoever listens.
APPROVAL = "approval."
#: Checks of which a stream remembers what it has brought.
REMEMBERED = 500
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
                await _relay(call, response, _Rows(call) if wants_rows(call) else None)
            finally:
                call.services.presence.leave(call.who.tenant_id, call.who.technician_id)
    finally:
        open_streams.discard(task)
    return response


def install_streams(app: web.Application) -> None:
    """Let open streams end when the application stops; they would hold it up for a minute otherwise."""
    app[OPEN] = set()
    app[SHARED] = SharedRows()

    async def close(app: web.Application) -> None:
        open_streams = app[OPEN]
        running = tuple(open_streams)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    app.on_shutdown.append(close)


def wants_rows(call: Call) -> bool:
    """Rows go where the console is open to the account: names and companies are in them."""
    return call.request.query.get("rows") == "1" and call.who.kind == "cookie" and call.who.ui_access


class _Rows:
    """What one stream brings besides ids: the rows that changed, each once for whatever happened to it meanwhile."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._shared = call.request.app[SHARED]
        self._brought: OrderedDict[str, int] = OrderedDict()

    async def message(self, event: Event) -> bytes:
        """`row` is the check for everybody but its claimer, who asks for it; `row_seq` is where the log stood then. A
        later event that it covers comes bare. `beside`: something beside the rows has changed."""
        services, who = self._call.services, self._call.who
        data: dict[str, object] = {"kind": event.kind, "check_id": event.check_id}
        if event.contact_id:
            data["contact_id"] = event.contact_id
        mine = event.kind.startswith(CALL) and event.technician_id == who.technician_id
        if mine or event.kind.startswith(BESIDE):
            data["beside"] = True
        row = ""
        if event.kind.startswith(APPROVAL):
            data["asked"] = await waiting_for(services, who)
        # A verification of an end user has no row, nor has a request to a second person.
        has_row = event.check_id and not event.kind.startswith(("euv.", APPROVAL))
        if has_row and self._brought.get(event.check_id, -1) < event.seq:
            shown = await self._shared.row(services, who.tenant_id, event.check_id, event.seq)
            if shown is not None and shown.claimer_id != who.technician_id:
                data |= {"row_seq": shown.seq, "pending": shown.pending, "now": round(now_ms(services.clock.now()))}
                row = f', "row": {shown.text}'
                self._remember(event.check_id, shown.seq)
        text = json.dumps(data)[:-1] + row + "}"
        return f"id: {event.seq}\nevent: change\ndata: {text}\n\n".encode()

    def start_over(self) -> None:
        self._brought.clear()
        self._shared.forget(self._call.who.tenant_id)

    def _remember(self, check_id: str, seq: int) -> None:
        self._brought[check_id] = seq
        self._brought.move_to_end(check_id)
        if len(self._brought) > REMEMBERED:
            self._brought.popitem(last=False)


def now_ms(now: datetime) -> float:
    """What scripts count in."""
    return now.timestamp() * 1000


async def _relay(call: Call, response: web.StreamResponse, rows: _Rows | None) -> None:
    after = read_after(call.request)
    while True:
        try:
            source = call.services.stream.subscribe(call.who.tenant_id, after)
            async with contextlib.aclosing(source):
                await _relay_from(call, response, source, rows)
            return
        except StartOver:
            # Too much was missed. The page reads everything anew at any event, so one without an id says it all.
            after = None
            if rows is not None:
                rows.start_over()
            await response.write(b'event: change\ndata: {"kind": "start_over"}\n\n')


async def _relay_from(
    call: Call, response: web.StreamResponse, source: AsyncGenerator[Event], rows: _Rows | None
) -> None:
    loop = asyncio.get_running_loop()
    wrote = looked = loop.time()
    about = call.request.query.get("about", "")
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
                event = waiting.result()
                if is_about(event, about):
                    await response.write(as_message(event) if rows is None else await rows.message(event))
                    wrote = loop.time()
                waiting = asyncio.ensure_future(anext(source))
            elif loop.time() >= wrote + PING_EVERY:
                await response.write(BEAT)
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


def is_about(event: Event, contact_id: str) -> bool:
    """Whether it concerns one person, for who asks about one alone: also a check of a number that several have."""
    return not contact_id or event.contact_id == contact_id or (not event.contact_id and event.kind.startswith("tv."))


def as_message(event: Event) -> bytes:
    """One event on the wire: what kind, and which check to look at."""
    data = json.dumps({"kind": event.kind, "check_id": event.check_id})
    return f"id: {event.seq}\nevent: change\ndata: {data}\n\n".encode()


ROUTES = (Route("GET", "/events", events, Access.TECHNICIAN, Surface.STREAM, "What happens, as it happens", pod=True),)
