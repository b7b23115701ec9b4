"""Bounds of the kind "so many of a tenant's within so long" that guard the bill, and may be counted in memory.

Whatever guards a check, a sign-in or a code is counted in the database (REL-10), never here.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import Protocol


class Bound(Protocol):
    """One bound for each tenant. Times are the application's; a clock that has jumped back makes room."""

    def has_room(self, tenant_id: str, now: datetime) -> bool:
        """Whether one more may be now. Asked from any thread; answers at once."""
        ...

    def count(self, tenant_id: str, now: datetime) -> None:
        """One more has been. On the event loop."""
        ...


class LocalBound:
    """Counted in this process alone, and gone with it; at most `most` moments are kept for each tenant."""

    def __init__(self, most: int, within: timedelta) -> None:
        self.most = most
        self.within = within
        self._moments: dict[str, deque[datetime]] = {}

    def has_room(self, tenant_id: str, now: datetime) -> bool:
        moments = self._moments.get(tenant_id)
        return moments is None or len(moments) < self.most or self.over(moments[0], now)

    def count(self, tenant_id: str, now: datetime) -> None:
        self._moments.setdefault(tenant_id, deque(maxlen=self.most)).append(now)

    def over(self, then: datetime, now: datetime) -> bool:
        """Whether `then` is too long ago to count, or not in the past at all."""
        return not timedelta(0) <= now - then < self.within

    def lately(self, tenant_id: str, now: datetime) -> list[datetime]:
        """The moments that count now, oldest first."""
        return [then for then in self._moments.get(tenant_id, ()) if not self.over(then, now)]
