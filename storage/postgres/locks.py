"""Names of things to lock for the length of a transaction, where no row stands for them."""

from __future__ import annotations

import hashlib


def lock_of(name: str) -> int:
    """A lock's key: 64 bits, with sign. Two names with the same key would only wait for one another."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
