"""A turn, the decision that it comes to, and what became of the turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeAlias, TypeVar

from dialogs.turns.asks import Ask
from dialogs.turns.facts import Facts
from dialogs.turns.outbox import OutboxItem
from dialogs.turns.records import Try
from dialogs.turns.saves import (
    Alert,
    Announcement,
    AuditEvent,
    SaveApproval,
    SaveCheck,
    SaveDesk,
    SaveVerification,
    Suppression,
    Timer,
)

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Decision(Generic[R]):
    """Everything one turn writes, and what it answers."""

    reply: R
    tenant_id: str = ""
    checks: tuple[SaveCheck, ...] = ()
    desk: SaveDesk | None = None
    audit: tuple[AuditEvent, ...] = ()
    outbox: tuple[OutboxItem, ...] = ()
    timers: tuple[Timer, ...] = ()
    alerts: tuple[Alert, ...] = ()
    give_back: tuple[str, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    announcements: tuple[Announcement, ...] = ()
    verifications: tuple[SaveVerification, ...] = ()
    tries: tuple[Try, ...] = ()
    #: Contacts whose green shields end now.
    end_shields: tuple[str, ...] = ()
    approvals: tuple[SaveApproval, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn(Generic[R]):
    """One turn to make durable. `decide` is pure and is called with the facts that `ask` names; it may be called
    more than once. `now` is the clock's time when the turn was taken up."""

    ask: Ask
    decide: Callable[[Facts], Decision[R]]
    now: datetime


@dataclass(frozen=True, slots=True)
class Taken(Generic[R]):
    """The turn is durable; this is what it answered."""

    reply: R


@dataclass(frozen=True, slots=True)
class Duplicate:
    """It had been taken before; nothing was written."""


@dataclass(frozen=True, slots=True)
class Unroutable:
    """No number of ours, or no such tenant; nothing was written."""


TurnResult: TypeAlias = Taken[R] | Duplicate | Unroutable
