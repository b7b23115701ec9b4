"""Reads what a call is told to do, as strictly as the vendor documents it: a verb or an attribute that is unknown here
is a fault of whoever wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias
from xml.parsers import expat

MOST_REPEATS = 10
_TAGS: Mapping[str, frozenset[str]] = {
    "Response": frozenset(),
    "Say": frozenset({"voice", "language", "loop"}),
    "Pause": frozenset({"length"}),
    "Gather": frozenset(
        {"input", "action", "method", "timeout", "numDigits", "finishOnKey", "actionOnEmptyResult", "bargeIn"}
    ),
    "Hangup": frozenset(),
    "Redirect": frozenset({"method"}),
}


class BadTwiml(ValueError):
    """Not a document that a call can follow."""


@dataclass(frozen=True, slots=True)
class Say:
    """Words, as they are spoken; repeats written out."""

    words: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is said for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Gather:
    """Words during which, and for `seconds` after which, `keys` keys may be pressed; they are told to `action`."""

    parts: tuple[Say | Pause, ...]
    action: str
    seconds: float
    keys: int


@dataclass(frozen=True, slots=True)
class Hangup:
    """The end of the call."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Go on with what this address answers."""

    url: str


Verb: TypeAlias = Say | Pause | Gather | Hangup | Redirect


@dataclass(slots=True)
class _Node:
    tag: str
    attributes: Mapping[str, str]
    text: str = ""
    inner: list[_Node] = field(default_factory=list)


def read_twiml(document: str) -> tuple[Verb, ...]:
    """The verbs in order. Raises `BadTwiml`."""
    root = _tree(document)
    if root.tag != "Response":
        raise BadTwiml("the document is no Response")
    return tuple(_verb(node) for node in root.inner)


def _tree(document: str) -> _Node:
    top = _Node("", {})
    path = [top]

    def start(tag: str, attributes: dict[str, str]) -> None:
        unknown = set(attributes) - _TAGS.get(tag, frozenset())
        if tag not in _TAGS or unknown:
            raise BadTwiml(f"there is no {tag} with {sorted(unknown)}" if tag in _TAGS else f"there is no verb {tag}")
        node = _Node(tag, attributes)
        path[-1].inner.append(node)
        path.append(node)

    def end(tag: str) -> None:
        path.pop()

    def text(data: str) -> None:
        path[-1].text += data

    def doctype(*_: object) -> None:
        raise BadTwiml("a document type is declared")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = text, doctype
    try:
        parser.Parse(document.encode(), True)
    except expat.ExpatError as broken:
        raise BadTwiml("the document is not well-formed") from broken
    return top.inner[0]


def _verb(node: _Node) -> Verb:
    match node.tag:
        case "Say" | "Pause":
            return _part(node)
        case "Gather":
            keys = _number(node, "numDigits", 0)
            parts = tuple(_part(inner) for inner in node.inner)
            return Gather(parts, node.attributes.get("action", ""), _number(node, "timeout", 5), keys)
        case "Hangup":
            return Hangup()
        case "Redirect":
            return Redirect(node.text.strip())
        case tag:
            raise BadTwiml(f"{tag} may not stand here")


def _part(node: _Node) -> Say | Pause:
    if node.inner or node.tag not in ("Say", "Pause"):
        raise BadTwiml(f"{node.tag} may not stand here")
    if node.tag == "Pause":
        return Pause(_number(node, "length", 1))
    words = " ".join(node.text.split())
    if not words:
        raise BadTwiml("Say says nothing")
    return Say(" ".join([words] * min(_number(node, "loop", 1) or MOST_REPEATS, MOST_REPEATS)))


def _number(node: _Node, name: str, default: int) -> int:
    given = node.attributes.get(name, str(default))
    if not (given.isascii() and given.isdigit()):
        raise BadTwiml(f"{name} is not a number")
    return int(given)
