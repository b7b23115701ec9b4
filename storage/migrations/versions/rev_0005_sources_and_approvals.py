"""Contacts from a directory outside, and requests to a second person. Adds only: the version before runs on it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _sources()
    _shields()
    _approvals()


def _sources() -> None:
    op.create_table(
        "contact_sources",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("application_id", sa.String(length=64), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("secret_set_at", sa.BigInteger(), nullable=False),
        sa.Column("secret_ends_at", sa.BigInteger(), nullable=True),
        sa.Column("made_by", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_contact_sources_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_contact_sources")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_contact_sources_tenant_id_name")),
    )
    op.create_table(
        "source_left",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("directory_id", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=80), nullable=False),
        sa.Column("left_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_source_left_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "directory_id", "digest", name=op.f("pk_source_left")),
    )
    op.create_table(
        "source_consents",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("source_id", sa.String(length=36), nullable=False),
        sa.Column("log_in_id", sa.String(length=36), nullable=False),
        sa.Column("technician_id", sa.String(length=36), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "source_id"],
            ["contact_sources.tenant_id", "contact_sources.id"],
            name=op.f("fk_source_consents_tenant_id_source_id_contact_sources"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_source_consents")),
        sa.UniqueConstraint("digest", name=op.f("uq_source_consents_digest")),
    )
    op.create_table(
        "source_organisations",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("source_id", sa.String(length=36), nullable=False),
        sa.Column("directory_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("domains", sa.Text(), server_default="[]", nullable=False),
        sa.Column("client_id", sa.String(length=36), nullable=True),
        sa.Column("connected_by", sa.String(length=36), nullable=False),
        sa.Column("connected_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("step", sa.String(length=16), server_default="", nullable=False),
        sa.Column("round", sa.String(length=36), server_default="", nullable=False),
        sa.Column("is_anew", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("cursor", sa.LargeBinary(), nullable=True),
        sa.Column("pages", sa.Integer(), server_default="0", nullable=False),
        sa.Column("people", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unreadable", sa.Integer(), server_default="0", nullable=False),
        sa.Column("counts", sa.Text(), server_default="{}", nullable=False),
        sa.Column("last", sa.Text(), server_default="{}", nullable=False),
        sa.Column("asked_by", sa.String(length=36), server_default="", nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("problem", sa.String(length=24), server_default="", nullable=False),
        sa.Column("problem_detail", sa.String(length=120), server_default="", nullable=False),
        sa.Column("problem_at", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("worker", sa.String(length=120), server_default="", nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "client_id"],
            ["clients.tenant_id", "clients.id"],
            name=op.f("fk_source_organisations_tenant_id_client_id_clients"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "source_id"],
            ["contact_sources.tenant_id", "contact_sources.id"],
            name=op.f("fk_source_organisations_tenant_id_source_id_contact_sources"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_source_organisations")),
        sa.UniqueConstraint("tenant_id", "directory_id", name=op.f("uq_source_organisations_tenant_id_directory_id")),
    )
    op.create_index(op.f("ix_source_organisations_due_at"), "source_organisations", ["due_at"], unique=False)
    op.create_table(
        "source_changes",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organisation_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("contact_id", sa.String(length=36), nullable=False),
        sa.Column("round", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("address_id", sa.String(length=36), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("found_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(length=36), server_default="", nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organisation_id"],
            ["source_organisations.tenant_id", "source_organisations.id"],
            name="fk_source_changes_organisation",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_source_changes")),
    )
    op.create_index(
        op.f("ix_source_changes_tenant_id_contact_id"), "source_changes", ["tenant_id", "contact_id"], unique=False
    )
    op.create_index(
        op.f("ix_source_changes_tenant_id_organisation_id_state"),
        "source_changes",
        ["tenant_id", "organisation_id", "state"],
        unique=False,
    )
    op.create_index(
        "uq_source_changes_open",
        "source_changes",
        ["tenant_id", "person_id", "kind"],
        unique=True,
        sqlite_where=sa.text("is_open"),
        postgresql_where=sa.text("is_open"),
    )
    op.create_table(
        "source_people",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("organisation_id", sa.String(length=36), nullable=False),
        sa.Column("external_id", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("contact_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("said", sa.LargeBinary(), nullable=True),
        sa.Column("round", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organisation_id"],
            ["source_organisations.tenant_id", "source_organisations.id"],
            name=op.f("fk_source_people_tenant_id_organisation_id_source_organisations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_source_people")),
        sa.UniqueConstraint(
            "tenant_id",
            "organisation_id",
            "external_id",
            name=op.f("uq_source_people_tenant_id_organisation_id_external_id"),
        ),
    )
    op.create_index(
        op.f("ix_source_people_tenant_id_contact_id"), "source_people", ["tenant_id", "contact_id"], unique=False
    )


def _shields() -> None:
    op.create_index(
        "ix_verifications_green",
        "verifications",
        ["green_until"],
        unique=False,
        sqlite_where=sa.text("shield_ended_at IS NULL AND green_until IS NOT NULL"),
        postgresql_where=sa.text("shield_ended_at IS NULL AND green_until IS NOT NULL"),
    )


def _approvals() -> None:
    op.create_table(
        "approvals",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("is_live", sa.Boolean(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("contact_id", sa.String(length=36), nullable=False),
        sa.Column("address_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("their_address", sa.String(length=254), server_default="", nullable=False),
        sa.Column("technician_id", sa.String(length=36), nullable=False),
        sa.Column("ticket_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column("decided_by", sa.String(length=36), server_default="", nullable=False),
        sa.Column("verification_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_approvals")),
    )
    op.create_index(
        "ix_approvals_live",
        "approvals",
        ["tenant_id", "contact_id"],
        unique=False,
        sqlite_where=sa.text("is_live"),
        postgresql_where=sa.text("is_live"),
    )
    op.create_index(op.f("ix_approvals_tenant_id_created_at"), "approvals", ["tenant_id", "created_at"], unique=False)
    op.create_index(
        op.f("ix_approvals_tenant_id_contact_id_created_at"),
        "approvals",
        ["tenant_id", "contact_id", "created_at"],
        unique=False,
    )
