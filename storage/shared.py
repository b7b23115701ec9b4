"""What replicas of this program share besides the database: nothing, or a Redis. Opened here, used through protocols.

    async with open_shared(settings.redis_url, clock, me=random.token()) as shared:
        store.on_commit(shared.wakeups.tell)
        shared.wakeups.on_wake(dispatcher.wake)
        stream = EventStream(database, fan_out=shared.fan_out)

Without an address everything works for one process, and for several a little slower, through the database.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from dialogs.ports import Clock
from storage.bounds import Bound, LocalBound
from storage.presence import LocalPresence, Presence
from storage.stream import FanOut


class WakeUps(Protocol):
    """Tells the other replicas that something was committed here, and hears it from them."""

    def tell(self) -> None:
        """This replica has committed something. On the event loop; cheap, and as often as you like."""
        ...

    def on_wake(self, callback: Callable[[], None]) -> None:
        """Have `callback` called on the event loop when another replica has, or may have."""
        ...


class Limits(Protocol):
    """Makes bounds that are kept together, as well as that goes."""

    def bound(self, name: str, most: int, within: timedelta) -> Bound:
        """`most` of a tenant's within a time. `name`: one word; the same name is the same bound at every replica."""
        ...


class NoWakeUps:
    """Nobody to wake."""

    def tell(self) -> None:
        return

    def on_wake(self, callback: Callable[[], None]) -> None:
        return


class LocalLimits:
    """Each process for itself."""

    def bound(self, name: str, most: int, within: timedelta) -> Bound:
        return LocalBound(most, within)


@dataclass(frozen=True, slots=True)
class Shared:
    """As it stands: nothing is shared. `fan_out` is for `EventStream`; `answers`: whether Redis does, None without."""

    wakeups: WakeUps = field(default_factory=NoWakeUps)
    fan_out: FanOut | None = None
    presence: Presence = field(default_factory=LocalPresence)
    limits: Limits = field(default_factory=LocalLimits)
    answers: Callable[[], Awaitable[bool]] | None = None


@asynccontextmanager
async def open_shared(url: str, clock: Clock, *, me: str) -> AsyncIterator[Shared]:
    """`url`: of a Redis, or empty. `me`: a name that no other replica has, without an `@`.

    Raises `storage.redis.BadRedisUrl` (a ValueError) for an address that cannot be understood, and nothing when Redis
    is not there: it may come later.
    """
    if not url:
        yield Shared()
        return
    # The client takes 0.2 s to import, and most installations have no use for it.
    from storage.redis.opening import opened

    async with opened(url, clock, me) as shared:
        yield shared
