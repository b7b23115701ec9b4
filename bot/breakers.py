"""Circuit breakers, one for each provider of each tenant (REL-06): who fails again and again is left alone for a while.

    Closed ──5 failures in a row, or half of at least 20 within 30 s──▶ Open ──30 s──▶ Probing ──it works──▶ Closed
                                                                          ▲               │
                                                                          └──it fails─────┘

Pure: the time comes in as a value. A refusal is no failure, because the provider works.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

#: Failures in a row that open a breaker.
IN_A_ROW = 5
#: Or this share of at least so many tries within the window.
SHARE, AT_LEAST, WINDOW = 0.5, 20, 30
#: How long it stays open until one try may go through.
REST = timedelta(seconds=30)
#: A probe that nothing was heard of for so long is given up, and another one may go.
PROBE_LASTS = timedelta(seconds=60)
#: Who comes while a probe is out asks again so much later.
RECHECK = timedelta(seconds=5)
#: Nothing has come this way for so long after it might have: nobody knows any more whether the provider works.
FORGOTTEN_AFTER = timedelta(minutes=10)
#: Breakers kept at most. One that is closed and forgotten costs a provider five more failures.
MOST_KEPT = 4096


@dataclass(frozen=True, slots=True)
class Tally:
    """What was heard within one second."""

    second: int
    good: int = 0
    bad: int = 0


@dataclass(frozen=True, slots=True)
class Closed:
    """Everything goes through. `tallies` is at most `WINDOW` long, oldest first."""

    in_a_row: int = 0
    tallies: tuple[Tally, ...] = ()


@dataclass(frozen=True, slots=True)
class Open:
    """Nothing goes through before `until`, then one. `since`: when it first opened; failed probes do not move it."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Probing:
    """One try is out. `until`: when it is given up."""

    since: datetime
    until: datetime


State: TypeAlias = Closed | Open | Probing


def admit(state: State, now: datetime) -> tuple[State, datetime | None]:
    """May a try go through? The second value is None when it may, else when to ask again."""
    match state:
        case Closed():
            return state, None
        case Open() if now < state.until:
            return state, state.until
        case Probing() if now < state.until:
            return state, min(state.until, now + RECHECK)
        case Open() | Probing():
            return Probing(state.since, now + PROBE_LASTS), None


def heard(state: State, works: bool, now: datetime) -> State:
    """What became of a try."""
    match state:
        case Closed():
            return _counted(state, works, now)
        case Open():
            # From a try that had set out before it opened; it says nothing about now.
            return state
        case Probing():
            return Closed() if works else Open(state.since, now + REST)


def _counted(state: Closed, works: bool, now: datetime) -> State:
    second = int(now.timestamp())
    kept = [tally for tally in state.tallies if second - WINDOW < tally.second <= second]
    newest = kept.pop() if kept and kept[-1].second == second else Tally(second)
    kept.append(Tally(second, newest.good + works, newest.bad + (not works)))
    in_a_row = 0 if works else state.in_a_row + 1
    bad, all_ = sum(tally.bad for tally in kept), sum(tally.good + tally.bad for tally in kept)
    too_many = all_ >= AT_LEAST and bad >= SHARE * all_
    if not works and (in_a_row >= IN_A_ROW or too_many):
        return Open(now, now + REST)
    return Closed(in_a_row, tuple(kept))


@dataclass(frozen=True, slots=True)
class Degraded:
    """A provider that does not work for a tenant at the moment."""

    provider: str
    tenant_id: str
    since: datetime


class Breakers:
    """The breakers of this process."""

    def __init__(self) -> None:
        self._states: OrderedDict[tuple[str, str], State] = OrderedDict()

    def admit(self, provider: str, tenant_id: str, now: datetime) -> datetime | None:
        """None when a try may go through, which then counts as the probe where there is to be one; else when to ask
        again."""
        key = (provider, tenant_id)
        state = self._states.get(key)
        if state is None:
            return None
        self._states[key], again = admit(state, now)
        return again

    def heard(self, provider: str, tenant_id: str, works: bool, now: datetime) -> Literal["", "degraded", "back"]:
        """Say what became of a try; what changed by it."""
        key = (provider, tenant_id)
        before = self._states.get(key, Closed())
        after = heard(before, works, now)
        self._states[key] = after
        self._states.move_to_end(key)
        if len(self._states) > MOST_KEPT:
            closed = next((k for k, state in self._states.items() if isinstance(state, Closed)), None)
            del self._states[closed if closed is not None else next(iter(self._states))]
        if isinstance(before, Closed) and isinstance(after, Open):
            return "degraded"
        return "back" if isinstance(before, Probing) and isinstance(after, Closed) else ""

    def degraded(self, now: datetime, tenant_id: str = "") -> tuple[Degraded, ...]:
        """What does not work at the moment, of one tenant or of all, longest first."""
        found = [
            Degraded(provider, whose, state.since)
            for (provider, whose), state in self._states.items()
            if not isinstance(state, Closed) and now < state.until + FORGOTTEN_AFTER and tenant_id in ("", whose)
        ]
        return tuple(sorted(found, key=lambda one: (one.since, one.provider, one.tenant_id)))
