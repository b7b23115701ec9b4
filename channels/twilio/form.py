"""The form of a webhook, read from raw bytes and distrusted even when its signature is right (SEC-22).

The signature joins names and values without separators, so one genuine request can be cut into other fields and
still validate. What is refused here is what such cuts look like; `replay_digest` stops those that look innocent.

    FormRefused
        NotAForm, TooManyFields                      not readable; nothing was checked yet
        BadName, RepeatedField, MissingField,
        BadField, LongBody, SmuggledField            readable and signed, but not what Twilio sends
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar
from urllib.parse import unquote_to_bytes

MAX_BYTES = 256 * 1024
MAX_FIELDS = 200
MAX_BODY = 1600

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
#: All names at once, a line each.
_NAMES = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\n[A-Za-z][A-Za-z0-9_]*)*")
_ACCOUNT_SID = re.compile(r"AC[0-9a-fA-F]{32}")
_MESSAGE_SID = re.compile(r"(?:SM|MM)[0-9a-fA-F]{32}")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_CALL_SID = re.compile(r"CA[0-9a-fA-F]{32}")
_STATUS = re.compile(r"[A-Za-z_]{1,32}")
_CALL_STATUS = re.compile(r"[a-z-]{1,32}")
_ANSWERED_BY = re.compile(r"[a-z_]{0,32}")
_KEY = re.compile(r"[0-9*#]")
_ERROR_CODE = re.compile(r"[0-9]{0,10}")
#: Names that carry identity. Found anywhere but in a name or in Body, they are the seam of a cut.
_IDENTITIES = ("MessageSid", "CallSid", "AccountSid")

_ALWAYS = {"AccountSid": _ACCOUNT_SID, "MessageSid": _MESSAGE_SID, "From": _E164, "To": _E164}
_STATUS_FIELDS = {**_ALWAYS, "MessageStatus": _STATUS}
_CALL_FIELDS = {
    "AccountSid": _ACCOUNT_SID,
    "CallSid": _CALL_SID,
    "From": _E164,
    "To": _E164,
    "CallStatus": _CALL_STATUS,
}
_KEY_FIELDS = {**_CALL_FIELDS, "Digits": _KEY}


class FormRefused(Exception):
    """The form is not used. `word` is for counters and logs; the message never holds a value."""

    word: ClassVar[str] = "form_refused"


class NotAForm(FormRefused):
    """Not `application/x-www-form-urlencoded` in UTF-8."""

    word = "not_a_form"


class TooManyFields(FormRefused):
    """More than `MAX_FIELDS`."""

    word = "too_many_fields"


class BadName(FormRefused):
    """A parameter's name that Twilio would not use."""

    word = "bad_name"


class RepeatedField(FormRefused):
    """A parameter came twice."""

    word = "repeated_field"


class MissingField(FormRefused):
    """A parameter without which nothing can be done."""

    word = "missing_field"


class BadField(FormRefused):
    """A required parameter that is not in its one form."""

    word = "bad_field"


class LongBody(FormRefused):
    """Body is longer than any text."""

    word = "long_body"


class SmuggledField(FormRefused):
    """The name of an identity inside a value, or across a seam."""

    word = "smuggled_field"


def read_pairs(body: bytes) -> list[tuple[str, str]]:
    """Names and values exactly as sent: blank values kept, nothing stripped, order kept, repeats kept.

    Raises `NotAForm` and `TooManyFields`.
    """
    if body.count(b"&") >= MAX_FIELDS:
        raise TooManyFields(f"more than {MAX_FIELDS} fields")
    if _BAD_ESCAPE.search(body):
        raise NotAForm("broken percent escape")
    pairs: list[tuple[str, str]] = []
    try:
        for part in body.replace(b"+", b" ").decode().split("&"):
            name, equals, value = part.partition("=")
            if not equals:
                raise NotAForm("a field without =")
            if "%" in part:  # few fields have an escape, and this is the dearest step
                name, value = unquote_to_bytes(name).decode(), unquote_to_bytes(value).decode()
            pairs.append((name, value))
    except UnicodeDecodeError:
        raise NotAForm("not UTF-8") from None  # the cause holds the value
    return pairs


def account_claimed(pairs: Sequence[tuple[str, str]]) -> str:
    """The account the form says it is from, only to choose the secret; empty when it says nothing usable."""
    claimed = next((value for name, value in pairs if name == "AccountSid"), "")
    return claimed if _ACCOUNT_SID.fullmatch(claimed) else ""


def check_text(pairs: Sequence[tuple[str, str]], text: str) -> dict[str, str]:
    """The fields of an inbound text. `text` is the signed text of the same pairs. Raises a `FormRefused`."""
    fields = _distrust(pairs, text, _ALWAYS)
    if len(fields.get("Body", "")) > MAX_BODY:
        raise LongBody(f"Body is longer than {MAX_BODY} characters")
    return fields


def check_status(pairs: Sequence[tuple[str, str]], text: str) -> dict[str, str]:
    """The fields of a delivery report. `text` is the signed text of the same pairs. Raises a `FormRefused`."""
    fields = _distrust(pairs, text, _STATUS_FIELDS)
    if not _ERROR_CODE.fullmatch(fields.get("ErrorCode", "")):
        raise BadField("ErrorCode is not a number")
    return fields


def check_call(pairs: Sequence[tuple[str, str]], text: str) -> dict[str, str]:
    """The fields of a question what to say on a call, or of a report on one. Raises a `FormRefused`."""
    fields = _distrust(pairs, text, _CALL_FIELDS)
    if not _ANSWERED_BY.fullmatch(fields.get("AnsweredBy", "")):
        raise BadField("AnsweredBy is malformed")
    if not _ERROR_CODE.fullmatch(fields.get("ErrorCode", "")):
        raise BadField("ErrorCode is not a number")
    return fields


def check_key(pairs: Sequence[tuple[str, str]], text: str) -> dict[str, str]:
    """The fields of a key that was pressed on a call. Raises a `FormRefused`."""
    return _distrust(pairs, text, _KEY_FIELDS)


def _distrust(pairs: Sequence[tuple[str, str]], text: str, required: Mapping[str, re.Pattern[str]]) -> dict[str, str]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise RepeatedField("a parameter came twice")
    names = "\n".join(fields)
    if not _NAMES.fullmatch(names) or names.count("\n") >= len(fields):
        raise BadName("a parameter's name has characters that Twilio does not use")
    for name, form in required.items():
        value = fields.get(name)
        if value is None:
            raise MissingField(f"{name} is missing")
        if not form.fullmatch(value):
            raise BadField(f"{name} is malformed")
    # Counted in the joined text and not value by value: a cut in the middle of the word ("Mess" + "ageSid") shows too.
    body = fields.get("Body", "")
    for identity in _IDENTITIES:
        if text.count(identity) != names.count(identity) + body.count(identity):
            raise SmuggledField(f"{identity} turns up where it does not belong")
    return fields
