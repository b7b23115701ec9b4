"""What a store knows, one record each: the pieces that facts are put together from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from dialogs import approvals as ap
from dialogs import user_verify as uv
from dialogs.desk import Desk
from dialogs.limits import SendCounts
from dialogs.settings import TenantSettings
from dialogs.tech_verify import State

#: Why no text of ours may go to an address: its owner said STOP, or a technician blocked it. Empty: it may.
Barred: TypeAlias = Literal["", "opted_out", "blocked"]


@dataclass(frozen=True, slots=True)
class TenantFacts:
    """The tenant a turn belongs to. `digest_key` keys the digests of typed codes; it never leaves the process."""

    id: str
    name: str
    settings: TenantSettings
    digest_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NumberFacts:
    """One of the tenant's own numbers. `opt_out_by`: who answers STOP, START and HELP on it."""

    id: str
    address: str
    purpose: Literal["verification", "channel", "voice"]
    primary: bool
    opt_out_by: Literal["carrier", "watchword"]


@dataclass(frozen=True, slots=True)
class ContactFacts:
    """A person at a client. `locale` is empty where the tenant's applies."""

    id: str
    name: str
    client_id: str
    client_name: str
    locale: str = ""


@dataclass(frozen=True, slots=True)
class StoredCheck:
    """One technician verification as stored. `contact_id` is empty while the number stands on several contacts."""

    id: str
    version: int
    state: State
    channel: str
    our_address: str
    their_address: str
    conversation_id: str
    contact_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StoredDesk:
    """The conversation a text belongs to; its version serialises the turns of one sender (REL-09)."""

    conversation_id: str
    version: int
    desk: Desk


@dataclass(frozen=True, slots=True)
class AnnouncedCall:
    """A technician's word that they are calling a contact. `ticket_id` and `ticket_number` are empty for a choice of
    `new` or `later`, which `ticket` then says."""

    id: str
    contact_id: str
    technician_id: str
    technician_name: str
    direction: str
    ticket: Literal["ticket", "new", "later"]
    ticket_id: str
    ticket_number: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class StoredVerification:
    """One end-user verification as stored. `their_address` is the full number or e-mail address it went to,
    `our_address` the number it came from (empty for e-mail). `shield_ended`: something has ended its shield early, or
    its time is known to be over."""

    id: str
    version: int
    state: uv.State
    contact_id: str
    our_address: str
    their_address: str
    created_at: datetime
    shield_ended: bool = False


@dataclass(frozen=True, slots=True)
class StoredApproval:
    """One request to a second person as stored. `their_address`: the full number or e-mail address that it is about,
    empty for high-risk work."""

    id: str
    version: int
    state: ap.State
    contact_id: str
    their_address: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AddressFacts:
    """One way to reach a contact. `kind` is mobile, phone or email. `changed_at`: when a person last changed it, None
    for a first import. `suppressed`: why no text may go there (numbers only). `sends`: counted where the ask says
    so."""

    id: str
    kind: str
    value: str
    is_default: bool
    changed_at: datetime | None
    suppressed: Barred = ""
    sends: SendCounts = field(default_factory=SendCounts)


@dataclass(frozen=True, slots=True)
class Try:
    """One answer to a verification, or an admin's word that a method may be used again (`reset`). Locks are counted
    from these, per contact and method."""

    id: str
    verification_id: str
    contact_id: str
    method: uv.Method
    technician_id: str
    at: datetime
    outcome: Literal["right", "wrong", "reset"]
