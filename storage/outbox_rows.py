"""Putting something into the outbox outside of a turn, in the transaction of whatever it tells of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, select

from dialogs.turns import OutboxItem
from storage.keys import Keyring
from storage.sealing import tenant_key
from storage.tables import contacts, outbox
from storage.times import micros
from storage.turn_keys import TurnKeys
from storage.turn_rows import outbox_row

#: As `turn_rows.outbox_row` gives them.
_COLUMNS = (
    *("tenant_id", "id", "kind", "lane", "payload", "template", "check_id", "conversation_id", "contact_id"),
    *("technician_id", "segments", "after_stop", "status", "created_at", "due_at", "drop_at"),
)


def put_items(conn: Connection, keyring: Keyring, tenant_id: str, items: Sequence[OutboxItem], now: datetime) -> None:
    """Write them down; the dispatcher takes them up after the commit. What is about a contact is sealed under their
    key. Raises `NoSuchTenant`."""
    if not items:
        return

    def fetch(of_tenant: str, contact_id: str) -> bytes | None:
        this = (contacts.c.tenant_id == of_tenant) & (contacts.c.id == contact_id)
        return conn.scalar(select(contacts.c.key).where(this))

    keys = TurnKeys(tenant_key(conn, keyring, tenant_id), keyring, fetch)
    rows = [dict(zip(_COLUMNS, outbox_row(item, keys, micros(now)), strict=True)) for item in items]
    conn.execute(insert(outbox), rows)
