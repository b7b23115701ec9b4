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
    PrimaryKeyConstraint("tenant_id", "id"),
    _of("clients", "client_id"),
    Index(None, "tenant_id", "name"),
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
    {"tenants", "numbers", "carrier_accounts", "technicians", "log_ins", "log_in_failures", "installation"}
)
#: Worked through across tenants by the dispatcher alone.
WORK_QUEUES = frozenset({"outbox", "timers", "early_reports"})
#: About the whole installation: the log's tree is one for all tenants. For the sequencer and the operator.
OF_THE_INSTALLATION = frozenset({"audit_tiles", "checkpoints", "fences"})
