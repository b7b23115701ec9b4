"""What can happen to an end-user verification: done by a technician, answered by the user, or brought by time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from dialogs.effects import Code, Link
from dialogs.tech_verify.records import Technician, Ticket
from dialogs.user_verify.records import Request


@dataclass(frozen=True, slots=True)
class Asked:
    """A technician asks. Everything that stands in the way (interlock, limits, locks, notes) was looked at before.

    For a code: `code` and its keyed `digest`. For a link: `link`, and `digest` is SHA-256 of its token; with `spoken`
    and its keyed `spoken_digest` where the policy wants a number typed. `conflict`: the user is also checking a caller,
    so the text says so (an override). `introduced`: the technician's name goes into the text, because the user has just
    checked them."""

    request: Request
    digest: str
    code: Code | None = None
    link: Link | None = None
    spoken: Code | None = None
    conflict: bool = False
    introduced: bool = False
    spoken_digest: str = ""


@dataclass(frozen=True, slots=True)
class NewerAsked:
    """A newer one for the same contact takes its place."""

    by: str


@dataclass(frozen=True, slots=True)
class CodeTyped:
    """A technician typed what they heard. `digest` is keyed to this verification. `other_purpose`: the digits are those
    of a live check of a caller (SEC-07)."""

    technician: Technician
    digest: str
    other_purpose: bool = False


@dataclass(frozen=True, slots=True)
class LinkConfirmed:
    """A person pressed Validate on the link's page. `typed`: the digest of the spoken number, None where none was
    typed. `last`: a wrong one would be one too many for the contact, whatever this link alone would bear."""

    typed: str | None = None
    last: bool = False


@dataclass(frozen=True, slots=True)
class Disowned:
    """The user says "this is not me": `text` is `#deny`, `page` is the button on the link's page."""

    way: Literal["text", "page"]


@dataclass(frozen=True, slots=True)
class ResendAsked:
    """It did not arrive; send or speak the same code again, its life not prolonged. A link cannot be sent again."""

    technician: Technician


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """A technician takes it back."""

    technician: Technician


@dataclass(frozen=True, slots=True)
class TicketLinked:
    """It is about this ticket after all, or about another one. `other_contact`: that ticket is another contact's.
    `ended`: its shield was ended before its time, by a block or a change of number say."""

    technician: Technician
    ticket: Ticket
    other_contact: bool = False
    ended: bool = False


@dataclass(frozen=True, slots=True)
class TicketCreated:
    """The new ticket that was asked for is open."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class TicketFailed:
    """The ticket system will not open it."""


@dataclass(frozen=True, slots=True)
class SendFailed:
    """The provider will never deliver it. `code` is its error code or a word of ours. `call`: it was a call, and for
    certain no phone rings."""

    code: str
    call: bool = False


@dataclass(frozen=True, slots=True)
class CallPlaced:
    """The provider has taken the call; `call_id` is its id."""

    call_id: str


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """Somebody or something picked up. `unknown` gets the code only after pressing a key. `call_id`: of which call;
    this may be heard before `CallPlaced` is."""

    by: Literal["person", "machine", "unknown"]
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class CallKeyed:
    """A key was pressed during the call: 1 is "say it (again)"."""

    digit: str
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The call is over. `how` is the provider's word: completed, busy, no-answer, failed, canceled."""

    how: str
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """The timer of the deadline rang."""


@dataclass(frozen=True, slots=True)
class OptedOut:
    """STOP came from the number it went to."""


@dataclass(frozen=True, slots=True)
class Voided:
    """From outside the conversation: a restore, an erasure, a change of number (SEC-13, REL-13), a block of the number,
    an alarm in the contact's own check of a caller, whom they may have told everything, or the end of the account that
    has asked (SEC-33)."""

    reason: Literal["restored", "erased", "number_changed", "blocked", "alarm", "asker_off"]


Event: TypeAlias = (
    Asked
    | NewerAsked
    | CodeTyped
    | LinkConfirmed
    | Disowned
    | ResendAsked
    | CancelAsked
    | TicketLinked
    | TicketCreated
    | TicketFailed
    | SendFailed
    | CallPlaced
    | CallAnswered
    | CallKeyed
    | CallEnded
    | DeadlinePassed
    | OptedOut
    | Voided
)
