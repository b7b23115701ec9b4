"""Reading a text: opt-out words first, then `#` commands, then near misses, then plain words (SEC-16, SEC-40).

`#verify` and `#deny` grant nothing, so they forgive; `#confirm` opens a door, so it is strict and near misses only
earn a hint. Nothing is ever matched in part: a command is the whole message.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

STOP_WORDS = frozenset(
    {"stop", "stopall", "end", "cancel", "quit", "unsubscribe", "revoke", "optout", "opt out", "opt-out"}
)
START_WORDS = frozenset({"start", "unstop"})
HELP_WORDS = frozenset({"help", "info"})
#: What a user may put beside a forgiving command without changing what it means.
COURTESIES = frozenset({"please", "pls", "thanks", "thank", "you", "now", "me", "caller", "this", "the", "a", "call"})
MAX_TEXT = 1600


@dataclass(frozen=True, slots=True)
class Stop:
    """An opt-out word. `everywhere` for STOPALL: all numbers of the tenant, not only the one it was sent to."""

    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """The sender opts in again."""


@dataclass(frozen=True, slots=True)
class Help:
    """The sender asks what this number is."""


@dataclass(frozen=True, slots=True)
class Verify:
    """Start a check of the caller."""


@dataclass(frozen=True, slots=True)
class Confirm:
    """The caller said the right code. `digits` is what was typed behind the word, empty for a bare `#confirm`."""

    digits: str = ""

    def __repr__(self) -> str:
        return f"Confirm({'***' if self.digits else ''})"


@dataclass(frozen=True, slots=True)
class Deny:
    """This is not my technician."""


@dataclass(frozen=True, slots=True)
class NearMiss:
    """Almost a command, so a hint is due, but nothing happens."""


@dataclass(frozen=True, slots=True)
class Plain:
    """Words for the normal dialog."""


Said: TypeAlias = Stop | Start | Help | Verify | Confirm | Deny | NearMiss | Plain
Command: TypeAlias = Literal["verify", "confirm", "deny"]
ORIGINAL_WORDS: Mapping[str, Command] = {"verify": "verify", "confirm": "confirm", "deny": "deny", "report": "deny"}

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\U000e0000-\U000e0fff]"
)
_QUOTES = "\"'\u2018\u2019\u201c\u201d\u00ab\u00bb "
_DIGITS = re.compile(r"[0-9]{6,10}")


def tidy(text: str) -> str:
    """NFKC, invisible characters out, white space folded, lower case. Look-alike letters stay what they are, so a
    Cyrillic `с` in `#сonfirm` never matches."""
    # Nearly every text is ASCII, where there is nothing to fold and nothing invisible.
    folded = text if text.isascii() else _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    return " ".join(folded.split()).casefold()


def read(text: str, words: Mapping[str, Command] = ORIGINAL_WORDS, opt_out: str = "") -> Said:
    """Read one inbound text.

    `words` adds the tenant's own command words, without `#`; the originals always work. `opt_out` is the provider's
    own reading (`stop`, `start`, `help`), which covers keyword lists that live at the provider.
    """
    # Longer than any command; cut short, a stranger's page of text could turn into one.
    said = tidy(text) if len(text) <= MAX_TEXT else ""
    opted = _opt_out(said, opt_out)
    if opted is not None:
        return opted
    known = {**words, **ORIGINAL_WORDS}
    spoken = said.strip(_QUOTES)
    hashed = spoken.startswith("#")
    body = spoken[1:].strip() if hashed else spoken
    if not body:
        return NearMiss() if hashed else Plain()
    command, rest = _split(body, known)
    if command == "confirm":
        return _confirm(rest) if said == spoken and said.startswith("#" + body) else NearMiss()
    if command is not None and _only_courtesy(rest):
        return Verify() if command == "verify" else Deny()
    if hashed or command is not None or _looks_like(body, known):
        return NearMiss()
    return Plain()


def _opt_out(said: str, provider: str) -> Said | None:
    bare = said.strip(" .!#" + _QUOTES)
    if provider == "stop" or bare in STOP_WORDS:
        return Stop(everywhere=bare == "stopall")
    if provider == "start" or bare in START_WORDS:
        return Start()
    if provider == "help" or bare in HELP_WORDS:
        return Help()
    return None


def _split(body: str, known: Mapping[str, Command]) -> tuple[Command | None, str]:
    """The command at the start of `body` and what follows it. Own words may hold spaces; the longest wins."""
    for word in sorted(known, key=len, reverse=True):
        if body == word:
            return known[word], ""
        if body.startswith(word) and not body[len(word)].isalpha():
            return known[word], body[len(word) :].strip()
    return None, body


def _confirm(rest: str) -> Said:
    if not rest:
        return Confirm()
    digits = rest.replace(" ", "").replace("-", "")
    return Confirm(digits) if _DIGITS.fullmatch(digits) else NearMiss()


def _only_courtesy(rest: str) -> bool:
    return all(word.strip(".,!?") in COURTESIES | {""} for word in rest.split())


def _looks_like(body: str, known: Mapping[str, Command]) -> bool:
    """A lone code, or one word that is a slip of the finger away from a command."""
    if _DIGITS.fullmatch(body.replace(" ", "").replace("-", "")):
        return True
    word = body.strip(".!?").removesuffix("ed")
    return " " not in word and any(_one_slip(word, k) for k in known)


def _one_slip(a: str, b: str) -> bool:
    """Equal but for one letter changed, added, left out or swapped with its neighbour."""
    if a == b:
        return True
    if abs(len(a) - len(b)) > 1 or len(b) < 4:
        return False
    i = 0
    while i < min(len(a), len(b)) and a[i] == b[i]:
        i += 1
    swapped = len(a) == len(b) and a[i + 2 :] == b[i + 2 :] and a[i : i + 2] == b[i : i + 2][::-1]
    return swapped or a[i + 1 :] == b[i + 1 :] or a[i:] == b[i + 1 :] or a[i + 1 :] == b[i:]
