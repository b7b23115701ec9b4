"""How many reports browsers have sent about our pages breaking the content security policy; `doctor` shows it.

A count and the time of the last one, and nothing of what a report says: anyone can send one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from storage.database import Database, Unscoped
from storage.tables import installation
from storage.times import micros, moment

_NAME = "csp_reports"


@dataclass(frozen=True, slots=True)
class Reported:
    """`last_at` is None when there has never been one."""

    count: int
    last_at: datetime | None


class CspReports:
    """The count, for the whole installation: a report belongs to no tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, reports: int, now: datetime) -> None:
        """Add to the count."""

        def work(conn: Connection) -> None:
            body = json.dumps({"count": _read(conn).count + reports, "last_at": micros(now)})
            conn.execute(delete(installation).where(installation.c.name == _NAME))
            conn.execute(insert(installation).values(name=_NAME, value=body))

        await self._database.write(Unscoped.ROUTING, work)

    async def read(self) -> Reported:
        return await self._database.read(Unscoped.ROUTING, _read)


def forget_reports(conn: Connection, before: datetime) -> None:
    """Begin to count anew when the last report came before that time."""
    last = _read(conn).last_at
    if last is not None and last < before:
        conn.execute(delete(installation).where(installation.c.name == _NAME))


def _read(conn: Connection) -> Reported:
    row = conn.execute(select(installation.c.value).where(installation.c.name == _NAME)).one_or_none()
    if row is None:
        return Reported(0, None)
    kept = json.loads(row.value)
    return Reported(kept["count"], moment(kept["last_at"]))
