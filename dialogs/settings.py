"""A tenant's settings as plain values. Storage keeps them as JSON; nothing here reads anything."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dialogs.grammar import HELP_WORDS, ORIGINAL_WORDS, START_WORDS, STOP_WORDS, Command, tidy
from dialogs.tech_verify import Rules
from dialogs.texts import check_override
from dialogs.user_verify.policy import Policy
from dialogs.user_verify.policy import faults as policy_faults


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on *unanswered* challenge sends (codes and links); an answered one is given back. Counts per window.

    `prefix_answered_percent`: the share of codes to a number prefix that must be answered, else sends there pause; 0
    switches that off (see `dialogs.limits.prefix_pause`).
    """

    verify_per_10_min: int = 3
    verify_per_24_h: int = 10
    resend_gap: timedelta = timedelta(seconds=30)
    destination_per_10_min: int = 3
    destination_per_hour: int = 5
    destination_per_24_h: int = 10
    prefix_per_hour: int = 20
    prefix_answered_percent: int = 20
    technician_per_hour: int = 60
    tenant_per_hour: int = 300
    tenant_segments_per_day: int = 2000


@dataclass(frozen=True, slots=True)
class Retention:
    """How long words are kept. The log and the keys that make a repeat a duplicate are kept for ever.

    `keep_messages`: texts both ways and notes on their way to tickets. `keep_alerts`: alerts that somebody has seen.
    `keep_checks`: the story of an ended check; who checked whom, when and with what outcome stays.
    """

    keep_messages: timedelta = timedelta(days=180)
    keep_alerts: timedelta = timedelta(days=365)
    keep_checks: timedelta = timedelta(days=730)


@dataclass(frozen=True, slots=True)
class TenantSettings:
    """Everything a tenant may set that the turn needs.

    `phone`: the published number texts tell people to call. `countries`: ISO regions texts may go to; empty means
    the region of the tenant's primary number only. `words`: own command words, without `#`. `texts`: own wording,
    keyed `template` or `template@locale`. `invited_role`: what an invitation is for unless an admin chooses otherwise.
    `policy`: for the verification of end users; `client_policies`: by client id, in place of it. `pod_origins`: exact
    https origins of ticket systems whose pages may show the pod in a frame. `mail_text`, `mail_signature`,
    `mail_footer`: the tenant's own words in mails to end users, under what the mail is about. `number_lookups`: what
    the carrier is asked about a mobile number before a code goes there; every question costs money (SEC-42).
    """

    phone: str = ""
    locale: str = "en"
    timezone: str = "UTC"
    code_length: int = 6
    countries: tuple[str, ...] = ()
    rules: Rules = field(default_factory=Rules)
    limits: Limits = field(default_factory=Limits)
    words: Mapping[str, Command] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    unknown_sender: Literal["neutral", "silent"] = "neutral"
    announced_call_lasts: timedelta = timedelta(minutes=15)
    retention: Retention = field(default_factory=Retention)
    invited_role: Literal["technician", "admin"] = "technician"
    policy: Policy = field(default_factory=Policy)
    client_policies: Mapping[str, Policy] = field(default_factory=dict)
    pod_origins: tuple[str, ...] = ()
    mail_text: str = ""
    mail_signature: str = ""
    mail_footer: str = ""
    number_lookups: Literal["off", "line_type", "sim_swap"] = "off"

    def policy_of(self, client_id: str) -> Policy:
        """The client's own policy, else the tenant's."""
        return self.client_policies.get(client_id, self.policy)


#: Characters of the tenant's own words in mails to end users.
LONGEST_IN_MAIL: Mapping[str, int] = {"mail_text": 1000, "mail_signature": 500, "mail_footer": 1000}


#: Ticket systems in whose pages the pod may stand; one of them needs a few at the most.
MOST_ORIGINS = 20
_ORIGIN = re.compile(r"https://[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::[0-9]{1,5})?")


def origin_faults(origins: tuple[str, ...]) -> Iterator[str]:
    """What cannot stand in a browser's list of who may frame a page: anything but exact https origins (SEC-31)."""
    if len(origins) > MOST_ORIGINS:
        yield f"pod_origins has {len(origins)} entries; choose {MOST_ORIGINS} at most"
    for origin in origins:
        host = origin.removeprefix("https://").partition(":")[0]
        if not _ORIGIN.fullmatch(origin) or "." not in host or ".." in host:
            yield f"pod_origins holds {origin!r}; write exact addresses such as https://psa.example.com"


class SettingsError(ValueError):
    """A setting outside its bounds; the message names it and says what is allowed."""


def check_settings(settings: TenantSettings) -> None:
    """Refuse what security.md bounds: code length 6 to 10, life at most 10 minutes, 3 to 5 wrong codes; own words that
    opt people out; own wording without its locked sentences (SEC-05). Raises `SettingsError` at the first fault."""
    if not 6 <= settings.code_length <= 10:
        raise SettingsError(f"code_length is {settings.code_length}; choose 6 to 10 digits")
    if not timedelta(minutes=1) <= settings.rules.lifetime <= timedelta(minutes=10):
        raise SettingsError(f"lifetime is {settings.rules.lifetime}; choose 1 to 10 minutes")
    if not 3 <= settings.rules.max_wrong_codes <= 5:
        raise SettingsError(f"max_wrong_codes is {settings.rules.max_wrong_codes}; choose 3 to 5")
    if not timedelta(seconds=5) <= settings.rules.alert_after <= settings.rules.lifetime:
        raise SettingsError(f"alert_after is {settings.rules.alert_after}; choose 5 seconds up to the lifetime")
    if not 0 <= settings.limits.prefix_answered_percent <= 50:
        percent = settings.limits.prefix_answered_percent
        raise SettingsError(f"prefix_answered_percent is {percent}; choose 1 to 50, or 0 to switch it off")
    for limit in fields(settings.limits):
        value = getattr(settings.limits, limit.name)
        if isinstance(value, int) and value < 1 and limit.name != "prefix_answered_percent":
            raise SettingsError(f"{limit.name} is {value}; choose 1 or more")
    for kept in fields(settings.retention):
        days = getattr(settings.retention, kept.name)
        if not timedelta(days=7) <= days <= timedelta(days=3650):
            raise SettingsError(f"{kept.name} is {days.days} days; choose 7d to 3650d")
    try:
        ZoneInfo(settings.timezone)
    except (ZoneInfoNotFoundError, ValueError) as unknown:
        raise SettingsError(f"timezone is {settings.timezone!r}; choose a name such as Europe/Berlin") from unknown
    for policy in (settings.policy, *settings.client_policies.values()):
        for wrong in policy_faults(policy):
            raise SettingsError(wrong)
    for name, longest in LONGEST_IN_MAIL.items():
        own = getattr(settings, name)
        if len(own) > longest or any(not (c.isprintable() or c == "\n") for c in own):
            raise SettingsError(f"{name} has {len(own)} characters; choose at most {longest} that can be printed")
    for wrong in origin_faults(settings.pod_origins):
        raise SettingsError(wrong)
    for word in settings.words:
        _check_word(word)
    for key, text in settings.texts.items():
        for problem in check_override(key, text):
            raise SettingsError(f"{key}: {problem}")


def _check_word(word: str) -> None:
    if word != tidy(word) or not word or not word[0].isalpha():
        raise SettingsError(f"the word {word!r} must be in lower case, begin with a letter and hold no #")
    if word in STOP_WORDS | START_WORDS | HELP_WORDS:
        raise SettingsError(f"the word {word!r} is kept for opting out, opting in and help")
    if word in ORIGINAL_WORDS:
        raise SettingsError(f"the word {word!r} works already and cannot mean something else")
