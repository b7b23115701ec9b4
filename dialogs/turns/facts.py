"""Facts: what a store finds for each kind of ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from dialogs.approvals import GreenShield
from dialogs.limits import SendCounts
from dialogs.turns.records import (
    AddressFacts,
    AnnouncedCall,
    Barred,
    ContactFacts,
    NumberFacts,
    StoredApproval,
    StoredCheck,
    StoredDesk,
    StoredVerification,
    TenantFacts,
    Try,
)


@dataclass(frozen=True, slots=True)
class InboundFacts:
    """What an inbound text finds.

    `contacts`: all that have the sender's address, by name. `checks`: every live check of this sender (on any of our
    numbers) or of these contacts, and the newest ended one of this sender, newest first. `announced`: live announced
    calls to these contacts. `suppressed`: the sender opted out of the number written to, or of the tenant, or is
    blocked.
    """

    tenant: TenantFacts
    number: NumberFacts
    contacts: tuple[ContactFacts, ...]
    desk: StoredDesk | None
    checks: tuple[StoredCheck, ...]
    announced: tuple[AnnouncedCall, ...]
    suppressed: Barred
    sends: SendCounts
    #: Live verifications of these contacts, newest first.
    verifications: tuple[StoredVerification, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckFacts:
    """What an act on one check finds. `check` is None when there is no such check in this tenant."""

    tenant: TenantFacts
    check: StoredCheck | None
    contact: ContactFacts | None
    picked: ContactFacts | None
    suppressed: Barred
    sends: SendCounts


@dataclass(frozen=True, slots=True)
class AnnounceFacts:
    """What an announcement finds. `mobile` is the contact's default mobile, empty when there is none; `our_address`
    the tenant's primary verification number."""

    tenant: TenantFacts
    contact: ContactFacts | None
    mobile: str
    our_address: str
    suppressed: Barred
    announced: tuple[AnnouncedCall, ...]
    sends: SendCounts


@dataclass(frozen=True, slots=True)
class VerificationFacts:
    """What a verification finds.

    `verification`: the one asked for, None when there is no such one in this tenant. `live`: the live ones of the
    contact, newest first (one at most once it is stored). `addresses`: all of the contact's, the default of its kind
    first. `our_number`: the primary verification number, which texts and calls come from; empty when there is none.
    `checks`: checks of a caller by this contact, or by anybody who texts from a number of theirs, that are live or were
    last changed within 30 minutes, newest first.
    `denied_at`: when the contact last denied a verification, within 30 minutes. `tries`: the newest 400 of the
    contact, newest first. `wrong_by_technician`: wrong codes typed by the technician in the last hour.
    `overrides_by_technician`: in the last 24 h. Where the ask names no verification: `approvals`, the live ones of the
    contact, newest first, `shields`, what is green of theirs, and `asked_by_technician`, when the technician asked for
    a second person within the last hour, whatever came of it, in order; `approval`: the one asked for, also when it is
    over.
    """

    tenant: TenantFacts
    contact: ContactFacts | None
    addresses: tuple[AddressFacts, ...]
    our_number: str
    verification: StoredVerification | None
    live: tuple[StoredVerification, ...]
    checks: tuple[StoredCheck, ...]
    denied_at: datetime | None
    tries: tuple[Try, ...]
    wrong_by_technician: int = 0
    overrides_by_technician: int = 0
    approval: StoredApproval | None = None
    approvals: tuple[StoredApproval, ...] = ()
    shields: tuple[GreenShield, ...] = ()
    asked_by_technician: tuple[datetime, ...] = ()


Facts: TypeAlias = InboundFacts | CheckFacts | AnnounceFacts | VerificationFacts
