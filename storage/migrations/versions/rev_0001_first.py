"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("check_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("contact_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("seen_by", sa.String(length=36), server_default="", nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_alerts")),
    )
    op.create_index(op.f("ix_alerts_tenant_id_at"), "alerts", ["tenant_id", "at"], unique=False)
    op.create_table(
        "audit",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=48), nullable=False),
        sa.Column("check_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("contact_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("technician_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("ticket_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column("conversation_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("channel", sa.String(length=16), server_default="", nullable=False),
        sa.Column("public", sa.Text(), server_default="{}", nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("leaf", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_audit")),
        sa.UniqueConstraint("seq", name=op.f("uq_audit_seq")),
    )
    op.create_index(op.f("ix_audit_tenant_id_check_id_seq"), "audit", ["tenant_id", "check_id", "seq"], unique=False)
    op.create_index(op.f("ix_audit_tenant_id_seq"), "audit", ["tenant_id", "seq"], unique=False)
    op.create_table(
        "challenge_sends",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("check_id", sa.String(length=36), nullable=False),
        sa.Column("destination", sa.String(length=254), nullable=False),
        sa.Column("prefix", sa.String(length=254), nullable=False),
        sa.Column("technician_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("segments", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("given_back_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_challenge_sends")),
    )
    op.create_index(op.f("ix_challenge_sends_tenant_id_at"), "challenge_sends", ["tenant_id", "at"], unique=False)
    op.create_index(
        op.f("ix_challenge_sends_tenant_id_check_id"), "challenge_sends", ["tenant_id", "check_id"], unique=False
    )
    op.create_index(
        op.f("ix_challenge_sends_tenant_id_destination_at"),
        "challenge_sends",
        ["tenant_id", "destination", "at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_challenge_sends_tenant_id_prefix_at"), "challenge_sends", ["tenant_id", "prefix", "at"], unique=False
    )
    op.create_table(
        "conversations",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("our_address", sa.String(length=64), nullable=False),
        sa.Column("their_address", sa.String(length=254), nullable=False),
        sa.Column("contact_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("desk", sa.Text(), server_default="{}", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_conversations")),
        sa.UniqueConstraint(
            "tenant_id",
            "channel",
            "their_address",
            "our_address",
            name=op.f("uq_conversations_tenant_id_channel_their_address_our_address"),
        ),
    )
    op.create_table(
        "dialogs",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("is_live", sa.Boolean(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("our_address", sa.String(length=64), nullable=False),
        sa.Column("their_address", sa.String(length=254), nullable=False),
        sa.Column("conversation_id", sa.String(length=36), nullable=False),
        sa.Column("contact_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("technician_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("ticket_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_dialogs")),
    )
    op.create_index(
        op.f("ix_dialogs_tenant_id_contact_id_created_at"),
        "dialogs",
        ["tenant_id", "contact_id", "created_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_dialogs_tenant_id_kind_created_at"), "dialogs", ["tenant_id", "kind", "created_at"], unique=False
    )
    op.create_index(
        op.f("ix_dialogs_tenant_id_their_address_created_at"),
        "dialogs",
        ["tenant_id", "their_address", "created_at"],
        unique=False,
    )
    op.create_index(
        "uq_dialogs_live_contact",
        "dialogs",
        ["tenant_id", "kind", "contact_id"],
        unique=True,
        sqlite_where=sa.text("is_live AND contact_id <> ''"),
        postgresql_where=sa.text("is_live AND contact_id <> ''"),
    )
    op.create_index(
        "uq_dialogs_live_sender",
        "dialogs",
        ["tenant_id", "kind", "channel", "their_address"],
        unique=True,
        sqlite_where=sa.text("is_live"),
        postgresql_where=sa.text("is_live"),
    )
    op.create_table(
        "early_reports",
        sa.Column("provider", sa.String(length=24), nullable=False),
        sa.Column("provider_id", sa.String(length=100), nullable=False),
        sa.Column("status", sa.String(length=24), nullable=False),
        sa.Column("error_code", sa.String(length=16), server_default="", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "provider_id", "status", name=op.f("pk_early_reports")),
    )
    op.create_table(
        "idempotency",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("request", sa.LargeBinary(length=32), nullable=False),
        sa.Column("status", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("answer", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "key", name=op.f("pk_idempotency")),
    )
    op.create_index(op.f("ix_idempotency_tenant_id_at"), "idempotency", ["tenant_id", "at"], unique=False)
    op.create_table(
        "inbound",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("conversation_id", sa.String(length=36), nullable=False),
        sa.Column("contact_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("once_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("replay_key", sa.LargeBinary(length=32), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_inbound")),
        sa.UniqueConstraint("tenant_id", "once_key", name=op.f("uq_inbound_tenant_id_once_key")),
        sa.UniqueConstraint("tenant_id", "replay_key", name=op.f("uq_inbound_tenant_id_replay_key")),
    )
    op.create_index(
        op.f("ix_inbound_tenant_id_conversation_id_at"), "inbound", ["tenant_id", "conversation_id", "at"], unique=False
    )
    op.create_table(
        "installation",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_installation")),
    )
    op.create_table(
        "log_in_failures",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("key", "at", "id", name=op.f("pk_log_in_failures")),
    )
    op.create_table(
        "once",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "key", name=op.f("pk_once")),
    )
    op.create_table(
        "outbox",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("lane", sa.String(length=100), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.Column("template", sa.String(length=48), server_default="", nullable=False),
        sa.Column("check_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("conversation_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("contact_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("technician_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("segments", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("after_stop", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("worker", sa.String(length=64), server_default="", nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("drop_at", sa.BigInteger(), nullable=True),
        sa.Column("first_attempt_at", sa.BigInteger(), nullable=True),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("provider", sa.String(length=24), server_default="", nullable=False),
        sa.Column("provider_id", sa.String(length=100), server_default="", nullable=False),
        sa.Column("delivery", sa.String(length=24), server_default="", nullable=False),
        sa.Column("delivery_rank", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("error", sa.String(length=200), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_outbox")),
    )
    op.create_index(
        "ix_outbox_check",
        "outbox",
        ["tenant_id", "check_id"],
        unique=False,
        sqlite_where=sa.text("check_id <> ''"),
        postgresql_where=sa.text("check_id <> ''"),
    )
    op.create_index("ix_outbox_conversation", "outbox", ["tenant_id", "conversation_id", "created_at"], unique=False)
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_index(
        "ix_outbox_provider",
        "outbox",
        ["provider", "provider_id"],
        unique=False,
        sqlite_where=sa.text("provider_id <> ''"),
        postgresql_where=sa.text("provider_id <> ''"),
    )
    op.create_index(
        "ix_outbox_waiting",
        "outbox",
        ["lane", "id"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "suppressions",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("their_address", sa.String(length=254), nullable=False),
        sa.Column("our_address", sa.String(length=64), nullable=False),
        sa.Column("by", sa.String(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "their_address", "our_address", name=op.f("pk_suppressions")),
    )
    op.create_table(
        "tenants",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("slug", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("settings", sa.Text(), server_default="{}", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenants")),
        sa.UniqueConstraint("slug", name=op.f("uq_tenants_slug")),
    )
    op.create_table(
        "timers",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("check_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=24), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "check_id", "name", name=op.f("pk_timers")),
    )
    op.create_index(op.f("ix_timers_at"), "timers", ["at"], unique=False)
    op.create_table(
        "carrier_accounts",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("account_sid", sa.String(length=34), nullable=False),
        sa.Column("secrets", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_carrier_accounts_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "account_sid", name=op.f("pk_carrier_accounts")),
        sa.UniqueConstraint("account_sid", name=op.f("uq_carrier_accounts_account_sid")),
    )
    op.create_table(
        "clients",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_clients_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_clients")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_clients_tenant_id_name")),
    )
    op.create_table(
        "numbers",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("channel", sa.String(length=16), server_default="sms", nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("is_primary", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("opt_out_by", sa.String(length=16), server_default="carrier", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_numbers_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_numbers")),
        sa.UniqueConstraint("channel", "address", name=op.f("uq_numbers_channel_address")),
    )
    op.create_table(
        "technicians",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("login", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("first_name", sa.String(length=60), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("supervisor", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("mobile", sa.String(length=20), server_default="", nullable=False),
        sa.Column("on_duty", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("totp_secret", sa.LargeBinary(), nullable=True),
        sa.Column("totp_step", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_technicians_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_technicians")),
        sa.UniqueConstraint("login", name=op.f("uq_technicians_login")),
    )
    op.create_table(
        "contacts",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("client_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("locale", sa.String(length=16), server_default="", nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "client_id"],
            ["clients.tenant_id", "clients.id"],
            name=op.f("fk_contacts_tenant_id_client_id_clients"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_contacts")),
    )
    op.create_index(op.f("ix_contacts_tenant_id_name"), "contacts", ["tenant_id", "name"], unique=False)
    op.create_table(
        "log_ins",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("technician_id", sa.String(length=36), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("proven_at", sa.BigInteger(), nullable=False),
        sa.Column("address_block", sa.String(length=64), server_default="", nullable=False),
        sa.Column("browser", sa.String(length=64), server_default="", nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "technician_id"],
            ["technicians.tenant_id", "technicians.id"],
            name=op.f("fk_log_ins_tenant_id_technician_id_technicians"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_log_ins")),
        sa.UniqueConstraint("digest", name=op.f("uq_log_ins_digest")),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("technician_id", sa.String(length=36), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "technician_id"],
            ["technicians.tenant_id", "technicians.id"],
            name=op.f("fk_recovery_codes_tenant_id_technician_id_technicians"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "technician_id", "digest", name=op.f("pk_recovery_codes")),
    )
    op.create_table(
        "tickets",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.String(length=36), nullable=False),
        sa.Column("contact_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("body", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "client_id"],
            ["clients.tenant_id", "clients.id"],
            name=op.f("fk_tickets_tenant_id_client_id_clients"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_tickets")),
        sa.UniqueConstraint("tenant_id", "key", name=op.f("uq_tickets_tenant_id_key")),
        sa.UniqueConstraint("tenant_id", "number", name=op.f("uq_tickets_tenant_id_number")),
    )
    op.create_index(
        op.f("ix_tickets_tenant_id_client_id_status"), "tickets", ["tenant_id", "client_id", "status"], unique=False
    )
    op.create_index(
        op.f("ix_tickets_tenant_id_contact_id_status"), "tickets", ["tenant_id", "contact_id", "status"], unique=False
    )
    op.create_table(
        "addresses",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("contact_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=254), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "contact_id"],
            ["contacts.tenant_id", "contacts.id"],
            name=op.f("fk_addresses_tenant_id_contact_id_contacts"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_addresses")),
        sa.UniqueConstraint(
            "tenant_id", "value", "kind", "contact_id", name=op.f("uq_addresses_tenant_id_value_kind_contact_id")
        ),
    )
    op.create_index(
        op.f("ix_addresses_tenant_id_contact_id_kind"), "addresses", ["tenant_id", "contact_id", "kind"], unique=False
    )
    op.create_table(
        "announced_calls",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("contact_id", sa.String(length=36), nullable=False),
        sa.Column("technician_id", sa.String(length=36), nullable=False),
        sa.Column("technician_name", sa.String(length=60), nullable=False),
        sa.Column("direction", sa.String(length=24), nullable=False),
        sa.Column("ticket", sa.String(length=8), nullable=False),
        sa.Column("ticket_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column("ticket_number", sa.String(length=64), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "contact_id"],
            ["contacts.tenant_id", "contacts.id"],
            name=op.f("fk_announced_calls_tenant_id_contact_id_contacts"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_announced_calls")),
    )
    op.create_index(
        op.f("ix_announced_calls_tenant_id_contact_id_expires_at"),
        "announced_calls",
        ["tenant_id", "contact_id", "expires_at"],
        unique=False,
    )
    op.create_table(
        "ticket_notes",
        sa.Column("tenant_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("ticket_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.String(length=120), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("is_internal", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "ticket_id"],
            ["tickets.tenant_id", "tickets.id"],
            name=op.f("fk_ticket_notes_tenant_id_ticket_id_tickets"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_ticket_notes")),
        sa.UniqueConstraint("tenant_id", "key", name=op.f("uq_ticket_notes_tenant_id_key")),
    )
    op.create_index(
        op.f("ix_ticket_notes_tenant_id_ticket_id_at"), "ticket_notes", ["tenant_id", "ticket_id", "at"], unique=False
    )
