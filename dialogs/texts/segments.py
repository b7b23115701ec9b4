"""What a text costs: its encoding on the wire and the number of segments a carrier bills."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: The basic character set of GSM 03.38; each costs one unit.
GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
#: Its extension table; each costs two units, one of them an escape.
GSM_EXTENSION = frozenset("\f^{}\\[~]|€")


@dataclass(frozen=True, slots=True)
class Segments:
    """`units` are septets in GSM-7 and UTF-16 code units in UCS-2."""

    count: int
    encoding: Literal["GSM-7", "UCS-2"]
    units: int


def segments(text: str) -> Segments:
    """How many segments `text` takes. One character outside GSM-7 turns the whole text into UCS-2.

    No pair (escape and character, or two surrogates) is ever split over two segments, so a long text may need one
    more than a plain division says.
    """
    if all(c in GSM_BASIC or c in GSM_EXTENSION for c in text):
        costs = [2 if c in GSM_EXTENSION else 1 for c in text]
        return Segments(_count(costs, 160, 153), "GSM-7", sum(costs))
    costs = [2 if ord(c) > 0xFFFF else 1 for c in text]
    return Segments(_count(costs, 70, 67), "UCS-2", sum(costs))


def strange_in(text: str) -> str:
    """The characters that are not in GSM-7 and so make a text dear, each once, in their order; empty for none."""
    return "".join(dict.fromkeys(c for c in text if c not in GSM_BASIC and c not in GSM_EXTENSION))


def _count(costs: list[int], alone: int, joined: int) -> int:
    if sum(costs) <= alone:
        return 1
    count, room = 1, joined
    for cost in costs:
        if cost > room:
            count, room = count + 1, joined
        room -= cost
    return count
