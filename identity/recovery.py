"""Recovery codes: ten single-use codes for the day the phone is lost.

Each holds 80 bits, so a plain hash is enough at rest; the technician's id in it keeps equal codes apart.
"""

from __future__ import annotations

import hashlib

from dialogs.ports import Randomness
from identity.draws import draw

CODES = 10
#: Crockford's alphabet: no i, l, o, u, so that nothing can be misread or spell a word.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH = 16
_MISREAD = str.maketrans({"o": "0", "i": "1", "l": "1"})


def new_codes(randomness: Randomness) -> tuple[str, ...]:
    """Ten codes like `7k2m-q9xd-04fz-h1vt`, to be shown once."""
    return tuple(_readable(draw(randomness, 10)) for _ in range(CODES))


def digest(technician_id: str, code: str) -> str | None:
    """What is stored of a code, as typed or as shown; None for what cannot be a recovery code."""
    tidy = code.casefold().translate(_MISREAD)
    tidy = "".join(c for c in tidy if c not in "-–— \t")
    if len(tidy) != LENGTH or any(c not in ALPHABET for c in tidy):
        return None
    return hashlib.sha256(f"recovery|{technician_id}|{tidy}".encode()).hexdigest()


def _readable(ten_bytes: bytes) -> str:
    number = int.from_bytes(ten_bytes)
    letters = [ALPHABET[(number >> 5 * place) & 31] for place in reversed(range(LENGTH))]
    return "-".join("".join(letters[at : at + 4]) for at in range(0, LENGTH, 4))
