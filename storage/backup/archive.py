"""The envelope of a backup: a plain first line, then compressed bytes in encrypted frames.

The first line is `watchword-backup ` and JSON: what a person needs in order to find the right key and version. It is
authenticated with every frame. A frame is its length (4 bytes) and AES-256-GCM ciphertext. The key is made of the
master key and the file's own salt by HKDF; the nonce is the frame's number, with the first byte 1 in the last frame. So
a frame that was changed, moved, repeated or left out does not open, and a file that was cut off has no last frame.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from storage.keys import KEY_BYTES, key_id

FORMAT = 1
FRAME_BYTES = 64 * 1024
SALT_BYTES = 32
_MAGIC = b"watchword-backup "
_LONGEST_LINE = 4096
_NAME, _KEY_ID = re.compile(r"[0-9a-z_]{1,32}"), re.compile(r"[0-9a-f]{8}")
_TAG_BYTES = 16
#: Decompressed at once; a frame of nothing but zeros must not fill the memory.
_PIECE_BYTES = 1024 * 1024


class BadArchive(Exception):
    """The file is no backup of ours, or not whole; the message says which, for the operator."""


class WrongKey(BadArchive):
    """The backup was made under another master key; the message names it by its id."""


@dataclass(frozen=True, slots=True)
class Header:
    """What stands in plain text at the front. `revision`: of the schema. `key_id`: which master key opens it, eight hex
    digits. `salt`: 32 random bytes, this file's own."""

    revision: str
    made_at: datetime
    key_id: str
    salt: bytes
    format: int = FORMAT


class ArchiveWriter:
    """Writes one archive to `out`. Nothing of it is good until `finish` has returned."""

    def __init__(self, out: BinaryIO, header: Header, master: bytes) -> None:
        line = _line(header)
        out.write(line)
        self._out = out
        self._seal = _Sealing(master, header, line)
        self._compress = zlib.compressobj(6)
        self._waiting = bytearray()

    def write(self, data: bytes) -> None:
        self._waiting += self._compress.compress(data)
        # One frame's worth stays behind, so that the last frame is never empty by accident of size.
        while len(self._waiting) > FRAME_BYTES:
            self._frame(bytes(self._waiting[:FRAME_BYTES]), last=False)
            del self._waiting[:FRAME_BYTES]

    def finish(self) -> None:
        self._waiting += self._compress.flush()
        while len(self._waiting) > FRAME_BYTES:
            self._frame(bytes(self._waiting[:FRAME_BYTES]), last=False)
            del self._waiting[:FRAME_BYTES]
        self._frame(bytes(self._waiting), last=True)

    def _frame(self, plain: bytes, *, last: bool) -> None:
        sealed = self._seal.seal(plain, last=last)
        self._out.write(struct.pack(">I", len(sealed)))
        self._out.write(sealed)


def read_header(source: BinaryIO) -> Header:
    """The plain first line; `source` then stands at the first frame. Raises `BadArchive`."""
    return _read_line(source)[0]


def read_pieces(source: BinaryIO, masters: Sequence[bytes]) -> Iterator[bytes]:
    """The bytes that were written, in pieces; `source` stands at the start of the file.

    `masters`: every master key at hand. Raises `WrongKey` when none is the backup's, `BadArchive` for a file that is
    cut off or was changed; until the iterator has ended, what it gave is authentic but may not be all.
    """
    header, line = _read_line(source)
    master = next((raw for raw in masters if key_id(raw) == header.key_id), None)
    if master is None:
        held = ", ".join(key_id(raw) for raw in masters) or "none"
        raise WrongKey(
            f"The backup needs the master key with the id {header.key_id}, and what is set has {held}. Put that key "
            "into WATCHWORD_MASTER_KEY, or into WATCHWORD_PREVIOUS_MASTER_KEYS if it was replaced since."
        )
    opening = _Sealing(master, header, line)
    decompress = zlib.decompressobj()
    last = False
    while not last:
        plain, last = opening.open(_frame(source))
        while plain:
            yield decompress.decompress(plain, _PIECE_BYTES)
            plain = decompress.unconsumed_tail
    if not decompress.eof or source.read(1):
        raise BadArchive("The backup does not end where it should. Take another one.")


def _frame(source: BinaryIO) -> bytes:
    length = source.read(4)
    size = int.from_bytes(length, "big")
    if len(length) < 4:
        raise BadArchive("The backup is cut off: its end is missing. Take another one.")
    if not _TAG_BYTES <= size <= FRAME_BYTES + _TAG_BYTES:
        raise BadArchive("The backup has been changed or damaged. Take another one.")
    sealed = source.read(size)
    if len(sealed) < size:
        raise BadArchive("The backup is cut off: its end is missing. Take another one.")
    return sealed


class _Sealing:
    """The frames' key and their running number."""

    def __init__(self, master: bytes, header: Header, line: bytes) -> None:
        derived = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=header.salt, info=b"watchword backup").derive(master)
        self._aead = AESGCM(derived)
        self._bound_to = hashlib.sha256(line).digest()
        self._number = 0

    def seal(self, plain: bytes, *, last: bool) -> bytes:
        sealed = self._aead.encrypt(self._nonce(last=last), plain, self._bound_to)
        self._number += 1
        return sealed

    def open(self, sealed: bytes) -> tuple[bytes, bool]:
        """The plain bytes, and whether this is the last frame."""
        for last in (False, True):
            try:
                plain = self._aead.decrypt(self._nonce(last=last), sealed, self._bound_to)
            except InvalidTag:
                continue
            self._number += 1
            return plain, last
        raise BadArchive("The backup has been changed or damaged. Take another one.")

    def _nonce(self, *, last: bool) -> bytes:
        return bytes([last]) + self._number.to_bytes(11, "big")


def _line(header: Header) -> bytes:
    told = {
        "format": header.format,
        "revision": header.revision,
        "made_at": header.made_at.astimezone(UTC).isoformat(),
        "key_id": header.key_id,
        "salt": header.salt.hex(),
    }
    return _MAGIC + json.dumps(told).encode() + b"\n"


def _read_line(source: BinaryIO) -> tuple[Header, bytes]:
    line = source.readline(_LONGEST_LINE)
    if not line.startswith(_MAGIC):
        raise BadArchive("This is no backup of Watchword.")
    try:
        told = json.loads(line[len(_MAGIC) :])
        made_format = told["format"]
        if type(made_format) is not int or not 0 < made_format < 1000:
            raise ValueError("no format of ours")
        if made_format != FORMAT:
            raise BadArchive(f"The backup has format {made_format}: a newer Watchword made it. Install that version.")
        made_at = datetime.fromisoformat(told["made_at"])
        header = Header(told["revision"], made_at, told["key_id"], bytes.fromhex(told["salt"]))
        # Both are shown before anything is known to be authentic, so they must not rule a terminal.
        if not _NAME.fullmatch(header.revision) or not _KEY_ID.fullmatch(header.key_id):
            raise ValueError("no name of ours")
    except (ValueError, LookupError, TypeError, RecursionError) as why:
        raise BadArchive("The first line of the backup is damaged. Take another one.") from why
    return header, line
