"""The values that states are made of, and the states: every state holds only what is true in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, TypeAlias, TypeVar

from dialogs.effects import Code
from dialogs.tech_verify.rules import Direction, Mode


@dataclass(frozen=True, slots=True)
class Technician:
    """Who claims. `first_name` is what the user is told."""

    id: str
    first_name: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket that exists in the PSA. `number` is what people read."""

    id: str
    number: str


@dataclass(frozen=True, slots=True)
class NewTicket:
    """A ticket has been asked for and its number is not known yet."""


@dataclass(frozen=True, slots=True)
class Later:
    """The technician will link a ticket later; the record stays flagged until then."""


TicketChoice: TypeAlias = Ticket | NewTicket | Later


@dataclass(frozen=True, slots=True)
class Known:
    """The number belongs to exactly this contact, or the claimer has said which."""

    contact_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Several:
    """The number stands on several contacts; the claimer picks."""

    contact_ids: tuple[str, ...]


Asker: TypeAlias = Known | Several


@dataclass(frozen=True, slots=True)
class Happened:
    """One line of the story that ends up in the ticket. Never holds a code."""

    at: datetime
    what: str
    who: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """Who asked, when, and what has happened since, oldest first."""

    asker: Asker
    requested_at: datetime
    trail: tuple[Happened, ...] = ()


@dataclass(frozen=True, slots=True)
class Challenge:
    """The live code. `digest` is keyed to this one check; counters never fall within a challenge."""

    code: Code
    digest: str
    mode: Mode
    expires_at: datetime
    wrong_codes: int = 0
    hints: int = 0
    confirmed_early: bool = False
    handovers: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """A signed-in technician's word: I am with this user, in this way, about this ticket."""

    technician: Technician
    direction: Direction
    ticket: TicketChoice
    at: datetime
    announced: bool = False


class Logged(StrEnum):
    """Where the result stands on its way into the ticket."""

    WRITTEN = "written"
    WAITS_FOR_TICKET = "waits_for_ticket"
    WAITS_FOR_APPROVAL = "waits_for_approval"
    NOT_DUE = "not_due"


# --- states ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Blank:
    """Nothing has been asked yet; every check starts here."""


@dataclass(frozen=True, slots=True)
class Open:
    """A code is live and no technician has claimed it. `given_back`: somebody had it and let go."""

    story: Story
    challenge: Challenge
    given_back: bool = False


@dataclass(frozen=True, slots=True)
class Claimed:
    """One technician has it and sees the code. `told`: the user has been told who."""

    story: Story
    challenge: Challenge
    claim: Claim
    told: bool


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The user said yes. `assurance` says how much that is worth; `claim` is None only where no claim is required."""

    story: Story
    at: datetime
    claim: Claim | None
    assurance: Literal["compare", "transfer", "verbal", "unclaimed"]
    logged: Logged
    note: str = ""


@dataclass(frozen=True, slots=True)
class Denied:
    """The user said no."""

    story: Story
    at: datetime
    claim: Claim | None
    logged: Logged


@dataclass(frozen=True, slots=True)
class Rejected:
    """The technician ended it."""

    story: Story
    at: datetime
    claim: Claim | None
    reason: str
    logged: Logged


@dataclass(frozen=True, slots=True)
class Superseded:
    """A newer `#verify` took its place."""

    story: Story
    at: datetime
    claim: Claim | None
    by: str
    logged: Logged


@dataclass(frozen=True, slots=True)
class Expired:
    """Nobody confirmed in time, the user opted out in between, or the operator made it void."""

    story: Story
    at: datetime
    claim: Claim | None
    reason: Literal["deadline", "opted_out", "restored", "erased", "number_changed"]
    logged: Logged


@dataclass(frozen=True, slots=True)
class Alarm:
    """Somebody may be posing as a technician right now."""

    story: Story
    at: datetime
    claim: Claim | None
    reason: Literal["confirmed_unclaimed", "wrong_codes"]
    logged: Logged


Live: TypeAlias = Open | Claimed
Ended: TypeAlias = Confirmed | Denied | Rejected | Superseded | Expired | Alarm
State: TypeAlias = Blank | Open | Claimed | Confirmed | Denied | Rejected | Superseded | Expired | Alarm

#: In a transition's signature: whichever of these the check is in, it stays in it.
L = TypeVar("L", bound=Live)
D = TypeVar("D", bound=Ended)
