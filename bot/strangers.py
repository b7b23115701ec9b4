"""How many unknown numbers are answered in an hour: whoever can make up senders must not be able to spend the tenant's
money on answers to them (SEC-39).

Counted in this process alone and gone with it. It guards the bill and nothing else: an unknown number starts nothing,
answered or not, and every text is in the log either way.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

#: Far more than write to a help desk in an hour without standing on any contact.
MOST = 100
WITHIN = timedelta(hours=1)


class Strangers:
    """When strangers were answered lately, by tenant; at most `MOST` moments for each."""

    def __init__(self) -> None:
        self._answered: dict[str, deque[datetime]] = {}

    def may_answer(self, tenant_id: str, now: datetime) -> bool:
        """Whether one more may be answered now."""
        moments = self._answered.get(tenant_id)
        return moments is None or len(moments) < MOST or not timedelta(0) <= now - moments[0] < WITHIN

    def answered(self, tenant_id: str, now: datetime) -> None:
        """One more has been."""
        self._answered.setdefault(tenant_id, deque(maxlen=MOST)).append(now)
