"""The log, what reports count from it, the tree that seals it, and the restores that fence it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from storage.tables.shapes import id_column, metadata, sealed_column, time_column

audit = Table(
    "audit",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    #: Order of the log and id of the event stream. A store with one writer gives it in the turn; one with many
    #: leaves it empty for the sequencer.
    Column("seq", BigInteger, nullable=True),
    time_column("at"),
    Column("kind", String(48), nullable=False),
    Column("check_id", String(36), nullable=False, server_default=""),
    Column("contact_id", String(36), nullable=False, server_default=""),
    Column("technician_id", String(36), nullable=False, server_default=""),
    Column("ticket_id", String(64), nullable=False, server_default=""),
    Column("conversation_id", String(36), nullable=False, server_default=""),
    Column("channel", String(16), nullable=False, server_default=""),
    Column("public", Text, nullable=False, server_default="{}"),
    sealed_column("sealed"),
    #: SHA-256(0x00 || canonical row), over the ciphertext, so that erasing a key keeps the log whole (SEC-54, SEC-56).
    Column("leaf", LargeBinary(32), nullable=False),
    PrimaryKeyConstraint("tenant_id", "id"),
    UniqueConstraint("seq"),
    Index(None, "tenant_id", "seq"),
    Index(None, "tenant_id", "check_id", "seq"),
    # What the sequencer has still to place; nearly always empty.
    Index("ix_audit_unplaced", "at", "id", sqlite_where=text("seq IS NULL"), postgresql_where=text("seq IS NULL")),
)

#: What reports count of each day that nothing changes any more, so that a year is not counted anew each time.
report_days = Table(
    "report_days",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    #: Days are those of the tenant's clocks: in another zone they are counted anew.
    Column("zone", String(64), nullable=False),
    #: 2026-03-01
    Column("day", String(10), nullable=False),
    #: Which way of counting it was; an older one is done again.
    Column("shape", SmallInteger, nullable=False),
    Column("calls", Integer, nullable=False),
    Column("verified", Integer, nullable=False),
    Column("denied", Integer, nullable=False),
    Column("alarms", Integer, nullable=False),
    Column("texts", Integer, nullable=False),
    Column("segments", Integer, nullable=False),
    #: JSON: the same by client, technician and channel, and how long it took. Ids and counts, no words.
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("tenant_id", "zone", "day"),
    ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
)

#: The Merkle tree over the log, in tiles: row `idx` of level 0 holds the leaf hashes of lines 256 idx + 1 and on, 32
#: bytes each; of level n + 1 the root hashes of whole tiles of level n. Only the last tile of a level is not whole.
audit_tiles = Table(
    "audit_tiles",
    metadata,
    Column("level", SmallInteger, nullable=False),
    Column("idx", BigInteger, nullable=False),
    Column("hashes", LargeBinary, nullable=False),
    PrimaryKeyConstraint("level", "idx"),
)

#: Signed heads of the tree (SEC-55). The copies that count lie outside the database.
checkpoints = Table(
    "checkpoints",
    metadata,
    #: Lines of the log that the root covers.
    Column("size", BigInteger, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    #: The signed note, as it stands in the file outside.
    Column("note", Text, nullable=False),
    time_column("at"),
    PrimaryKeyConstraint("epoch", "size"),
)

#: Restores from a backup: each begins a new epoch, and what older epochs had open is void (REL-13).
fences = Table(
    "fences",
    metadata,
    #: The epoch that begins; an installation without a restore is in epoch 1.
    Column("epoch", Integer, nullable=False),
    time_column("at"),
    #: Lines that the restored log had.
    Column("size", BigInteger, nullable=False),
    #: Lines that the last checkpoint outside had seen, 0 when there was none: lines in between are lost.
    Column("seen", BigInteger, nullable=False, server_default="0"),
    Column("reason", Text, nullable=False, server_default=""),
    PrimaryKeyConstraint("epoch"),
)
