"""What a second person is asked for, and the states of such a request: every state holds only what is true in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias, TypeVar

from dialogs.tech_verify.records import Technician, Ticket
from dialogs.user_verify.methods import Method
from dialogs.user_verify.records import Destination

Kind = Literal["address", "high"]
#: So long somebody may decide.
DECIDE_WITHIN = timedelta(minutes=15)
#: So long a yes to an address may be used, once.
SEND_WITHIN = timedelta(minutes=15)
#: So long high-risk work may be done at most after a yes.
CLEARED_FOR = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a technician wants a colleague to agree to: `address`, one code or link to `destination`; `high`, high-risk
    work for this contact (`destination` None). `note`: why."""

    kind: Kind
    contact_id: str
    contact_name: str
    technician: Technician
    ticket: Ticket | None
    note: str
    at: datetime
    destination: Destination | None = None


@dataclass(frozen=True, slots=True)
class Agreed:
    """A second person said yes. `rests_on`: for high-risk work, the two verifications that it stands on, and `methods`
    how those were done."""

    by: Technician
    at: datetime
    until: datetime
    rests_on: tuple[str, ...] = ()
    methods: tuple[Method, ...] = ()


# --- states ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unasked:
    """Nothing has been asked yet; every approval starts here."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody has to decide before `until`."""

    wanted: Wanted
    until: datetime


@dataclass(frozen=True, slots=True)
class Granted:
    """A yes that counts until `agreed.until`."""

    wanted: Wanted
    agreed: Agreed


@dataclass(frozen=True, slots=True)
class Refused:
    """A second person said no; `reason` may be empty."""

    wanted: Wanted
    at: datetime
    by: Technician
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Whoever asked took it back, before or after the yes."""

    wanted: Wanted
    at: datetime


@dataclass(frozen=True, slots=True)
class Used:
    """The one code or link that it was for has been asked for: `verification_id`."""

    wanted: Wanted
    agreed: Agreed
    at: datetime
    verification_id: str


@dataclass(frozen=True, slots=True)
class Expired:
    """Its time ran out: nobody decided (`undecided`), or the yes did (`over`); or it was made void. `agreed`: the yes,
    if there was one."""

    wanted: Wanted
    at: datetime
    reason: Literal["undecided", "over", "restored", "erased"]
    agreed: Agreed | None = None


Live: TypeAlias = Waiting | Granted
Ended: TypeAlias = Refused | Withdrawn | Used | Expired
State: TypeAlias = Unasked | Waiting | Granted | Refused | Withdrawn | Used | Expired

#: In a transition's signature: whichever of these it is in, it stays in it.
L = TypeVar("L", bound=Live)
D = TypeVar("D", bound=Ended)

#: What the API and lists call each state.
WORDS: dict[type[State], str] = {
    Unasked: "unasked",
    Waiting: "waiting",
    Granted: "granted",
    Refused: "refused",
    Withdrawn: "withdrawn",
    Used: "used",
    Expired: "expired",
}


# --- events ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ask:
    """A technician asks. Whether it is needed was looked at before."""

    wanted: Wanted


@dataclass(frozen=True, slots=True)
class Grant:
    """A second person says yes. Who may was looked at before, but for one thing: nobody agrees to their own.

    `rests_on`, `methods` and `green_until`: for high-risk work, the two verifications, how they were done, and when the
    first of their shields turns back."""

    by: Technician
    rests_on: tuple[str, ...] = ()
    methods: tuple[Method, ...] = ()
    green_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """A second person says no."""

    by: Technician
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Whoever asked takes it back."""

    by: Technician


@dataclass(frozen=True, slots=True)
class Use:
    """Its one code or link is asked for now, by `by`, at the address `address_id`, about `ticket_id` (empty: none)."""

    by: Technician
    address_id: str
    ticket_id: str
    verification_id: str


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """Its timer rang."""


@dataclass(frozen=True, slots=True)
class Void:
    """From outside: a restore, or an erasure."""

    reason: Literal["restored", "erased"]


Event: TypeAlias = Ask | Grant | Refuse | Withdraw | Use | DeadlinePassed | Void


@dataclass(frozen=True, slots=True)
class Env:
    """The clock comes in as a value. `supervisors_only`: who is told of it."""

    now: datetime
    supervisors_only: bool = False


def until_of(state: State) -> datetime | None:
    """When it is over by itself, None once it is."""
    match state:
        case Waiting(until=until):
            return until
        case Granted(agreed=agreed):
            return agreed.until
        case _:
            return None
