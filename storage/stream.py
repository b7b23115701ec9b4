"""One stream of events for consoles, pods and portals: what the log gains, as it gains it, from any point on.

Every reader gets each event of its tenant once and in order. A reader that is too slow, or comes back after too long,
is told to load its page anew rather than kept waiting for what it has missed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

from storage.database import Database
from storage.log import Log, LogRow

#: Events that may wait for one reader.
WAITING = 256
#: Events that are replayed to a reader that comes back.
REPLAYED = 1000
_BATCH = 200


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `seq` is the id to come back with; `public` holds ids, kinds and counts only."""

    seq: int
    kind: str
    check_id: str
    contact_id: str
    technician_id: str
    public: Mapping[str, str | int]


class StartOver(Exception):
    """The reader has missed too much: load the page anew and subscribe from there."""


class _Reader:
    """The events that wait for one subscriber. `has`: it has all up to here, by replay or in its queue; None while it
    has not looked yet where the log stands, and then it takes nothing, lest it take a later event before an earlier."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Event] = asyncio.Queue(WAITING)
        self.has: int | None = None
        self.overrun = False

    def put(self, event: Event) -> None:
        if self.has is None or event.seq <= self.has:
            return
        self.has = event.seq
        try:
            self.queue.put_nowait(event)
        except asyncio.QueueFull:
            self.overrun = True


class EventStream:
    """Shares the log's growth among all subscribers; the log is read once per tenant and commit, not per subscriber."""

    def __init__(self, database: Database, *, look_every: float = 2.0) -> None:
        """`look_every`: seconds after which the log is looked at without a call, for commits of other processes."""
        self._log = Log(database)
        self._look_every = look_every
        self._readers: dict[str, set[_Reader]] = defaultdict(set)
        self._seen: dict[str, int] = {}
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def wake(self) -> None:
        """Something was committed. May be called from any thread, at any time."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.set)

    async def run(self) -> None:
        """Hand out what the log gains until cancelled; one task of the program."""
        self._loop = asyncio.get_running_loop()
        while True:
            # Not `wait_for`: before Python 3.12 it may swallow a cancellation, and the program would never end.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._look_every):
                    await self._woken.wait()
            self._woken.clear()
            for tenant_id in [t for t, readers in self._readers.items() if readers]:
                await self._hand_out(tenant_id)

    async def subscribe(self, tenant_id: str, after_seq: int | None = None) -> AsyncGenerator[Event]:
        """Everything after `after_seq`, first what was, then what comes; None is from now on. Close it when done.

        Raises `StartOver` when that is too long ago, lies in the future (the log was restored), or the reader is slow.
        """
        reader = _Reader()
        readers = self._readers[tenant_id]
        readers.add(reader)
        try:
            newest = await self._log.newest(tenant_id)
            # Two may subscribe at once, and the log may grow between their looks: handing out begins at the earlier
            # one, and nobody takes what they have.
            self._seen[tenant_id] = min(newest, self._seen.get(tenant_id, newest))
            reader.has = newest
            # What was handed out while this one looked has passed it by, and perhaps nothing else comes: once more.
            self._woken.set()
            last = newest if after_seq is None else after_seq
            if last > newest:
                raise StartOver
            replayed = 0
            while last < newest and (rows := (await self._log.after(tenant_id, last, limit=_BATCH)).items):
                replayed += len(rows)
                if replayed > REPLAYED:
                    raise StartOver
                for event in map(_event, rows):
                    last = event.seq
                    yield event
            while True:
                if reader.overrun:
                    raise StartOver
                event = await reader.queue.get()
                if event.seq > last:
                    last = event.seq
                    yield event
        finally:
            readers.discard(reader)
            if not readers:
                self._readers.pop(tenant_id, None)
                self._seen.pop(tenant_id, None)

    async def _hand_out(self, tenant_id: str) -> None:
        while tenant_id in self._seen:
            rows = (await self._log.after(tenant_id, self._seen[tenant_id], limit=_BATCH)).items
            if not rows or tenant_id not in self._seen:
                return
            for event in map(_event, rows):
                self._seen[tenant_id] = event.seq
                for reader in self._readers.get(tenant_id, ()):
                    reader.put(event)


def _event(row: LogRow) -> Event:
    assert row.seq is not None  # lines without a place in the log are not read
    return Event(row.seq, row.kind, row.check_id, row.contact_id, row.technician_id, row.public)
