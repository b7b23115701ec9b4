"""Colours a tenant may choose: read, compared with their ground, and moved until they can be read (WCAG 1.4.3)."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Sequence
from typing import TypeAlias

#: Red, green and blue, 0 to 255.
Colour: TypeAlias = tuple[int, int, int]

#: What text needs against its ground.
NEEDED = 4.5
_HEX = re.compile(r"#?([0-9a-fA-F]{6}|[0-9a-fA-F]{3})")
#: Steps between a colour and black or white when one that passes is looked for.
_STEPS = 200


def read_colour(typed: str) -> Colour | None:
    """`#0f4c4f`, `0F4C4F` or `#0ff`; None for anything else."""
    found = _HEX.fullmatch(typed.strip())
    if found is None:
        return None
    digits = found[1] if len(found[1]) == 6 else "".join(2 * digit for digit in found[1])
    red, green, blue = (int(digits[at : at + 2], 16) for at in (0, 2, 4))
    return red, green, blue


def as_hex(colour: Colour) -> str:
    """`#0f4c4f`."""
    return "#" + "".join(f"{part:02x}" for part in colour)


def ratio(one: Colour, other: Colour) -> float:
    """How far two colours are apart, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def worst(colour: Colour, grounds: Sequence[Colour]) -> float:
    """Against that of the grounds on which it is hardest to read."""
    return min(ratio(colour, ground) for ground in grounds)


def nearest_readable(colour: Colour, grounds: Sequence[Colour]) -> Colour:
    """The same hue, as little darker or lighter as it takes to be read on all of these grounds."""
    if worst(colour, grounds) >= NEEDED:
        return colour
    hue, light, strength = colorsys.rgb_to_hls(*(part / 255 for part in colour))
    on_light = sum(_luminance(ground) for ground in grounds) / len(grounds) > 0.18
    for step in range(1, _STEPS + 1):
        to = light * (1 - step / _STEPS) if on_light else light + (1 - light) * step / _STEPS
        red, green, blue = (round(255 * part) for part in colorsys.hls_to_rgb(hue, to, strength))
        if worst((red, green, blue), grounds) >= NEEDED:
            return red, green, blue
    return (0, 0, 0) if on_light else (255, 255, 255)


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """`share` of `other` in `one`, 0 to 1."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _luminance(colour: Colour) -> float:
    """Relative luminance as WCAG defines it."""
    parts = (part / 255 for part in colour)
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
