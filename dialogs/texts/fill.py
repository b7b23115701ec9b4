"""Values into placeholders. Values are data: whatever a name holds, it is never read as a
template, never starts a line of its own and never grows without bounds.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from dialogs.effects import Code, Link, Value
from dialogs.texts.template import PLACEHOLDER, Language, Medium, TextError
from dialogs.texts.times import clock_and_zone

MAX_NAME = 60
MAX_REMARK = 2000
#: Plain values of these variables are put into a phrase, so that "about 1042" becomes "about ticket 1042".
_WRAPPED: Mapping[str, tuple[str, str]] = {"about": ("phrase.ticket", "number"), "ticket": ("phrase.ticket", "number")}
#: Variables whose value may be the name of a phrase. Names and remarks are not among them.
_PHRASED = frozenset({"again", "notice", "doing", "about", "ticket", "outcome", "assurance", "direction"}) | frozenset(
    {"method", "action", "whose", "unusual", "enough", "alone", "why", "line", "sim", "second_method"}
)
#: What somebody wrote as a sentence or more. In a ticket it keeps its lines, elsewhere it becomes one.
_REMARKS = frozenset({"remark", "reason"})
MAX_LINE = 300
_NOBODY_YET = "phrase.several_contacts"
_WHOLE = frozenset({"link", "phone"})
#: A curly quote would turn the whole text into UCS-2 and double its price.
_PLAIN_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "..."})
_NORTH_AMERICA = re.compile(r"\+1(\d{3})(\d{3})(\d{4})")


def fill(
    body: str,
    values: Mapping[str, Value],
    language: Language,
    timezone: str,
    *,
    in_ticket: bool,
    medium: Medium = "text",
) -> str:
    """Put values into the placeholders of `body`, once: braces inside a value stay what they are. Speech is read to
    people, so a code is written digit by digit. A mail may be read anywhere and later, so a time says its zone; in a
    text that could cost a second segment."""
    if medium == "speech":
        values = {n: ", ".join(value.digits) if isinstance(value, Code) else value for n, value in values.items()}
    if medium == "mail":
        values = {n: clock_and_zone(v, timezone) if isinstance(v, datetime) else v for n, v in values.items()}
    shown = {name: _show(name, values, language, timezone, in_ticket=in_ticket) for name in PLACEHOLDER.findall(body)}
    lines = body.split("\n") if in_ticket else [body]
    kept = [line for line in lines if _says_something(line, shown)]
    return PLACEHOLDER.sub(lambda found: shown[found[1]], "\n".join(kept)).strip()


def _says_something(line: str, shown: Mapping[str, str]) -> bool:
    names = PLACEHOLDER.findall(line)
    return not names or any(shown[name] for name in names)


def _show(name: str, values: Mapping[str, Value], language: Language, timezone: str, *, in_ticket: bool) -> str:
    if name not in values:
        raise TextError(f"the text needs a value for {{{name}}}")
    match values[name]:
        case Code(digits=digits):
            return digits
        case Link(url=url):
            return url
        case datetime() as at:
            return at.astimezone(ZoneInfo(timezone)).strftime("%H:%M")
        case int() as number:
            return str(number)
        case str() as text:
            return _show_text(name, text, values, language, timezone, in_ticket=in_ticket)


def _show_text(
    name: str, text: str, values: Mapping[str, Value], language: Language, timezone: str, *, in_ticket: bool
) -> str:
    if not text:
        return ""
    # A contact may be called anything, also like a phrase of ours; this one alone stands for a contact.
    if text.startswith("phrase.") and (text == _NOBODY_YET if name == "contact" else name in _PHRASED):
        if text not in language.phrases:
            raise TextError(f"there is no {text}")
        return _expand(language.phrases[text], values, language, timezone)
    if in_ticket and name == "trail":
        return _trail(text, language)
    if in_ticket and name in _REMARKS:
        return "\n  ".join(filter(None, (clean(line, MAX_REMARK) for line in text[:MAX_REMARK].splitlines())))
    if name in _WRAPPED:
        phrase, inner = _WRAPPED[name]
        return _expand(language.phrases[phrase], {inner: text}, language, timezone)
    if name == "number":
        text = _NORTH_AMERICA.sub(r"+1 \1-\2-\3", text)
    if name in _WHOLE:
        return clean(text, len(text))
    return clean(text, MAX_LINE if name in _REMARKS else MAX_NAME)


def _expand(phrase: str, values: Mapping[str, Value], language: Language, timezone: str) -> str:
    return PLACEHOLDER.sub(lambda found: _show(found[1], values, language, timezone, in_ticket=False), phrase)


def _trail(text: str, language: Language) -> str:
    """One line per step, `iso|what|who` each, as people read it."""
    return "\n".join(_trail_line(*line.split("|", 2), language=language) for line in text.splitlines() if line)


def _trail_line(at: str, what: str, who: str, *, language: Language) -> str:
    phrase = language.phrases.get("phrase.trail_" + what)
    if phrase is None:
        raise TextError(f"there is no phrase for the step {what}")
    time = datetime.fromisoformat(at).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{time} {phrase.replace('{who}', clean(who, MAX_NAME))}"


def clean(text: str, most: int) -> str:
    """One line, no control or invisible formatting characters, at most `most` characters."""
    spaced = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
    visible = "".join(c for c in spaced if unicodedata.category(c) not in ("Cf", "Cs"))
    return " ".join(visible.translate(_PLAIN_QUOTES).split())[:most].strip()
