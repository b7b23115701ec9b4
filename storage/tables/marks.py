"""Facts about the installation itself."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from storage.tables.shapes import metadata

#: Facts about the installation: schema marks, the restore epoch, the simulated clock's offset.
installation = Table(
    "installation",
    metadata,
    Column("name", String(40), nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("name"),
)
