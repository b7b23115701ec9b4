"""The key that signs the checkpoints, in the table `installation`: made once, the private part sealed under the master
key. The log keeps one key for its life; `keys rotate` seals it anew."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.keys import KEY_BYTES, Keyring
from storage.sealed.notes import Signer
from storage.tables import installation

ID, PRIVATE, PUBLIC = "installation_id", "signing_key", "signing_key_public"
_ORIGIN = "watchword/"


def signer(conn: Connection, keyring: Keyring, new_id: str) -> Signer:
    """The installation's signer, made now if there is none; `new_id` is then the installation's id. Writes.

    Raises CannotOpen when the key was sealed under another master key.
    """
    found = existing_signer(conn, keyring)
    if found is not None:
        return found
    raw = keyring.random(KEY_BYTES)
    public = Ed25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()
    _add(conn, ID, new_id)
    _add(conn, PRIVATE, base64.b64encode(keyring.seal_installation(PRIVATE, raw)).decode())
    _add(conn, PUBLIC, base64.b64encode(public).decode())
    # Somebody may have been faster: what stands there now is the installation's.
    found = existing_signer(conn, keyring)
    assert found is not None, "it was written a moment ago"
    return found


def existing_signer(conn: Connection, keyring: Keyring) -> Signer | None:
    """The signer, None where no checkpoint was ever signed. Raises CannotOpen."""
    known = _values(conn)
    if ID not in known or PRIVATE not in known:
        return None
    raw = keyring.open_installation(PRIVATE, base64.b64decode(known[PRIVATE]))
    return Signer(_ORIGIN + known[ID], Ed25519PrivateKey.from_private_bytes(raw))


def public_key(conn: Connection) -> bytes | None:
    """The public part as the database has it in plain words. Proofs do not trust it: see `existing_signer`."""
    value = _values(conn).get(PUBLIC)
    return None if value is None else base64.b64decode(value)


def rewrap_signing_key(conn: Connection, keyring: Keyring) -> bool:
    """Seal the key under the current master key; whether there was something to do. For `keys rotate`."""
    value = _values(conn).get(PRIVATE)
    if value is None or keyring.is_current(base64.b64decode(value)):
        return False
    anew = keyring.rewrap_installation(PRIVATE, base64.b64decode(value))
    row = installation.c.name == PRIVATE
    conn.execute(update(installation).where(row).values(value=base64.b64encode(anew).decode()))
    return True


def is_under_old_key(conn: Connection, keyring: Keyring) -> bool:
    """Whether the key is still sealed under a previous master key."""
    value = _values(conn).get(PRIVATE)
    return value is not None and not keyring.is_current(base64.b64decode(value))


def _values(conn: Connection) -> dict[str, str]:
    wanted = installation.c.name.in_((ID, PRIVATE, PUBLIC))
    return {row.name: row.value for row in conn.execute(select(installation).where(wanted))}


def _add(conn: Connection, name: str, value: str) -> None:
    dialect = sqlite if conn.dialect.name == "sqlite" else postgresql
    conn.execute(dialect.insert(installation).values(name=name, value=value).on_conflict_do_nothing())
