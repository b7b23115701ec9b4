"""The values that states are made of, and the states: every state holds only what is true in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias, TypeVar

from dialogs.effects import Code
from dialogs.number_signals import Signals
from dialogs.tech_verify.records import Happened, Logged, Technician, Ticket
from dialogs.user_verify.methods import Action, Assurance, Method
from dialogs.user_verify.policy import Policy


@dataclass(frozen=True, slots=True)
class Destination:
    """The address of the contact that is asked. `shown`: how it is written where people read it, all but its end or
    beginning hidden (`... 0142`, `j...@fabrikam.example`). `is_new`: changed less than 7 days ago (SEC-12)."""

    address_id: str
    kind: str
    shown: str
    is_default: bool
    is_new: bool


@dataclass(frozen=True, slots=True)
class Override:
    """The interlock was set aside (SEC-06). `alone`: by the only technician on duty, so a supervisor looks at it the
    next day; else by a supervisor."""

    reason: str
    alone: bool


@dataclass(frozen=True, slots=True)
class Request:
    """Who is asked, by whom, how and about what: all that the answer is bound to (SEC-07).

    `lifted_by`: the check in which the user has just confirmed this very technician, so that an open interlock does
    not stand in the way. `other_contact`: the ticket is another contact's. `signals`: what the carrier knew of the
    number before anything was sent, None where it was not asked (SEC-42). `approved_by`: the first name of the
    colleague who has agreed to this address (SEC-12), empty where nobody had to. `ticket_asked`: a new ticket is being
    opened, so that `ticket` is None until its number is known. `linked_late`: it was moved to this ticket when nothing
    was green any more, which is good for the record and proves nothing for that ticket.
    """

    contact_id: str
    contact_name: str
    destination: Destination
    method: Method
    technician: Technician
    ticket: Ticket | None
    action: Action
    at: datetime
    note: str = ""
    other_contact: bool = False
    lifted_by: str = ""
    override: Override | None = None
    signals: Signals | None = None
    approved_by: str = ""
    ticket_asked: bool = False
    linked_late: bool = False


#: Which text carries code or link: the usual one, the one to somebody who is also checking a caller, and the one that
#: names a technician whom the user has just checked.
Wording: TypeAlias = Literal["usual", "conflict", "introduced"]


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the user must show. `code`: the digits, kept sealed while live so that the same ones can be sent or spoken
    again; None for a link. `digest`: of the code, keyed to this one verification, or SHA-256 of the link's token.
    `spoken`: two digits that the technician says and the user types on the link's page, `spoken_digest` what they are
    compared with. `wording`: which of the texts carries it, so that a repeat says the same. `sends` counts texts, mails
    and calls, `failed` those that will never arrive, `says` how often the code was given to be spoken on a call.
    Counters never fall."""

    code: Code | None
    digest: str
    expires_at: datetime
    spoken: Code | None = None
    wrong: int = 0
    sends: int = 1
    #: Who answered the call under way: "" while nobody has, or nobody knows whether it is a person.
    call_answered: Literal["", "person", "machine"] = ""
    spoken_digest: str = ""
    wording: Wording = "usual"
    failed: int = 0
    says: int = 0


# --- states ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Blank:
    """Nothing has been asked yet; every verification starts here."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A code or link is live. `call_id`: the provider's id of the newest call that reads the code, empty without one;
    `call_over`: that call has ended; `calls_before`: the ids of those before it, which have ended too. `call_awaited`:
    one more was asked for since, of which nothing is known yet."""

    request: Request
    challenge: Challenge
    trail: tuple[Happened, ...] = ()
    call_id: str = ""
    call_over: bool = False
    calls_before: tuple[str, ...] = ()
    call_awaited: bool = False


@dataclass(frozen=True, slots=True)
class Verified:
    """The user showed it. `green_until`: when the shield turns back at the latest; storage may end it earlier."""

    request: Request
    at: datetime
    assurance: Assurance
    green_until: datetime
    logged: Logged
    trail: tuple[Happened, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """Too many wrong answers."""

    request: Request
    at: datetime
    reason: Literal["wrong_codes", "wrong_numbers"]
    logged: Logged
    trail: tuple[Happened, ...] = ()


@dataclass(frozen=True, slots=True)
class Denied:
    """The user says that this is not them: somebody may be posing as them (SEC-08). `way`: by a text or on the page."""

    request: Request
    at: datetime
    way: Literal["text", "page"]
    logged: Logged
    trail: tuple[Happened, ...] = ()


@dataclass(frozen=True, slots=True)
class Expired:
    """It ended without an answer."""

    request: Request
    at: datetime
    reason: Literal[
        "deadline",
        "superseded",
        "cancelled",
        "opted_out",
        "restored",
        "erased",
        "number_changed",
        "blocked",
        "alarm",
        "asker_off",
    ]
    logged: Logged
    trail: tuple[Happened, ...] = ()


@dataclass(frozen=True, slots=True)
class Undelivered:
    """It never got to the user. `reason`: the provider's error code or a word of ours."""

    request: Request
    at: datetime
    reason: str
    logged: Logged
    trail: tuple[Happened, ...] = ()


Live: TypeAlias = Sent
Ended: TypeAlias = Verified | Failed | Denied | Expired | Undelivered
State: TypeAlias = Blank | Sent | Verified | Failed | Denied | Expired | Undelivered

#: In a transition's signature: whichever of these the verification is in, it stays in it.
D = TypeVar("D", bound=Ended)

#: What the API and lists call each state.
WORDS: dict[type[State], str] = {
    Blank: "blank",
    Sent: "sent",
    Verified: "verified",
    Failed: "failed",
    Denied: "denied",
    Expired: "expired",
    Undelivered: "error",
}


@dataclass(frozen=True, slots=True)
class Env:
    """Clock and policy come in as values; the machine fetches nothing."""

    now: datetime
    policy: Policy
