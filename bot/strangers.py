"""How many unknown numbers are answered in an hour: whoever can make up senders must not be able to spend the tenant's
money on answers to them (SEC-39).

Counted in memory: in this process, or in all replicas together where there is a Redis. It guards the bill and nothing
else: an unknown number starts nothing, answered or not, and every text is in the log either way.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from storage.bounds import Bound
from storage.shared import Limits

#: Far more than write to a help desk in an hour without standing on any contact.
MOST = 100
WITHIN = timedelta(hours=1)


class Strangers:
    """Whether one more may be answered, by tenant."""

    def __init__(self, limits: Limits) -> None:
        self._bound: Bound = limits.bound("strangers", MOST, WITHIN)

    def may_answer(self, tenant_id: str, now: datetime) -> bool:
        """Whether one more may be answered now."""
        return self._bound.has_room(tenant_id, now)

    def answered(self, tenant_id: str, now: datetime) -> None:
        """One more has been."""
        self._bound.count(tenant_id, now)
