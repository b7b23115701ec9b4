"""API calls that carried an `Idempotency-Key`: the first is worked on, a repeat gets the same answer (REL-02).

A call is entered before it is worked on, so that of two at the same moment one waits for the other; one whose worker
died may be tried again after a minute. Answers are kept for 24 h.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.database import Database
from storage.tables import idempotency
from storage.times import micros

KEPT = timedelta(hours=24)
GIVEN_UP_AFTER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Entered:
    """What the log of keys says to a call.

    `new`: work on it, then `finish` or `forget`. `busy`: the same call is being worked on right now. `other_request`:
    the key belongs to another call. `done`: `status` and `answer` are what the first call was answered.
    """

    outcome: Literal["new", "busy", "other_request", "done"]
    status: int = 0
    answer: str = ""


class Idempotency:
    """The log of keys. Every `key` and `request` is a 32-byte digest."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enter(self, tenant_id: str, key: bytes, request: bytes, now: datetime) -> Entered:
        """Enter a call; what is past its time goes away first."""
        return await self._database.write(tenant_id, lambda conn: _enter(conn, tenant_id, key, request, now))

    async def finish(self, tenant_id: str, key: bytes, status: int, answer: str) -> None:
        """Keep what the call was answered. `answer` is JSON without any code."""
        kept = (
            update(idempotency)
            .where(idempotency.c.tenant_id == tenant_id, idempotency.c.key == key)
            .values(status=status, answer=answer)
        )
        await self._database.write(tenant_id, lambda conn: conn.execute(kept))

    async def forget(self, tenant_id: str, key: bytes) -> None:
        """The call came to nothing (we failed, not the caller): the key may be tried again at once."""
        gone = delete(idempotency).where(idempotency.c.tenant_id == tenant_id, idempotency.c.key == key)
        await self._database.write(tenant_id, lambda conn: conn.execute(gone))


def _enter(conn: Connection, tenant_id: str, key: bytes, request: bytes, now: datetime) -> Entered:
    ours = idempotency.c.tenant_id == tenant_id
    conn.execute(delete(idempotency).where(ours, idempotency.c.at <= micros(now - KEPT)))
    abandoned = (idempotency.c.status == 0) & (idempotency.c.at <= micros(now - GIVEN_UP_AFTER))
    conn.execute(delete(idempotency).where(ours, idempotency.c.key == key, abandoned))
    row = {"tenant_id": tenant_id, "key": key, "request": request, "status": 0, "answer": "", "at": micros(now)}
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    if conn.execute(dialect.insert(idempotency).values(row).on_conflict_do_nothing()).rowcount == 1:
        return Entered("new")
    query = select(idempotency.c.request, idempotency.c.status, idempotency.c.answer)
    kept = conn.execute(query.where(ours, idempotency.c.key == key)).one()
    if kept.request != request:
        return Entered("other_request")
    return Entered("done", kept.status, kept.answer) if kept.status else Entered("busy")
