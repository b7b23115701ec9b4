"""What the memory store keeps: rows like the tables', in dicts that remember the order of insertion."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from dialogs.turns import (
    AddressFacts,
    Alert,
    AnnouncedCall,
    AuditEvent,
    Barred,
    ContactFacts,
    NumberFacts,
    OutboxItem,
    StoredApproval,
    StoredCheck,
    StoredDesk,
    StoredVerification,
    TenantFacts,
    Try,
)
from dialogs.user_verify import Verified
from storage.codec import outline, summary

#: Tenant and id, as the tables' keys are.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Kept:
    """One text that came in."""

    text: str
    conversation_id: str
    contact_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Queued:
    """One outbox row. `item.payload` is empty once a code was wiped."""

    tenant_id: str
    item: OutboxItem
    due_at: datetime
    status: Literal["waiting", "unknown", "sent", "dead", "dropped"] = "waiting"
    attempt: int = 0
    unclear: int = 0
    fence: int = 0
    worker: str = ""
    lease_until: datetime | None = None
    first_attempt_at: datetime | None = None
    done_at: datetime | None = None
    provider: str = ""
    provider_id: str = ""
    delivery: str = ""
    delivery_rank: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """One challenge that counts against the limits until it is given back."""

    check_id: str
    destination: str
    prefix: str
    technician_id: str
    segments: int
    at: datetime
    given_back: bool = False


@dataclass(slots=True)
class Rows:
    """All of it."""

    tenants: dict[str, TenantFacts] = field(default_factory=dict)
    numbers: dict[Key, tuple[str, NumberFacts]] = field(default_factory=dict)
    contacts: dict[Key, ContactFacts] = field(default_factory=dict)
    #: Tenant and address to the contacts that have it; tenant and contact to the default mobile.
    at_address: dict[Key, set[str]] = field(default_factory=dict)
    mobiles: dict[Key, str] = field(default_factory=dict)
    desks: dict[Key, StoredDesk] = field(default_factory=dict)
    #: Tenant, channel, theirs and ours to the conversation.
    talks: dict[tuple[str, str, str, str], str] = field(default_factory=dict)
    #: Tenant and contact to all of their addresses.
    addresses: dict[Key, tuple[AddressFacts, ...]] = field(default_factory=dict)
    checks: dict[Key, StoredCheck] = field(default_factory=dict)
    #: When each check was last changed.
    changed: dict[Key, datetime] = field(default_factory=dict)
    verifications: dict[Key, StoredVerification] = field(default_factory=dict)
    approvals: dict[Key, StoredApproval] = field(default_factory=dict)
    #: Those whose shield was ended early.
    ended_shields: set[Key] = field(default_factory=set)
    #: A link's digest to its verification.
    links: dict[str, Key] = field(default_factory=dict)
    tries: dict[Key, Try] = field(default_factory=dict)
    announced: dict[Key, AnnouncedCall] = field(default_factory=dict)
    ended_calls: set[Key] = field(default_factory=set)
    inbound: dict[tuple[str, bytes], Kept] = field(default_factory=dict)
    replays: set[tuple[str, bytes]] = field(default_factory=set)
    once: set[tuple[str, bytes]] = field(default_factory=set)
    suppressions: dict[tuple[str, str, str], str] = field(default_factory=dict)
    #: Tenant and address to the end of the block, None for a ban.
    blocks: dict[tuple[str, str], datetime | None] = field(default_factory=dict)
    outbox: dict[Key, Queued] = field(default_factory=dict)
    sends: dict[Key, Sent] = field(default_factory=dict)
    timers: dict[tuple[str, str, str], datetime] = field(default_factory=dict)
    alerts: dict[Key, Alert] = field(default_factory=dict)
    audit: dict[Key, AuditEvent] = field(default_factory=dict)
    early: dict[tuple[str, str], dict[str, tuple[str, datetime]]] = field(default_factory=dict)

    def contacts_at(self, tenant_id: str, address: str) -> tuple[ContactFacts, ...]:
        """By name."""
        found = (self.contacts[tenant_id, c] for c in self.at_address.get((tenant_id, address), ()))
        return tuple(sorted(found, key=lambda c: (c.name, c.id)))

    def is_over(self, tenant_id: str, check_id: str) -> bool:
        """Whether there is such a check or verification, and it has ended."""
        check = self.checks.get((tenant_id, check_id))
        verification = self.verifications.get((tenant_id, check_id))
        if check is not None:
            return not summary(check.state).is_live
        return verification is not None and not outline(verification.state).is_live

    def green(self, tenant_id: str, contact_id: str, now: datetime) -> list[str]:
        """Verifications of a contact whose shields are green."""
        return [
            v.id
            for (t, _), v in self.verifications.items()
            if t == tenant_id
            and v.contact_id == contact_id
            and isinstance(v.state, Verified)
            and v.state.green_until > now
            and (t, v.id) not in self.ended_shields
        ]

    def suppressed(self, tenant_id: str, their: str, ours: str, now: datetime) -> Barred:
        """Why no text may go there."""
        until = self.blocks.get((tenant_id, their), now)
        if until is None or until > now:
            return "blocked"
        stopped = (tenant_id, their, "") in self.suppressions or (tenant_id, their, ours) in self.suppressions
        return "opted_out" if stopped else ""
