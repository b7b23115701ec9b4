"""May a tenant say it in these words? Answers in plain words, for the person who wrote them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

from dialogs.effects import Code, Value
from dialogs.texts.catalogue import find_template, language_for
from dialogs.texts.fill import fill
from dialogs.texts.segments import segments
from dialogs.texts.template import PLACEHOLDER, TextError

LOCKED_WITHIN = 160
MAX_SEGMENTS = 3
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
    "link": "https://watchword.example.com/t/Zk3vQ9xN7bLw2RtY",
    "outcome": "phrase.outcome_confirmed",
    "assurance": "phrase.assurance_compare",
    "direction": "phrase.note_we_called_user",
    "remark": "",
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
#: Where opting out is the subject, the words may stand.
ABOUT_OPTING_OUT = frozenset({"desk.help", "desk.stopped"})


@lru_cache(maxsize=4096)
def check_override(key: str, text: str) -> tuple[str, ...]:
    """What is wrong with `text` as the wording of `key` (`template` or `template@locale`); empty when nothing is."""
    template_id, _, locale = key.partition("@")
    try:
        template = find_template(template_id, locale)
    except TextError as unknown:
        return (str(unknown),)
    if not text.strip():
        return ("The text is empty.",)
    used = set(PLACEHOLDER.findall(text))
    problems = [f"{{{name}}} is not known in this text." for name in sorted(used - template.variables)]
    problems += [f"{{{name}}} is missing and must be in this text." for name in sorted(template.required - used)]
    if set("{}") & set(PLACEHOLDER.sub("", text)):
        problems.append("Curly brackets may only stand around a name, as in {msp}.")
    if template_id not in ABOUT_OPTING_OUT and (_ORDER.search(text) or _SHOUTED.search(text)):
        problems.append("Do not tell people to send STOP, END, CANCEL or QUIT: the carrier would opt them out.")
    if used - template.variables:
        return tuple(problems)
    language = language_for(locale)
    sample = fill(text, SAMPLES, language, "UTC", in_ticket=template.audience == "ticket")
    for sentence in template.locked:
        if sentence not in text:
            problems.append(f'Keep this sentence word for word: "{sentence}"')
        elif sentence not in sample[:LOCKED_WITHIN]:
            problems.append(f'Move this sentence into the first {LOCKED_WITHIN} characters: "{sentence}"')
    size = segments(sample)
    if template.audience != "ticket" and size.count > MAX_SEGMENTS:
        problems.append(f"Too long: {size.count} text segments ({size.encoding}); {MAX_SEGMENTS} are allowed.")
    return tuple(problems)
