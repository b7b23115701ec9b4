"""What the simulated carrier keeps and is told: accounts, messages, faults, and the shapes its vendor gives them."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

STOP_WORDS = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "optout", "revoke"})
START_WORDS = frozenset({"start", "yes", "unstop"})
HELP_WORDS = frozenset({"help", "info"})
API_VERSION = "2010-04-01"

#: What the API says besides the code. Made up here; only codes and HTTP statuses follow the vendor.
REFUSALS = {
    12100: (400, "What the call should say cannot be read."),
    20001: (400, "A parameter is unknown or malformed."),
    20003: (401, "The account or its token is wrong."),
    20404: (404, "There is no such thing."),
    20429: (429, "Too many requests."),
    21201: (400, "'To' is missing."),
    21205: (400, "The URL is missing or not one that can be called."),
    21208: (400, "'Timeout' is not a number of seconds."),
    21209: (400, "There is no such method."),
    21210: (400, "'From' is not a number of this account."),
    21211: (400, "'To' is not a phone number."),
    21213: (400, "'From' is missing."),
    21215: (400, "Calls to this region are not permitted."),
    21220: (400, "The call is not in progress."),
    21266: (400, "'To' and 'From' are the same."),
    21408: (400, "Texts to this region are not permitted."),
    21602: (400, "'Body' is missing."),
    21603: (400, "'From' is missing."),
    21604: (400, "'To' is missing."),
    21606: (400, "'From' is not a number of this account."),
    21610: (400, "The recipient has opted out."),
    21614: (400, "'To' cannot receive texts."),
    21617: (400, "'Body' is too long."),
}


@dataclass(frozen=True, slots=True)
class CarrierAccount:
    """An account with its secret and the numbers it owns."""

    account_sid: str
    auth_token: str = field(repr=False)
    numbers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Fault:
    """What to do with the next request instead of what was asked.

    `drop`: the message is accepted, then the connection is cut, so that the sender cannot know. `reset`: it is cut
    before anything is accepted. `malformed`: accepted, but the answer makes no sense. Otherwise answer `status` with
    `code`, after `delay_s` seconds or once `slow` is set; a `status` of 0 only delays. `retry_after` goes into the
    header.
    """

    status: int = 0
    code: int = 0
    delay_s: float = 0.0
    drop: bool = False
    malformed: bool = False
    reset: bool = False
    slow: asyncio.Event | None = None
    retry_after: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One status a message goes through. `lost`: the report never leaves the carrier."""

    status: str
    error_code: int = 0
    lost: bool = False


@dataclass(frozen=True, slots=True)
class TextRoute:
    """Where a number sends the texts that come in, and what it asks when that fails; "" where nothing is set."""

    url: str = ""
    method: str = "POST"
    fallback_url: str = ""
    fallback_method: str = "POST"


DELIVERED = (Step("sent"), Step("delivered"))


@dataclass(frozen=True, slots=True)
class Posted:
    """A webhook that was posted: which message, and what the application answered; 0 when nobody answered."""

    message_sid: str
    status: int


@dataclass(slots=True)
class Message:
    """A text on its way out. Changes as it travels."""

    sid: str
    account_sid: str
    to: str
    sender: str
    body: str
    callback: str
    created: datetime
    direction: str = "outbound-api"
    status: str = "queued"
    error_code: int = 0
    sent: datetime | None = None
    updated: datetime | None = None

    def as_json(self) -> dict[str, object]:
        """The vendor's shape of a message."""
        uri = f"/{API_VERSION}/Accounts/{self.account_sid}/Messages/{self.sid}"
        return {
            "account_sid": self.account_sid,
            "api_version": API_VERSION,
            "body": self.body,
            "date_created": rfc2822(self.created),
            "date_sent": rfc2822(self.sent) if self.sent else None,
            "date_updated": rfc2822(self.updated or self.created),
            "direction": self.direction,
            "error_code": self.error_code or None,
            "error_message": None,
            "from": self.sender,
            "messaging_service_sid": None,
            "num_media": "0",
            "num_segments": str(segments(self.body)),
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": self.to,
            "uri": f"{uri}.json",
        }


def number_as_json(account: CarrierAccount, number: str, route: TextRoute) -> dict[str, object]:
    """The vendor's shape of a number of an account."""
    sid = "PN" + hashlib.md5(number.encode(), usedforsecurity=False).hexdigest()
    return {
        "account_sid": account.account_sid,
        "address_requirements": "none",
        "address_sid": None,
        "api_version": API_VERSION,
        "beta": False,
        "bundle_sid": None,
        "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
        "date_created": "Mon, 05 Jan 2026 09:00:00 +0000",
        "date_updated": "Mon, 05 Jan 2026 09:00:00 +0000",
        "emergency_address_sid": None,
        "emergency_address_status": "unregistered",
        "emergency_status": "Active",
        "friendly_name": number,
        "identity_sid": None,
        "origin": "twilio",
        "phone_number": number,
        "sid": sid,
        "sms_application_sid": None,
        "sms_fallback_method": route.fallback_method,
        "sms_fallback_url": route.fallback_url,
        "sms_method": route.method,
        "sms_url": route.url,
        "status": "in-use",
        "status_callback": "",
        "status_callback_method": "POST",
        "trunk_sid": None,
        "type": "local",
        "uri": f"/{API_VERSION}/Accounts/{account.account_sid}/IncomingPhoneNumbers/{sid}.json",
        "voice_application_sid": None,
        "voice_caller_id_lookup": False,
        "voice_fallback_method": "POST",
        "voice_fallback_url": None,
        "voice_method": "POST",
        "voice_receive_mode": "voice",
        "voice_url": None,
    }


def rfc2822(at: datetime) -> str:
    """Whole seconds in UTC, as the vendor writes times."""
    return format_datetime(at.astimezone(UTC))


def segments(body: str) -> int:
    """About how many texts this is billed as: 160 or 153 plain characters, 70 or 67 units of UTF-16 otherwise."""
    plain = body.isascii()
    length = len(body) if plain else len(body.encode("utf-16-le")) // 2
    one, many = (160, 153) if plain else (70, 67)
    return 1 if length <= one else -(-length // many)
