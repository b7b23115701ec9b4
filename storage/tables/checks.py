"""Conversations, the checks of callers that run in them, and announced calls."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from storage.tables.shapes import foreign_key, id_column, metadata, time_column

conversations = Table(
    "conversations",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("channel", String(16), nullable=False),
    Column("our_address", String(64), nullable=False),
    Column("their_address", String(254), nullable=False),
    Column("contact_id", String(36), nullable=False, server_default=""),
    Column("version", Integer, nullable=False),
    Column("desk", Text, nullable=False, server_default="{}"),
    time_column("created_at"),
    time_column("updated_at"),
    PrimaryKeyConstraint("tenant_id", "id"),
    UniqueConstraint("tenant_id", "channel", "their_address", "our_address"),
)

dialogs = Table(
    "dialogs",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("kind", String(32), nullable=False),
    Column("version", Integer, nullable=False),
    #: open, claimed, confirmed, ... in small letters, for lists and filters
    Column("state", String(24), nullable=False),
    Column("is_live", Boolean, nullable=False),
    #: The state as JSON; fields of type Code are sealed inside it.
    Column("body", Text, nullable=False),
    Column("channel", String(16), nullable=False),
    Column("our_address", String(64), nullable=False),
    Column("their_address", String(254), nullable=False),
    Column("conversation_id", String(36), nullable=False),
    #: Empty while the sender's number stands on several contacts.
    Column("contact_id", String(36), nullable=False, server_default=""),
    Column("technician_id", String(36), nullable=False, server_default=""),
    Column("ticket_id", String(64), nullable=False, server_default=""),
    time_column("created_at"),
    time_column("updated_at"),
    time_column("expires_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "id"),
    Index(
        "uq_dialogs_live_sender",
        "tenant_id",
        "kind",
        "channel",
        "their_address",
        unique=True,
        sqlite_where=text("is_live"),
        postgresql_where=text("is_live"),
    ),
    Index(
        "uq_dialogs_live_contact",
        "tenant_id",
        "kind",
        "contact_id",
        unique=True,
        sqlite_where=text("is_live AND contact_id <> ''"),
        postgresql_where=text("is_live AND contact_id <> ''"),
    ),
    Index(None, "tenant_id", "kind", "created_at"),
    Index(None, "tenant_id", "their_address", "created_at"),
    Index(None, "tenant_id", "contact_id", "created_at"),
    Index(
        "ix_dialogs_ticket",
        "tenant_id",
        "ticket_id",
        "created_at",
        sqlite_where=text("ticket_id <> ''"),
        postgresql_where=text("ticket_id <> ''"),
    ),
)

announced_calls = Table(
    "announced_calls",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("contact_id", String(36), nullable=False),
    Column("technician_id", String(36), nullable=False),
    Column("technician_name", String(60), nullable=False),
    Column("direction", String(24), nullable=False),
    #: ticket, new or later
    Column("ticket", String(8), nullable=False),
    Column("ticket_id", String(64), nullable=False, server_default=""),
    Column("ticket_number", String(64), nullable=False, server_default=""),
    time_column("created_at"),
    time_column("expires_at"),
    time_column("ended_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "id"),
    foreign_key("contacts", "contact_id", ondelete="CASCADE"),
    Index(None, "tenant_id", "contact_id", "expires_at"),
)
