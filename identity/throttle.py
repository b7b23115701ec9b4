"""May this sign-in be tried now? Times of failures come in, the answer is when the next try may be made.

An account that does not exist is throttled like one that does, so that the answer tells nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

ACCOUNT_FAILURES = 10
ACCOUNT_WINDOW = timedelta(minutes=15)
FIRST_DELAY = timedelta(minutes=15)
LONGEST_DELAY = timedelta(minutes=60)
ADDRESS_FAILURES = 50
ADDRESS_WINDOW = timedelta(hours=1)
#: Links to a new password that are sent for one login in this time.
LINKS = 3
LINKS_WINDOW = timedelta(hours=1)
#: How far back failures have to be known: a delay starts small again after a day without one.
REMEMBERED = timedelta(hours=24)


def not_before(by_account: Sequence[datetime], by_address: Sequence[datetime], now: datetime) -> datetime | None:
    """None when a try may be made now, else the later of both bounds. The order of the times does not matter."""
    bounds = [_account(by_account, now), _address(by_address, now)]
    return max((bound for bound in bounds if bound is not None), default=None)


def links_not_before(by_address: Sequence[datetime], now: datetime) -> datetime | None:
    """The same for asking for a link to a new password. It is bounded by the address alone, because what is said must
    not depend on the login; see `too_many_links`."""
    return _address(by_address, now)


def too_many_links(asked: Sequence[datetime], now: datetime) -> bool:
    """Whether so many links were asked for this login lately that no further one is sent."""
    return sum(1 for at in asked if now - LINKS_WINDOW < at <= now) >= LINKS


def _account(failures: Sequence[datetime], now: datetime) -> datetime | None:
    """Ten failures within 15 minutes close the account for 15 minutes, the next ten for 30, then for 60."""
    delay, closed_until = FIRST_DELAY, None
    run: list[datetime] = []
    for at in sorted(t for t in failures if now - REMEMBERED < t <= now):
        run = [t for t in run if t > at - ACCOUNT_WINDOW] + [at]
        if len(run) >= ACCOUNT_FAILURES:
            closed_until, run = at + delay, []
            delay = min(delay * 2, LONGEST_DELAY)
    return closed_until if closed_until is not None and closed_until > now else None


def _address(failures: Sequence[datetime], now: datetime) -> datetime | None:
    inside = sorted(t for t in failures if now - ADDRESS_WINDOW < t <= now)
    return None if len(inside) < ADDRESS_FAILURES else inside[-ADDRESS_FAILURES] + ADDRESS_WINDOW
