"""A second person says yes before something is done: a code or link to another address than the usual one (SEC-12), or
high-risk work after two independent methods (SEC-09).

A technician asks, another one decides; a yes is good for one send, or for as long as both shields stand.
"""

from dialogs.approvals import steps
from dialogs.approvals.clearance import Clearance, GreenShield, clearance, pair
from dialogs.approvals.records import (
    CLEARED_FOR,
    DECIDE_WITHIN,
    SEND_WITHIN,
    WORDS,
    Agreed,
    Ask,
    DeadlinePassed,
    Ended,
    Env,
    Event,
    Expired,
    Grant,
    Granted,
    Kind,
    Live,
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
    until_of,
)
from dialogs.approvals.steps import DEADLINE, machine

#: Where the transitions stand, for the reference page.
PARTS = (steps,)

__all__ = [
    "CLEARED_FOR",
    "DEADLINE",
    "DECIDE_WITHIN",
    "PARTS",
    "SEND_WITHIN",
    "WORDS",
    "Agreed",
    "Ask",
    "Clearance",
    "DeadlinePassed",
    "Ended",
    "Env",
    "Event",
    "Expired",
    "Grant",
    "Granted",
    "GreenShield",
    "Kind",
    "Live",
    "Refuse",
    "Refused",
    "State",
    "Unasked",
    "Use",
    "Used",
    "Void",
    "Waiting",
    "Wanted",
    "Withdraw",
    "Withdrawn",
    "clearance",
    "machine",
    "pair",
    "until_of",
]
