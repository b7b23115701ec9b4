"""Browsers in which somebody has given their second factor, for accounts that are not asked for it every time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, insert, select

from storage.database import Database
from storage.tables import known_browsers
from storage.times import micros


class KnownBrowsers:
    """Known by a token in a cookie, of which the digest is kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def is_known(self, tenant_id: str, technician_id: str, digest: str, browser: str, now: datetime) -> bool:
        """Whether this technician has given their second factor in the browser with this token, lately enough. One of
        another kind has the token from somewhere else."""
        query = select(known_browsers.c.id).where(
            known_browsers.c.tenant_id == tenant_id,
            known_browsers.c.technician_id == technician_id,
            known_browsers.c.digest == digest,
            known_browsers.c.browser == browser,
            known_browsers.c.expires_at > micros(now),
        )
        return await self._database.read(tenant_id, lambda conn: conn.scalar(query) is not None)

    async def remember(
        self,
        *,
        tenant_id: str,
        technician_id: str,
        browser_id: str,
        digest: str,
        browser: str,
        now: datetime,
        expires_at: datetime,
    ) -> None:
        """Know a browser until then; what has run out of this technician's is forgotten with it."""
        old = delete(known_browsers).where(
            known_browsers.c.tenant_id == tenant_id,
            known_browsers.c.technician_id == technician_id,
            known_browsers.c.expires_at <= micros(now),
        )
        new = insert(known_browsers).values(
            tenant_id=tenant_id,
            id=browser_id,
            technician_id=technician_id,
            digest=digest,
            browser=browser,
            created_at=micros(now),
            expires_at=micros(expires_at),
        )
        await self._database.write(tenant_id, lambda conn: (conn.execute(old), conn.execute(new)))
