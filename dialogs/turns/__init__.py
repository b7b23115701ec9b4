"""What a turn reads and what it writes, as values: the contract between the engine and every turn store.

A store loads the facts an ask names, calls the engine's pure `decide`, and writes the decision, all in one
transaction, many turns to a transaction where it can. `decide` may be called again when a version has moved.
"""

from dialogs.turns.asks import AnnounceAsk, Ask, CheckAsk, InboundAsk, VerificationAsk
from dialogs.turns.decisions import Decision, Duplicate, Taken, Turn, TurnResult, Unroutable
from dialogs.turns.facts import AnnounceFacts, CheckFacts, Facts, InboundFacts, VerificationFacts
from dialogs.turns.outbox import Leased, OutboxItem, OutboxKind, Settled
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
from dialogs.turns.saves import (
    Alert,
    Announcement,
    AuditEvent,
    SaveApproval,
    SaveCheck,
    SaveDesk,
    SaveVerification,
    Suppression,
    Timer,
)

__all__ = [
    "AddressFacts",
    "Alert",
    "AnnounceAsk",
    "AnnounceFacts",
    "AnnouncedCall",
    "Announcement",
    "Ask",
    "AuditEvent",
    "Barred",
    "CheckAsk",
    "CheckFacts",
    "ContactFacts",
    "Decision",
    "Duplicate",
    "Facts",
    "InboundAsk",
    "InboundFacts",
    "Leased",
    "NumberFacts",
    "OutboxItem",
    "OutboxKind",
    "SaveApproval",
    "SaveCheck",
    "SaveDesk",
    "SaveVerification",
    "Settled",
    "StoredApproval",
    "StoredCheck",
    "StoredDesk",
    "StoredVerification",
    "Suppression",
    "Taken",
    "TenantFacts",
    "Timer",
    "Try",
    "Turn",
    "TurnResult",
    "Unroutable",
    "VerificationAsk",
    "VerificationFacts",
]
