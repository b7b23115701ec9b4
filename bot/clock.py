"""The clock and the lots of the running application."""

from __future__ import annotations

import base64
import random
import secrets
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from dialogs.effects import Code


class SystemClock:
    """UTC from the operating system, moved by an offset that only the demo and tests change, and only forward."""

    def __init__(self, offset: timedelta = timedelta(0)) -> None:
        self.offset = offset
        self._moved: list[Callable[[], None]] = []

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def advance(self, seconds: float) -> datetime:
        """Move forward and wake whoever waits for a time. Raises ValueError for a move back."""
        if seconds < 0:
            raise ValueError("the clock only moves forward")
        self.offset += timedelta(seconds=seconds)
        for wake in self._moved:
            wake()
        return self.now()

    def on_advance(self, wake: Callable[[], None]) -> None:
        """Have `wake` called after every move."""
        self._moved.append(wake)


def uuid7(now: datetime, random_bits: int) -> str:
    """A UUIDv7 (RFC 9562): 48 bits of milliseconds, then 74 random bits."""
    ms = int(now.timestamp() * 1000) & ((1 << 48) - 1)
    high, low = (random_bits >> 62) & 0xFFF, random_bits & ((1 << 62) - 1)
    return str(uuid.UUID(int=(ms << 80) | (0x7 << 76) | (high << 64) | (0b10 << 62) | low))


class SystemRandom:
    """Lots from the operating system. Ids minted within one millisecond still sort in the order they were minted."""

    def __init__(self) -> None:
        self._last_ms = -1
        self._count = 0

    def code(self, length: int) -> Code:
        return Code(f"{secrets.randbelow(10**length):0{length}d}")

    def new_id(self, now: datetime) -> str:
        ms = int(now.timestamp() * 1000)
        if ms <= self._last_ms and self._count < 0xFFF:
            self._count += 1
        else:
            # A fresh millisecond starts low, so that there is room to count up in it.
            self._count = secrets.randbits(10)
            self._last_ms = max(ms, self._last_ms) if ms <= self._last_ms else ms
        return uuid7(now, (self._count << 62) | secrets.randbits(62))

    def token(self) -> str:
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()

    def fraction(self) -> float:
        return random.random()  # noqa: S311  jitter spreads retries; nothing is secret about it
