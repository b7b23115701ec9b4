"""Forms over the settings of a tenant: what is asked, how it is drawn, and how what was typed becomes a setting.

The settings themselves, with their meaning and bounds, are `storage.tenant_settings`; here is how a page asks for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from dialogs.settings import SettingsError, TenantSettings, check_settings
from storage.tenant_settings import BY_NAME, change
from web.look import _
from web.noting import line
from web.pages.forms import Form
from web.pages.views import Choice
from web.routing import Call

Kind = Literal["text", "tel", "whole", "choice", "tick", "time", "days", "zone", "lines"]
UNITS: Mapping[str, str] = {"s": _("seconds"), "m": _("minutes"), "h": _("hours")}
#: The name under which the unit of a time is sent.
_UNIT = "_unit"
_SPELLED = re.compile(r"\b(\d+)([smhd])\b")
#: Both ends in one unit, which is then said once.
_RANGE = re.compile(r"\b(\d+)([smhd]) to (\d+)\2\b")
_SAID_OF = {**UNITS, "d": _("days")}

Typed = Annotated[str, Field(max_length=400)]
#: Of several lines, whose own bound says more.
Lines = Annotated[str, Field(max_length=8000)]


@dataclass(frozen=True, slots=True)
class Ask:
    """One setting as a form asks for it. `choices`: word -> what it means. `about` stands where the setting's own line
    would not do for people."""

    name: str
    label: str
    kind: Kind
    choices: Mapping[str, str] = field(default_factory=dict)
    about: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Some of them under one heading."""

    title: str
    about: str
    asks: tuple[Ask, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """One field as it is drawn. `unit` and `units` are for times alone."""

    name: str
    label: str
    kind: Kind
    about: str
    allowed: str
    value: str
    choices: tuple[Choice, ...] = ()
    unit: str = ""
    units: tuple[Choice, ...] = ()


def form_of(title: str, groups: Iterable[Group], more: Mapping[str, Any] = MappingProxyType({})) -> type[Form]:
    """The model of a form that asks for these, and for `more`."""
    fields: dict[str, Any] = dict(more)
    for ask in (ask for group in groups for ask in group.asks):
        fields[ask.name] = (Lines if ask.kind == "lines" else Typed, "")
        if ask.kind == "time":
            fields[ask.name + _UNIT] = (Literal["s", "m", "h"], "m")
    return create_model(title, __base__=Form, **fields)


def typed_in(groups: Iterable[Group], form: Form) -> dict[str, str]:
    """What was typed, spelled as `watchword tenant set` takes it. An unticked box sends nothing."""
    given = form.model_dump()
    return {ask.name: _spelled(ask, given) for group in groups for ask in group.asks}


def _spelled(ask: Ask, given: Mapping[str, str]) -> str:
    typed = given[ask.name].strip()
    match ask.kind:
        case "tick":
            return "yes" if typed else "no"
        case "time":
            return typed + given[ask.name + _UNIT] if typed.isascii() and typed.isdecimal() else typed
        case "days":
            return f"{typed}d" if typed.isascii() and typed.isdecimal() else typed
        case _:
            return typed


def shown(
    groups: Iterable[Group], settings: TenantSettings, typed: Mapping[str, str]
) -> list[tuple[Group, list[Shown]]]:
    """The fields as they are drawn: with what was typed, else with what is set."""
    return [(group, [_shown(ask, settings, typed) for ask in group.asks]) for group in groups]


def _shown(ask: Ask, settings: TenantSettings, typed: Mapping[str, str]) -> Shown:
    setting = BY_NAME[ask.name]
    value = typed.get(ask.name, setting.show(setting.value_in(settings)))
    unit = ""
    units: tuple[Choice, ...] = ()
    if ask.kind == "time":
        found = re.fullmatch(r"(.*\d)([smh])", value)
        value, unit = (found[1], found[2]) if found else (value, "m")
        units = tuple(Choice(word, text, word == unit) for word, text in UNITS.items())
    elif ask.kind == "days":
        value = value.removesuffix("d")
    # What was set from elsewhere stays when the form is saved, even if the page would not offer it.
    offered = ask.choices if value in ask.choices or not ask.choices else {**ask.choices, value: value}
    choices = tuple(Choice(word, text, word == value) for word, text in offered.items())
    about = ask.about or setting.about + "."
    return Shown(ask.name, ask.label, ask.kind, about, in_words(setting.allowed), value, choices, unit, units)


def in_words(spelled: str) -> str:
    """`1m to 10m` as `1 to 10 minutes`, for a form that has a unit of its own."""
    shorter = _RANGE.sub(r"\1 to \3\2", spelled)
    return _SPELLED.sub(lambda found: f"{found[1]} {_unit_of(found[2], int(found[1]))}", shorter)


def _unit_of(letter: str, count: int) -> str:
    return _SAID_OF[letter] if count != 1 else _SAID_OF[letter][:-1]


def faults(settings: TenantSettings, typed: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with what was typed, by field; empty when it can be saved."""
    found: dict[str, str] = {}
    for name, value in typed.items():
        try:
            settings = BY_NAME[name].put(settings, value)
        except SettingsError as wrong:
            found[name] = sentence(wrong)
    if not found:
        try:
            check_settings(settings)
        except SettingsError as wrong:
            first = str(wrong).partition(" ")[0].strip(":")
            found[first if first in typed else next(iter(typed))] = sentence(wrong)
    return found


def sentence(wrong: SettingsError) -> str:
    """What to do, from an error that begins with the setting's name and what it is."""
    what = in_words(str(wrong).rpartition("; ")[2])
    return what[:1].upper() + what[1:].rstrip(".") + "."


async def save(call: Call, typed: Mapping[str, str]) -> Sequence[str]:
    """Change what is not as it was, in one go with a line in the log; the names of what changed. Whatever somebody else
    changes meanwhile in another field stays. Raises SettingsError."""
    who, tenants = call.who, call.services.tenants
    tenant = await tenants.get(who.tenant_id)
    if tenant is None:
        return ()
    changed = {
        name: value
        for name, value in typed.items()
        if BY_NAME[name].value_in(BY_NAME[name].put(tenant.settings, value)) != BY_NAME[name].value_in(tenant.settings)
    }
    if changed:
        about = line(call, "settings.changed", settings=",".join(sorted(changed)))
        await tenants.noting(who.tenant_id, about).change_settings(who.tenant_id, lambda now: change(now, changed))
    return tuple(changed)
