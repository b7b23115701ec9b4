"""What of a webhook is sealed: its address and the secrets that sign (SEC-18)."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

from sqlalchemy import Connection

from storage.keys import Keyring, place
from storage.sealing import tenant_key

#: What the secret of a webhook begins with, as Standard Webhooks has it; base64 of the key follows.
PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret(keyring: Keyring) -> str:
    """A fresh one, as it is shown once and kept."""
    return PREFIX + base64.b64encode(keyring.random(SECRET_BYTES)).decode()


def seal_url(conn: Connection, keyring: Keyring, tenant_id: str, webhook_id: str, url: str) -> bytes:
    key = tenant_key(conn, keyring, tenant_id).key
    return key.seal(url.encode(), place("webhooks", "url", tenant_id, webhook_id))


def open_url(conn: Connection, keyring: Keyring, tenant_id: str, webhook_id: str, cell: bytes) -> str:
    """Raises `CannotOpen`."""
    key = tenant_key(conn, keyring, tenant_id).key
    return key.open(cell, place("webhooks", "url", tenant_id, webhook_id)).decode()


def seal_secrets(conn: Connection, keyring: Keyring, tenant_id: str, webhook_id: str, secrets: Sequence[str]) -> bytes:
    """`secrets`: newest first, two at most."""
    key = tenant_key(conn, keyring, tenant_id).key
    return key.seal(json.dumps(list(secrets)).encode(), place("webhooks", "secrets", tenant_id, webhook_id))


def open_secrets(conn: Connection, keyring: Keyring, tenant_id: str, webhook_id: str, cell: bytes) -> tuple[str, ...]:
    """Raises `CannotOpen`."""
    key = tenant_key(conn, keyring, tenant_id).key
    return tuple(json.loads(key.open(cell, place("webhooks", "secrets", tenant_id, webhook_id))))
