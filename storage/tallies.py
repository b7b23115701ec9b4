"""What reports count, as values that can be added up: outcomes of calls, times as exact histograms, texts.

Times are kept as whole tenths of a second with how often each occurred, so that the median of a month is that of its
checks and not a median of medians.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from dialogs import tech_verify as tv

#: What became of a call that counts. Each call is in exactly one of these.
COUNTED = (
    "verified",
    "spoken",
    "without_technician",
    "denied",
    "alarm",
    "unclaimed",
    "unanswered",
    "rejected",
    "opted_out",
    "no_check",
)
#: Requests that are no call of their own, or have no outcome yet.
NOT_COUNTED = ("superseded", "void", "running")


def outcome_of(state: tv.State) -> str:
    """One of `COUNTED` but `no_check`, or of `NOT_COUNTED`. A denial counts also when it came after the check was over,
    whatever the check had been until then."""
    if isinstance(state, tv.Blank | tv.Open | tv.Claimed):
        return "running"
    late = any(line.what == "denied_late" for line in state.story.trail)
    match state:
        case tv.Denied():
            return "denied"
        case tv.Confirmed() | tv.Expired() | tv.Rejected() if late:
            return "denied"
        case tv.Confirmed(assurance=worth):
            return {"verbal": "spoken", "unclaimed": "without_technician"}.get(worth, "verified")
        case tv.Rejected():
            return "rejected"
        case tv.Superseded():
            return "superseded"
        case tv.Alarm():
            return "alarm"
        case tv.Expired(reason="restored" | "erased" | "number_changed"):
            return "void"
        case tv.Expired(reason="opted_out"):
            return "opted_out"
        case tv.Expired(claim=claim):
            return "unclaimed" if claim is None else "unanswered"


@dataclass(slots=True)
class Tally:
    """Some calls. `outcomes`: how many of each. `readable`: tenths of a second from `#verify` until the code was first
    shown -> checks; `confirmed`: the same until the person confirmed, of verified calls."""

    outcomes: Counter[str] = field(default_factory=Counter)
    readable: Counter[int] = field(default_factory=Counter)
    confirmed: Counter[int] = field(default_factory=Counter)

    @property
    def calls(self) -> int:
        return sum(self.outcomes[outcome] for outcome in COUNTED)

    @property
    def verified(self) -> int:
        return self.outcomes["verified"]

    @property
    def share(self) -> float | None:
        """Verified calls of all, from 0 to 1; None where there was no call."""
        return self.verified / self.calls if self.calls else None

    def add(self, other: Tally) -> None:
        self.outcomes.update(other.outcomes)
        self.readable.update(other.readable)
        self.confirmed.update(other.confirmed)


@dataclass(slots=True)
class Figures:
    """Everything that is counted of a day, or of many: all calls, and the same by client, technician and channel (an
    empty id: not known, or nobody). `refused`: requests that started no check, by why. `alerts`: by kind. `texts` that
    the carrier took, their `segments`, and how many of them were `undelivered`."""

    total: Tally = field(default_factory=Tally)
    clients: dict[str, Tally] = field(default_factory=dict)
    technicians: dict[str, Tally] = field(default_factory=dict)
    methods: dict[str, Tally] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    alerts: Counter[str] = field(default_factory=Counter)
    texts: int = 0
    segments: int = 0
    undelivered: int = 0

    def count(self, call: Tally, *, client_id: str, technician_id: str, method: str) -> None:
        """One more call, which `call` holds alone. `method` is empty where nothing was tried."""
        self.total.add(call)
        for group, key in ((self.clients, client_id), (self.technicians, technician_id), (self.methods, method)):
            if key or group is not self.methods:
                group.setdefault(key, Tally()).add(call)

    def add(self, other: Figures) -> None:
        self.total.add(other.total)
        for mine, theirs in (
            (self.clients, other.clients),
            (self.technicians, other.technicians),
            (self.methods, other.methods),
        ):
            for key, tally in theirs.items():
                mine.setdefault(key, Tally()).add(tally)
        self.refused.update(other.refused)
        self.alerts.update(other.alerts)
        self.texts += other.texts
        self.segments += other.segments
        self.undelivered += other.undelivered


@dataclass(frozen=True, slots=True)
class Line:
    """The few numbers of a day or a month that a chart draws and a list of months shows."""

    calls: int = 0
    verified: int = 0
    denied: int = 0
    alarms: int = 0
    texts: int = 0
    segments: int = 0

    def __add__(self, other: Line) -> Line:
        return Line(*(getattr(self, name) + getattr(other, name) for name in Line.__slots__))

    @property
    def share(self) -> float | None:
        return self.verified / self.calls if self.calls else None


def line_of(figures: Figures) -> Line:
    outcomes = figures.total.outcomes
    calls = (figures.total.calls, outcomes["verified"], outcomes["denied"], outcomes["alarm"])
    return Line(*calls, figures.texts, figures.segments)


def median(times: Mapping[int, int]) -> float | None:
    """The middle of tenths of a second, in seconds; of an even number the mean of the two in the middle."""
    many = sum(times.values())
    if not many:
        return None
    low, high = (many - 1) // 2, many // 2
    found: list[int] = []
    passed = 0
    for tenths, times_seen in sorted(times.items()):
        passed += times_seen
        found += [tenths for place in (low, high)[len(found) :] if place < passed]
        if len(found) == 2:
            break
    return sum(found) / 20


def dump_figures(figures: Figures) -> str:
    """As compact JSON; what is nought is left out."""
    groups = {
        name: {key: _plain(tally) for key, tally in getattr(figures, name).items()}
        for name in ("clients", "technicians", "methods")
    }
    whole = {
        "total": _plain(figures.total),
        **groups,
        "refused": figures.refused,
        "alerts": figures.alerts,
        "texts": [figures.texts, figures.segments, figures.undelivered],
    }
    return json.dumps(whole, separators=(",", ":"), sort_keys=True)


def load_figures(body: str) -> Figures:
    kept = json.loads(body)
    clients, technicians, methods = (
        {key: _tally(tally) for key, tally in kept[name].items()} for name in ("clients", "technicians", "methods")
    )
    texts, segments, undelivered = kept["texts"]
    return Figures(
        _tally(kept["total"]),
        clients,
        technicians,
        methods,
        Counter(kept["refused"]),
        Counter(kept["alerts"]),
        texts,
        segments,
        undelivered,
    )


def _plain(tally: Tally) -> list[Mapping[str, int] | Mapping[int, int]]:
    return [tally.outcomes, tally.readable, tally.confirmed]


def _tally(kept: list[dict[str, int]]) -> Tally:
    outcomes, *times = kept
    return Tally(Counter(outcomes), *(Counter({int(tenths): n for tenths, n in each.items()}) for each in times))
