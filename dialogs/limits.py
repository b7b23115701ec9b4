"""May another challenge be sent? Counts come in as facts, the answer is when the next one may go out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from dialogs.settings import Limits

#: The name of the bound that stops texts to a number prefix whose codes hardly anybody answers.
PREFIX_PAUSED = "prefix_paused"
#: So many codes must have gone to a prefix before how many of them were answered says anything.
PREFIX_AT_LEAST = 20
#: After so long without a text to the prefix one more may go, to see whether it is answered. Short enough that people
#: there are not shut out for a day by somebody who forged their numbers, long enough that four a day is all it costs.
PREFIX_REST = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class PrefixDay:
    """Codes of checks that went to one number prefix in the last 24 h: how many, and how many of them were answered
    (given back). Announcements cannot be answered and are not among them. `last_at` and `last_id` are the newest one's;
    its id names the pause that may begin with it, because nothing goes out during a pause. `told`: there is an alert
    with that id, so the console knows.
    """

    sent: int = 0
    answered: int = 0
    last_at: datetime | None = None
    last_id: str = ""
    told: bool = False


@dataclass(frozen=True, slots=True)
class SendCounts:
    """Unanswered challenge sends, as storage counted them at the start of the turn.

    `destination`: times of those to this address in the last 24 h, any order. The others are the times of the last
    hour for the number prefix (all but the last four digits), the technician and the tenant. `segments_today`:
    segments of all challenges of the tenant in the last 24 h, answered or not: they are about money. `prefix_day` looks
    at both kinds too: it is about how many are answered.
    """

    destination: tuple[datetime, ...] = ()
    prefix: tuple[datetime, ...] = ()
    technician: tuple[datetime, ...] = ()
    tenant: tuple[datetime, ...] = ()
    segments_today: int = 0
    prefix_day: PrefixDay = PrefixDay()


@dataclass(frozen=True, slots=True)
class NotBefore:
    """Refused for now. `limit` names which bound it was, for the audit row and the technician."""

    at: datetime
    limit: str


def next_send(
    counts: SendCounts, limits: Limits, now: datetime, purpose: Literal["verify", "resend", "announce"]
) -> NotBefore | None:
    """None when a challenge may go out now, else the latest of all bounds that are full.

    `verify`: the user asked, so the user's own bounds count. `resend`, `announce`: a technician asked, so the bounds
    per destination and technician count; the gap between two codes is for `resend` alone. Prefix and tenant bounds
    always count, and so does the pause of a prefix that hardly answers.
    """
    hour, day, ten = timedelta(hours=1), timedelta(hours=24), timedelta(minutes=10)
    if purpose == "verify":
        bounds = [
            _full("sender_10_min", counts.destination, limits.verify_per_10_min, ten, now),
            _full("sender_24_h", counts.destination, limits.verify_per_24_h, day, now),
        ]
    else:
        bounds = [
            _full("destination_gap", counts.destination, 1, limits.resend_gap, now) if purpose == "resend" else None,
            _full("destination_10_min", counts.destination, limits.destination_per_10_min, ten, now),
            _full("destination_hour", counts.destination, limits.destination_per_hour, hour, now),
            _full("destination_24_h", counts.destination, limits.destination_per_24_h, day, now),
            _full("technician_hour", counts.technician, limits.technician_per_hour, hour, now),
        ]
    bounds += [
        _full("prefix_hour", counts.prefix, limits.prefix_per_hour, hour, now),
        _full("tenant_hour", counts.tenant, limits.tenant_per_hour, hour, now),
    ]
    if counts.segments_today >= limits.tenant_segments_per_day:
        bounds.append(NotBefore(now + hour, "tenant_segments_day"))
    bounds.append(prefix_pause(counts.prefix_day, limits, now))
    full = [b for b in bounds if b is not None]
    return max(full, key=lambda b: b.at) if full else None


def prefix_pause(day: PrefixDay, limits: Limits, now: datetime) -> NotBefore | None:
    """Whether texts to a prefix pause (SEC-39): of at least 20 codes in 24 h, too small a share was answered.

    It ends early when codes that are still out are answered, or when old ones leave the 24 h; else, six hours after the
    last one, for one more. So of codes that nobody answers, at most 23 go to a prefix in any 24 h.
    """
    if day.last_at is None or day.sent < PREFIX_AT_LEAST:
        return None
    if day.answered * 100 >= day.sent * limits.prefix_answered_percent or now >= day.last_at + PREFIX_REST:
        return None
    return NotBefore(day.last_at + PREFIX_REST, PREFIX_PAUSED)


def _full(name: str, times: Sequence[datetime], most: int, window: timedelta, now: datetime) -> NotBefore | None:
    """When the window has room again: the moment the oldest of the newest `most` falls out of it."""
    inside = sorted(t for t in times if t > now - window)
    return None if len(inside) < most else NotBefore(inside[-most] + window, name)
