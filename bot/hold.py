"""How long an attempt may go on: the end of its lease as its worker sees it, less a margin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

LEASE = timedelta(seconds=60)
#: An attempt is given up so long before its lease ends, unless the lease is renewed before that.
MARGIN = timedelta(seconds=12)


class LeaseLost(Exception):
    """The lease has run out, or is about to: somebody else may be doing this by now. Nothing was sent."""


@dataclass(slots=True)
class Hold:
    """A worker's hold on one item. `until` moves when the lease is renewed.

    A worker that stood still for a minute (stopped, swapped out, its machine asleep) learns here that it has lost the
    item, because it asks the clock right before it sends. What stays open is a standstill between that question and
    the bytes on the wire, or of a send under way, that outlasts the margin: the next worker then finds the item
    unclear, asks the provider first, and sends at most once more (REL-04).
    """

    until: datetime

    @classmethod
    def taken(cls, now: datetime) -> Hold:
        """On a lease that was taken then."""
        return cls(now + LEASE - MARGIN)

    def prolong(self, now: datetime) -> None:
        """The lease was renewed as of then."""
        self.until = now + LEASE - MARGIN

    def is_over(self, now: datetime) -> bool:
        return now >= self.until

    def require(self, now: datetime) -> None:
        """Raises LeaseLost when it is over."""
        if self.is_over(now):
            raise LeaseLost
