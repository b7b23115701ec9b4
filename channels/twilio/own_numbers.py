"""What Twilio has on record: where each number of ours sends its texts, and what became of one text. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from channels.twilio.account import TwilioAccount
from channels.twilio.rest import Rest, path_of
from dialogs.ports import SendLater

PAGE_SIZE = 100
#: Nobody here has thousands of numbers, and whoever has can look a few up by hand.
MAX_PAGES = 20


@dataclass(frozen=True, slots=True)
class NumberRoute:
    """Where a number's texts go. `fallback_url` is asked when `url` fails. `application`: the number follows a TwiML
    application instead, and both addresses count for nothing."""

    number: str
    url: str
    method: str
    fallback_url: str
    fallback_method: str
    application: str


@dataclass(frozen=True, slots=True)
class TextFate:
    """How far a text has got: the carrier's word (`queued`, `sent`, `delivered`, ...), and its error code or ""."""

    status: str
    error_code: str


#: No further report comes after these.
FINAL = frozenset({"delivered", "undelivered", "failed", "read", "canceled"})


async def list_numbers(rest: Rest, account: TwilioAccount) -> list[NumberRoute]:
    """Every number of the account. Raises `SendRefused` when Twilio will not answer, `SendLater` when it cannot."""
    query = {"PageSize": str(PAGE_SIZE)}
    path = path_of(account, "IncomingPhoneNumbers.json")
    return [_route(entry) async for entry in rest.pages(path, account, "incoming_phone_numbers", query, most=MAX_PAGES)]


async def fate_of(rest: Rest, account: TwilioAccount, message_sid: str) -> TextFate:
    """How far a text has got. Raises `SendRefused` and `SendLater` as above."""
    answer = await rest.get(path_of(account, f"Messages/{message_sid}.json"), account)
    status, code = answer.body.get("status"), answer.body.get("error_code")
    if not isinstance(status, str):
        raise SendLater("bad_answer", "Twilio answered without a status")
    return TextFate(status, str(code) if code else "")


def _route(entry: Mapping[str, object]) -> NumberRoute:
    def text(name: str) -> str:
        """What is not set comes as null or as an empty text."""
        found = entry.get(name)
        return found if isinstance(found, str) else ""

    return NumberRoute(
        number=text("phone_number"),
        url=text("sms_url"),
        method=text("sms_method"),
        fallback_url=text("sms_fallback_url"),
        fallback_method=text("sms_fallback_method"),
        application=text("sms_application_sid"),
    )
