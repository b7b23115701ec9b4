"""Where texts may go (SEC-39): the guard against expensive and useless destinations, read from numbering data."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
#: North America does not tell mobiles from landlines, so "either" counts as textable.
_TEXTABLE = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})


@dataclass(frozen=True, slots=True)
class RefusedDestination:
    """Nothing is sent there. `word` is for logs and answers: `invalid_number`, `not_textable` or
    `country_not_allowed`; `reason` is for people."""

    word: str
    reason: str


def refuse_destination(e164: str, countries: Collection[str], our_number: str) -> RefusedDestination | None:
    """None when a text may go to `e164`.

    `countries`: ISO region codes; empty means the region of `our_number` only. Countries that share +1 are told
    apart. Numbers of no country (satellite, international premium) are never allowed.
    """
    number = _parsed(e164)
    if number is None:
        return RefusedDestination("invalid_number", "This is not a phone number that exists. Check it for typos.")
    if phonenumbers.number_type(number) not in _TEXTABLE:
        return RefusedDestination("not_textable", "This kind of number is not a mobile. Use another number or method.")
    region = phonenumbers.region_code_for_number(number)
    allowed: set[str | None] = {country.upper() for country in countries}
    if not allowed and (ours := _parsed(our_number)) is not None:
        allowed = {phonenumbers.region_code_for_number(ours)}
    if region is None or region == "001" or region not in allowed:
        where = region or "an unknown country"
        return RefusedDestination("country_not_allowed", f"Texts to {where} are switched off. An admin can allow it.")
    return None


def _parsed(e164: str) -> PhoneNumber | None:
    if not _E164.fullmatch(e164):
        return None
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None
