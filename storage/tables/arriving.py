"""What has come in, kept so that it counts one time only."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from storage.tables.shapes import id_column, metadata, sealed_column, time_column

inbound = Table(
    "inbound",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("channel", String(16), nullable=False),
    Column("conversation_id", String(36), nullable=False),
    Column("contact_id", String(36), nullable=False, server_default=""),
    #: SHA-256 of provider and provider id; kept for ever, also when the body is purged (SEC-23).
    Column("once_key", LargeBinary(32), nullable=False),
    #: SHA-256 of the signature where the channel has one (SEC-22).
    Column("replay_key", LargeBinary(32), nullable=True),
    sealed_column("body"),
    time_column("at"),
    PrimaryKeyConstraint("tenant_id", "id"),
    UniqueConstraint("tenant_id", "once_key"),
    UniqueConstraint("tenant_id", "replay_key"),
    Index(None, "tenant_id", "conversation_id", "at"),
)

#: Things other than texts that may happen one time only: answers of a PSA, API calls with an idempotency key.
once = Table(
    "once",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    Column("key", LargeBinary(32), nullable=False),
    time_column("at"),
    PrimaryKeyConstraint("tenant_id", "key"),
)

#: Answers to API calls that carried an `Idempotency-Key`, kept for 24 h (REL-02). The answer never holds a code.
idempotency = Table(
    "idempotency",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    #: SHA-256 of who called and the key they chose.
    Column("key", LargeBinary(32), nullable=False),
    #: SHA-256 of method, path and body: the same key with another request is refused.
    Column("request", LargeBinary(32), nullable=False),
    #: HTTP status of the answer; 0 while the call is still being worked on.
    Column("status", SmallInteger, nullable=False, server_default="0"),
    Column("answer", Text, nullable=False, server_default=""),
    time_column("at"),
    PrimaryKeyConstraint("tenant_id", "key"),
    Index(None, "tenant_id", "at"),
)
