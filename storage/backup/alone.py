"""Whether a server works on the database: a restore must not be watched by one, or it would send what comes back."""

from __future__ import annotations

from sqlalchemy import Connection, text

from storage.database import Database, Unscoped

_OTHERS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND usename = ANY (:roles)"
)


async def others_connected(database: Database, roles: list[str]) -> int:
    """Connections of these roles to the same PostgreSQL database, ours left out. SQLite: 0, its file has a lock."""

    def count(conn: Connection) -> int:
        if conn.dialect.name != "postgresql":
            return 0
        return conn.scalar(_OTHERS, {"roles": roles}) or 0

    return await database.read(Unscoped.OPERATOR, count)
