"""Verifications of end users, with their links and answers, and what may be closed without one."""

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

from storage.tables.shapes import id_column, metadata, sealed_column, time_column

#: Verifications of end users. Their own table: other columns and another rule of uniqueness than checks of callers, and
#: nothing in it that an older version would have to read.
verifications = Table(
    "verifications",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("version", Integer, nullable=False),
    #: sent, verified, failed, denied, expired or error
    Column("state", String(24), nullable=False),
    Column("is_live", Boolean, nullable=False),
    #: The state as JSON; fields of type Code are sealed inside it.
    Column("body", Text, nullable=False),
    Column("method", String(24), nullable=False),
    #: What the result is worth; empty while there is none.
    Column("assurance", String(16), nullable=False, server_default=""),
    Column("contact_id", String(36), nullable=False),
    Column("address_id", String(36), nullable=False),
    Column("our_address", String(64), nullable=False),
    Column("their_address", String(254), nullable=False),
    Column("technician_id", String(36), nullable=False),
    Column("ticket_id", String(64), nullable=False, server_default=""),
    #: It was moved to that ticket when nothing was green any more: good for the record, and not enough to close it.
    Column("linked_late", Boolean, nullable=False, server_default=text("false")),
    #: info, standard or high
    Column("action", String(16), nullable=False),
    Column("is_override", Boolean, nullable=False, server_default=text("false")),
    time_column("created_at"),
    time_column("updated_at"),
    time_column("expires_at", nullable=True),
    time_column("ended_at", nullable=True),
    #: When the contact said that it was not them, also after the end.
    time_column("denied_at", nullable=True),
    #: When the shield turns back at the latest.
    time_column("green_until", nullable=True),
    #: It has ended, by itself or before that, and for good, whatever the clock does then.
    time_column("shield_ended_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "id"),
    Index(
        "uq_verifications_live",
        "tenant_id",
        "contact_id",
        unique=True,
        sqlite_where=text("is_live"),
        postgresql_where=text("is_live"),
    ),
    Index(None, "tenant_id", "contact_id", "created_at"),
    Index(None, "tenant_id", "created_at"),
    Index(None, "tenant_id", "technician_id", "created_at"),
    Index(
        # The few whose shield is green, or has turned back a moment ago.
        "ix_verifications_green",
        "green_until",
        sqlite_where=text("shield_ended_at IS NULL AND green_until IS NOT NULL"),
        postgresql_where=text("shield_ended_at IS NULL AND green_until IS NOT NULL"),
    ),
    Index(
        "ix_verifications_ticket",
        "tenant_id",
        "ticket_id",
        "created_at",
        sqlite_where=text("ticket_id <> ''"),
        postgresql_where=text("ticket_id <> ''"),
    ),
)

#: How the page behind a link finds its verification, also after that is over.
verification_links = Table(
    "verification_links",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    #: The verification's.
    id_column(),
    #: SHA-256 of the token; the token itself is only in the link.
    Column("digest", String(64), nullable=False, unique=True),
    time_column("created_at"),
    PrimaryKeyConstraint("tenant_id", "id"),
)

#: Answers to verifications, right and wrong: locks are counted from these, by contact and method.
verification_tries = Table(
    "verification_tries",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    #: Empty for an admin's word that a method may be used again.
    Column("verification_id", String(36), nullable=False, server_default=""),
    Column("contact_id", String(36), nullable=False),
    Column("method", String(24), nullable=False),
    Column("technician_id", String(36), nullable=False, server_default=""),
    time_column("at"),
    #: right, wrong or reset
    Column("outcome", String(8), nullable=False),
    PrimaryKeyConstraint("tenant_id", "id"),
    Index(None, "tenant_id", "contact_id", "at"),
    Index(None, "tenant_id", "technician_id", "at"),
)

#: Tickets that may be closed though nobody was verified, where the policy asks for that.
closing_waivers = Table(
    "closing_waivers",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("ticket_id", String(64), nullable=False),
    Column("contact_id", String(36), nullable=False, server_default=""),
    Column("technician_id", String(36), nullable=False),
    #: Why; under the contact's key.
    sealed_column("note"),
    time_column("at"),
    PrimaryKeyConstraint("tenant_id", "id"),
    UniqueConstraint("tenant_id", "ticket_id"),
)
