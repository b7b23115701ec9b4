"""A right-to-left pseudo language made from the English, so that layouts and locked sentences are tested without a
translator: letters carry accents, words grow, and the whole is embedded from right to left.

What a person copies or types (`#confirm`, codes, numbers, STOP) stays bare, with no invisible mark beside it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from dialogs.texts.english import ENGLISH
from dialogs.texts.template import Language, Template

LOCALE = "ar-XB"
_RLE, _PDF, _RLM = "\u202b", "\u202c", "\u200f"
_ACCENTS = str.maketrans("aceinosuyzACEINOSUYZ", "áçéíñóšúýžÁÇÉÍÑÓŠÚÝŽ")
_KEPT = re.compile(r"(\{[a-z_]+\}|#\w+|\b(?:STOP|START|HELP)\b|\n)")


def _accented(text: str) -> str:
    """Every second part is what must stay as it is. Doubling one vowel makes the text about a tenth longer."""
    parts = _KEPT.split(text)
    return "".join(part if i % 2 else re.sub(r"o", "oo", part).translate(_ACCENTS) for i, part in enumerate(parts))


def _embedded(text: str) -> str:
    """Each line on its own, since an embedding ends with its line."""
    return "\n".join(f"{_RLM}{_RLE}{line}{_PDF}" for line in text.split("\n"))


def _turned(template: Template) -> Template:
    return replace(
        template,
        body=_embedded(_accented(template.body)),
        locked=tuple(_accented(sentence) for sentence in template.locked),
    )


PSEUDO = Language(
    LOCALE,
    {id: _turned(template) for id, template in ENGLISH.templates.items()},
    {id: _accented(phrase) for id, phrase in ENGLISH.phrases.items()},
)
