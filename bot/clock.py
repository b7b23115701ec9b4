"""The clock and the lots of the running application."""

from __future__ import annotations

import base64
import random
import secrets
import struct
import threading
import time
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


def _ticks() -> float:
    """Seconds since some moment, also while the machine slept; no setting of the clock changes them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class DatabaseClock:
    """UTC as a database of several replicas has it, carried on by this machine's ticking (REL-11).

    Replicas agree on what has expired, and a machine whose clock is set forth and back queues nothing for a time that
    will not come. `correct` is called with what a look at the database shows.
    """

    def __init__(
        self, ticks: Callable[[], float] = _ticks, system: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._ticks = ticks
        self._then, self._at = system(), ticks()

    def now(self) -> datetime:
        return self._then + timedelta(seconds=self._ticks() - self._at)

    def correct(self, ahead: timedelta) -> None:
        """The database is that much ahead of us; less than a moment is the way there and back."""
        if abs(ahead) > _MOMENT:
            self._then += ahead


#: A look at a database far away takes about as long.
_MOMENT = timedelta(milliseconds=50)

_48_BITS, _62_BITS = (1 << 48) - 1, (1 << 62) - 1


def uuid7(milliseconds: int, count: int, random_bits: int) -> str:
    """A UUIDv7 (RFC 9562): 48 bits of milliseconds, a 12-bit count within them, 62 random bits."""
    # Written out: uuid.UUID costs four times as much, and a turn mints several.
    time, lots = f"{milliseconds & _48_BITS:012x}", f"{1 << 63 | random_bits & _62_BITS:016x}"
    return f"{time[:8]}-{time[8:]}-7{count & 0xFFF:03x}-{lots[:4]}-{lots[4:]}"


class SystemRandom:
    """Lots from the operating system. Ids rise in the order they are minted, also within a millisecond, from several
    threads, and when the clock steps back: what waits in a lane is carried out in that order."""

    def __init__(self) -> None:
        self._minting = threading.Lock()
        self._ms = 0
        self._count = 0
        self._lots: list[int] = []

    def code(self, length: int) -> Code:
        return Code(f"{secrets.randbelow(10**length):0{length}d}")

    def new_id(self, now: datetime) -> str:
        with self._minting:
            ms = int(now.timestamp() * 1000)
            if ms > self._ms:
                # A fresh millisecond starts low, so that there is room to count up in it.
                self._ms, self._count = ms, secrets.randbits(10)
            elif self._count < 0xFFF:
                self._count += 1
            else:
                self._ms, self._count = self._ms + 1, 0
            return uuid7(self._ms, self._count, self._lot())

    def _lot(self) -> int:
        """64 bits. Fetched in bulk, as each call of the system lets go of the interpreter, and to get it back takes
        longer than all the rest of an id."""
        if not self._lots:
            self._lots = [lot for (lot,) in struct.iter_unpack("=Q", secrets.token_bytes(8 * 256))]
        return self._lots.pop()

    def token(self) -> str:
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()

    def fraction(self) -> float:
        return random.random()  # noqa: S311  jitter spreads retries; nothing is secret about it
