"""Which client an organisation probably is, by what it calls itself and by its domains: a suggestion for a form, on
which somebody decides. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Final

_WORD: Final = re.compile(r"\w+")
#: What companies are called besides their name.
_FORMS: Final = frozenset(
    {
        *("the", "and", "inc", "incorporated", "llc", "ltd", "limited", "corp", "corporation", "co", "company", "plc"),
        *("lp", "llp", "gmbh", "ag", "kg", "sa", "sas", "sarl", "srl", "spa", "bv", "nv", "ab", "as", "oy", "pty"),
    }
)
#: Shorter domains say too little.
_LONG_ENOUGH: Final = 4


def likely_client(name: str, domains: Sequence[str], clients: Sequence[str]) -> str:
    """The one of `clients` that it is most likely, empty where none is like it or several are equally so: the same
    name, else the same but for its legal form, else one called like a domain of it, else one whose whole name stands in
    the other."""
    ways: tuple[Callable[[str], bool], ...] = (
        lambda client: client.casefold() == name.casefold(),
        lambda client: _core(client) == _core(name),
        lambda client: _joined(client) in {label for domain in domains if (label := _label(domain))},
        lambda client: _within(_core(client), _core(name)),
    )
    for fits in ways:
        found = [client for client in clients if _core(client) and fits(client)]
        if found:
            return found[0] if len(found) == 1 else ""
    return ""


def _core(name: str) -> tuple[str, ...]:
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    words = _WORD.findall(plain.replace("'", "").replace("\u2019", ""))
    return tuple(word for word in words if word not in _FORMS) or tuple(words)


def _joined(name: str) -> str:
    return "".join(_core(name))


def _label(domain: str) -> str:
    """`northwindtraders` of `northwind-traders.example`; empty for what Microsoft gave, which anybody may choose."""
    if domain.endswith(".onmicrosoft.com"):
        return ""
    label = domain.partition(".")[0].replace("-", "")
    return label if len(label) >= _LONG_ENOUGH else ""


def _within(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    short, long = sorted((set(one), set(other)), key=len)
    return bool(short) and short < long and sum(map(len, short)) >= _LONG_ENOUGH
