"""Verifications of end users as rows that pages and the API read. A code is never part of them, nor a link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import RowMapping

from dialogs import user_verify as uv
from dialogs.number_signals import Signals
from dialogs.settings import TenantSettings
from dialogs.tech_verify.records import Happened
from storage.checks import ContactName, TechnicianName
from storage.codec import load_verification
from storage.delivery import Delivery
from storage.times import maybe_moment, moment


@dataclass(frozen=True, slots=True)
class VerificationRow:
    """One verification of an end user.

    `word` is the state as lists call it (`sent`, `verified`, `failed`, `denied`, `expired`, `error`); `state` is the
    whole of it with codes blanked. `destination` is the address with most of it hidden. `contact` and `technician` are
    None once they are gone. `reason` is why it ended, where there are several ways to end so. `green_until`: until when
    the shield is or was green, None where it never was; `shield_ended`: something has ended it early, or its time was
    over once. `ticket_asked`: a new ticket is being opened. `logged` is how far the result is on its way into the
    ticket, empty while live. `delivery` is that of the newest message or call, None when none is known. `tries_left`:
    wrong answers that are still borne, 0 where nothing is typed or it is over. `signals`: what the carrier knew of the
    number, None where it was not asked. `spoken` holds the two digits that the technician says, for whoever asked and
    while it lives.
    """

    id: str
    word: str
    state: uv.State = field(repr=False)
    method: uv.Method
    assurance: str
    contact_id: str
    contact: ContactName | None
    address_id: str
    destination: str
    destination_kind: str
    destination_is_default: bool
    destination_is_new: bool
    technician_id: str
    technician: TechnicianName | None
    ticket_id: str
    ticket_number: str
    ticket_asked: bool
    action: uv.Action
    note: str
    other_contact: bool
    override: uv.Override | None
    signals: Signals | None
    lifted_by: str
    created_at: datetime
    expires_at: datetime | None
    ended_at: datetime | None
    green_until: datetime | None
    shield_ended: bool
    reason: str
    logged: str
    delivery: Delivery | None
    tries_left: int
    trail: tuple[Happened, ...]
    spoken: str = field(default="", repr=False)

    def is_live(self, now: datetime) -> bool:
        """Whether it can still be answered; one past its end counts as over even before its timer rings."""
        return isinstance(self.state, uv.Live) and now < self.state.challenge.expires_at

    def is_green(self, now: datetime) -> bool:
        """Whether its shield is green."""
        return self.green_until is not None and not self.shield_ended and now < self.green_until


@dataclass(frozen=True, slots=True)
class Shield:
    """An address that was verified and has not turned back yet. `address_id` is empty for a method without one."""

    contact_id: str
    address_id: str
    verification_id: str
    method: uv.Method
    assurance: str
    ticket_id: str
    ticket_number: str
    technician: TechnicianName | None
    at: datetime
    until: datetime

    def counts_for(self, ticket_id: str) -> bool:
        """Whether it is green in the context of this ticket: it was for this one, or for none."""
        return self.ticket_id in ("", ticket_id)


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """Whose link it is."""

    tenant_id: str
    verification_id: str


@dataclass(frozen=True, slots=True)
class Waiver:
    """A technician's word that a ticket may be closed though nobody was verified. `note` is empty once erased."""

    ticket_id: str
    technician_id: str
    note: str
    at: datetime


def blank(cell: bytes) -> bytes:
    """Codes stay sealed, and are shown as nothing."""
    return b""


def shield_of(row: RowMapping, people: Mapping[str, TechnicianName]) -> Shield:
    state = load_verification(row["body"], blank)
    ticket = None if isinstance(state, uv.Blank) else state.request.ticket
    return Shield(
        row["contact_id"],
        row["address_id"],
        row["id"],
        uv.Method(row["method"]),
        row["assurance"],
        row["ticket_id"],
        ticket.number if ticket is not None else "",
        people.get(row["technician_id"]),
        moment(row["ended_at"]),
        moment(row["green_until"]),
    )


def verification_row_of(
    row: RowMapping,
    names: Mapping[str, ContactName],
    people: Mapping[str, TechnicianName],
    sent: Mapping[str, Delivery],
    settings: TenantSettings,
) -> VerificationRow:
    state = load_verification(row["body"], blank)
    assert not isinstance(state, uv.Blank), "nobody stores a verification that nobody has asked for"
    request, contact = state.request, names.get(row["contact_id"])
    ended = state if isinstance(state, uv.Ended) else None
    policy = settings.policy_of(contact.client_id if contact is not None else "")
    return VerificationRow(
        id=row["id"],
        word=row["state"],
        state=state,
        method=request.method,
        assurance=row["assurance"],
        contact_id=row["contact_id"],
        contact=contact,
        address_id=row["address_id"],
        destination=request.destination.shown,
        destination_kind=request.destination.kind,
        destination_is_default=request.destination.is_default,
        destination_is_new=request.destination.is_new,
        technician_id=row["technician_id"],
        technician=people.get(row["technician_id"]),
        ticket_id=row["ticket_id"],
        ticket_number=request.ticket.number if request.ticket is not None else "",
        ticket_asked=request.ticket_asked,
        action=request.action,
        note=request.note,
        other_contact=request.other_contact,
        override=request.override,
        signals=request.signals,
        lifted_by=request.lifted_by,
        created_at=moment(row["created_at"]),
        expires_at=maybe_moment(row["expires_at"]),
        ended_at=maybe_moment(row["ended_at"]),
        green_until=maybe_moment(row["green_until"]),
        shield_ended=row["shield_ended_at"] is not None,
        reason=_reason(state),
        logged=ended.logged.value if ended is not None else "",
        delivery=sent.get(row["id"]),
        tries_left=_tries_left(state, policy),
        trail=state.trail,
    )


def _reason(state: uv.State) -> str:
    match state:
        case uv.Failed(reason=reason) | uv.Expired(reason=reason) | uv.Undelivered(reason=reason):
            return reason
        case uv.Denied(way=way):
            return way
        case _:
            return ""


def _tries_left(state: uv.State, policy: uv.Policy) -> int:
    if not isinstance(state, uv.Live):
        return 0
    challenge = state.challenge
    if challenge.code is not None:
        return max(policy.max_wrong_codes - challenge.wrong, 0)
    return max(uv.MAX_WRONG_NUMBERS - challenge.wrong, 0) if challenge.spoken is not None else 0
