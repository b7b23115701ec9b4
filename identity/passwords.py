"""Passwords: which are good enough, and their Argon2id hashes.

Hashing takes some 20 ms and 19 MiB by intent, so it runs in threads and only a few at a time.
"""

from __future__ import annotations

import asyncio
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 15
LONGEST = 128
#: A part of a login this short turns up in honest passwords by chance.
SHORTEST_PART = 4
#: Rows that fingers walk along. Alphabet and digits are found by their code points.
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop", "yxcvbnm")
WELL_KNOWN = ("password", "passwort", "watchword", "letmein", "welcome", "changeme", "iloveyou", "administrator")


class WeakPassword(ValueError):
    """The password is not good enough; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one hash costs: memory in KiB, passes, lanes. The defaults are OWASP's for Argon2id."""

    memory_kib: int = 19_456
    passes: int = 2
    lanes: int = 1


def check_password(password: str, *, login: str = "", name: str = "") -> None:
    """Raise `WeakPassword` unless the password may be used by this person. Length counts characters, not bytes.

    There are no rules on kinds of characters: length is what helps. Refused is what a guesser tries first.
    """
    tidy = _normal(password)
    if len(tidy) < SHORTEST:
        raise WeakPassword(f"The password has {len(tidy)} characters. Use at least {SHORTEST}: four random words do.")
    if len(tidy) > LONGEST:
        raise WeakPassword(f"The password has {len(tidy)} characters. Use at most {LONGEST}.")
    low = tidy.casefold()
    for part in _parts(login) | _parts(name):
        if part in low:
            raise WeakPassword("The password contains your login or name. Choose one that does not.")
    if len(set(low)) < 5 or _repeats(low):
        raise WeakPassword("The password repeats itself. Use four random words.")
    if _walks(low):
        raise WeakPassword("The password is a row of keys, letters or digits. Use four random words.")
    if _without_well_known(low) < SHORTEST // 2:
        raise WeakPassword("The password is a well-known one with a few characters added. Use four random words.")


class Passwords:
    """Hashes and checks passwords. One for the whole program: it bounds how many hashes run at a time."""

    def __init__(self, cost: Cost | None = None, *, at_a_time: int = 4) -> None:
        cost = cost or Cost()
        self._hasher = PasswordHasher(time_cost=cost.passes, memory_cost=cost.memory_kib, parallelism=cost.lanes)
        self._turns = asyncio.Semaphore(at_a_time)
        #: Stands in for the hash of a login that does not exist; nobody knows a password for it.
        self._nobody = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """The hash to store, with its parameters and salt."""
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, _normal(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password belongs to the hash. With None, or the empty one of an account that waits for its
        person, it takes the same time and is always False."""
        tidy = _normal(password)
        if len(tidy) > LONGEST:
            stored, tidy = None, ""
        async with self._turns:
            right = await asyncio.to_thread(self._matches, stored or self._nobody, tidy)
        return right and bool(stored)

    def needs_rehash(self, stored: str) -> bool:
        """Whether the hash was made at another cost than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False


def _normal(password: str) -> str:
    """NFC, so that the same keys on another keyboard give the same password; lone surrogates cannot be hashed."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "replace").decode("utf-8")


def _parts(words: str) -> set[str]:
    """The whole, and each run of letters and digits in it, as far as they are long enough to mean something."""
    low = _normal(words).casefold()
    spaced = "".join(c if c.isalnum() else " " for c in low)
    return {part for part in (low, low.partition("@")[0], *spaced.split()) if len(part) >= SHORTEST_PART}


def _repeats(low: str) -> bool:
    """`abcabcabcabcabc`: one short piece over and over, the last time perhaps cut."""
    return any((low[:size] * len(low))[: len(low)] == low for size in range(1, len(low) // 2 + 1))


def _walks(low: str) -> bool:
    """Nearly every step goes to the neighbouring code point or the neighbouring key, either way."""
    near = {pair for row in ROWS for pair in pairwise(row)}
    steps = list(pairwise(low))
    walked = sum(abs(ord(a) - ord(b)) <= 1 or (a, b) in near or (b, a) in near for a, b in steps)
    return walked >= len(steps) - 2


def _without_well_known(low: str) -> int:
    """How many characters are left when the words every guesser knows are taken out."""
    for word in WELL_KNOWN:
        low = low.replace(word, "")
    return len(low)
