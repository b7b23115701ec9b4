"""Sending an admin to an organisation for its consent: what comes back must carry the word that was given along, once,
within ten minutes, in the same log-in, for the same source."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from storage.tables import contact_sources, source_consents
from storage.times import micros

GOOD_FOR = timedelta(minutes=10)


def put_consent(
    conn: Connection,
    tenant_id: str,
    source_id: str,
    log_in_id: str,
    technician_id: str,
    word: str,
    now: datetime,
    new_id: str,
) -> bool:
    """Keep the word's digest; False when there is no such source. What has run out goes with it."""
    this = (contact_sources.c.tenant_id == tenant_id) & (contact_sources.c.id == source_id)
    if conn.scalar(select(contact_sources.c.id).where(this)) is None:
        return False
    c = source_consents.c
    conn.execute(delete(source_consents).where(c.tenant_id == tenant_id, c.expires_at <= micros(now)))
    conn.execute(
        insert(source_consents).values(
            tenant_id=tenant_id,
            id=new_id,
            source_id=source_id,
            log_in_id=log_in_id,
            technician_id=technician_id,
            digest=_digest(word),
            created_at=micros(now),
            expires_at=micros(now + GOOD_FOR),
        )
    )
    return True


def use_consent(conn: Connection, tenant_id: str, source_id: str, log_in_id: str, word: str, now: datetime) -> bool:
    """Use the word up, in one statement: of two at once one gets it."""
    c = source_consents.c
    this = (c.tenant_id == tenant_id) & (c.digest == _digest(word)) & (c.source_id == source_id)
    good = c.used_at.is_(None) & (c.expires_at > micros(now)) & (c.log_in_id == log_in_id)
    return conn.execute(update(source_consents).where(this, good).values(used_at=micros(now))).rowcount == 1


def _digest(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()
