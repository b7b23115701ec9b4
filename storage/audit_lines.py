"""One line of the log as it is stored and hashed.

The leaf is SHA-256(0x00 || canonical bytes) as in Certificate Transparency (SEC-54). The canonical bytes hold the
ciphertext, never the plain words, so that destroying a contact's key leaves the log whole (SEC-56); and not the
sequence, which is the leaf's place in the tree.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TypeAlias

from dialogs.turns import AuditEvent
from storage.codec import dump_json, dump_values
from storage.keys import RowKeys, place
from storage.times import micros

#: tenant, id, at, kind, check, contact, technician, ticket, conversation, channel, public, sealed, leaf
AuditLine: TypeAlias = tuple[str, str, int, str, str, str, str, str, str, str, str, bytes | None, bytes]


@dataclass(frozen=True, slots=True)
class StoredLine:
    """The columns that the leaf covers, as read back from the database."""

    tenant_id: str
    id: str
    at: int
    kind: str
    check_id: str
    contact_id: str
    technician_id: str
    ticket_id: str
    conversation_id: str
    channel: str
    public: str
    sealed: bytes | None


def canonical(line: StoredLine) -> bytes:
    """A JSON array of the columns in the table's order; ciphertext in hex, empty where nothing is sealed."""
    return _canonical(
        line.tenant_id,
        line.id,
        line.at,
        line.kind,
        line.check_id,
        line.contact_id,
        line.technician_id,
        line.ticket_id,
        line.conversation_id,
        line.channel,
        line.public,
        line.sealed,
    )


def leaf(canonical_bytes: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + canonical_bytes).digest()


def audit_line(tenant_id: str, event: AuditEvent, keys: RowKeys) -> AuditLine:
    """The columns of one event, without its sequence."""
    sealed = None
    if event.sealed:
        sealed = keys.seal(dump_values(event.sealed), place("audit", "sealed", tenant_id, event.id))
    public = dump_values(event.public).decode() if event.public else "{}"
    body = (
        tenant_id,
        event.id,
        micros(event.at),
        event.kind,
        event.check_id,
        event.contact_id,
        event.technician_id,
        event.ticket_id,
        event.conversation_id,
        event.channel,
        public,
        sealed,
    )
    return (*body, leaf(_canonical(*body)))


def _canonical(*columns: str | int | bytes | None) -> bytes:
    *plain, sealed = columns
    return dump_json([*plain, sealed.hex() if isinstance(sealed, bytes) else ""])
