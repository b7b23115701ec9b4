"""May a tenant say it in these words? Answers in plain words, for the person who wrote them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from dialogs.effects import Code, Value
from dialogs.texts.catalogue import find_template, language_for
from dialogs.texts.fill import fill
from dialogs.texts.segments import segments
from dialogs.texts.template import PLACEHOLDER, Template, TextError

LOCKED_WITHIN = 160
MAX_SEGMENTS = 3
#: Mails and speech cost nothing by the segment, but nobody reads, or listens to, a book.
MAX_LENGTHS: Mapping[str, int] = {"mail": 2000, "speech": 600}
#: Samples as long as they usually get; a company name of 25 characters is what the locked sentences are measured with.
SAMPLES: Mapping[str, Value] = {
    "msp": "Northwind Managed Support",
    "phone": "+1 212-555-0100",
    "code": Code("482913"),
    "again": "phrase.again",
    "notice": "",
    "tech": "Alexandra",
    "doing": "phrase.remote_session",
    "about": "phrase.no_ticket",
    "ticket": "10427",
    "number": "+12125550100",
    "left": 4,
    "ending": "0100",
    "at": datetime(2026, 3, 1, 14, 7, tzinfo=UTC),
    "contact": "Jonathan Featherstone",
    # As long as the links of verifications, which have tokens of 43 characters.
    "link": "https://watchword.example.com/v/Zk3vQ9xN7bLw2RtYc8Hd5mUeJpA4sGfKiTzOqWnXyBo",
    "outcome": "phrase.outcome_confirmed",
    "assurance": "phrase.assurance_compare",
    "direction": "phrase.note_we_called_user",
    "remark": "",
    "until": datetime(2026, 3, 1, 14, 12, tzinfo=UTC),
    "method": "phrase.method_sms_code",
    "destination": "... 0142",
    "unusual": "phrase.other_address",
    "line": "phrase.line_mobile",
    "sim": "phrase.sim_swapped",
    "whose": "phrase.other_contact",
    "action": "phrase.action_standard",
    "enough": "",
    "why": "30006",
    "reason": "They are on site with their manager.",
    "alone": "phrase.override_alone",
    "approver": "Alexandra",
    "second_method": "phrase.method_email_code",
    "numbers": "+1 212-555-xxxx",
    "sent": 20,
    "answered": 1,
    "trail": "2026-03-01T14:00:00+00:00|requested|",
}
_ORDER = re.compile(
    r"\b(?:reply|text|send|type|write|answer|say|press|sms)\b(?:\s+(?:with|us|back|the\s+word))*\s*[\"'“”‘’]?\s*"
    r"(?:stop|stopall|end|cancel|quit|unsubscribe|revoke|opt-?\s?out)\b",
    re.IGNORECASE,
)
_SHOUTED = re.compile(r"\b(?:STOP|STOPALL|END|CANCEL|QUIT|UNSUBSCRIBE|REVOKE|OPTOUT)\b")
#: Control characters, invisible ones, and those without a meaning. Some hide words, or turn them round.
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
#: Invisible ones that writing needs: joiners of Persian and of emoji, and marks of direction that are closed again.
_WRITING = frozenset("\u200c\u200d\u200e\u200f\u061c\u202a\u202b\u202c\u2066\u2067\u2068\u2069")
#: Where opting out is the subject, the words may stand.
ABOUT_OPTING_OUT = frozenset({"desk.help", "desk.stopped"})


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a wording cannot be used. `line` counts from 1; 0 where it is about the text as a whole."""

    line: int
    problem: str


def check_override(key: str, text: str) -> tuple[str, ...]:
    """What is wrong with `text` as the wording of `key` (`template` or `template@locale`); empty when nothing is."""
    return tuple(fault.problem for fault in faults(key, text))


@lru_cache(maxsize=4096)
def faults(key: str, text: str) -> tuple[Fault, ...]:
    """The same with the line of each."""
    template_id, _, locale = key.partition("@")
    try:
        template = find_template(template_id, locale)
    except TextError as unknown:
        return (Fault(0, str(unknown)),)
    if not text.strip():
        return (Fault(0, "The text is empty."),)
    used = set(PLACEHOLDER.findall(text))
    found = [
        Fault(_line_of(text, "{" + name + "}"), f"{{{name}}} is not known in this text.")
        for name in sorted(used - template.variables)
    ]
    found += [Fault(0, f"{{{name}}} is missing and must be in this text.") for name in sorted(template.required - used)]
    found += _faults_by_line(template_id, text)
    if used - template.variables:
        return tuple(found)
    language = language_for(locale)
    sample = fill(text, SAMPLES, language, "UTC", in_ticket=template.audience == "ticket", medium=template.medium)
    for sentence in template.locked:
        if sentence not in text:
            found.append(Fault(0, f'Keep this sentence word for word: "{sentence}"'))
        elif sentence not in sample[:LOCKED_WITHIN]:
            said = f'Move this sentence into the first {LOCKED_WITHIN} characters: "{sentence}"'
            found.append(Fault(_line_of(text, sentence), said))
    found += _faults_of_length(template, sample)
    return tuple(found)


def _faults_of_length(template: Template, sample: str) -> Iterator[Fault]:
    most = MAX_LENGTHS.get(template.medium)
    if most is not None:
        if len(sample) > most:
            yield Fault(0, f"Too long: {len(sample)} characters; {most} are allowed.")
        return
    size = segments(sample)
    if template.audience != "ticket" and size.count > MAX_SEGMENTS:
        yield Fault(0, f"Too long: {size.count} text segments ({size.encoding}); {MAX_SEGMENTS} are allowed.")


def _faults_by_line(template_id: str, text: str) -> Iterator[Fault]:
    for number, written in enumerate(text.split("\n"), 1):
        if set("{}") & set(PLACEHOLDER.sub("", written)):
            yield Fault(number, "Curly brackets may only stand around a name, as in {msp}.")
        if template_id not in ABOUT_OPTING_OUT and (_ORDER.search(written) or _SHOUTED.search(written)):
            said = "Do not tell people to send STOP, END, CANCEL or QUIT: the carrier would opt them out."
            yield Fault(number, said)
        hidden = next((c for c in written if unicodedata.category(c) in _UNSEEN and c not in _WRITING), "")
        if hidden:
            place = written.index(hidden)
            behind = f' behind "{written[max(0, place - 12) : place]}"' if place else " at the beginning"
            yield Fault(number, f"There is a character nobody sees (U+{ord(hidden):04X}){behind}. Take it out.")


def _line_of(text: str, part: str) -> int:
    return text[: text.find(part)].count("\n") + 1
