"""Every table, once, for every database. Tenant keys come first; times are microseconds since 1970 in UTC.

Three kinds of columns: ids, kinds and counts are plain; what a person said or was told is `sealed` (encrypted under
the contact's key, see `storage/keys.py`); the directory (names, numbers, addresses) is plain, because it is searched,
and goes away as rows when a contact is erased.

Tables in `BEFORE_TENANT` may be read before the tenant is known, because they are how the tenant is found.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id(name: str = "id", *, nullable: bool = False) -> Column[str]:
    """A UUIDv7 as text: sorts by time, reads in any tool."""
    return Column(name, String(36), nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> Column[int]:
    """Microseconds since 1970-01-01 UTC."""
    return Column(name, BigInteger, nullable=nullable)


def _sealed(name: str, *, nullable: bool = True) -> Column[bytes]:
    """Ciphertext of `storage.keys`; bound to table, column, tenant and row."""
    return Column(name, LargeBinary, nullable=nullable)


def _of(table: str, *columns: str, ondelete: str | None = None) -> ForeignKeyConstraint:
    """A foreign key that carries the tenant, so that a row can never point into another tenant."""
    return ForeignKeyConstraint(
        ["tenant_id", *columns], [f"{table}.tenant_id", *(f"{table}.id" for _ in columns)], ondelete=ondelete
    )


# --- tenants and routing --------------------------------------------------------------------------------------------

tenants = Table(
    "tenants",
    metadata,
    _id(),
    Column("slug", String(63), nullable=False, unique=True),
    Column("name", String(120), nullable=False),
    Column("settings", Text, nullable=False, server_default="{}"),
    #: Goes up with every change of name or settings, so that cached facts know that they are old.
    Column("version", Integer, nullable=False, server_default="1"),
    Column("key", LargeBinary, nullable=False),
    _time("created_at"),
    PrimaryKeyConstraint("id"),
)

numbers = Table(
    "numbers",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    _id(),
    Column("channel", String(16), nullable=False, server_default="sms"),
    Column("address", String(64), nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("is_primary", Boolean, nullable=False, server_default=text("false")),
    Column("opt_out_by", String(16), nullable=False, server_default="carrier"),
    _time("created_at"),
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
    _sealed("secrets", nullable=False),
    _time("created_at"),
    PrimaryKeyConstraint("tenant_id", "account_sid"),
    ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
    UniqueConstraint("account_sid"),
)

# --- directory ------------------------------------------------------------------------------------------------------

clients = Table(
    "clients",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    _id(),
    Column("name", String(120), nullable=False),
    _time("created_at"),
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
    _id(),
    Column("client_id", String(36), nullable=False),
    Column("name", String(120), nullable=False),
    Column("locale", String(16), nullable=False, server_default=""),
    Column("key", LargeBinary, nullable=False),
    _time("created_at"),
    #: The import that brought them, empty for those added by hand.
    Column("import_id", String(36), nullable=False, server_default=""),
    PrimaryKeyConstraint("tenant_id", "id"),
    _of("clients", "client_id"),
    Index(None, "tenant_id", "name"),
    Index(None, "tenant_id", "client_id", "name"),
)

addresses = Table(
    "addresses",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    _id(),
    Column("contact_id", String(36), nullable=False),
    #: mobile, phone or email
    Column("kind", String(16), nullable=False),
    Column("value", String(254), nullable=False),
    Column("is_default", Boolean, nullable=False, server_default=text("false")),
    #: When the value was last changed by a person; NULL for a first import.
    _time("changed_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "id"),
    _of("contacts", "contact_id", ondelete="CASCADE"),
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
    _id(),
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
    _sealed("body"),
    _time("at"),
    _time("ended_at", nullable=True),
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
    _time("at"),
    #: Until when; NULL: for good, which is a ban.
    _time("until", nullable=True),
    PrimaryKeyConstraint("tenant_id", "their_address"),
    ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
)

# --- people who sign in ---------------------------------------------------------------------------------------------

technicians = Table(
    "technicians",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    _id(),
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
    _sealed("totp_secret"),
    #: The last time step whose code was used; the same code never works twice.
    Column("totp_step", BigInteger, nullable=False, server_default="0"),
    _time("disabled_at", nullable=True),
    _time("created_at"),
    PrimaryKeyConstraint("tenant_id", "id"),
    ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    Column("technician_id", String(36), nullable=False),
    Column("digest", String(64), nullable=False),
    _time("used_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "technician_id", "digest"),
    _of("technicians", "technician_id", ondelete="CASCADE"),
)

#: Links for one use that let somebody into an account: an invitation, a new password, a new second factor.
account_links = Table(
    "account_links",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    _id(),
    Column("technician_id", String(36), nullable=False),
    #: SHA-256 of the token; the token itself is only in the link.
    Column("digest", String(64), nullable=False, unique=True),
    #: invitation, password or second_factor
    Column("purpose", String(16), nullable=False),
    #: Who made it; empty where the person asked for it without being signed in.
    Column("made_by", String(36), nullable=False, server_default=""),
    _time("created_at"),
    _time("expires_at"),
    _time("used_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "id"),
    _of("technicians", "technician_id", ondelete="CASCADE"),
    Index(None, "tenant_id", "technician_id", "purpose"),
)

#: Browsers in which somebody has given their second factor, for accounts that are not asked for it every time.
known_browsers = Table(
    "known_browsers",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    _id(),
    Column("technician_id", String(36), nullable=False),
    #: SHA-256 of the token in the browser's cookie.
    Column("digest", String(64), nullable=False, unique=True),
    Column("browser", String(64), nullable=False, server_default=""),
    _time("created_at"),
    _time("expires_at"),
    PrimaryKeyConstraint("tenant_id", "id"),
    _of("technicians", "technician_id", ondelete="CASCADE"),
)

#: Keys of other programs (SEC-35): they read and write what their scopes say, and never claim, check or override.
integration_keys = Table(
    "integration_keys",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    _id(),
    Column("name", String(120), nullable=False),
    #: How the key begins, so that people can tell one from another.
    Column("begins", String(16), nullable=False),
    #: SHA-256 of the key; the key itself is shown once.
    Column("digest", String(64), nullable=False, unique=True),
    #: With a space between.
    Column("scopes", String(400), nullable=False),
    Column("made_by", String(36), nullable=False),
    _time("created_at"),
    _time("expires_at"),
    _time("last_used_at", nullable=True),
    _time("revoked_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "id"),
    ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
)

log_ins = Table(
    "log_ins",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    _id(),
    Column("technician_id", String(36), nullable=False),
    #: SHA-256 of the token; the token itself is only in the browser.
    Column("digest", String(64), nullable=False, unique=True),
    #: cookie or bearer
    Column("kind", String(16), nullable=False),
    _time("created_at"),
    _time("last_seen_at"),
    _time("expires_at"),
    #: When password and second factor were last given; step-up compares it.
    _time("proven_at"),
    Column("address_block", String(64), nullable=False, server_default=""),
    Column("browser", String(64), nullable=False, server_default=""),
    _time("revoked_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "id"),
    _of("technicians", "technician_id", ondelete="CASCADE"),
)

#: Failed sign-ins, by account and by address block, for throttling. Has no tenant: the account may not exist.
log_in_failures = Table(
    "log_in_failures",
    metadata,
    Column("key", String(64), nullable=False),
    _time("at"),
    _id(),
    PrimaryKeyConstraint("key", "at", "id"),
)

# --- conversations and dialogs --------------------------------------------------------------------------------------

conversations = Table(
    "conversations",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    _id(),
    Column("channel", String(16), nullable=False),
    Column("our_address", String(64), nullable=False),
    Column("their_address", String(254), nullable=False),
    Column("contact_id", String(36), nullable=False, server_default=""),
    Column("version", Integer, nullable=False),
    Column("desk", Text, nullable=False, server_default="{}"),
    _time("created_at"),
    _time("updated_at"),
    PrimaryKeyConstraint("tenant_id", "id"),
    UniqueConstraint("tenant_id", "channel", "their_address", "our_address"),
)

dialogs = Table(
    "dialogs",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    _id(),
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
    _time("created_at"),
    _time("updated_at"),
    _time("expires_at", nullable=True),
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

#: Verifications of end users. Their own table: other columns and another rule of uniqueness than checks of callers, and
#: nothing in it that an older version would have to read.
verifications = Table(
    "verifications",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    _id(),
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
    #: info, standard or high
    Column("action", String(16), nullable=False),
    Column("is_override", Boolean, nullable=False, server_default=text("false")),
    _time("created_at"),
    _time("updated_at"),
    _time("expires_at", nullable=True),
    _time("ended_at", nullable=True),
    #: When the contact said that it was not them, also after the end.
    _time("denied_at", nullable=True),
    #: When the shield turns back at the latest.
    _time("green_until", nullable=True),
    #: Somebody or something has ended it before that, for good, whatever the clock does then.
    _time("shield_ended_at", nullable=True),
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
    _id(),
    #: SHA-256 of the token; the token itself is only in the link.
    Column("digest", String(64), nullable=False, unique=True),
    _time("created_at"),
    PrimaryKeyConstraint("tenant_id", "id"),
)

#: Answers to verifications, right and wrong: locks are counted from these, by contact and method.
verification_tries = Table(
    "verification_tries",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    _id(),
    #: Empty for an admin's word that a method may be used again.
    Column("verification_id", String(36), nullable=False, server_default=""),
    Column("contact_id", String(36), nullable=False),
    Column("method", String(24), nullable=False),
    Column("technician_id", String(36), nullable=False, server_default=""),
    _time("at"),
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
    _id(),
    Column("ticket_id", String(64), nullable=False),
    Column("contact_id", String(36), nullable=False, server_default=""),
    Column("technician_id", String(36), nullable=False),
    #: Why; under the contact's key.
    _sealed("note"),
    _time("at"),
    PrimaryKeyConstraint("tenant_id", "id"),
    UniqueConstraint("tenant_id", "ticket_id"),
)

announced_calls = Table(
    "announced_calls",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    _id(),
    Column("contact_id", String(36), nullable=False),
    Column("technician_id", String(36), nullable=False),
    Column("technician_name", String(60), nullable=False),
    Column("direction", String(24), nullable=False),
    #: ticket, new or later
    Column("ticket", String(8), nullable=False),
    Column("ticket_id", String(64), nullable=False, server_default=""),
    Column("ticket_number", String(64), nullable=False, server_default=""),
    _time("created_at"),
    _time("expires_at"),
    _time("ended_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "id"),
    _of("contacts", "contact_id", ondelete="CASCADE"),
    Index(None, "tenant_id", "contact_id", "expires_at"),
)

inbound = Table(
    "inbound",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    _id(),
    Column("channel", String(16), nullable=False),
    Column("conversation_id", String(36), nullable=False),
    Column("contact_id", String(36), nullable=False, server_default=""),
    #: SHA-256 of provider and provider id; kept for ever, also when the body is purged (SEC-23).
    Column("once_key", LargeBinary(32), nullable=False),
    #: SHA-256 of the signature where the channel has one (SEC-22).
    Column("replay_key", LargeBinary(32), nullable=True),
    _sealed("body"),
    _time("at"),
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
    _time("at"),
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
    _time("at"),
    PrimaryKeyConstraint("tenant_id", "key"),
    Index(None, "tenant_id", "at"),
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    Column("their_address", String(254), nullable=False),
    #: Empty: every number of the tenant.
    Column("our_address", String(64), nullable=False),
    Column("by", String(16), nullable=False),
    _time("at"),
    PrimaryKeyConstraint("tenant_id", "their_address", "our_address"),
)

# --- what is to be carried out --------------------------------------------------------------------------------------

outbox = Table(
    "outbox",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    _id(),
    Column("kind", String(24), nullable=False),
    Column("lane", String(100), nullable=False),
    _sealed("payload"),
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
    _time("lease_until", nullable=True),
    _time("created_at"),
    _time("due_at"),
    _time("drop_at", nullable=True),
    _time("first_attempt_at", nullable=True),
    _time("done_at", nullable=True),
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
    _time("at"),
    PrimaryKeyConstraint("provider", "provider_id", "status"),
)

challenge_sends = Table(
    "challenge_sends",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    #: The outbox item's id.
    _id(),
    Column("check_id", String(36), nullable=False),
    Column("destination", String(254), nullable=False),
    #: The destination without its last four digits (SEC-39).
    Column("prefix", String(254), nullable=False),
    Column("technician_id", String(36), nullable=False, server_default=""),
    Column("segments", SmallInteger, nullable=False),
    _time("at"),
    _time("given_back_at", nullable=True),
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
    _time("at"),
    PrimaryKeyConstraint("tenant_id", "check_id", "name"),
    Index(None, "at"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    _id(),
    Column("kind", String(32), nullable=False),
    _time("at"),
    Column("check_id", String(36), nullable=False, server_default=""),
    Column("contact_id", String(36), nullable=False, server_default=""),
    _sealed("body"),
    Column("seen_by", String(36), nullable=False, server_default=""),
    _time("seen_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "id"),
    Index(None, "tenant_id", "at"),
)

# --- other tools that are told --------------------------------------------------------------------------------------

#: Addresses of other tools that are told of events, signed (SEC-47).
webhooks = Table(
    "webhooks",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    _id(),
    Column("name", String(120), nullable=False),
    #: The whole address may hold a secret; `host` is what lists show.
    _sealed("url", nullable=False),
    Column("host", String(254), nullable=False),
    #: Kinds of events it is told of, with a space between.
    Column("events", String(1000), nullable=False),
    #: JSON list of one secret, or two while one takes the other's place. Sealed under the tenant's key.
    _sealed("secrets", nullable=False),
    #: Until when the older secret still signs.
    _time("older_until", nullable=True),
    #: The place in the log up to which deliveries have been made out.
    Column("after", BigInteger, nullable=False, server_default="0"),
    Column("made_by", String(36), nullable=False),
    _time("created_at"),
    _time("disabled_at", nullable=True),
    #: Why it is off: a word for people's choice (`off`), or what the other side said (`gone`).
    Column("disabled_why", String(16), nullable=False, server_default=""),
    PrimaryKeyConstraint("tenant_id", "id"),
    ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    _id(),
    Column("webhook_id", String(36), nullable=False),
    #: The line of the log it tells of; the other side knows a repeat by it.
    Column("audit_id", String(36), nullable=False),
    Column("event", String(48), nullable=False),
    #: JSON as it is sent: ids, kinds and times, no words of anybody's.
    Column("body", Text, nullable=False),
    Column("attempt", SmallInteger, nullable=False, server_default="0"),
    _time("created_at"),
    _time("due_at"),
    _time("leased_until", nullable=True),
    _time("done_at", nullable=True),
    #: waiting, sent, or dead
    Column("status", String(16), nullable=False),
    #: HTTP status of the last answer, 0 for none.
    Column("answer", SmallInteger, nullable=False, server_default="0"),
    Column("error", String(200), nullable=False, server_default=""),
    PrimaryKeyConstraint("tenant_id", "id"),
    _of("webhooks", "webhook_id", ondelete="CASCADE"),
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
    _id(),
    Column("name", String(120), nullable=False),
    #: The address lets anybody post, so it is a secret.
    _sealed("url", nullable=False),
    Column("host", String(254), nullable=False),
    #: What is posted there, with a space between.
    Column("events", String(400), nullable=False),
    Column("made_by", String(36), nullable=False),
    _time("created_at"),
    PrimaryKeyConstraint("tenant_id", "id"),
    ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
    UniqueConstraint("tenant_id", "name"),
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
    _sealed("password"),
    #: Whom mails come from: address and name.
    Column("sender", String(254), nullable=False),
    Column("sender_name", String(120), nullable=False, server_default=""),
    _time("updated_at"),
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
    _time("updated_at"),
    PrimaryKeyConstraint("tenant_id"),
    ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
)

# --- the log --------------------------------------------------------------------------------------------------------

audit = Table(
    "audit",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    _id(),
    #: Order of the log and id of the event stream. A store with one writer gives it in the turn; one with many
    #: leaves it empty for the sequencer.
    Column("seq", BigInteger, nullable=True),
    _time("at"),
    Column("kind", String(48), nullable=False),
    Column("check_id", String(36), nullable=False, server_default=""),
    Column("contact_id", String(36), nullable=False, server_default=""),
    Column("technician_id", String(36), nullable=False, server_default=""),
    Column("ticket_id", String(64), nullable=False, server_default=""),
    Column("conversation_id", String(36), nullable=False, server_default=""),
    Column("channel", String(16), nullable=False, server_default=""),
    Column("public", Text, nullable=False, server_default="{}"),
    _sealed("sealed"),
    #: SHA-256(0x00 || canonical row), over the ciphertext, so that erasing a key keeps the log whole (SEC-54, SEC-56).
    Column("leaf", LargeBinary(32), nullable=False),
    PrimaryKeyConstraint("tenant_id", "id"),
    UniqueConstraint("seq"),
    Index(None, "tenant_id", "seq"),
    Index(None, "tenant_id", "check_id", "seq"),
    # What the sequencer has still to place; nearly always empty.
    Index("ix_audit_unplaced", "at", "id", sqlite_where=text("seq IS NULL"), postgresql_where=text("seq IS NULL")),
)

#: What reports count of each day that nothing changes any more, so that a year is not counted anew each time.
report_days = Table(
    "report_days",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    #: Days are those of the tenant's clocks: in another zone they are counted anew.
    Column("zone", String(64), nullable=False),
    #: 2026-03-01
    Column("day", String(10), nullable=False),
    #: Which way of counting it was; an older one is done again.
    Column("shape", SmallInteger, nullable=False),
    Column("calls", Integer, nullable=False),
    Column("verified", Integer, nullable=False),
    Column("denied", Integer, nullable=False),
    Column("alarms", Integer, nullable=False),
    Column("texts", Integer, nullable=False),
    Column("segments", Integer, nullable=False),
    #: JSON: the same by client, technician and channel, and how long it took. Ids and counts, no words.
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("tenant_id", "zone", "day"),
    ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
)

#: The Merkle tree over the log, in tiles: row `idx` of level 0 holds the leaf hashes of lines 256 idx + 1 and on, 32
#: bytes each; of level n + 1 the root hashes of whole tiles of level n. Only the last tile of a level is not whole.
audit_tiles = Table(
    "audit_tiles",
    metadata,
    Column("level", SmallInteger, nullable=False),
    Column("idx", BigInteger, nullable=False),
    Column("hashes", LargeBinary, nullable=False),
    PrimaryKeyConstraint("level", "idx"),
)

#: Signed heads of the tree (SEC-55). The copies that count lie outside the database.
checkpoints = Table(
    "checkpoints",
    metadata,
    #: Lines of the log that the root covers.
    Column("size", BigInteger, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    #: The signed note, as it stands in the file outside.
    Column("note", Text, nullable=False),
    _time("at"),
    PrimaryKeyConstraint("epoch", "size"),
)

#: Restores from a backup: each begins a new epoch, and what older epochs had open is void (REL-13).
fences = Table(
    "fences",
    metadata,
    #: The epoch that begins; an installation without a restore is in epoch 1.
    Column("epoch", Integer, nullable=False),
    _time("at"),
    #: Lines that the restored log had.
    Column("size", BigInteger, nullable=False),
    #: Lines that the last checkpoint outside had seen, 0 when there was none: lines in between are lost.
    Column("seen", BigInteger, nullable=False, server_default="0"),
    Column("reason", Text, nullable=False, server_default=""),
    PrimaryKeyConstraint("epoch"),
)

# --- the built-in ticket store --------------------------------------------------------------------------------------

tickets = Table(
    "tickets",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    _id(),
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
    _time("created_at"),
    _time("updated_at"),
    PrimaryKeyConstraint("tenant_id", "id"),
    _of("clients", "client_id"),
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
    _id(),
    Column("ticket_id", String(36), nullable=False),
    _time("at"),
    Column("author", String(120), nullable=False),
    Column("body", Text, nullable=False),
    Column("is_internal", Boolean, nullable=False, server_default=text("true")),
    Column("key", String(80), nullable=False),
    PrimaryKeyConstraint("tenant_id", "id"),
    _of("tickets", "ticket_id", ondelete="CASCADE"),
    UniqueConstraint("tenant_id", "key"),
    Index(None, "tenant_id", "ticket_id", "at"),
)

#: Facts about the installation: schema marks, the restore epoch, the simulated clock's offset.
installation = Table(
    "installation",
    metadata,
    Column("name", String(40), nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("name"),
)

#: Read before the tenant is known, because they are how it is found; everything else is scoped (SEC-37).
BEFORE_TENANT = frozenset(
    {
        "tenants",
        "numbers",
        "carrier_accounts",
        "technicians",
        "log_ins",
        "log_in_failures",
        "account_links",
        "verification_links",
        "known_browsers",
        "integration_keys",
        "brands",
        "installation",
    }
)
#: Worked through across tenants by the dispatcher alone.
WORK_QUEUES = frozenset({"outbox", "timers", "early_reports"})
#: About the whole installation: the log's tree is one for all tenants. For the sequencer and the operator.
OF_THE_INSTALLATION = frozenset({"audit_tiles", "checkpoints", "fences"})
