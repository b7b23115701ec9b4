"""How many unknown numbers are answered in an hour, and how many known ones whom a limit has refused a code: whoever
can make up senders must not be able to spend the tenant's money on answers to them (SEC-39).

Counted in memory: in this process, or in all replicas together where there is a Redis. It guards the bill and nothing
else: neither starts anything, answered or not, and every text is in the log either way.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from storage.bounds import Bound
from storage.shared import Limits

#: Far more than write to a help desk in an hour without standing on any contact, or than are refused.
MOST = 100
WITHIN = timedelta(hours=1)


class Strangers:
    """Whether one more may be answered, by tenant."""

    def __init__(self, limits: Limits, name: str = "strangers") -> None:
        """`name`: who is answered, one word; each has room of its own."""
        self._bound: Bound = limits.bound(name, MOST, WITHIN)

    def may_answer(self, tenant_id: str, now: datetime) -> bool:
        """Whether one more may be answered now."""
        return self._bound.has_room(tenant_id, now)

    def answered(self, tenant_id: str, now: datetime) -> None:
        """One more has been."""
        self._bound.count(tenant_id, now)
