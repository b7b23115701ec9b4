"""One stream of events for consoles, pods and portals: what the log gains, as it gains it, from any point on.

Every reader gets each event of its tenant once and in order. A reader that is too slow, or comes back after too long,
is told to load its page anew rather than kept waiting for what it has missed.

The log is what counts. Where replicas push each other what they have placed in it (`FanOut`), a push that goes on
exactly where this replica stands is handed out without reading; anything else makes it read.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from dialogs.messages import Unavailable
from storage.database import Database
from storage.log import Log, LogRow

#: Events that may wait for one reader.
WAITING = 256
#: Events that are replayed to a reader that comes back.
REPLAYED = 1000
#: Pushes of two replicas may overtake each other; one that is early waits this many seconds for the one before it.
OVERTAKEN = 0.03
_BATCH = 200
_EARLY = 16


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `seq` is the id to come back with; `public` holds ids, kinds and counts only."""

    seq: int
    kind: str
    check_id: str
    contact_id: str
    technician_id: str
    public: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Push:
    """The tenant's log holds exactly these behind `since` and up to the last of them; they are in order."""

    since: int
    events: Sequence[Event]


class FanOut(Protocol):
    """Carries pushes between replicas, or loses them; `storage.redis` has the one there is."""

    def attach(self, pushed: Callable[[str, Push], None], unsure: Callable[[str], None]) -> None:
        """`pushed(tenant, push)` for each one that arrives; `unsure(tenant)` when some may have been missed."""
        ...

    def follow(self, tenant_id: str) -> None:
        """Somebody here wants this tenant's events."""
        ...

    def unfollow(self, tenant_id: str) -> None: ...

    def follows(self, tenant_id: str) -> bool:
        """Whether this tenant's pushes arrive here just now."""
        ...

    def publish(self, tenant_id: str, push: Push) -> None:
        """Tell the other replicas; does not wait."""
        ...


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

    def start_over(self) -> None:
        """What it has been told is not what the log says."""
        self.overrun = True
        with contextlib.suppress(asyncio.QueueFull):  # it may be waiting for something to come
            self.queue.put_nowait(Event(0, "", "", "", "", {}))


class EventStream:
    """Shares the log's growth among all subscribers; the log is read once per tenant and commit, not per subscriber,
    and where pushes arrive not even that."""

    def __init__(self, database: Database, *, look_every: float = 2.0, fan_out: FanOut | None = None) -> None:
        """`look_every`: seconds after which the log is looked at without a call, for commits of other processes."""
        self._log = Log(database)
        self._look_every = look_every
        self._fan_out = fan_out
        self._readers: dict[str, set[_Reader]] = defaultdict(set)
        self._seen: dict[str, int] = {}
        #: Tenants whose log has to be read although their pushes arrive.
        self._behind: set[str] = set()
        #: Tenants of whom a push has come since their channel was last heard anew: where nobody pushes, we read.
        self._fed: set[str] = set()
        #: Pushes that came before the ones they go on from.
        self._early: dict[str, list[Push]] = {}
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        if fan_out is not None:
            fan_out.attach(self._pushed, self._unsure)

    def wake(self) -> None:
        """Something was committed. May be called from any thread, at any time."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.set)

    def placed(self, tenant_id: str, since: int, events: Sequence[Event]) -> None:
        """This replica has given events their place in the log, and committed it: hand them out, here and elsewhere.

        `since`: the place of the tenant's last event before them, 0 for none. On the event loop; does not wait.
        """
        push = Push(since, events)
        self._pushed(tenant_id, push)
        if self._fan_out is not None:
            self._fan_out.publish(tenant_id, push)

    def readers(self) -> int:
        """How many subscribe at this moment, of all tenants."""
        return sum(map(len, self._readers.values()))

    def standing(self, tenant_id: str) -> int:
        """The place of the last event of this tenant that was handed out here, 0 when nobody subscribes."""
        return self._seen.get(tenant_id, 0)

    async def run(self) -> None:
        """Hand out what the log gains until cancelled; one task of the program."""
        self._loop = asyncio.get_running_loop()
        next_look = self._loop.time() + self._look_every
        while True:
            # Not `wait_for`: before Python 3.12 it may swallow a cancellation, and the program would never end.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(next_look):
                    await self._woken.wait()
            self._woken.clear()
            if everything := self._loop.time() >= next_look:
                next_look = self._loop.time() + self._look_every
            for tenant_id in [t for t, readers in self._readers.items() if readers]:
                if everything or tenant_id in self._behind or not self._is_pushed(tenant_id):
                    self._behind.discard(tenant_id)
                    with contextlib.suppress(Unavailable):  # the database is away: the next look finds it back
                        await self._hand_out(tenant_id)

    async def subscribe(self, tenant_id: str, after_seq: int | None = None) -> AsyncGenerator[Event]:
        """Everything after `after_seq`, first what was, then what comes; None is from now on. Close it when done.

        Raises `StartOver` when that is too long ago, lies in the future (the log was restored), or the reader is slow.
        """
        reader = _Reader()
        readers = self._readers[tenant_id]
        readers.add(reader)
        if self._fan_out is not None and len(readers) == 1:
            self._fan_out.follow(tenant_id)
        try:
            newest = await self._log.newest(tenant_id)
            # Two may subscribe at once, and the log may grow between their looks: handing out begins at the earlier
            # one, and nobody takes what they have.
            self._seen[tenant_id] = min(newest, self._seen.get(tenant_id, newest))
            reader.has = newest
            # What was handed out while this one looked has passed it by, and perhaps nothing else comes: once more.
            self._read_soon(tenant_id)
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
                self._behind.discard(tenant_id)
                self._fed.discard(tenant_id)
                self._early.pop(tenant_id, None)
                if self._fan_out is not None:
                    self._fan_out.unfollow(tenant_id)

    def _is_pushed(self, tenant_id: str) -> bool:
        return tenant_id in self._fed and self._fan_out is not None and self._fan_out.follows(tenant_id)

    def _unsure(self, tenant_id: str) -> None:
        """The way pushes take broke off, or has just come to be."""
        self._fed.discard(tenant_id)
        self._read_soon(tenant_id)

    def _read_soon(self, tenant_id: str) -> None:
        """Something of this tenant's may have been missed."""
        if tenant_id in self._readers:
            self._behind.add(tenant_id)
            self._woken.set()

    def _pushed(self, tenant_id: str, push: Push) -> None:
        """Hand out what goes on where we stand; a gap is read from the log."""
        seen = self._seen.get(tenant_id)
        if seen is None:
            return  # nobody here listens, or has looked yet where the log stands, and then it is read anyway
        if push.since > seen:
            early = self._early.setdefault(tenant_id, [])
            if not early:
                asyncio.get_running_loop().call_later(OVERTAKEN, self._read_if_early, tenant_id)
            if len(early) < _EARLY:
                early.append(push)
            return
        self._fed.add(tenant_id)
        self._give(tenant_id, push.events)
        self._go_on(tenant_id)

    def _go_on(self, tenant_id: str) -> None:
        """Hand out what came early, as far as it goes on where we stand now."""
        for push in sorted(self._early.pop(tenant_id, ()), key=lambda push: push.since):
            if push.since <= self._seen[tenant_id]:
                self._give(tenant_id, push.events)
            else:
                self._early.setdefault(tenant_id, []).append(push)

    def _read_if_early(self, tenant_id: str) -> None:
        if self._early.pop(tenant_id, None):
            self._read_soon(tenant_id)

    async def _hand_out(self, tenant_id: str) -> None:
        while (since := self._seen.get(tenant_id)) is not None:
            rows = (await self._log.after(tenant_id, since, limit=_BATCH)).items
            seen = self._seen.get(tenant_id)
            if not rows or seen is None:
                if tenant_id in self._fed:
                    await self._mistrust(tenant_id, since)
                return
            # Somebody may have subscribed meanwhile who stands further back: then these rows leave a gap, and again.
            if since <= seen:
                self._give(tenant_id, [_event(row) for row in rows])
                self._go_on(tenant_id)

    async def _mistrust(self, tenant_id: str, told: int) -> None:
        """A push may come from another installation with the same tenants, such as a copy of this one that was set up
        with the same Redis. What lies behind the end of the log was never in it, and would hide what comes."""
        newest = await self._log.newest(tenant_id)
        if newest < told and tenant_id in self._seen:
            self._seen[tenant_id] = newest
            self._fed.discard(tenant_id)
            self._early.pop(tenant_id, None)
            for reader in self._readers[tenant_id]:
                reader.start_over()

    def _give(self, tenant_id: str, events: Sequence[Event]) -> None:
        """To every reader what it has not got; by a push this may have got further than the rows that were read."""
        for event in events:
            if event.seq > self._seen[tenant_id]:
                self._seen[tenant_id] = event.seq
                for reader in self._readers[tenant_id]:
                    reader.put(event)


def _event(row: LogRow) -> Event:
    assert row.seq is not None  # lines without a place in the log are not read
    return Event(row.seq, row.kind, row.check_id, row.contact_id, row.technician_id, row.public)
