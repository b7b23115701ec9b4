"""The built-in ticket store: tickets and their notes."""

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

tickets = Table(
    "tickets",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("number", Integer, nullable=False),
    Column("client_id", String(36), nullable=False),
    Column("contact_id", String(36), nullable=False, server_default=""),
    Column("title", String(200), nullable=False),
    Column("body", Text, nullable=False, server_default=""),
    #: open or closed
    Column("status", String(16), nullable=False),
    #: Whose ticket it is; empty: nobody's yet.
    Column("technician_id", String(36), nullable=False, server_default=""),
    #: The caller's idempotency key: the same key twice is the same ticket.
    Column("key", String(80), nullable=False),
    time_column("created_at"),
    time_column("updated_at"),
    PrimaryKeyConstraint("tenant_id", "id"),
    foreign_key("clients", "client_id"),
    UniqueConstraint("tenant_id", "number"),
    UniqueConstraint("tenant_id", "key"),
    Index(None, "tenant_id", "client_id", "status"),
    Index(None, "tenant_id", "contact_id", "status"),
    Index(None, "tenant_id", "technician_id", "status"),
)

ticket_notes = Table(
    "ticket_notes",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("ticket_id", String(36), nullable=False),
    time_column("at"),
    Column("author", String(120), nullable=False),
    Column("body", Text, nullable=False),
    Column("is_internal", Boolean, nullable=False, server_default=text("true")),
    Column("key", String(80), nullable=False),
    PrimaryKeyConstraint("tenant_id", "id"),
    foreign_key("tickets", "ticket_id", ondelete="CASCADE"),
    UniqueConstraint("tenant_id", "key"),
    Index(None, "tenant_id", "ticket_id", "at"),
)
