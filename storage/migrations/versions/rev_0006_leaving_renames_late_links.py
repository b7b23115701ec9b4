"""Which contact somebody was whose organisation left, when a contact was last renamed by hand, and which verifications
were moved to a ticket when nothing was green any more. Adds only: the version before runs on it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("source_left", sa.Column("contact_id", sa.String(length=36), server_default="", nullable=False))
    op.add_column("contacts", sa.Column("renamed_at", sa.BigInteger(), nullable=True))
    op.add_column(
        "verifications", sa.Column("linked_late", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
