"""What a tenant may set for this dialog, the clock it is handed, and the names of its timers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

DEADLINE = "deadline"
NOBODY_CLAIMED = "nobody_claimed"
#: The trail is for people; a conversation that goes round in circles must not grow a row without end.
MAX_TRAIL = 40
MAX_HINTS = 3
#: How often one check may change hands. Each time the user is told a new name, so it must not go on for ever.
MAX_HANDOVERS = 10


class Direction(StrEnum):
    """How technician and user came together, as the technician attests. Only the first three may see a code."""

    WE_CALLED_USER = "we_called_user"
    ON_SITE = "on_site"
    REMOTE_SESSION = "remote_session"
    USER_CALLED_US = "user_called_us"


class Mode(StrEnum):
    """`compare`: the user has the code too. `transfer`: the text has none, the user types what they hear."""

    COMPARE = "compare"
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True)
class Rules:
    """The tenant's settings for this dialog; defaults are DESIGN's and security.md's."""

    mode: Mode = Mode.COMPARE
    lifetime: timedelta = timedelta(minutes=10)
    require_claim: bool = True
    ticket_at_claim: Literal["optional", "required"] = "optional"
    ticket_logging: Literal["auto", "ask"] = "auto"
    max_wrong_codes: int = 5
    alert_after: timedelta = timedelta(seconds=20)
    fold_notice_within: timedelta = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Env:
    """Clock and rules come in as values; the machine fetches nothing."""

    now: datetime
    rules: Rules
