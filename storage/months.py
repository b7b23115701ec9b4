"""Months and days of the calendar as a tenant's clocks show them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month of the calendar."""

    year: int
    number: int

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    @property
    def first(self) -> date:
        return date(self.year, self.number, 1)

    def moved(self, months: int) -> Month:
        """So many months later, or earlier."""
        count = self.year * 12 + self.number - 1 + months
        return Month(count // 12, count % 12 + 1)

    def days(self) -> Iterator[date]:
        first = self.first.toordinal()
        for ordinal in range(first, self.moved(1).first.toordinal()):
            yield date.fromordinal(ordinal)


def month_of(day: date) -> Month:
    return Month(day.year, day.month)


def read_month(text: str) -> Month | None:
    """`2026-03`; None for anything else."""
    year, dash, number = text.partition("-")
    if dash and len(year) == 4 and len(number) == 2 and text.isascii() and (year + number).isdigit():
        found = Month(int(year), int(number))
        return found if 1 <= found.number <= 12 and 2000 <= found.year <= 2999 else None
    return None


def begins(day: date, zone: str) -> datetime:
    """The moment at which a day begins in a zone. The day before ends there, also where clocks are changed."""
    return datetime.combine(day, time.min, ZoneInfo(zone)).astimezone(UTC)


def ends(day: date, zone: str) -> datetime:
    """The moment at which the day after begins."""
    return begins(day + timedelta(days=1), zone)


def day_of(at: datetime, zone: str) -> date:
    """The day that clocks in the zone show."""
    return at.astimezone(ZoneInfo(zone)).date()


def read_day(text: str) -> date | None:
    """`2026-03-01`; None for anything else."""
    if len(text) != 10 or not text.isascii():
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    # Weeks are read too, and are no way to write a day here.
    return found if found.isoformat() == text and 2000 <= found.year <= 2999 else None
