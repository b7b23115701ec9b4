"""Keys of other programs: how they look, how long they last, and when they are over (SEC-35).

Pure: times and chance come in. A key holds 256 bits, so a plain hash of it is enough at rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from dialogs.ports import Randomness
from identity.sessions import token_digest

#: So that people, and programs that look for leaked secrets, know one when they see it.
PREFIX = "wwk_"
#: How much of a key is kept in the open, to tell one from another: it leaves more than 200 bits unknown.
SHOWN = len(PREFIX) + 6
LONGEST_DAYS = 365


class Key(Protocol):
    """What is stored of one key, as far as these rules read it."""

    @property
    def expires_at(self) -> datetime: ...
    @property
    def revoked_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as it is shown once, and what is stored of it."""

    key: str = field(repr=False)
    begins: str
    digest: str


def new_key(randomness: Randomness) -> NewKey:
    """A key like `wwk_` and 43 letters, digits, `-` and `_`."""
    key = PREFIX + randomness.token()
    return NewKey(key, key[:SHOWN], token_digest(key))


def looks_like_one(token: str) -> bool:
    """Whether a token is a key of ours rather than a log-in's."""
    return token.startswith(PREFIX)


def ends(now: datetime, days: int) -> datetime:
    """When a key made now is over. Raises ValueError for a life that is not allowed."""
    if not 1 <= days <= LONGEST_DAYS:
        raise ValueError(f"a key lasts from 1 to {LONGEST_DAYS} days")
    return now + timedelta(days=days)


def is_over(key: Key, now: datetime) -> bool:
    """Whether the key has been revoked or has run out."""
    return key.revoked_at is not None or now >= key.expires_at
