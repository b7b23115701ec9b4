"""People and their rights, imports, blocks, other tools, mail and looks. Adds only: the version before runs on it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "blocks",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("their_address", sa.String(length=254), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("technician_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_blocks_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "their_address", name=op.f("pk_blocks")),
    )
    op.create_table(
        "brands",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("logo", sa.LargeBinary(), nullable=True),
        sa.Column("logo_type", sa.String(length=16), server_default="", nullable=False),
        sa.Column("logo_width", sa.Integer(), server_default="0", nullable=False),
        sa.Column("logo_height", sa.Integer(), server_default="0", nullable=False),
        sa.Column("colours", sa.Text(), server_default="{}", nullable=False),
        sa.Column("logo_in_email", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("hash", sa.String(length=16), server_default="", nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_brands_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_brands")),
    )
    op.create_table(
        "imports",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("technician_id", sa.String(length=36), nullable=False),
        sa.Column("file_name", sa.String(length=120), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("counts", sa.Text(), server_default="{}", nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_imports_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_imports")),
    )
    op.create_index(op.f("ix_imports_tenant_id_at"), "imports", ["tenant_id", "at"], unique=False)
    op.create_table(
        "integration_keys",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("begins", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.String(length=400), nullable=False),
        sa.Column("made_by", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_integration_keys_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_integration_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_integration_keys_digest")),
    )
    op.create_table(
        "mail_servers",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("host", sa.String(length=254), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("security", sa.String(length=16), nullable=False),
        sa.Column("login", sa.String(length=254), server_default="", nullable=False),
        sa.Column("password", sa.LargeBinary(), nullable=True),
        sa.Column("sender", sa.String(length=254), nullable=False),
        sa.Column("sender_name", sa.String(length=120), server_default="", nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_mail_servers_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_mail_servers")),
    )
    op.create_table(
        "report_days",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("shape", sa.SmallInteger(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("verified", sa.Integer(), nullable=False),
        sa.Column("denied", sa.Integer(), nullable=False),
        sa.Column("alarms", sa.Integer(), nullable=False),
        sa.Column("texts", sa.Integer(), nullable=False),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_report_days_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "zone", "day", name=op.f("pk_report_days")),
    )
    op.create_table(
        "teams_connections",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("url", sa.LargeBinary(), nullable=False),
        sa.Column("host", sa.String(length=254), nullable=False),
        sa.Column("events", sa.String(length=400), nullable=False),
        sa.Column("made_by", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_teams_connections_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_teams_connections")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_teams_connections_tenant_id_name")),
    )
    op.create_table(
        "webhooks",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("url", sa.LargeBinary(), nullable=False),
        sa.Column("host", sa.String(length=254), nullable=False),
        sa.Column("events", sa.String(length=1000), nullable=False),
        sa.Column("secrets", sa.LargeBinary(), nullable=False),
        sa.Column("older_until", sa.BigInteger(), nullable=True),
        sa.Column("after", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("made_by", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("disabled_why", sa.String(length=16), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_webhooks_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_webhooks")),
    )
    op.create_table(
        "account_links",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("technician_id", sa.String(length=36), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("made_by", sa.String(length=36), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "technician_id"],
            ["technicians.tenant_id", "technicians.id"],
            name=op.f("fk_account_links_tenant_id_technician_id_technicians"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_account_links")),
        sa.UniqueConstraint("digest", name=op.f("uq_account_links_digest")),
    )
    op.create_index(
        op.f("ix_account_links_tenant_id_technician_id_purpose"),
        "account_links",
        ["tenant_id", "technician_id", "purpose"],
        unique=False,
    )
    op.create_table(
        "known_browsers",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("technician_id", sa.String(length=36), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("browser", sa.String(length=64), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "technician_id"],
            ["technicians.tenant_id", "technicians.id"],
            name=op.f("fk_known_browsers_tenant_id_technician_id_technicians"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_known_browsers")),
        sa.UniqueConstraint("digest", name=op.f("uq_known_browsers_digest")),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("webhook_id", sa.String(length=36), nullable=False),
        sa.Column("audit_id", sa.String(length=36), nullable=False),
        sa.Column("event", sa.String(length=48), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("attempt", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("answer", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("error", sa.String(length=200), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "webhook_id"],
            ["webhooks.tenant_id", "webhooks.id"],
            name=op.f("fk_webhook_deliveries_tenant_id_webhook_id_webhooks"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint(
            "tenant_id", "webhook_id", "audit_id", name=op.f("uq_webhook_deliveries_tenant_id_webhook_id_audit_id")
        ),
    )
    op.create_index(
        "ix_webhook_deliveries_due",
        "webhook_deliveries",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_index(
        op.f("ix_webhook_deliveries_tenant_id_webhook_id_created_at"),
        "webhook_deliveries",
        ["tenant_id", "webhook_id", "created_at"],
        unique=False,
    )
    op.add_column("clients", sa.Column("import_id", sa.String(length=36), server_default="", nullable=False))
    op.add_column("contacts", sa.Column("import_id", sa.String(length=36), server_default="", nullable=False))
    op.create_index(
        op.f("ix_contacts_tenant_id_client_id_name"), "contacts", ["tenant_id", "client_id", "name"], unique=False
    )
    op.add_column("technicians", sa.Column("email", sa.String(length=254), server_default="", nullable=False))
    op.add_column("technicians", sa.Column("notify_by", sa.String(length=40), server_default="sms", nullable=False))
    op.add_column("technicians", sa.Column("use_mfa", sa.Boolean(), server_default=sa.text("true"), nullable=False))
    op.add_column("technicians", sa.Column("ui_access", sa.Boolean(), server_default=sa.text("true"), nullable=False))
    op.add_column("tickets", sa.Column("technician_id", sa.String(length=36), server_default="", nullable=False))
    op.create_index(
        op.f("ix_tickets_tenant_id_technician_id_status"),
        "tickets",
        ["tenant_id", "technician_id", "status"],
        unique=False,
    )
    op.create_index(
        "ix_dialogs_ticket",
        "dialogs",
        ["tenant_id", "ticket_id", "created_at"],
        unique=False,
        sqlite_where=sa.text("ticket_id <> ''"),
        postgresql_where=sa.text("ticket_id <> ''"),
    )
