"""What second persons are asked for."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, PrimaryKeyConstraint, String, Table, text

from storage.tables.shapes import id_column, metadata, sealed_column, time_column

#: Requests to a second person: a code or link to an unusual address, or high-risk work.
approvals = Table(
    "approvals",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("version", Integer, nullable=False),
    #: address or high
    Column("kind", String(16), nullable=False),
    #: waiting, granted, refused, withdrawn, used or expired
    Column("state", String(16), nullable=False),
    #: Somebody may still decide, or the yes may still count.
    Column("is_live", Boolean, nullable=False),
    #: The state as JSON with all its words, under the contact's key; NULL once the contact is erased.
    sealed_column("body"),
    Column("contact_id", String(36), nullable=False),
    #: Empty for high-risk work, as is the next.
    Column("address_id", String(36), nullable=False, server_default=""),
    Column("their_address", String(254), nullable=False, server_default=""),
    #: Who asks.
    Column("technician_id", String(36), nullable=False),
    Column("ticket_id", String(64), nullable=False, server_default=""),
    #: Who said yes or no; empty while nobody has.
    Column("decided_by", String(36), nullable=False, server_default=""),
    #: What it was used for; empty while it was not.
    Column("verification_id", String(36), nullable=False, server_default=""),
    time_column("created_at"),
    time_column("updated_at"),
    #: When it is over by itself; NULL once it is.
    time_column("expires_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "id"),
    Index(
        "ix_approvals_live",
        "tenant_id",
        "contact_id",
        sqlite_where=text("is_live"),
        postgresql_where=text("is_live"),
    ),
    Index(None, "tenant_id", "created_at"),
    Index(None, "tenant_id", "contact_id", "created_at"),
)
