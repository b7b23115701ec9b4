"""Moments as the tables keep them, and ids that follow from what they name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Microseconds since 1970 in UTC. A naive datetime raises TypeError."""
    return (moment - EPOCH) // _MICROSECOND


def maybe_micros(moment: datetime | None) -> int | None:
    return None if moment is None else micros(moment)


def moment(stored: int) -> datetime:
    return EPOCH + timedelta(microseconds=stored)


def maybe_moment(stored: int | None) -> datetime | None:
    return None if stored is None else moment(stored)


def id_from(at: int, digest: bytes) -> str:
    """A UUIDv7 whose random bits are the first ten bytes of `digest`: the same thing gets the same id, in memory and in
    every database, and it still sorts by `at` (microseconds)."""
    raw = (at // 1000 & 0xFFFF_FFFF_FFFF).to_bytes(6, "big") + digest[:10]
    text = (raw[:6] + bytes((0x70 | raw[6] & 0x0F, raw[7], 0x80 | raw[8] & 0x3F)) + raw[9:]).hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
