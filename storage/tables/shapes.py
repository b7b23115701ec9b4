"""What all tables are made of: one `metadata`, and the kinds of columns that most of them have."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    LargeBinary,
    MetaData,
    String,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def id_column(name: str = "id", *, nullable: bool = False) -> Column[str]:
    """A UUIDv7 as text: sorts by time, reads in any tool."""
    return Column(name, String(36), nullable=nullable)


def time_column(name: str, *, nullable: bool = False) -> Column[int]:
    """Microseconds since 1970-01-01 UTC."""
    return Column(name, BigInteger, nullable=nullable)


def sealed_column(name: str, *, nullable: bool = True) -> Column[bytes]:
    """Ciphertext of `storage.keys`; bound to table, column, tenant and row."""
    return Column(name, LargeBinary, nullable=nullable)


def foreign_key(table: str, *columns: str, ondelete: str | None = None) -> ForeignKeyConstraint:
    """A foreign key that carries the tenant, so that a row can never point into another tenant."""
    return ForeignKeyConstraint(
        ["tenant_id", *columns], [f"{table}.tenant_id", *(f"{table}.id" for _ in columns)], ondelete=ondelete
    )
