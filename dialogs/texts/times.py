"""A time of day as end users read it: with its zone, for whoever reads it may sit in another one."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo


def clock_and_zone(at: datetime, timezone: str) -> str:
    """`14:12 CET`, or `14:12 UTC-03:00` where the zone goes by no name of its own. `at` is aware."""
    there = at.astimezone(ZoneInfo(timezone))
    name = there.strftime("%Z")
    if not name.isalpha():
        name = "UTC" + there.isoformat()[-6:]
    return f"{there:%H:%M} {name}"
