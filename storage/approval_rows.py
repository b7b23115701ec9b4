"""Approvals as rows that pages and the API read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from dialogs import approvals as ap
from dialogs.user_verify import Method


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """One request to a second person.

    `state` is its word; what has run out is `expired` whether or not its timer has rung. `address` is shown with most
    of it hidden, empty for high-risk work; `unusual` says why it needs a second person (`other_address`,
    `new_address`). `until`: when it is over by itself, None once it is. `reason`: why not, or why it ended. `methods`:
    what a clearance rests on. `verification_id`: what it was used for. Names and words are empty once the contact is
    erased, `technician` and `decided_by` once an account is gone.
    """

    id: str
    kind: ap.Kind
    state: str
    contact_id: str
    contact_name: str
    client_id: str
    address_id: str
    address: str
    unusual: Literal["", "other_address", "new_address"]
    ticket_id: str
    ticket_number: str
    technician_id: str
    technician: str
    note: str
    created_at: datetime
    until: datetime | None
    decided_by_id: str
    decided_by: str
    decided_at: datetime | None
    reason: str
    verification_id: str
    methods: tuple[Method, ...]

    def is_live(self, now: datetime) -> bool:
        """Whether somebody may still decide, or the yes may still count."""
        return self.until is not None and now < self.until


def unusual_of(state: ap.State) -> Literal["", "other_address", "new_address"]:
    """Why the address needs a second person, as it was when it was asked for."""
    to = None if isinstance(state, ap.Unasked) else state.wanted.destination
    if to is None:
        return ""
    return "new_address" if to.is_new else "" if to.is_default else "other_address"


def agreed_in(state: ap.State) -> ap.Agreed | None:
    """The yes, if there was one."""
    return state.agreed if isinstance(state, ap.Granted | ap.Used | ap.Expired) else None


def reason_of(state: ap.State) -> str:
    """What a person wrote who refused, or our word for how it ended."""
    return state.reason if isinstance(state, ap.Refused | ap.Expired) else ""


def word_of(word: str, until: datetime | None, now: datetime) -> str:
    """The state's word, whether or not its timer has rung."""
    return "expired" if until is not None and now >= until else word
