"""What a dialog may ask for. Effects are imperative, name a template and values, and are carried out after commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Code:
    """A one-time code. Its own type, so that no log line and no failed assertion can print it by accident.

    Storage encrypts every field of this type; `digits` is the one way to the value.
    """

    digits: str

    def __repr__(self) -> str:
        return "Code(***)"

    def __str__(self) -> str:
        return "***"


@dataclass(frozen=True, slots=True)
class Link:
    """A link that lets somebody act, such as the one of a verification. Its own type for the same reason as `Code`."""

    url: str = field(repr=False)

    def __str__(self) -> str:
        return "Link(***)"


Value: TypeAlias = "str | int | datetime | Code | Link"
Values: TypeAlias = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class TellUser:
    """Send the end user one message on the channel of the dialog.

    `drop_at`: a message that carries a code is dropped then, never delivered late. `challenge`: it counts against
    the limits on unanswered challenges. `after_stop`: the one confirmation that may follow an opt-out.
    """

    template: str
    values: Values = field(default_factory=dict)
    drop_at: datetime | None = None
    challenge: bool = False
    after_stop: bool = False


@dataclass(frozen=True, slots=True)
class GiveBackChallenge:
    """The challenge of a check with a technician in it was answered: its sends no longer count against the limits."""


@dataclass(frozen=True, slots=True)
class AlertTechnicians:
    """Tell every technician on duty; the renderer adds `link`, the page where one thumb is enough. `but`: one who is
    not told. `supervisors_only`: admins count as such. Not after `until`."""

    template: str
    values: Values = field(default_factory=dict)
    but: str = ""
    supervisors_only: bool = False
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AlertTenant:
    """Raise an alert that stays in the console until a person has acknowledged it."""

    kind: str
    values: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CreateTicket:
    """Open a ticket for the contact in the PSA, as the technician's; the dialog hears of it as an event."""

    template: str
    contact_id: str
    values: Values = field(default_factory=dict)
    technician_id: str = ""


@dataclass(frozen=True, slots=True)
class NoteTicket:
    """Write one internal note to a ticket. Values never hold a code."""

    ticket_id: str
    template: str
    values: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Ring `timer` at `at`. A timer is a reminder, never the proof: it may be late, early or outdated."""

    timer: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PlaceCall:
    """Call the end user; what is said first holds no code. It counts as a challenge and is not placed after
    `drop_at`."""

    drop_at: datetime


@dataclass(frozen=True, slots=True)
class SayOnCall:
    """Speak to whoever is on the call `call_id`. A value of type `Code` is read digit by digit; the template says it
    twice. Not after `drop_at`. `then`: what follows, another key ("again") or the end of the call."""

    call_id: str
    template: str
    values: Values = field(default_factory=dict)
    drop_at: datetime | None = None
    then: Literal["again", "hang_up"] = "again"


@dataclass(frozen=True, slots=True)
class EndShields:
    """What was verified before counts no longer, for this contact on any address (SEC-15)."""


@dataclass(frozen=True, slots=True)
class EndAnnouncement:
    """The announced call this check belongs to has served; a later `#verify` must not claim itself by it."""


Effect: TypeAlias = (
    TellUser
    | GiveBackChallenge
    | AlertTechnicians
    | AlertTenant
    | CreateTicket
    | NoteTicket
    | WakeAt
    | PlaceCall
    | SayOnCall
    | EndShields
    | EndAnnouncement
)
