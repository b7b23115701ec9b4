"""People who sign in, how they prove who they are, and the programs that have a key."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    String,
    Table,
    text,
)

from storage.tables.shapes import foreign_key, id_column, metadata, sealed_column, time_column

technicians = Table(
    "technicians",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    #: Unique over all tenants: it is how the tenant is found at sign-in.
    Column("login", String(254), nullable=False, unique=True),
    Column("name", String(120), nullable=False),
    Column("first_name", String(60), nullable=False),
    Column("role", String(16), nullable=False),
    Column("supervisor", Boolean, nullable=False, server_default=text("false")),
    Column("mobile", String(20), nullable=False, server_default=""),
    Column("on_duty", Boolean, nullable=False, server_default=text("true")),
    #: Where alerts and links about the account go; empty: the login, where that is an e-mail address.
    Column("email", String(254), nullable=False, server_default=""),
    #: Ways of alerts while on duty, with a comma between: sms, email.
    Column("notify_by", String(40), nullable=False, server_default="sms"),
    #: Off: the second factor is asked for only in a browser that has not been seen lately, and for sensitive steps.
    Column("use_mfa", Boolean, nullable=False, server_default=text("true")),
    #: Off: the account works in the pod inside the ticket system only.
    Column("ui_access", Boolean, nullable=False, server_default=text("true")),
    #: Empty while an invitation has not been accepted.
    Column("password_hash", String(200), nullable=False),
    sealed_column("totp_secret"),
    #: The last time step whose code was used; the same code never works twice.
    Column("totp_step", BigInteger, nullable=False, server_default="0"),
    time_column("disabled_at", nullable=True),
    time_column("created_at"),
    PrimaryKeyConstraint("tenant_id", "id"),
    ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    Column("technician_id", String(36), nullable=False),
    Column("digest", String(64), nullable=False),
    time_column("used_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "technician_id", "digest"),
    foreign_key("technicians", "technician_id", ondelete="CASCADE"),
)

#: Links for one use that let somebody into an account: an invitation, a new password, a new second factor.
account_links = Table(
    "account_links",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("technician_id", String(36), nullable=False),
    #: SHA-256 of the token; the token itself is only in the link.
    Column("digest", String(64), nullable=False, unique=True),
    #: invitation, password or second_factor
    Column("purpose", String(16), nullable=False),
    #: Who made it; empty where the person asked for it without being signed in.
    Column("made_by", String(36), nullable=False, server_default=""),
    time_column("created_at"),
    time_column("expires_at"),
    time_column("used_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "id"),
    foreign_key("technicians", "technician_id", ondelete="CASCADE"),
    Index(None, "tenant_id", "technician_id", "purpose"),
)

#: Browsers in which somebody has given their second factor, for accounts that are not asked for it every time.
known_browsers = Table(
    "known_browsers",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("technician_id", String(36), nullable=False),
    #: SHA-256 of the token in the browser's cookie.
    Column("digest", String(64), nullable=False, unique=True),
    Column("browser", String(64), nullable=False, server_default=""),
    time_column("created_at"),
    time_column("expires_at"),
    PrimaryKeyConstraint("tenant_id", "id"),
    foreign_key("technicians", "technician_id", ondelete="CASCADE"),
)

#: Keys of other programs (SEC-35): they read and write what their scopes say, and never claim, check or override.
integration_keys = Table(
    "integration_keys",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("name", String(120), nullable=False),
    #: How the key begins, so that people can tell one from another.
    Column("begins", String(16), nullable=False),
    #: SHA-256 of the key; the key itself is shown once.
    Column("digest", String(64), nullable=False, unique=True),
    #: With a space between.
    Column("scopes", String(400), nullable=False),
    Column("made_by", String(36), nullable=False),
    time_column("created_at"),
    time_column("expires_at"),
    time_column("last_used_at", nullable=True),
    time_column("revoked_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "id"),
    ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
)

log_ins = Table(
    "log_ins",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("technician_id", String(36), nullable=False),
    #: SHA-256 of the token; the token itself is only in the browser.
    Column("digest", String(64), nullable=False, unique=True),
    #: cookie or bearer
    Column("kind", String(16), nullable=False),
    time_column("created_at"),
    time_column("last_seen_at"),
    time_column("expires_at"),
    #: When password and second factor were last given; step-up compares it.
    time_column("proven_at"),
    Column("address_block", String(64), nullable=False, server_default=""),
    Column("browser", String(64), nullable=False, server_default=""),
    time_column("revoked_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "id"),
    foreign_key("technicians", "technician_id", ondelete="CASCADE"),
)

#: Failed sign-ins, by account and by address block, for throttling. Has no tenant: the account may not exist.
log_in_failures = Table(
    "log_in_failures",
    metadata,
    Column("key", String(64), nullable=False),
    time_column("at"),
    id_column(),
    PrimaryKeyConstraint("key", "at", "id"),
)
