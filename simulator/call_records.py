"""What the simulated carrier keeps of a call, how phones behave, and the shape its vendor gives a call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias, get_args

from simulator.carrier_records import API_VERSION, rfc2822
from simulator.twiml import Verb

#: How a phone behaves when it rings. `person`: somebody picks up and listens. `press_1`: and presses 1 once. `slow`:
#: picks up after 30 seconds. `by_hand`: rings until somebody here picks up. `unknown`: is picked up in silence, so
#: that nobody can tell what it is.
Manner = Literal["person", "press_1", "slow", "by_hand", "voicemail", "unknown", "busy", "no_answer", "unreachable"]
MANNERS: tuple[Manner, ...] = get_args(Manner)

#: What the detection of machines says of each; nobody else gets as far as that.
ANSWERED_BY: Mapping[Manner, str] = {
    "person": "human",
    "press_1": "human",
    "slow": "human",
    "by_hand": "human",
    "voicemail": "machine_start",
    "unknown": "unknown",
}
#: Seconds until a phone is picked up.
RINGS: Mapping[Manner, float] = {"slow": 30.0}
RINGS_USUALLY = 0.5
OVER = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})


@dataclass(frozen=True, slots=True)
class PickUp:
    """Somebody takes the call."""


@dataclass(frozen=True, slots=True)
class Key:
    """Somebody presses a key."""

    digit: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """The person, or the API (`by_api`), ends the call."""

    by_api: bool = False


@dataclass(frozen=True, slots=True)
class NewWords:
    """The API says what is played from now on."""

    verbs: tuple[Verb, ...]


Happening: TypeAlias = PickUp | Key | HangUp | NewWords


@dataclass(frozen=True, slots=True)
class Order:
    """What the API was told of a new call. `url` or `verbs`; `events`: which reports go to `callback`."""

    to: str
    sender: str
    url: str = ""
    verbs: tuple[Verb, ...] = ()
    callback: str = ""
    events: frozenset[str] = frozenset({"completed"})
    ring_s: int = 60
    limit_s: int = 14400
    detects: bool = False


@dataclass(slots=True)
class Call:
    """A call on its way. `words`: everything that was spoken, in order. `trouble`: what went wrong with what it was to
    play, as the vendor numbers it."""

    sid: str
    account_sid: str
    order: Order
    manner: Manner
    created: datetime
    status: str = "queued"
    answered_by: str = ""
    words: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    trouble: int = 0
    started: datetime | None = None
    ended: datetime | None = None
    reports: int = 0
    happenings: asyncio.Queue[Happening] = field(default_factory=asyncio.Queue, repr=False)
    #: How it stands in the outbox.
    entry: dict[str, object] = field(default_factory=dict, repr=False)

    @property
    def spoken(self) -> str:
        return " ".join(self.words)

    @property
    def is_over(self) -> bool:
        return self.status in OVER

    @property
    def seconds(self) -> int:
        """How long it has lasted."""
        if self.started is None or self.ended is None or self.status != "completed":
            return 0
        return max(0, int((self.ended - self.started).total_seconds()))

    def as_json(self) -> dict[str, object]:
        """The vendor's shape of a call."""
        uri = f"/{API_VERSION}/Accounts/{self.account_sid}/Calls/{self.sid}"
        return {
            "account_sid": self.account_sid,
            "answered_by": self.answered_by or None,
            "api_version": API_VERSION,
            "caller_name": None,
            "date_created": rfc2822(self.created),
            "date_updated": rfc2822(self.ended or self.started or self.created),
            "direction": "outbound-api",
            "duration": str(self.seconds) if self.status == "completed" else None,
            "end_time": rfc2822(self.ended) if self.ended else None,
            "forwarded_from": None,
            "from": self.order.sender,
            "from_formatted": self.order.sender,
            "group_sid": None,
            "parent_call_sid": None,
            "phone_number_sid": None,
            "price": None,
            "price_unit": "USD",
            "queue_time": "0",
            "sid": self.sid,
            "start_time": rfc2822(self.started) if self.started else None,
            # "initiated" is a report and no status.
            "status": "queued" if self.status == "initiated" else self.status,
            "subresource_uris": {},
            "to": self.order.to,
            "to_formatted": self.order.to,
            "trunk_sid": None,
            "uri": f"{uri}.json",
        }
