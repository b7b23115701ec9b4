"""The master key on paper: four lines of four groups of four, each line with a check of its own.

A line is 8 bytes of the key in base 32 (13 characters) and 3 characters of check, which also tell the lines apart. The
letters I, L, O and U are not used; I and L typed for 1, and O for 0, are understood. Case, spaces and hyphens are free.
"""

from __future__ import annotations

import hashlib

from storage.keys import KEY_BYTES

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_FORGIVEN = str.maketrans("ILO", "110")
_LINE_BYTES = 8
_BODY, _CHECK = 13, 3
LINES = KEY_BYTES // _LINE_BYTES


class BadLine(ValueError):
    """What was typed cannot be the key; the message says which line and why, and not what it holds."""


def to_lines(key: bytes) -> tuple[str, ...]:
    """The key as it is printed: four lines, `XXXX XXXX XXXX XXXX`."""
    return tuple(_line(number, key[at : at + _LINE_BYTES]) for number, at in enumerate(range(0, KEY_BYTES, 8), 1))


def read_line(number: int, typed: str) -> bytes:
    """The 8 bytes of one typed line; 1 is the first. Raises `BadLine`."""
    tidy = "".join(typed.upper().split()).replace("-", "").translate(_FORGIVEN)
    wrong = sorted(set(tidy) - set(_DIGITS))
    if wrong:
        raise BadLine(f"Line {number} has a character that is not used in keys: {wrong[0]!r}. Look at it again.")
    if len(tidy) != _BODY + _CHECK:
        raise BadLine(f"Line {number} has {len(tidy)} characters and needs {_BODY + _CHECK}. Look at it again.")
    value = 0
    for character in tidy[:_BODY]:
        value = value * 32 + _DIGITS.index(character)
    if value >> (8 * _LINE_BYTES):
        raise BadLine(f"Line {number} holds a typing error. Look at it again, group by group.")
    part = value.to_bytes(_LINE_BYTES, "big")
    if _check(number, part) != tidy[_BODY:]:
        other = next((n for n in range(1, LINES + 1) if _check(n, part) == tidy[_BODY:]), 0)
        raise BadLine(
            f"Line {number} is line {other} of the sheet. Type the lines in their order."
            if other
            else f"Line {number} holds a typing error. Look at it again, group by group."
        )
    return part


def read_lines(typed: list[str]) -> bytes:
    """The key from its four lines. Raises `BadLine`."""
    if len(typed) != LINES:
        raise BadLine(f"The key has {LINES} lines, and {len(typed)} were given.")
    return b"".join(read_line(number, line) for number, line in enumerate(typed, 1))


def _line(number: int, part: bytes) -> str:
    text = _base32(int.from_bytes(part, "big"), _BODY) + _check(number, part)
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def _check(number: int, part: bytes) -> str:
    """15 bits: of 32,768 typing errors one goes unseen."""
    digest = hashlib.sha256(b"watchword key sheet" + bytes([number]) + part).digest()
    return _base32(int.from_bytes(digest[:2], "big") >> 1, _CHECK)


def _base32(value: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        value, digit = divmod(value, 32)
        digits = _DIGITS[digit] + digits
    return digits
