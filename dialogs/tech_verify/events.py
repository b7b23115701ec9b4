"""What can happen to a technician verification: said by the user, done by a technician, or brought by time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from dialogs.effects import Code
from dialogs.tech_verify.records import Asker, Known, NewTicket, Technician, Ticket, TicketChoice
from dialogs.tech_verify.rules import Direction


@dataclass(frozen=True, slots=True)
class Announced:
    """The technician said beforehand whom they are calling: a claim recorded earlier."""

    contact: Known
    technician: Technician
    direction: Direction
    ticket: TicketChoice


@dataclass(frozen=True, slots=True)
class VerifyRequested:
    """The user texted `#verify`. `again`: an earlier check of theirs was still live and is superseded by this one."""

    asker: Asker
    code: Code
    digest: str
    announced: Announced | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class NewerRequested:
    """The same person asked again; `by` is the id of the check that takes over."""

    by: str


@dataclass(frozen=True, slots=True)
class ConfirmReceived:
    """`#confirm`, with the keyed digest of the typed code, or None when it was bare."""

    typed: str | None = None


@dataclass(frozen=True, slots=True)
class ConfirmMisdirected:
    """`#confirm` came to another of our numbers than the one that asked."""

    number: str


@dataclass(frozen=True, slots=True)
class DenyReceived:
    """`#deny`."""


@dataclass(frozen=True, slots=True)
class NearMissReceived:
    """Almost a command, or plain words while a check is open."""


@dataclass(frozen=True, slots=True)
class OptedOut:
    """STOP to the number this check runs on."""


@dataclass(frozen=True, slots=True)
class ClaimMade:
    """A signed-in technician takes it. `contact` is the claimer's pick among several, already looked up."""

    technician: Technician
    direction: Direction
    ticket: TicketChoice
    contact: Known | None = None


@dataclass(frozen=True, slots=True)
class ClaimReleased:
    """The claimer lets go."""

    technician: Technician


@dataclass(frozen=True, slots=True)
class ClaimTakenOver:
    """Another technician takes it from the claimer."""

    technician: Technician


@dataclass(frozen=True, slots=True)
class TicketLinked:
    """The claimer links a ticket, or another one."""

    technician: Technician
    ticket: Ticket | NewTicket


@dataclass(frozen=True, slots=True)
class TicketCreated:
    """The PSA has made the ticket that was asked for."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class TicketFailed:
    """The PSA will not make the ticket; the record is flagged as if `later` had been chosen."""


@dataclass(frozen=True, slots=True)
class VerballyConfirmed:
    """The user said yes out loud; the technician writes that down, as weaker evidence."""

    technician: Technician
    note: str


@dataclass(frozen=True, slots=True)
class CheckRejected:
    """The technician ends the check."""

    technician: Technician
    reason: str


@dataclass(frozen=True, slots=True)
class ResendAsked:
    """The code did not arrive; send the same one again, its life not prolonged."""

    technician: Technician


@dataclass(frozen=True, slots=True)
class NoteApproved:
    """Where the tenant asks before writing to tickets: a technician has approved."""

    technician: Technician


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """The timer of the deadline rang."""


@dataclass(frozen=True, slots=True)
class NobodyClaimedYet:
    """The timer that alerts the people on duty rang."""


@dataclass(frozen=True, slots=True)
class CheckVoided:
    """From outside the conversation: the database was restored from a backup (REL-13), the contact is being erased, or
    their number is another one from now on (SEC-13)."""

    reason: Literal["restored", "erased", "number_changed"]


Event: TypeAlias = (
    VerifyRequested
    | NewerRequested
    | ConfirmReceived
    | ConfirmMisdirected
    | DenyReceived
    | NearMissReceived
    | OptedOut
    | ClaimMade
    | ClaimReleased
    | ClaimTakenOver
    | TicketLinked
    | TicketCreated
    | TicketFailed
    | VerballyConfirmed
    | CheckRejected
    | ResendAsked
    | NoteApproved
    | DeadlinePassed
    | NobodyClaimedYet
    | CheckVoided
)
