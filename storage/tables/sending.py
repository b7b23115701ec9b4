"""What is to be carried out and when, whom no text may go to, and what has gone out."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    text,
)

from storage.tables.shapes import id_column, metadata, sealed_column, time_column

suppressions = Table(
    "suppressions",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    Column("their_address", String(254), nullable=False),
    #: Empty: every number of the tenant.
    Column("our_address", String(64), nullable=False),
    Column("by", String(16), nullable=False),
    time_column("at"),
    PrimaryKeyConstraint("tenant_id", "their_address", "our_address"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("kind", String(24), nullable=False),
    Column("lane", String(100), nullable=False),
    sealed_column("payload"),
    Column("template", String(48), nullable=False, server_default=""),
    Column("check_id", String(36), nullable=False, server_default=""),
    Column("conversation_id", String(36), nullable=False, server_default=""),
    Column("contact_id", String(36), nullable=False, server_default=""),
    Column("technician_id", String(36), nullable=False, server_default=""),
    Column("segments", SmallInteger, nullable=False, server_default="0"),
    Column("after_stop", Boolean, nullable=False, server_default=text("false")),
    #: waiting, unknown (may have gone out), sent, dead, dropped
    Column("status", String(16), nullable=False),
    Column("attempt", SmallInteger, nullable=False, server_default="0"),
    #: Attempts after which nobody knew whether it had gone out (REL-04).
    Column("unclear", SmallInteger, nullable=False, server_default="0"),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("worker", String(64), nullable=False, server_default=""),
    time_column("lease_until", nullable=True),
    time_column("created_at"),
    time_column("due_at"),
    time_column("drop_at", nullable=True),
    time_column("first_attempt_at", nullable=True),
    time_column("done_at", nullable=True),
    Column("provider", String(24), nullable=False, server_default=""),
    Column("provider_id", String(100), nullable=False, server_default=""),
    #: The provider's word on delivery; `delivery_rank` only goes up.
    Column("delivery", String(24), nullable=False, server_default=""),
    Column("delivery_rank", SmallInteger, nullable=False, server_default="0"),
    Column("error", String(200), nullable=False, server_default=""),
    PrimaryKeyConstraint("tenant_id", "id"),
    Index(
        "ix_outbox_waiting",
        "lane",
        "id",
        sqlite_where=text("done_at IS NULL"),
        postgresql_where=text("done_at IS NULL"),
    ),
    Index("ix_outbox_due", "due_at", sqlite_where=text("done_at IS NULL"), postgresql_where=text("done_at IS NULL")),
    # What is due of one tenant: work is shared out among tenants (SEC-38).
    Index(
        "ix_outbox_share",
        "tenant_id",
        "due_at",
        "id",
        sqlite_where=text("done_at IS NULL"),
        postgresql_where=text("done_at IS NULL"),
    ),
    # What was given up, for monitors that ask every few seconds.
    Index(
        "ix_outbox_dead",
        "done_at",
        sqlite_where=text("status = 'dead'"),
        postgresql_where=text("status = 'dead'"),
    ),
    Index(
        "ix_outbox_provider",
        "provider",
        "provider_id",
        sqlite_where=text("provider_id <> ''"),
        postgresql_where=text("provider_id <> ''"),
    ),
    Index(
        "ix_outbox_check",
        "tenant_id",
        "check_id",
        sqlite_where=text("check_id <> ''"),
        postgresql_where=text("check_id <> ''"),
    ),
    Index("ix_outbox_conversation", "tenant_id", "conversation_id", "created_at"),
)

#: Reports that came before we knew the message's id: kept until the send is settled.
early_reports = Table(
    "early_reports",
    metadata,
    Column("provider", String(24), nullable=False),
    Column("provider_id", String(100), nullable=False),
    Column("status", String(24), nullable=False),
    Column("error_code", String(16), nullable=False, server_default=""),
    time_column("at"),
    PrimaryKeyConstraint("provider", "provider_id", "status"),
)

challenge_sends = Table(
    "challenge_sends",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    #: The outbox item's id.
    id_column(),
    Column("check_id", String(36), nullable=False),
    Column("destination", String(254), nullable=False),
    #: The destination without its last four digits (SEC-39).
    Column("prefix", String(254), nullable=False),
    Column("technician_id", String(36), nullable=False, server_default=""),
    Column("segments", SmallInteger, nullable=False),
    time_column("at"),
    time_column("given_back_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "id"),
    Index(None, "tenant_id", "destination", "at"),
    Index(None, "tenant_id", "prefix", "at"),
    Index(None, "tenant_id", "at"),
    Index(None, "tenant_id", "check_id"),
)

timers = Table(
    "timers",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    Column("check_id", String(36), nullable=False),
    Column("name", String(24), nullable=False),
    time_column("at"),
    PrimaryKeyConstraint("tenant_id", "check_id", "name"),
    Index(None, "at"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("kind", String(32), nullable=False),
    time_column("at"),
    Column("check_id", String(36), nullable=False, server_default=""),
    Column("contact_id", String(36), nullable=False, server_default=""),
    sealed_column("body"),
    Column("seen_by", String(36), nullable=False, server_default=""),
    time_column("seen_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "id"),
    Index(None, "tenant_id", "at"),
)
