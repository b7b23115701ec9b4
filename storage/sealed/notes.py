"""A checkpoint of the log as a signed note: C2SP tlog-checkpoint in C2SP signed-note, signed with Ed25519 (SEC-55).

watchword/01900000-...                          origin: whose log
12345                                           lines that the root covers
3q2+7w...=                                      the root
epoch 1                                         goes up with each restore from a backup
at 2026-03-02T09:00:00.000000Z
                                                (an empty line)
— watchword/01900000-... Rt5w...=               who signed; key hash and signature
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ED25519 = b"\x01"
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
SIGNED_BY = "— "


class BadNote(ValueError):
    """It is no checkpoint, not this log's, or not signed with its key; the message says which, in plain words."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of the log at one moment. `root` covers lines 1 to `size`."""

    origin: str
    epoch: int
    size: int
    root: bytes
    at: datetime

    def text(self) -> str:
        """What is signed."""
        root = base64.b64encode(self.root).decode()
        return f"{self.origin}\n{self.size}\n{root}\nepoch {self.epoch}\nat {self.at.astimezone(UTC):{_TIME}}\n"


@dataclass(frozen=True, slots=True)
class Signer:
    """The installation's name in its notes, and its key."""

    origin: str
    private: Ed25519PrivateKey = field(repr=False)

    @property
    def public(self) -> bytes:
        return self.private.public_key().public_bytes_raw()

    def sign(self, checkpoint: Checkpoint) -> str:
        """The whole note, ending in a newline."""
        text = checkpoint.text()
        signature = key_hash(self.origin, self.public) + self.private.sign(text.encode())
        return f"{text}\n{SIGNED_BY}{self.origin} {base64.b64encode(signature).decode()}\n"


def key_hash(origin: str, public: bytes) -> bytes:
    """The four bytes that tell keys apart in a signature line."""
    return hashlib.sha256(origin.encode() + b"\n" + _ED25519 + public).digest()[:4]


def verifier_key(origin: str, public: bytes) -> str:
    """The public key in the form that C2SP tools read."""
    return f"{origin}+{key_hash(origin, public).hex()}+{base64.b64encode(_ED25519 + public).decode()}"


def fingerprint(public: bytes) -> str:
    """For people to compare: SHA-256 of the public key in groups of four."""
    digest = hashlib.sha256(public).hexdigest()
    return " ".join(digest[i : i + 4] for i in range(0, len(digest), 4))


def read(note: str) -> Checkpoint:
    """The checkpoint that a note claims to be; its signature is not looked at. Raises BadNote."""
    text, _, signed = note.partition("\n\n")
    lines = text.split("\n")
    if len(lines) != 5 or not signed.startswith(SIGNED_BY):
        raise BadNote("this is not a checkpoint")
    try:
        checkpoint = Checkpoint(
            lines[0],
            int(lines[3].removeprefix("epoch ")),
            int(lines[1]),
            base64.b64decode(lines[2], validate=True),
            datetime.strptime(lines[4].removeprefix("at "), _TIME).replace(tzinfo=UTC),
        )
    except ValueError:
        raise BadNote("a line of the checkpoint cannot be read") from None
    # One way to write each checkpoint: what reads the same but is written otherwise has been changed.
    if checkpoint.text() != text + "\n" or len(checkpoint.root) != hashlib.sha256().digest_size:
        raise BadNote("a line of the checkpoint is not written as it should be")
    return checkpoint


def check(note: str, origin: str, public: bytes) -> Checkpoint:
    """The checkpoint, if this key of this log has signed it. Raises BadNote."""
    checkpoint = read(note)
    if checkpoint.origin != origin:
        raise BadNote(f"it belongs to another installation, {checkpoint.origin}; this one is {origin}")
    text, _, signed = note.partition("\n\n")
    try:
        signature = base64.b64decode(signed.removeprefix(f"{SIGNED_BY}{origin} ").removesuffix("\n"), validate=True)
    except ValueError:
        raise BadNote("its signature line cannot be read") from None
    if signed != f"{SIGNED_BY}{origin} {base64.b64encode(signature).decode()}\n":
        raise BadNote("its signature line cannot be read")
    if signature[:4] != key_hash(origin, public):
        raise BadNote("it is signed with another key")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature[4:], f"{text}\n".encode())
    except InvalidSignature:
        raise BadNote("its signature does not match: it has been changed") from None
    return checkpoint
