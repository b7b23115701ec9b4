"""How one setting of a tenant is spelled: read from what was typed, and shown as it would be typed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from dialogs.settings import SettingsError, TenantSettings

#: Reads what was typed; raises ValueError with what is allowed.
Read = Callable[[str], Any]
Show = Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class TenantSetting:
    """One setting. `part` is where it lives: `""` for the settings themselves, else `rules`, `limits`, `retention` or
    `policy`; `kept_as` what it is called there, where that is not its name."""

    name: str
    about: str
    allowed: str
    read: Read
    show: Show
    part: str = ""
    kept_as: str = ""

    @property
    def _field(self) -> str:
        return self.kept_as or self.name

    def value_in(self, settings: TenantSettings) -> Any:
        """The value as it is set."""
        return getattr(getattr(settings, self.part) if self.part else settings, self._field)

    def put(self, settings: TenantSettings, typed: str) -> TenantSettings:
        """The settings with this one changed. Raises SettingsError that names it and says what is allowed."""
        try:
            value = self.read(typed.strip())
        except ValueError as wrong:
            said = str(wrong)
            raise SettingsError(f"{self.name} is {typed!r}; {said or 'choose ' + self.allowed}") from None
        if not self.part:
            return replace(settings, **{self._field: value})
        return replace(settings, **{self.part: replace(getattr(settings, self.part), **{self._field: value})})


def whole(typed: str) -> int:
    """A number without a sign."""
    if not (typed.isascii() and typed.isdecimal()):
        raise ValueError
    return int(typed)


_UNITS = {"s": 1, "m": 60, "h": 3600}


def a_time(typed: str) -> timedelta:
    """A number and its unit: `20s`, `10m`, `1h`."""
    found = re.fullmatch(r"([0-9]{1,6})\s*([smh])", typed)
    if found is None:
        raise ValueError("write a number and its unit, such as 20s, 10m or 1h")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def time_between(low: str, high: str) -> Read:
    """A time from `low` to `high`, both included."""

    def read(typed: str) -> timedelta:
        value = a_time(typed)
        if not a_time(low) <= value <= a_time(high):
            raise ValueError
        return value

    return read


def show_time(value: timedelta) -> str:
    """`10m`, `90s`: the largest unit that leaves no rest."""
    seconds = int(value.total_seconds())
    unit = next(u for u in "hms" if seconds % _UNITS[u] == 0 and (seconds or u == "s"))
    return f"{seconds // _UNITS[unit]}{unit}"


def yes(typed: str) -> bool:
    """Yes or no, in the words people use for it."""
    if typed.casefold() not in {"yes", "no", "true", "false", "on", "off"}:
        raise ValueError
    return typed.casefold() in {"yes", "true", "on"}


def show_yes(value: bool) -> str:
    """`yes` or `no`."""
    return "yes" if value else "no"


def one_of(*words: str) -> Read:
    """One of these words, as it is written here."""

    def read(typed: str) -> str:
        if typed not in words:
            raise ValueError
        return typed

    return read
