"""What somebody is about to do to a verification, for the watch: facts and decisions of a turn do not tell what was
typed, and a machine that goes wrong must not vouch for itself."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asks:
    """A technician asks a user. `may_override`: by rank, or because nobody else is on duty."""

    technician_id: str
    may_override: bool


@dataclass(frozen=True, slots=True)
class Types:
    """A technician types a code; `digits` without anything else."""

    verification_id: str
    technician_id: str
    digits: str


@dataclass(frozen=True, slots=True)
class Presses:
    """Somebody presses Validate, with the number they typed."""

    token: str
    number: str


@dataclass(frozen=True, slots=True)
class Decides:
    """A technician agrees to what another one asks, or refuses it."""

    approval_id: str
    technician_id: str
    supervisor: bool


#: By the task in which it is done.
DOING: ContextVar[Asks | Types | Presses | Decides | None] = ContextVar("DOING", default=None)
