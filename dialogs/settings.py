"""A tenant's settings as plain values. Storage keeps them as JSON; nothing here reads anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from dialogs.grammar import Command
from dialogs.tech_verify import Rules


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on *unanswered* challenge sends (codes and links); an answered one is given back. Counts per window."""

    verify_per_10_min: int = 3
    verify_per_24_h: int = 10
    resend_gap: timedelta = timedelta(seconds=30)
    destination_per_10_min: int = 3
    destination_per_hour: int = 5
    destination_per_24_h: int = 10
    prefix_per_hour: int = 20
    technician_per_hour: int = 60
    tenant_per_hour: int = 300
    tenant_segments_per_day: int = 2000


@dataclass(frozen=True, slots=True)
class TenantSettings:
    """Everything a tenant may set that the turn needs.

    `phone`: the published number texts tell people to call. `countries`: ISO regions texts may go to; empty means
    the region of the tenant's primary number only. `words`: own command words, without `#`. `texts`: own wording,
    keyed `template` or `template@locale`.
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


class SettingsError(ValueError):
    """A setting outside its bounds; the message names it and says what is allowed."""


def check_settings(settings: TenantSettings) -> None:
    """Refuse what security.md bounds: code length 6 to 10, life at most 10 minutes, 3 to 5 wrong codes."""
    if not 6 <= settings.code_length <= 10:
        raise SettingsError(f"code_length is {settings.code_length}; choose 6 to 10 digits")
    if not timedelta(minutes=1) <= settings.rules.lifetime <= timedelta(minutes=10):
        raise SettingsError(f"lifetime is {settings.rules.lifetime}; choose 1 to 10 minutes")
    if not 3 <= settings.rules.max_wrong_codes <= 5:
        raise SettingsError(f"max_wrong_codes is {settings.rules.max_wrong_codes}; choose 3 to 5")
