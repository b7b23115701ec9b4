"""Contacts that come from a directory outside: which one, whose organisations, whom they have, what waits."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from storage.tables.shapes import foreign_key, id_column, metadata, sealed_column, time_column

#: An application that a tenant has registered there, with the secret it asks with.
contact_sources = Table(
    "contact_sources",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    #: microsoft_365
    Column("kind", String(24), nullable=False),
    Column("name", String(120), nullable=False),
    Column("application_id", String(64), nullable=False),
    #: Under the tenant's key.
    sealed_column("secret", nullable=False),
    time_column("secret_set_at"),
    #: When the secret stops working there, as somebody typed it; NULL: nobody said.
    time_column("secret_ends_at", nullable=True),
    Column("made_by", String(36), nullable=False),
    time_column("created_at"),
    PrimaryKeyConstraint("tenant_id", "id"),
    ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
    UniqueConstraint("tenant_id", "name"),
)

#: Organisations that have agreed, each with how far reading its people is.
source_organisations = Table(
    "source_organisations",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("source_id", String(36), nullable=False),
    #: How the directory calls it, for good.
    Column("directory_id", String(64), nullable=False),
    Column("name", String(120), nullable=False),
    #: JSON: a list of its domains.
    Column("domains", Text, nullable=False, server_default="[]"),
    #: Whose contacts its people are; NULL until somebody has said so, and nothing is read before.
    Column("client_id", String(36), nullable=True),
    Column("connected_by", String(36), nullable=False),
    time_column("connected_at"),
    #: When it is to be read next; NULL: not at all.
    time_column("due_at", nullable=True),
    #: What comes next in the round under way: companies, people; empty between rounds.
    Column("step", String(16), nullable=False, server_default=""),
    Column("round", String(36), nullable=False, server_default=""),
    #: Whether the round names everybody, so that who is not named is gone.
    Column("is_anew", Boolean, nullable=False, server_default=text("false")),
    #: What to ask the next page with, under the tenant's key; NULL: begin with everybody.
    sealed_column("cursor"),
    Column("pages", Integer, nullable=False, server_default="0"),
    Column("people", Integer, nullable=False, server_default="0"),
    #: Entries of the round that could not be read.
    Column("unreadable", Integer, nullable=False, server_default="0"),
    #: JSON: what the round under way has done, in counts; and what the last whole one did.
    Column("counts", Text, nullable=False, server_default="{}"),
    Column("last", Text, nullable=False, server_default="{}"),
    #: Who asked for the round; empty: it was time.
    Column("asked_by", String(36), nullable=False, server_default=""),
    time_column("begun_at", nullable=True),
    time_column("finished_at", nullable=True),
    #: Why it cannot be read, in one word, and the directory's own word for it.
    Column("problem", String(24), nullable=False, server_default=""),
    Column("problem_detail", String(120), nullable=False, server_default=""),
    time_column("problem_at", nullable=True),
    Column("failures", Integer, nullable=False, server_default="0"),
    #: Who reads it; `fence` goes up with every lease, so that a late page comes to nothing.
    Column("worker", String(120), nullable=False, server_default=""),
    time_column("lease_until", nullable=True),
    Column("fence", Integer, nullable=False, server_default="0"),
    PrimaryKeyConstraint("tenant_id", "id"),
    foreign_key("contact_sources", "source_id", ondelete="CASCADE"),
    foreign_key("clients", "client_id"),
    UniqueConstraint("tenant_id", "directory_id"),
    Index(None, "due_at"),
)

#: Everybody the directory has named, and which contact they are.
source_people = Table(
    "source_people",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("organisation_id", String(36), nullable=False),
    #: How the directory calls them, for good; a digest of it once the contact was erased.
    Column("external_id", String(80), nullable=False),
    #: linked, gone, guest, disabled, unreadable or erased
    Column("state", String(16), nullable=False),
    #: Empty for those who are no contact here.
    Column("contact_id", String(36), nullable=False, server_default=""),
    #: JSON: what the directory said last, and which addresses here are its. Under the contact's key.
    sealed_column("said"),
    #: The round they were last named in.
    Column("round", String(36), nullable=False),
    time_column("created_at"),
    time_column("updated_at"),
    PrimaryKeyConstraint("tenant_id", "id"),
    foreign_key("source_organisations", "organisation_id", ondelete="CASCADE"),
    UniqueConstraint("tenant_id", "organisation_id", "external_id"),
    Index(None, "tenant_id", "contact_id"),
)

#: Addresses that the directory has otherwise than they are here.
source_changes = Table(
    "source_changes",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("organisation_id", String(36), nullable=False),
    Column("person_id", String(36), nullable=False),
    Column("contact_id", String(36), nullable=False),
    #: The round that found it.
    Column("round", String(36), nullable=False),
    #: mobile, phone or email; phone:2 and so on for further numbers
    Column("kind", String(16), nullable=False),
    #: added, changed or removed
    Column("what", String(16), nullable=False),
    Column("address_id", String(36), nullable=False),
    #: JSON: before and after, under the contact's key; gone once it is decided and done.
    sealed_column("body"),
    #: gathered, waiting, approved, applied, refused or void
    Column("state", String(16), nullable=False),
    #: Neither done nor given up.
    Column("is_open", Boolean, nullable=False),
    time_column("found_at"),
    #: Who decided; empty: nobody had to.
    Column("decided_by", String(36), nullable=False, server_default=""),
    time_column("decided_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "id"),
    # With a name of its own: the usual one is longer than PostgreSQL's names may be.
    ForeignKeyConstraint(
        ["tenant_id", "organisation_id"],
        ["source_organisations.tenant_id", "source_organisations.id"],
        name="fk_source_changes_organisation",
        ondelete="CASCADE",
    ),
    Index(
        "uq_source_changes_open",
        "tenant_id",
        "person_id",
        "kind",
        unique=True,
        sqlite_where=text("is_open"),
        postgresql_where=text("is_open"),
    ),
    Index(None, "tenant_id", "organisation_id", "state"),
    Index(None, "tenant_id", "contact_id"),
)

#: Organisations that were connected once, and digests of people of theirs who are contacts or were erased here:
#: connecting anew is no first time, and brings nobody back. An empty digest stands for the organisation itself.
source_left = Table(
    "source_left",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    Column("directory_id", String(64), nullable=False),
    Column("digest", String(80), nullable=False),
    time_column("left_at"),
    #: Which contact they are; empty once that one was erased.
    Column("contact_id", String(36), nullable=False, server_default=""),
    PrimaryKeyConstraint("tenant_id", "directory_id", "digest"),
    ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
)

#: Organisations that somebody is being sent to for their consent: what comes back must know the word.
source_consents = Table(
    "source_consents",
    metadata,
    Column("tenant_id", String(36), nullable=False),
    id_column(),
    Column("source_id", String(36), nullable=False),
    Column("log_in_id", String(36), nullable=False),
    Column("technician_id", String(36), nullable=False),
    #: SHA-256 of the word; the word itself is only in the address.
    Column("digest", String(64), nullable=False, unique=True),
    time_column("created_at"),
    time_column("expires_at"),
    time_column("used_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "id"),
    foreign_key("contact_sources", "source_id", ondelete="CASCADE"),
)
