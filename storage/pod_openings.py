"""Which tickets have been opened in a pod before: the panel opens by itself the first time only (VP-03, VP-04)."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from storage.database import Database
from storage.tables import once
from storage.times import micros


class PodOpenings:
    """Remembers tickets, for everybody of a tenant together."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def is_first(self, tenant_id: str, ticket_id: str, now: datetime) -> bool:
        """Whether nobody has opened it before; from now on somebody has. Of two at once, one is the first."""
        values = {"tenant_id": tenant_id, "key": sha256(f"pod|{ticket_id}".encode()).digest(), "at": micros(now)}

        def work(conn: Connection) -> bool:
            insert = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
            return conn.execute(insert(once).values(values).on_conflict_do_nothing()).rowcount == 1

        return await self._database.write(tenant_id, work)
