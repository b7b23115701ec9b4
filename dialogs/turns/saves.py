"""Rows that a turn writes, all but the outbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from dialogs import approvals as ap
from dialogs import user_verify as uv
from dialogs.desk import Desk
from dialogs.tech_verify import State
from dialogs.turns.records import AnnouncedCall


@dataclass(frozen=True, slots=True)
class SaveCheck:
    """Insert (`version` 0) or update where the stored version is still `version`; the row then has `version + 1`.

    At most one live check per sender and per contact: a second insert is a conflict and the turn is decided anew.
    """

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
class SaveVerification:
    """Insert (`version` 0) or update where the stored version is still `version`, as for a check. At most one live
    verification per contact: a second insert is a conflict. `link_digest`: SHA-256 of the link's token, for an insert
    of one by link; it is how the link's page finds its way, also afterwards."""

    id: str
    version: int
    state: uv.State
    contact_id: str
    our_address: str
    their_address: str
    created_at: datetime
    link_digest: str = ""


@dataclass(frozen=True, slots=True)
class SaveApproval:
    """Insert (`version` 0) or update where the stored version is still `version`, as for a check."""

    id: str
    version: int
    state: ap.State
    contact_id: str
    their_address: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SaveDesk:
    """Insert (`version` 0) or update the conversation, like `SaveCheck`."""

    conversation_id: str
    version: int
    desk: Desk
    channel: str
    our_address: str
    their_address: str
    contact_id: str


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One line of the log, in the turn's transaction. `public` holds ids, kinds and counts that technicians may read;
    `sealed` holds what is encrypted under the contact's key (numbers, notes, words)."""

    id: str
    at: datetime
    kind: str
    check_id: str = ""
    contact_id: str = ""
    technician_id: str = ""
    ticket_id: str = ""
    conversation_id: str = ""
    channel: str = ""
    public: Mapping[str, str | int] = field(default_factory=dict)
    sealed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Timer:
    """Ring `name` for a check, a verification or an approval (whose id `check_id` is then) at `at`; setting it again
    moves it. The timers of verifications are named `euv_...`, those of approvals `approval_...`."""

    tenant_id: str
    check_id: str
    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Alert:
    """Stays in the console until a person acknowledges it."""

    id: str
    kind: str
    at: datetime
    check_id: str
    contact_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Suppression:
    """The sender opted out (`on`) or in again. `our_address` empty: every number of the tenant."""

    on: bool
    our_address: str
    their_address: str
    by: Literal["word", "carrier"]


@dataclass(frozen=True, slots=True)
class Announcement:
    """Record (`ends` False) or end (`ends` True) an announced call. Ending names the contact and the technician, and
    ends every live announcement of the two; a technician id of "" ends everybody's."""

    call: AnnouncedCall
    ends: bool = False
