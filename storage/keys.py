"""Keys in three layers: the master key is outside, it wraps tenant keys, and those wrap contact keys (SEC-18).

Everything sealed is AES-256-GCM with a random 96-bit nonce and is bound to its table, column, tenant and row, so that a
cell copied to another place does not open. Destroying a contact's wrapped key makes what it sealed unreadable.

A cell is: kind (1 byte), id of the key (4 bytes), nonce (12 bytes), ciphertext with tag. A wrapped key is such a cell.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
_NONCE_BYTES = 12
_HEADER_BYTES = 5
_MASTER, _TENANT, _CONTACT = b"\x01", b"\x02", b"\x03"

#: Hands out that many unpredictable bytes; `Lots` outside tests.
RandomBytes = Callable[[int], bytes]


class BadMasterKey(ValueError):
    """The master key is missing, short or well known; the message says what to do. Never holds the key."""


class CannotOpen(Exception):
    """The cell was sealed for another place, under another key, or has been changed. Says nothing of the content."""


def read_master_key(text: str) -> bytes:
    """The 32 bytes of a master key written in hex (64 digits) or base64.

    Raises BadMasterKey for anything that a person could have left in place or typed: empty, short, one byte repeated.
    """
    text = text.strip()
    if not text:
        raise BadMasterKey("there is no master key: set WATCHWORD_MASTER_KEY or WATCHWORD_MASTER_KEY_FILE")
    raw = _hex(text) if len(text) == 2 * KEY_BYTES else _base64(text)
    if raw is None:
        raise BadMasterKey("the master key is neither hex nor base64: make one with `openssl rand -base64 32`")
    if len(raw) != KEY_BYTES:
        raise BadMasterKey(f"the master key has {len(raw)} bytes and needs {KEY_BYTES}: `openssl rand -base64 32`")
    if len(set(raw)) < 12:
        raise BadMasterKey("the master key is a pattern, not a random key: make one with `openssl rand -base64 32`")
    return raw


def key_id(raw: bytes) -> str:
    """How a key is called where people must tell keys apart: eight hex digits, which say nothing about the key."""
    return _id_bytes(raw).hex()


def place(table: str, column: str, tenant_id: str, row_id: str) -> bytes:
    """What a cell is bound to. Only the last part may hold any character, so two places never read the same."""
    return f"{table}|{column}|{tenant_id}|{row_id}".encode()


class Lots:
    """`os.urandom`, with nonces fetched in bulk: each call of the system lets go of the interpreter, and in a busy
    writer getting it back takes longer than the encryption. Safe to use from several threads, as `next` is atomic, and
    after a fork, where a child that went on with its parent's lots would repeat its nonces."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._nonces: Iterator[tuple[bytes]] = iter(())

    def __call__(self, count: int) -> bytes:
        if count != _NONCE_BYTES:
            return os.urandom(count)
        if self._process != os.getpid():
            self._process, self._nonces = os.getpid(), iter(())
        found = next(self._nonces, None)
        if found is None:
            nonces = struct.iter_unpack(f"{_NONCE_BYTES}s", os.urandom(256 * _NONCE_BYTES))
            found = next(nonces)
            self._nonces = nonces
        return found[0]


class Key:
    """One unwrapped key that seals and opens cells. `kind` says whose it is; `id` stands in every cell's header."""

    __slots__ = ("_aead", "_header", "_random", "id")

    def __init__(self, raw: bytes, kind: bytes, random: RandomBytes) -> None:
        self.id = _id_bytes(raw)
        self._header = kind + self.id
        self._aead = AESGCM(raw)
        self._random = random

    def __repr__(self) -> str:
        return f"Key({self.id.hex()})"

    def seal(self, plain: bytes, bound_to: bytes) -> bytes:
        nonce = self._random(_NONCE_BYTES)
        return self._header + nonce + self._aead.encrypt(nonce, plain, bound_to)

    def open(self, cell: bytes, bound_to: bytes) -> bytes:
        """Raises CannotOpen."""
        if cell[:_HEADER_BYTES] != self._header:
            raise CannotOpen("sealed under another key")
        body = _HEADER_BYTES + _NONCE_BYTES
        try:
            return self._aead.decrypt(cell[_HEADER_BYTES:body], cell[body:], bound_to)
        except (InvalidTag, ValueError):
            raise CannotOpen("sealed for another place, or changed") from None


@dataclass(frozen=True, slots=True)
class TenantKey:
    """A tenant's key, and what is derived from it. `digest_key` keys the digests of typed codes and the like."""

    tenant_id: str
    key: Key
    digest_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RowKeys:
    """The keys that a row may be sealed under: the contact's where there is one, else the tenant's."""

    tenant: TenantKey
    contact: Key | None = None

    def seal(self, plain: bytes, bound_to: bytes) -> bytes:
        return (self.contact or self.tenant.key).seal(plain, bound_to)

    def open(self, cell: bytes, bound_to: bytes) -> bytes:
        """The cell's own header says which of the two it needs. Raises CannotOpen, also when the contact is erased."""
        if cell[:1] == _TENANT:
            return self.tenant.key.open(cell, bound_to)
        if self.contact is None:
            raise CannotOpen("the contact's key is gone")
        return self.contact.open(cell, bound_to)


class Keyring:
    """Unwraps keys and keeps them at hand. Safe to use from several threads.

    `masters`: the current master key first, then older ones that may still be in use until `keys rotate` is through.
    """

    def __init__(
        self,
        masters: Sequence[bytes],
        random: RandomBytes | None = None,
        *,
        tenants: int = 256,
        contacts: int = 10_000,
    ) -> None:
        if not masters:
            raise BadMasterKey("a keyring needs at least one master key")
        for raw in masters:
            if len(raw) != KEY_BYTES:
                raise BadMasterKey(f"a master key has {len(raw)} bytes and needs {KEY_BYTES}")
        self._random = random or Lots()
        self._masters = [Key(raw, _MASTER, self._random) for raw in masters]
        self.tenant = lru_cache(tenants)(self._unwrap_tenant)
        self._contact = lru_cache(contacts)(self._unwrap_contact)

    def __repr__(self) -> str:
        return f"Keyring({[m.id.hex() for m in self._masters]})"

    def new_tenant_key(self, tenant_id: str) -> bytes:
        """A new key for a tenant, wrapped: the value of `tenants.key`."""
        return self._masters[0].seal(self._random(KEY_BYTES), place("tenants", "key", tenant_id, tenant_id))

    def new_contact_key(self, tenant: TenantKey, contact_id: str) -> bytes:
        """A new key for a contact, wrapped: the value of `contacts.key`."""
        bound_to = place("contacts", "key", tenant.tenant_id, contact_id)
        return tenant.key.seal(self._random(KEY_BYTES), bound_to)

    def row_keys(self, tenant: TenantKey, contact_id: str = "", wrapped: bytes | None = None) -> RowKeys:
        """The keys of a row of that contact; `wrapped` is `contacts.key`, None where there is no such contact."""
        return RowKeys(tenant, None if wrapped is None else self._contact(tenant, contact_id, wrapped))

    def is_current(self, wrapped: bytes) -> bool:
        """False when a tenant's key is still wrapped under an older master key."""
        return wrapped[1:_HEADER_BYTES] == self._masters[0].id

    def rewrap(self, tenant_id: str, wrapped: bytes) -> bytes:
        """The same tenant key under the current master key; nothing below it needs to change."""
        bound_to = place("tenants", "key", tenant_id, tenant_id)
        return self._masters[0].seal(self._open_wrapped(wrapped, bound_to), bound_to)

    @property
    def random(self) -> RandomBytes:
        """Where new keys come from."""
        return self._random

    def seal_installation(self, name: str, plain: bytes) -> bytes:
        """Seal a value of the installation itself, under the current master key: for the row `name`."""
        return self._masters[0].seal(plain, place("installation", "value", "", name))

    def open_installation(self, name: str, cell: bytes) -> bytes:
        """What `seal_installation` sealed. Raises CannotOpen."""
        return self._open_wrapped(cell, place("installation", "value", "", name))

    def rewrap_installation(self, name: str, cell: bytes) -> bytes:
        """The same value under the current master key; `is_current` says whether it needs to be."""
        return self.seal_installation(name, self.open_installation(name, cell))

    def _open_wrapped(self, wrapped: bytes, bound_to: bytes) -> bytes:
        for master in self._masters:
            if wrapped[1:_HEADER_BYTES] == master.id:
                return master.open(wrapped, bound_to)
        raise CannotOpen("wrapped under a master key that was not given")

    def _unwrap_tenant(self, tenant_id: str, wrapped: bytes) -> TenantKey:
        raw = self._open_wrapped(wrapped, place("tenants", "key", tenant_id, tenant_id))
        return TenantKey(tenant_id, Key(raw, _TENANT, self._random), _derive(raw, b"watchword digest key"))

    def _unwrap_contact(self, tenant: TenantKey, contact_id: str, wrapped: bytes) -> Key:
        raw = tenant.key.open(wrapped, place("contacts", "key", tenant.tenant_id, contact_id))
        return Key(raw, _CONTACT, self._random)


def _id_bytes(raw: bytes) -> bytes:
    return hashlib.sha256(b"watchword key id" + raw).digest()[:4]


def _derive(raw: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(raw)


def _hex(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


def _base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return None
