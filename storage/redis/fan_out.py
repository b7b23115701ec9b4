"""Events pushed to all replicas by the one that gave them their place in the log, so that the others need not read.

A push says: between `since` and its last event the log of this tenant holds exactly these. Whoever has everything up
to `since` or later goes on with it; whoever has not reads the log. A push that is lost or comes twice does no harm.
Only what technicians may read anyway is in it: ids, kinds and counts.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

from storage.redis.connection import Connection
from storage.redis.listener import Listener
from storage.redis.names import of_tenant
from storage.stream import Event, Push

#: Pushes that may wait for the one under way; beyond that all are dropped, and the others read the log.
WAITING = 1000
#: What the database's column holds; it cannot be asked for what lies behind more.
_LAST_PLACE = 2**63 - 1
_EVENTS = "events"


class RedisFanOut:
    """Keeps `storage.stream.FanOut`'s promise over Redis."""

    def __init__(self, connection: Connection, listener: Listener) -> None:
        self._connection = connection
        self._listener = listener
        self._due = asyncio.Event()
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._followed: dict[str, str] = {}
        self._pushed: Callable[[str, Push], None] | None = None
        self._unsure: Callable[[str], None] | None = None
        listener.on_change(self._changed)

    def attach(self, pushed: Callable[[str, Push], None], unsure: Callable[[str], None]) -> None:
        """`pushed(tenant, push)` for each one that arrives; `unsure(tenant)` when some may have been missed."""
        self._pushed, self._unsure = pushed, unsure

    def follow(self, tenant_id: str) -> None:
        """Somebody here wants this tenant's events."""
        channel = of_tenant(tenant_id, _EVENTS)
        self._followed[channel] = tenant_id
        self._listener.listen(channel, partial(self._heard, tenant_id))

    def unfollow(self, tenant_id: str) -> None:
        """Nobody here does any more."""
        channel = of_tenant(tenant_id, _EVENTS)
        self._followed.pop(channel, None)
        self._listener.forget(channel)

    def follows(self, tenant_id: str) -> bool:
        """Whether this tenant's pushes arrive here just now."""
        return self._listener.hears(of_tenant(tenant_id, _EVENTS))

    def publish(self, tenant_id: str, push: Push) -> None:
        """Tell the other replicas. On the event loop; does not wait."""
        if len(self._waiting) >= WAITING:
            self._waiting.clear()
        self._waiting.append((of_tenant(tenant_id, _EVENTS), as_message(push)))
        self._due.set()

    async def run(self) -> None:
        """Publish until cancelled, all that waits in one round trip."""
        while True:
            await self._due.wait()
            self._due.clear()
            commands = [("PUBLISH", channel, message) for channel, message in self._waiting]
            self._waiting.clear()
            if commands:
                await self._connection.run(*commands)

    def _heard(self, tenant_id: str, message: bytes) -> None:
        push = read_message(message)
        if push is not None and self._pushed is not None:
            self._pushed(tenant_id, push)

    def _changed(self, channel: str) -> None:
        tenant_id = self._followed.get(channel)
        if tenant_id is not None and self._unsure is not None:
            self._unsure(tenant_id)


def as_message(push: Push) -> bytes:
    """JSON, field by position."""
    events = [[e.seq, e.kind, e.check_id, e.contact_id, e.technician_id, dict(e.public)] for e in push.events]
    return json.dumps([push.since, events], separators=(",", ":")).encode()


def read_message(message: bytes) -> Push | None:
    """None for anything that is no push in the right order: it is dropped, and the log is read in time."""
    try:
        since, rows = json.loads(message)
        events = tuple(_event(row) for row in rows)
    except (ValueError, TypeError, RecursionError):
        return None
    places = [since, *(event.seq for event in events)]
    if not all(type(place) is int and 0 <= place <= _LAST_PLACE for place in places) or not _rises(places):
        return None
    return Push(since, events)


def _event(row: object) -> Event:
    if not isinstance(row, list):
        raise TypeError("an event is a list")
    seq, kind, check_id, contact_id, technician_id, public = row
    if not all(isinstance(word, str) for word in (kind, check_id, contact_id, technician_id)):
        raise TypeError("ids and kinds are text")
    if not isinstance(public, dict) or not all(isinstance(value, str | int) for value in public.values()):
        raise TypeError("what is public are words and counts")
    return Event(seq, kind, check_id, contact_id, technician_id, public)


def _rises(places: Sequence[int]) -> bool:
    return all(a < b for a, b in pairwise(places))
