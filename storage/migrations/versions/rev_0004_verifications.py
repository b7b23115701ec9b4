"""Verifications of end users. Adds only: the version before runs on it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "verifications",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("is_live", sa.Boolean(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("method", sa.String(length=24), nullable=False),
        sa.Column("assurance", sa.String(length=16), server_default="", nullable=False),
        sa.Column("contact_id", sa.String(length=36), nullable=False),
        sa.Column("address_id", sa.String(length=36), nullable=False),
        sa.Column("our_address", sa.String(length=64), nullable=False),
        sa.Column("their_address", sa.String(length=254), nullable=False),
        sa.Column("technician_id", sa.String(length=36), nullable=False),
        sa.Column("ticket_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("is_override", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("denied_at", sa.BigInteger(), nullable=True),
        sa.Column("green_until", sa.BigInteger(), nullable=True),
        sa.Column("shield_ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_verifications")),
    )
    op.create_index(
        "uq_verifications_live",
        "verifications",
        ["tenant_id", "contact_id"],
        unique=True,
        sqlite_where=sa.text("is_live"),
        postgresql_where=sa.text("is_live"),
    )
    op.create_index(
        op.f("ix_verifications_tenant_id_contact_id_created_at"),
        "verifications",
        ["tenant_id", "contact_id", "created_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_verifications_tenant_id_created_at"), "verifications", ["tenant_id", "created_at"], unique=False
    )
    op.create_index(
        op.f("ix_verifications_tenant_id_technician_id_created_at"),
        "verifications",
        ["tenant_id", "technician_id", "created_at"],
        unique=False,
    )
    op.create_index(
        "ix_verifications_ticket",
        "verifications",
        ["tenant_id", "ticket_id", "created_at"],
        unique=False,
        sqlite_where=sa.text("ticket_id <> ''"),
        postgresql_where=sa.text("ticket_id <> ''"),
    )
    op.create_table(
        "verification_links",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_verification_links")),
        sa.UniqueConstraint("digest", name=op.f("uq_verification_links_digest")),
    )
    op.create_table(
        "verification_tries",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("verification_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("contact_id", sa.String(length=36), nullable=False),
        sa.Column("method", sa.String(length=24), nullable=False),
        sa.Column("technician_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=8), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_verification_tries")),
    )
    op.create_index(
        op.f("ix_verification_tries_tenant_id_contact_id_at"),
        "verification_tries",
        ["tenant_id", "contact_id", "at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_verification_tries_tenant_id_technician_id_at"),
        "verification_tries",
        ["tenant_id", "technician_id", "at"],
        unique=False,
    )
    op.create_table(
        "closing_waivers",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("ticket_id", sa.String(length=64), nullable=False),
        sa.Column("contact_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("technician_id", sa.String(length=36), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_closing_waivers")),
        sa.UniqueConstraint("tenant_id", "ticket_id", name=op.f("uq_closing_waivers_tenant_id_ticket_id")),
    )
