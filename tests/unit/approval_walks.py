"""The table of approvals: at least one line for each declared way and target, as (state, event, step)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from dialogs.approvals import (
    DEADLINE,
    Agreed,
    Ask,
    DeadlinePassed,
    Env,
    Event,
    Expired,
    Grant,
    Granted,
    Refuse,
    Refused,
    State,
    Unasked,
    Use,
    Used,
    Void,
    Waiting,
    Wanted,
    Withdraw,
    Withdrawn,
    machine,
)
from dialogs.effects import AlertTechnicians, Effect, NoteTicket, WakeAt
from dialogs.machine import Step
from dialogs.tech_verify import Technician, Ticket
from dialogs.user_verify import Destination, Method

NOW = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DANA, ALEX = Technician("t1", "Dana"), Technician("t2", "Alex")
TO = Destination("a1", "mobile", "...0142", is_default=False, is_new=False)
ADDRESS = Wanted("address", "c1", "Pat Reyes", DANA, Ticket("7", "1042"), "Manager on the line", NOW, TO)
HIGH = replace(ADDRESS, kind="high", destination=None)
TWO = (Method.SMS_CODE, Method.EMAIL_CODE)
SHIELDS = Grant(ALEX, ("v1", "v2"), TWO, NOW + 20 * MINUTE)
WAITING, WAITING_HIGH = Waiting(ADDRESS, NOW + 15 * MINUTE), Waiting(HIGH, NOW + 15 * MINUTE)
YES = Agreed(ALEX, NOW, NOW + 15 * MINUTE)
YES_HIGH = Agreed(ALEX, NOW, NOW + 20 * MINUTE, ("v1", "v2"), TWO)
GRANTED, GRANTED_HIGH = Granted(ADDRESS, YES), Granted(HIGH, YES_HIGH)
USE = Use(DANA, "a1", "7", "v9")
USED = Used(ADDRESS, YES, NOW, "v9")
REFUSED, WITHDRAWN = Refused(ADDRESS, NOW, ALEX, "No manager I know"), Withdrawn(ADDRESS, NOW)
EXPIRED = Expired(ADDRESS, NOW, "undecided")
ENDED: tuple[State, ...] = (REFUSED, WITHDRAWN, USED, EXPIRED)


@dataclass(frozen=True, slots=True)
class Walk:
    """One way through: after this long (since 14:00) the event comes, and this is the step."""

    state: State
    event: Event
    step: Step[State]
    after: timedelta = timedelta()
    supervisors_only: bool = False

    @property
    def taken(self) -> Step[State]:
        """What the machine does."""
        return machine.step(self.state, self.event, Env(NOW + self.after, self.supervisors_only))


def wake(minutes: int) -> WakeAt:
    return WakeAt(DEADLINE, NOW + minutes * MINUTE)


def asked(wanted: Wanted, *, supervisors_only: bool = False) -> AlertTechnicians:
    address = wanted.kind == "address"
    values = {
        "contact": "Pat Reyes",
        "tech": "Dana",
        "action": f"phrase.approve_{wanted.kind}",
        "destination": "...0142" if address else "",
        "unusual": "phrase.other_address" if address else "",
        "until": NOW + 15 * MINUTE,
    }
    return AlertTechnicians(
        "tech.approval", values, but="t1", supervisors_only=supervisors_only, until=NOW + 15 * MINUTE
    )


def note(wanted: Wanted, outcome: str, *trail: str, approver: str = "", reason: str = "") -> tuple[Effect, ...]:
    """`trail`: `minute|what|who` each."""
    address, two = wanted.kind == "address", wanted.kind == "high" and approver
    lines = (line.split("|", 1) for line in trail)
    values = {
        "contact": "Pat Reyes",
        "tech": "Dana",
        "action": f"phrase.approve_{wanted.kind}",
        "destination": "...0142" if address else "",
        "unusual": "phrase.other_address" if address else "",
        "outcome": f"phrase.outcome_approval_{outcome}",
        "remark": "Manager on the line",
        "approver": approver,
        "reason": reason,
        "method": "phrase.method_sms_code" if two else "",
        "second_method": "phrase.method_email_code" if two else "",
        "trail": "\n".join(f"2026-03-01T14:{int(m):02}:00+00:00|approval_{rest}" for m, rest in lines),
    }
    return (NoteTicket("7", "note.approval", values),)


_ASKED, _YES = "0|asked|Dana", "0|granted|Alex"
_LATE = 15 * MINUTE
_UNDECIDED: Step[State] = Step(
    Expired(ADDRESS, NOW + _LATE, "undecided"), note(ADDRESS, "undecided", _ASKED, "15|undecided|Dana")
)
_OVER: Step[State] = Step(
    Expired(ADDRESS, NOW + _LATE, "over", YES), note(ADDRESS, "over", _ASKED, _YES, "15|over|Dana", approver="Alex")
)


def refused(step: Step[State]) -> Step[State]:
    return replace(step, refused="approval_over")


ASKING = [
    Walk(Unasked(), Ask(ADDRESS), Step(WAITING, (asked(ADDRESS), wake(15)))),
    Walk(
        Unasked(), Ask(HIGH), Step(WAITING_HIGH, (asked(HIGH, supervisors_only=True), wake(15))), supervisors_only=True
    ),
]
DECIDING = [
    # An address: good for 15 minutes from the yes, which is on the ticket only when it is known what came of it.
    Walk(
        WAITING,
        Grant(ALEX),
        Step(Granted(ADDRESS, Agreed(ALEX, NOW + MINUTE, NOW + 16 * MINUTE)), (wake(16),)),
        MINUTE,
    ),
    # High-risk work: until the first of the two shields turns back, 30 minutes at most; the ticket is told at once.
    Walk(
        WAITING_HIGH,
        SHIELDS,
        Step(GRANTED_HIGH, (wake(20), *note(HIGH, "granted", _ASKED, _YES, approver="Alex"))),
    ),
    Walk(
        WAITING_HIGH,
        replace(SHIELDS, green_until=NOW + 300 * MINUTE),
        Step(
            Granted(HIGH, replace(YES_HIGH, until=NOW + 30 * MINUTE)),
            (wake(30), *note(HIGH, "granted", _ASKED, _YES, approver="Alex")),
        ),
    ),
    *(
        Walk(WAITING_HIGH, grant, Step(WAITING_HIGH, refused="two_methods_needed"))
        for grant in (
            Grant(ALEX),
            replace(SHIELDS, rests_on=("v1",)),
            replace(SHIELDS, rests_on=("v1", "v1")),
            replace(SHIELDS, green_until=None),
            replace(SHIELDS, green_until=NOW),
        )
    ),
    Walk(WAITING, Grant(DANA), Step(WAITING, refused="own_approval")),
    Walk(WAITING_HIGH, replace(SHIELDS, by=DANA), Step(WAITING_HIGH, refused="own_approval")),
    Walk(WAITING, Grant(ALEX), refused(_UNDECIDED), _LATE),
    Walk(
        WAITING,
        Refuse(ALEX, "No manager I know"),
        Step(REFUSED, note(ADDRESS, "refused", _ASKED, "0|refused|Alex", approver="Alex", reason="No manager I know")),
    ),
    Walk(WAITING, Refuse(DANA), Step(WAITING, refused="own_approval")),
    Walk(WAITING, Refuse(ALEX), refused(_UNDECIDED), _LATE),
    Walk(GRANTED, Grant(ALEX), Step(GRANTED, refused="approval_over")),
    Walk(GRANTED, Refuse(ALEX), Step(GRANTED, refused="approval_over")),
]
TAKING_BACK = [
    Walk(WAITING, Withdraw(DANA), Step(WITHDRAWN, note(ADDRESS, "withdrawn", _ASKED, "0|withdrawn|Dana"))),
    Walk(GRANTED, Withdraw(DANA), Step(WITHDRAWN, note(ADDRESS, "withdrawn", _ASKED, "0|withdrawn|Dana"))),
    Walk(WAITING, Withdraw(ALEX), Step(WAITING, refused="not_your_approval")),
    Walk(GRANTED, Withdraw(ALEX), Step(GRANTED, refused="not_your_approval")),
    Walk(WAITING, Withdraw(DANA), refused(_UNDECIDED), _LATE),
    Walk(GRANTED, Withdraw(DANA), refused(_OVER), _LATE),
]
USING = [
    Walk(GRANTED, USE, Step(USED, note(ADDRESS, "used", _ASKED, _YES, "0|used|Dana", approver="Alex"))),
    Walk(GRANTED, replace(USE, by=ALEX), Step(GRANTED, refused="not_your_approval")),
    Walk(GRANTED, replace(USE, address_id="a2"), Step(GRANTED, refused="approval_for_other")),
    Walk(GRANTED, replace(USE, address_id=""), Step(GRANTED, refused="approval_for_other")),
    Walk(GRANTED, replace(USE, ticket_id=""), Step(GRANTED, refused="approval_for_other")),
    Walk(GRANTED, replace(USE, ticket_id="8"), Step(GRANTED, refused="approval_for_other")),
    # Clearance for high-risk work is nothing that a send uses up.
    Walk(GRANTED_HIGH, replace(USE, address_id=""), Step(GRANTED_HIGH, refused="not_your_approval")),
    Walk(GRANTED, USE, refused(_OVER), _LATE),
    Walk(WAITING, USE, Step(WAITING, refused="approval_waiting")),
]
TIME = [
    Walk(WAITING, DeadlinePassed(), Step(WAITING, (wake(15),)), 14 * MINUTE),
    Walk(WAITING, DeadlinePassed(), _UNDECIDED, _LATE),
    Walk(GRANTED, DeadlinePassed(), Step(GRANTED, (wake(15),)), 14 * MINUTE),
    Walk(GRANTED, DeadlinePassed(), _OVER, _LATE),
    # The ticket has read of the clearance already.
    Walk(GRANTED_HIGH, DeadlinePassed(), Step(Expired(HIGH, NOW + 20 * MINUTE, "over", YES_HIGH)), 20 * MINUTE),
    Walk(WAITING, Void("erased"), Step(Expired(ADDRESS, NOW, "erased"))),
    Walk(GRANTED, Void("restored"), Step(Expired(ADDRESS, NOW, "restored", YES))),
]
OVER = [
    Walk(state, event, Step(state, refused="approval_over"))
    for state in ENDED
    for event in (Grant(ALEX), Refuse(ALEX), Withdraw(DANA), USE)
]
WALKS = [*ASKING, *DECIDING, *TAKING_BACK, *USING, *TIME, *OVER]
