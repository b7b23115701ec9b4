"""End-user verification: the technician checks that the caller really is their user.

A technician asks by one of the methods of `methods.py`; the user answers on what they have; the shield of that address
turns green for a while. Every method runs through this one machine; what differs between them are the facts in
`METHODS` and the words that are sent.
"""

from dialogs.user_verify import answering, asking, calling, ending, tickets
from dialogs.user_verify.calling import is_of_call
from dialogs.user_verify.declared import machine
from dialogs.user_verify.events import (
    Asked,
    CallAnswered,
    CallEnded,
    CallKeyed,
    CallPlaced,
    CancelAsked,
    CodeTyped,
    DeadlinePassed,
    Disowned,
    Event,
    LinkConfirmed,
    NewerAsked,
    OptedOut,
    ResendAsked,
    SendFailed,
    TicketCreated,
    TicketFailed,
    TicketLinked,
    Voided,
)
from dialogs.user_verify.methods import DEFAULT_ORDER, FAMILIES, METHODS, Action, Assurance, Method, MethodFacts
from dialogs.user_verify.policy import MAX_WRONG_NUMBERS, NEW_FOR, Policy, faults
from dialogs.user_verify.records import (
    WORDS,
    Blank,
    Challenge,
    Denied,
    Destination,
    Ended,
    Env,
    Expired,
    Failed,
    Live,
    Override,
    Request,
    Sent,
    State,
    Undelivered,
    Verified,
    Wording,
)
from dialogs.user_verify.steps import DEADLINE, DENIED_LATE, MAX_SAYS, tries_left
from dialogs.user_verify.words import NEW_TICKET

#: Importing them declares the transitions on `machine`; without this line it would answer nothing.
PARTS = (asking, tickets, answering, calling, ending)

__all__ = [
    "DEADLINE",
    "DEFAULT_ORDER",
    "DENIED_LATE",
    "FAMILIES",
    "MAX_SAYS",
    "MAX_WRONG_NUMBERS",
    "METHODS",
    "NEW_FOR",
    "NEW_TICKET",
    "PARTS",
    "WORDS",
    "Action",
    "Asked",
    "Assurance",
    "Blank",
    "CallAnswered",
    "CallEnded",
    "CallKeyed",
    "CallPlaced",
    "CancelAsked",
    "Challenge",
    "CodeTyped",
    "DeadlinePassed",
    "Denied",
    "Destination",
    "Disowned",
    "Ended",
    "Env",
    "Event",
    "Expired",
    "Failed",
    "LinkConfirmed",
    "Live",
    "Method",
    "MethodFacts",
    "NewerAsked",
    "OptedOut",
    "Override",
    "Policy",
    "Request",
    "ResendAsked",
    "SendFailed",
    "Sent",
    "State",
    "TicketCreated",
    "TicketFailed",
    "TicketLinked",
    "Undelivered",
    "Verified",
    "Voided",
    "Wording",
    "faults",
    "is_of_call",
    "machine",
    "tries_left",
]
