"""What somebody proves themselves with, inside a transaction: second factor, recovery codes, known browsers."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert

from storage.accounts import totp_place
from storage.keys import Keyring
from storage.sealing import tenant_key
from storage.tables import known_browsers, recovery_codes


def sealed_totp(conn: Connection, keyring: Keyring, tenant_id: str, technician_id: str, secret: str) -> bytes:
    """The second factor's secret as it is stored."""
    return tenant_key(conn, keyring, tenant_id).key.seal(secret.encode(), totp_place(tenant_id, technician_id))


def clear_recovery(conn: Connection, tenant_id: str, technician_id: str) -> None:
    """Take all recovery codes away, used or not."""
    whose = (recovery_codes.c.tenant_id == tenant_id) & (recovery_codes.c.technician_id == technician_id)
    conn.execute(delete(recovery_codes).where(whose))


def put_recovery(conn: Connection, tenant_id: str, technician_id: str, digests: Sequence[str]) -> None:
    """Add recovery codes by what is stored of them."""
    rows = [{"tenant_id": tenant_id, "technician_id": technician_id, "digest": digest} for digest in digests]
    if rows:
        conn.execute(insert(recovery_codes), rows)


def forget_browsers(conn: Connection, tenant_id: str, technician_id: str) -> None:
    """The second factor is asked for again in every browser."""
    whose = (known_browsers.c.tenant_id == tenant_id) & (known_browsers.c.technician_id == technician_id)
    conn.execute(delete(known_browsers).where(whose))
