"""Other tools that are told of what happens: by webhook, or by a post to Microsoft Teams."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from storage.tables.shapes import foreign_key, id_column, metadata, sealed_column, time_column

#: Addresses of other tools that are told of events, signed (SEC-47).
webhooks = Table(
    "webhooks",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("name", String(120), nullable=False),
    #: The whole address may hold a secret; `host` is what lists show.
    sealed_column("url", nullable=False),
    Column("host", String(254), nullable=False),
    #: Kinds of events it is told of, with a space between.
    Column("events", String(1000), nullable=False),
    #: JSON list of one secret, or two while one takes the other's place. Sealed under the tenant's key.
    sealed_column("secrets", nullable=False),
    #: Until when the older secret still signs.
    time_column("older_until", nullable=True),
    #: The place in the log up to which deliveries have been made out.
    Column("after", BigInteger, nullable=False, server_default="0"),
    Column("made_by", String(36), nullable=False),
    time_column("created_at"),
    time_column("disabled_at", nullable=True),
    #: Why it is off: a word for people's choice (`off`), or what the other side said (`gone`).
    Column("disabled_why", String(16), nullable=False, server_default=""),
    PrimaryKeyConstraint("tenant_id", "id"),
    ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("webhook_id", String(36), nullable=False),
    #: The line of the log it tells of; the other side knows a repeat by it.
    Column("audit_id", String(36), nullable=False),
    Column("event", String(48), nullable=False),
    #: JSON as it is sent: ids, kinds and times, no words of anybody's.
    Column("body", Text, nullable=False),
    Column("attempt", SmallInteger, nullable=False, server_default="0"),
    time_column("created_at"),
    time_column("due_at"),
    time_column("leased_until", nullable=True),
    time_column("done_at", nullable=True),
    #: waiting, sent, or dead
    Column("status", String(16), nullable=False),
    #: HTTP status of the last answer, 0 for none.
    Column("answer", SmallInteger, nullable=False, server_default="0"),
    Column("error", String(200), nullable=False, server_default=""),
    PrimaryKeyConstraint("tenant_id", "id"),
    foreign_key("webhooks", "webhook_id", ondelete="CASCADE"),
    UniqueConstraint("tenant_id", "webhook_id", "audit_id"),
    Index(
        "ix_webhook_deliveries_due",
        "due_at",
        sqlite_where=text("done_at IS NULL"),
        postgresql_where=text("done_at IS NULL"),
    ),
    Index(None, "tenant_id", "webhook_id", "created_at"),
)

#: Channels in Microsoft Teams that notices are posted to, by the address of a workflow.
teams_connections = Table(
    "teams_connections",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("name", String(120), nullable=False),
    #: The address lets anybody post, so it is a secret.
    sealed_column("url", nullable=False),
    Column("host", String(254), nullable=False),
    #: What is posted there, with a space between.
    Column("events", String(400), nullable=False),
    Column("made_by", String(36), nullable=False),
    time_column("created_at"),
    PrimaryKeyConstraint("tenant_id", "id"),
    ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
    UniqueConstraint("tenant_id", "name"),
)
