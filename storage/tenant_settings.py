"""The settings of a tenant as command line, pages, API and reference know them: name, meaning, bounds, spelling.

Bounds that matter for safety are checked by `dialogs.settings.check_settings`; here is only what a spelling allows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from urllib.parse import urlsplit

from phonenumbers import SUPPORTED_REGIONS

from dialogs.settings import LONGEST_IN_MAIL, Limits, SettingsError, TenantSettings, check_settings
from dialogs.tech_verify import Mode
from dialogs.texts import LANGUAGES
from storage.phones import BadNumber, to_e164
from storage.policy_settings import POLICY_SETTINGS
from storage.setting_spelling import (
    Show,
    TenantSetting,
    a_time,
    one_of,
    show_time,
    show_yes,
    time_between,
    whole,
    yes,
)


def change(settings: TenantSettings, pairs: Mapping[str, str]) -> TenantSettings:
    """The settings with these changed, as typed, and checked as a whole. Raises SettingsError at the first fault."""
    for name, typed in pairs.items():
        setting = BY_NAME.get(name)
        if setting is None:
            raise SettingsError(f"there is no setting {name!r}; choose one of {', '.join(BY_NAME)}")
        settings = setting.put(settings, typed)
    check_settings(settings)
    return settings


LONGEST_NAME = 120


def check_name(name: str) -> str:
    """The tenant's name, tidied. Raises SettingsError."""
    tidy = " ".join(name.split())
    if not 1 <= len(tidy) <= LONGEST_NAME or not tidy.isprintable():
        raise SettingsError(f"the name has {len(tidy)} characters; choose 1 to {LONGEST_NAME} that can be printed")
    return tidy


def _days(typed: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,4})\s*d", typed)
    if found is None:
        raise ValueError("write a number of days, such as 90d")
    return timedelta(days=int(found[1]))


def show_days(value: timedelta) -> str:
    """`90d`."""
    return f"{value.days}d"


def _phone(typed: str) -> str:
    try:
        return to_e164(typed, "") if typed else ""
    except BadNumber as why:
        raise ValueError(f"it {why}") from None


def _countries(typed: str) -> tuple[str, ...]:
    regions = tuple(dict.fromkeys(part.strip().upper() for part in typed.split(",") if part.strip()))
    unknown = [region for region in regions if region not in SUPPORTED_REGIONS]
    if unknown:
        raise ValueError(f"{unknown[0]} is no country; write two-letter codes with commas, such as US,CA")
    return regions


def _words(typed: str) -> dict[str, str]:
    words: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in typed.split(","))):
        own, colon, command = (part.strip() for part in pair.partition(":"))
        if not colon or command not in {"verify", "confirm", "deny"}:
            raise ValueError
        words[own] = command
    return words


def _lines(typed: str) -> str:
    """Several lines as a form sends them or a command line has them; blank ones at the ends go."""
    return "\n".join(line.rstrip() for line in typed.splitlines()).strip("\n")


def _origins(typed: str) -> tuple[str, ...]:
    """Addresses as somebody copies them from a browser, each cut to its origin."""
    found = []
    for one in filter(None, re.split(r"[,\s]+", typed)):
        try:
            parts = urlsplit(one if "://" in one else f"https://{one}")
            port = f":{parts.port}" if parts.port not in (None, 443) else ""
        except ValueError:
            raise ValueError(f"{one} is no address") from None
        if parts.scheme != "https":
            raise ValueError(f"{one} is not an https address, and browsers keep no sign-in in another one's frame")
        found.append(f"https://{(parts.hostname or '').lower()}{port}")
    return tuple(dict.fromkeys(found))


def _show_words(words: Mapping[str, str]) -> str:
    return ",".join(f"{own}:{command}" for own, command in words.items())


_LIMITS: Mapping[str, str] = {
    "verify_per_10_min": "Unanswered checks one sender may start in ten minutes",
    "verify_per_24_h": "Unanswered checks one sender may start in 24 hours",
    "resend_gap": "Pause before a technician may send the same code again",
    "destination_per_10_min": "Unanswered codes and announcements sent to one number by technicians in ten minutes",
    "destination_per_hour": "The same in an hour",
    "destination_per_24_h": "The same in 24 hours",
    "prefix_per_hour": "Unanswered codes in an hour to numbers that differ in their last four digits only",
    "prefix_answered_percent": "Share in percent of codes to such numbers that must be answered, once there are 20 in "
    "24 hours; below it, texts there pause for six hours and an alert says why",
    "technician_per_hour": "Unanswered codes and announcements one technician may send in an hour",
    "tenant_per_hour": "Unanswered codes of your whole company in an hour",
    "tenant_segments_per_day": "Text segments of your whole company in 24 hours; the carrier bills by segment",
}


_ALLOWED: Mapping[str, str] = {"prefix_answered_percent": "1 to 50, or 0 to switch it off"}


def _limit_settings() -> tuple[TenantSetting, ...]:
    made = []
    for limit in fields(Limits):
        is_time = limit.name == "resend_gap"
        read, show = (time_between("1s", "1h"), show_time) if is_time else (whole, str)
        allowed = "1s to 1h" if is_time else _ALLOWED.get(limit.name, "1 or more")
        made.append(TenantSetting(limit.name, _LIMITS[limit.name], allowed, read, show, "limits"))
    return tuple(made)


_PLAIN: Show = str
SETTINGS: tuple[TenantSetting, ...] = (
    TenantSetting(
        "phone",
        "The published number that texts tell people to call when they are unsure",
        "a number with its country code, such as +12125550100",
        _phone,
        _PLAIN,
    ),
    TenantSetting(
        "timezone",
        "The zone in which times are written in texts and notes",
        "a name such as Europe/Berlin",
        str,
        _PLAIN,
    ),
    TenantSetting("locale", "The language of texts", f"one of {', '.join(LANGUAGES)}", one_of(*LANGUAGES), _PLAIN),
    TenantSetting("code_length", "How many digits a code has", "6 to 10", whole, _PLAIN),
    TenantSetting(
        "countries",
        "Countries that texts may go to; empty means the country of the primary number only",
        "two-letter codes with commas, such as US,CA",
        _countries,
        ",".join,
    ),
    TenantSetting(
        "number_lookups",
        "What the carrier is asked about a mobile number before a code or link goes there, or a call; every question "
        "costs money, one number is asked about once in 24 hours at most. line_type: what kind of number it is. "
        "sim_swap: also whether its SIM was swapped within 7 days",
        "off, line_type or sim_swap",
        one_of("off", "line_type", "sim_swap"),
        _PLAIN,
    ),
    TenantSetting(
        "unknown_sender",
        "What a number that nobody has is answered: once in 24 hours without naming anything, or never",
        "neutral or silent",
        one_of("neutral", "silent"),
        _PLAIN,
    ),
    TenantSetting(
        "invited_role",
        "The role that an invitation is for, unless the admin who sends it chooses another one",
        "technician or admin",
        one_of("technician", "admin"),
        _PLAIN,
    ),
    TenantSetting(
        "announced_call_lasts",
        "How long an announced call waits for #verify",
        "1m to 1h",
        time_between("1m", "1h"),
        show_time,
    ),
    TenantSetting(
        "words",
        "Own words for the commands, besides the original ones",
        "word:command with commas, such as prove:verify; commands are verify, confirm, deny",
        _words,
        _show_words,
    ),
    TenantSetting(
        "pod_origins",
        "Ticket systems whose pages may show the pod in a frame; nobody else's can",
        "exact https addresses with commas, such as https://psa.example.com",
        _origins,
        ",".join,
    ),
    TenantSetting(
        "mode",
        "compare: both sides have the code. transfer: the text has none, and only what is heard and sent counts",
        "compare or transfer",
        lambda typed: Mode(one_of(*Mode)(typed)),
        _PLAIN,
        "rules",
    ),
    TenantSetting("lifetime", "How long a code lives", "1m to 10m", a_time, show_time, "rules"),
    TenantSetting(
        "require_claim",
        "Whether #confirm counts only after a technician has claimed the check. Without, the record says unclaimed",
        "yes or no",
        yes,
        show_yes,
        "rules",
    ),
    TenantSetting(
        "ticket_at_claim",
        "Whether a claim needs a ticket at once",
        "optional or required",
        one_of("optional", "required"),
        _PLAIN,
        "rules",
    ),
    TenantSetting(
        "ticket_logging",
        "Whether notes are written to the ticket at once or after a technician has approved them",
        "auto or ask",
        one_of("auto", "ask"),
        _PLAIN,
        "rules",
    ),
    TenantSetting(
        "max_wrong_codes", "Wrong codes after which a check ends with an alarm", "3 to 5", whole, _PLAIN, "rules"
    ),
    TenantSetting(
        "alert_after",
        "When technicians on duty are alerted because nobody has claimed a check",
        "5s up to the lifetime",
        a_time,
        show_time,
        "rules",
    ),
    TenantSetting(
        "fold_notice_within",
        "A claim this soon is named in the next text instead of in one of its own",
        "0s to 10m",
        time_between("0s", "10m"),
        show_time,
        "rules",
    ),
    *(
        TenantSetting(name, about, f"at most {LONGEST_IN_MAIL[name]} characters, also in several lines", _lines, _PLAIN)
        for name, about in {
            "mail_text": "Your own words in mails to end users, under the code or the link",
            "mail_signature": "Who mails to end users are signed by",
            "mail_footer": "The small print at the end of mails to end users, such as your address",
        }.items()
    ),
    *POLICY_SETTINGS,
    *_limit_settings(),
    *(
        TenantSetting(name, about, "7d to 3650d", _days, show_days, "retention")
        for name, about in {
            "keep_messages": "How long the words of texts are kept, received and sent, and of notes sent to tickets",
            "keep_alerts": "How long an alert is kept after somebody has seen it",
            "keep_checks": "How long the story of an ended check is kept: names, reasons, steps. Its outcome stays",
        }.items()
    ),
)
BY_NAME: Mapping[str, TenantSetting] = {setting.name: setting for setting in SETTINGS}
