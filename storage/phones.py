"""Phone numbers: from what people type to E.164, and back to what people read."""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

#: Systems that store free-form numbers are searched by this many digits from the end.
LAST_DIGITS = 9
_NOT_DIGITS = re.compile(r"[^0-9]")
_LAST_FOUR = re.compile(r"\d(?=(?:\D*\d){0,3}\D*$)")


class BadNumber(ValueError):
    """What was typed is no phone number; the message says why."""


def to_e164(typed: str, region: str) -> str:
    """`(212) 555-0101` in region US is `+12125550101`. An extension is left out. Raises `BadNumber`."""
    try:
        parsed = phonenumbers.parse(typed, region or None)
    except NumberParseException as cause:
        if cause.error_type == NumberParseException.INVALID_COUNTRY_CODE and not typed.strip().startswith("+"):
            raise BadNumber("has no country code: start it with + and the country's digits") from cause
        raise BadNumber("is not a phone number") from cause
    if not phonenumbers.is_valid_number(parsed):
        where = phonenumbers.region_code_for_country_code(parsed.country_code or 0)
        raise BadNumber(f"is not a number that exists in {where}")
    return phonenumbers.format_number(parsed, PhoneNumberFormat.E164)


def is_landline(e164: str) -> bool:
    """Whether the numbering plan says that texts cannot reach it. Where it does not tell (North America), False."""
    return phonenumbers.number_type(phonenumbers.parse(e164)) == PhoneNumberType.FIXED_LINE


def region_of(e164: str) -> str:
    """The ISO region of a number, empty when it has none."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(e164)) or ""
    except NumberParseException:
        return ""


def example_of(region: str) -> str:
    """A number of that region as it is to be written: `+1 201-555-0123`. Empty where the region is unknown."""
    found = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE) if region else None
    return "" if found is None else phonenumbers.format_number(found, PhoneNumberFormat.INTERNATIONAL)


@lru_cache(10_000)
def readable(e164: str) -> str:
    """`+12125550101` as `+1 212-555-0101`; what is no number stays as it is."""
    try:
        return phonenumbers.format_number(phonenumbers.parse(e164), PhoneNumberFormat.INTERNATIONAL)
    except NumberParseException:
        return e164


def numbers_like(e164: str) -> str:
    """`+12125550101` as `+1 212-555-xxxx`, which stands for all numbers with the same prefix (SEC-39)."""
    return _LAST_FOUR.sub("x", readable(e164))


def masked(address: str) -> str:
    """All but the last two digits of a number hidden; of an e-mail address all but the first letter and the domain."""
    if "@" in address:
        local, _, domain = address.rpartition("@")
        return f"{local[:1]}…@{domain}"
    digits = _NOT_DIGITS.sub("", address)
    return f"…{digits[-2:]}" if len(digits) > 4 else "…"


def digits_to_match(typed: str) -> str:
    """The digits of what was typed, without the zeros in front (trunk prefix, 00); empty when too few to search by."""
    digits = _NOT_DIGITS.sub("", typed).lstrip("0")
    return digits if len(digits) >= 7 else ""
