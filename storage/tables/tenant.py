"""A tenant and what it has set up for itself: numbers, the carrier, the mail server, how it looks."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from storage.tables.shapes import id_column, metadata, sealed_column, time_column

tenants = Table(
    "tenants",
    metadata,
    id_column(),
    Column("slug", String(63), nullable=False, unique=True),
    Column("name", String(120), nullable=False),
    Column("settings", Text, nullable=False, server_default="{}"),
    #: Goes up with every change of name or settings, so that cached facts know that they are old.
    Column("version", Integer, nullable=False, server_default="1"),
    Column("key", LargeBinary, nullable=False),
    time_column("created_at"),
    PrimaryKeyConstraint("id"),
)

numbers = Table(
    "numbers",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("channel", String(16), nullable=False, server_default="sms"),
    Column("address", String(64), nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("is_primary", Boolean, nullable=False, server_default=text("false")),
    Column("opt_out_by", String(16), nullable=False, server_default="carrier"),
    time_column("created_at"),
    PrimaryKeyConstraint("tenant_id", "id"),
    ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
    UniqueConstraint("channel", "address"),
)

carrier_accounts = Table(
    "carrier_accounts",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    Column("account_sid", String(34), nullable=False),
    #: JSON: auth_token, secondary_token, shared_keys. Sealed under the tenant's key.
    sealed_column("secrets", nullable=False),
    time_column("created_at"),
    PrimaryKeyConstraint("tenant_id", "account_sid"),
    ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
    UniqueConstraint("account_sid"),
)

#: The mail server a tenant sends by.
mail_servers = Table(
    "mail_servers",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    Column("host", String(254), nullable=False),
    Column("port", Integer, nullable=False),
    #: tls from the first byte, or starttls
    Column("security", String(16), nullable=False),
    Column("login", String(254), nullable=False, server_default=""),
    sealed_column("password"),
    #: Whom mails come from: address and name.
    Column("sender", String(254), nullable=False),
    Column("sender_name", String(120), nullable=False, server_default=""),
    time_column("updated_at"),
    PrimaryKeyConstraint("tenant_id"),
    ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
)

#: How a tenant looks: logo and colours.
brands = Table(
    "brands",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    #: Drawn anew from what was uploaded, so that nothing but the picture is in it; NULL for none.
    Column("logo", LargeBinary, nullable=True),
    Column("logo_type", String(16), nullable=False, server_default=""),
    Column("logo_width", Integer, nullable=False, server_default="0"),
    Column("logo_height", Integer, nullable=False, server_default="0"),
    #: JSON: colours by name.
    Column("colours", Text, nullable=False, server_default="{}"),
    Column("logo_in_email", Boolean, nullable=False, server_default=text("true")),
    #: Begins the address of logo and style sheet, so that browsers may keep them for ever.
    Column("hash", String(16), nullable=False, server_default=""),
    time_column("updated_at"),
    PrimaryKeyConstraint("tenant_id"),
    ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
)
