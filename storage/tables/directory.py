"""Whom tenants work for: clients, their contacts and addresses, how they were brought in, whom nobody answers."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from storage.tables.shapes import foreign_key, id_column, metadata, sealed_column, time_column

clients = Table(
    "clients",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("name", String(120), nullable=False),
    time_column("created_at"),
    #: The import that brought it, empty for one added by hand.
    Column("import_id", String(36), nullable=False, server_default=""),
    PrimaryKeyConstraint("tenant_id", "id"),
    ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
    UniqueConstraint("tenant_id", "name"),
)

contacts = Table(
    "contacts",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("client_id", String(36), nullable=False),
    Column("name", String(120), nullable=False),
    Column("locale", String(16), nullable=False, server_default=""),
    Column("key", LargeBinary, nullable=False),
    time_column("created_at"),
    #: The import that brought them, empty for those added by hand.
    Column("import_id", String(36), nullable=False, server_default=""),
    #: When somebody here last gave them another name, however little of it was new; NULL: never.
    time_column("renamed_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "id"),
    foreign_key("clients", "client_id"),
    Index(None, "tenant_id", "name"),
    Index(None, "tenant_id", "client_id", "name"),
)

addresses = Table(
    "addresses",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("contact_id", String(36), nullable=False),
    #: mobile, phone or email
    Column("kind", String(16), nullable=False),
    Column("value", String(254), nullable=False),
    Column("is_default", Boolean, nullable=False, server_default=text("false")),
    #: When the value was last changed by a person; NULL for a first import.
    time_column("changed_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "id"),
    foreign_key("contacts", "contact_id", ondelete="CASCADE"),
    # The value first: people are found by it, and SQLite would rather read every address of a tenant from an index
    # that holds all columns than the right ones from one that does not.
    UniqueConstraint("tenant_id", "value", "kind", "contact_id"),
    Index(None, "tenant_id", "contact_id", "kind"),
)

#: Files of contacts that were looked at, brought in, or taken back.
imports = Table(
    "imports",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("technician_id", String(36), nullable=False),
    Column("file_name", String(120), nullable=False),
    #: preview, running, done, undoing, undone or failed
    Column("state", String(16), nullable=False),
    #: How many rows there are to do, and how many of them are done.
    Column("total", Integer, nullable=False, server_default="0"),
    Column("done", Integer, nullable=False, server_default="0"),
    #: JSON: what it adds, leaves alone and refuses, in counts; and the lines that stayed out.
    Column("counts", Text, nullable=False, server_default="{}"),
    #: What was read from the file, under the tenant's key; gone once it is done or has been left lying for a day.
    sealed_column("body"),
    time_column("at"),
    time_column("ended_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "id"),
    ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
    Index(None, "tenant_id", "at"),
)

#: Senders whom nobody answers any more: no check starts, and no text of ours goes to them.
blocks = Table(
    "blocks",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    Column("their_address", String(254), nullable=False),
    Column("reason", String(300), nullable=False),
    Column("technician_id", String(36), nullable=False),
    time_column("at"),
    #: Until when; NULL: for good, which is a ban.
    time_column("until", nullable=True),
    PrimaryKeyConstraint("tenant_id", "their_address"),
    ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
)
