"""Where texts and calls may go (SEC-39): expensive and useless numbers are refused, by numbering data."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
#: North America does not tell mobiles from landlines, so "either" counts as textable.
_TEXTABLE = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})
#: What people have at home and at work. What costs the caller more, or is nobody's own, is not among them.
_CALLABLE = _TEXTABLE | {PhoneNumberType.FIXED_LINE, PhoneNumberType.VOIP, PhoneNumberType.UAN}


@dataclass(frozen=True, slots=True)
class RefusedDestination:
    """Nothing is sent there. `word` is for logs and answers: `invalid_number`, `not_textable`,
    `not_callable` or `country_not_allowed`; `reason` is for people."""

    word: str
    reason: str


def refuse_destination(e164: str, countries: Collection[str], our_number: str) -> RefusedDestination | None:
    """None when a text may go to `e164`.

    `countries`: ISO region codes; empty means the region of `our_number` only. Countries that share +1 are told
    apart. Numbers of no country (satellite, international premium) are never allowed.
    """
    wrong_kind = RefusedDestination(
        "not_textable", "This kind of number is not a mobile. Use another number or method."
    )
    return _refuse(e164, countries, our_number, _TEXTABLE, wrong_kind, "Texts")


def refuse_call(e164: str, countries: Collection[str], our_number: str) -> RefusedDestination | None:
    """None when `e164` may be called; a landline may. Countries as for texts."""
    wrong_kind = RefusedDestination(
        "not_callable", "Numbers of this kind are not called. Use another number or method."
    )
    return _refuse(e164, countries, our_number, _CALLABLE, wrong_kind, "Calls")


def _refuse(
    e164: str,
    countries: Collection[str],
    our_number: str,
    kinds: Collection[int],
    wrong_kind: RefusedDestination,
    what: str,
) -> RefusedDestination | None:
    number = _parsed(e164)
    if number is None:
        return RefusedDestination("invalid_number", "This is not a phone number that exists. Check it for typos.")
    if phonenumbers.number_type(number) not in kinds:
        return wrong_kind
    region = phonenumbers.region_code_for_number(number)
    allowed: set[str | None] = {country.upper() for country in countries}
    if not allowed and (ours := _parsed(our_number)) is not None:
        allowed = {phonenumbers.region_code_for_number(ours)}
    if region is None or region == "001" or region not in allowed:
        where = region or "an unknown country"
        return RefusedDestination("country_not_allowed", f"{what} to {where} are switched off. An admin can allow it.")
    return None


def _parsed(e164: str) -> PhoneNumber | None:
    if not _E164.fullmatch(e164):
        return None
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None
