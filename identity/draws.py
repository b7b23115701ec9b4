"""Secret bytes from the one source of chance, so that a simulation that is repeated draws the same ones."""

from __future__ import annotations

import hashlib

from dialogs.ports import Randomness


def draw(randomness: Randomness, size: int) -> bytes:
    """`size` unpredictable bytes, at most 32: a token holds 256 bits and the hash spreads them evenly."""
    if not 1 <= size <= 32:
        raise ValueError(f"a token holds 32 bytes, not {size}")
    return hashlib.sha256(randomness.token().encode()).digest()[:size]
