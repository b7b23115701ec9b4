"""What the carrier knows of a number before a code goes there: its kind, and whether its SIM was swapped lately.

Whoever takes a number over by a new SIM gets every text and call that was meant for its owner (SEC-42). What cannot be
found out is `unknown`: that is shown, and neither counts as safe nor stands in anybody's way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal, TypeAlias

#: So long a swapped SIM is a new one.
SWAPPED_FOR = timedelta(days=7)

#: `voip`: a number of the internet, which nobody needs a SIM for. `other`: toll-free, a pager and the like.
Line: TypeAlias = Literal["mobile", "landline", "voip", "other", "unknown"]
#: Empty: the tenant does not have this asked.
Sim: TypeAlias = Literal["", "swapped", "unswapped", "unknown"]


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known of a number at one moment. `sim`: `swapped` within the last 7 days, `unswapped` for longer."""

    line: Line
    sim: Sim = ""


@dataclass(frozen=True, slots=True)
class NumberReport:
    """What the carrier answered. `swapped_at`: when the SIM was last swapped, where the carrier says so; with `swapped`
    and no time it was within 7 days before the answer."""

    line: Line
    sim: Sim = ""
    swapped_at: datetime | None = None

    def at(self, now: datetime) -> Signals:
        """The same as of now: a swap grows old. One dated ahead of our clock is new."""
        if self.sim == "swapped" and self.swapped_at is not None and now - self.swapped_at >= SWAPPED_FOR:
            return Signals(self.line, "unswapped")
        return Signals(self.line, self.sim)


#: Signals by number in E.164; numbers that nobody has asked about are absent.
KnownNumbers: TypeAlias = Mapping[str, Signals]
NOTHING_KNOWN: KnownNumbers = MappingProxyType({})
