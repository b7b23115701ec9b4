"""Too many wrong answers lock a method for a contact (security bar, section 0); too many by one technician are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Literal

from dialogs.turns import Try
from dialogs.user_verify import Method

HOUR, PER_HOUR = timedelta(hours=1), 10
DAY, PER_DAY = timedelta(hours=24), 20
LOCKED_FOR = timedelta(minutes=15)
IN_A_ROW = 50
#: How many wrong codes of one technician in an hour, and overrides in a day, are still thought nothing of (SEC-14).
TYPED_PER_HOUR = 10
OVERRIDES_PER_DAY = 5


@dataclass(frozen=True, slots=True)
class Lock:
    """A method that cannot be used for this contact: until `not_before`, or until an admin says so."""

    why: Literal["method_locked", "method_disabled"]
    not_before: datetime | None = None


def lock_of(tries: Iterable[Try], method: Method, now: datetime) -> Lock | None:
    """None when the method may be used. `tries`: those of the contact, in any order; a `reset` wipes the slate.

    Ten wrong ones within an hour lock for 15 minutes after the last of them, so that each further one locks again; 20
    within 24 hours until the oldest of them is a day old; 50 without a right one between them until a reset."""
    own = sorted((t for t in tries if t.method is method), key=lambda t: (t.at, t.id), reverse=True)
    since_reset = list(takewhile(lambda t: t.outcome != "reset", own))
    in_a_row = list(takewhile(lambda t: t.outcome == "wrong", since_reset))
    if len(in_a_row) >= IN_A_ROW:
        return Lock("method_disabled")
    wrong = [t.at for t in since_reset if t.outcome == "wrong"]
    ends = [at for at in (_hour(wrong), _day(wrong)) if at is not None and at > now]
    return Lock("method_locked", max(ends)) if ends else None


def would_lock(tries: Sequence[Try], one: Try, now: datetime) -> bool:
    """Whether that answer, added to them as a wrong one, locks its method."""
    return lock_of((*tries, one), one.method, now) is not None


def tell_of_wrong_codes(wrong_before: int) -> bool:
    """Whether one more wrong code by a technician who typed `wrong_before` in the last hour is the one to tell of: the
    first beyond the bound, so that there is one alert and not one for each."""
    return wrong_before == TYPED_PER_HOUR


def tell_of_overrides(overrides_before: int) -> bool:
    """The same for one more override in 24 hours."""
    return overrides_before == OVERRIDES_PER_DAY


def _hour(wrong: Sequence[datetime]) -> datetime | None:
    """`wrong`, newest first. An earlier ten have locked it too, but never for longer than the newest ten do."""
    if len(wrong) < PER_HOUR or wrong[0] - wrong[PER_HOUR - 1] >= HOUR:
        return None
    return wrong[0] + LOCKED_FOR


def _day(wrong: Sequence[datetime]) -> datetime | None:
    """When the twentieth of the newest twenty is a day old."""
    return wrong[PER_DAY - 1] + DAY if len(wrong) >= PER_DAY else None
