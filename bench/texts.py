"""Signed webhook requests, made before the clock starts: the generator only writes bytes."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random
from urllib.parse import urlencode, urlsplit

#: What the carrier sends beside the fields we use; left out, parsing and signing would look cheaper than they are.
_ALSO = {
    "ToCountry": "US",
    "ToState": "NY",
    "NumMedia": "0",
    "ToCity": "NEW YORK",
    "FromZip": "90210",
    "FromState": "CA",
    "SmsStatus": "received",
    "FromCity": "LOS ANGELES",
    "FromCountry": "US",
    "MessagingServiceSid": "MG" + "0" * 32,
    "ToZip": "10001",
    "NumSegments": "1",
    "ApiVersion": "2010-04-01",
}


@dataclass(frozen=True, slots=True)
class Target:
    """Where texts go: the webhook's whole URL, and the account that signs. `to`: our number."""

    url: str
    account_sid: str
    auth_token: str = field(repr=False)
    to: str


class Texts:
    """Makes requests with message ids that never repeat."""

    def __init__(self, target: Target, seed: int = 1) -> None:
        self._target = target
        self._numbers = count(1)
        self._random = Random(seed)
        self._run = f"{self._random.getrandbits(64):016x}"

    def request(self, sender: str, body: str) -> bytes:
        """One inbound text as the bytes of its HTTP request."""
        sid = f"SM{self._run}{next(self._numbers):016x}"
        fields = {
            **_ALSO,
            "SmsMessageSid": sid,
            "SmsSid": sid,
            "MessageSid": sid,
            "Body": body,
            "To": self._target.to,
            "From": sender,
            "AccountSid": self._target.account_sid,
        }
        signed = self._target.url + "".join(name + fields[name] for name in sorted(fields))
        signature = b64encode(hmac.digest(self._target.auth_token.encode(), signed.encode(), "sha1")).decode()
        return post(self._target.url, urlencode(fields).encode(), signature)

    def batch(self, senders: Sequence[str], body: str, *, repeated: float = 0.0) -> Batch:
        """One text from each sender, and a share of them once more at some later place."""
        fresh = [self.request(sender, body) for sender in senders]
        again = self._random.sample(fresh, int(len(fresh) * repeated))
        requests = list(fresh)
        # The repeat comes well behind its original, as a provider's does; next to it the two would race.
        requests.extend(again)
        return Batch(tuple(requests), len(fresh), len(again))


@dataclass(frozen=True, slots=True)
class Batch:
    """Requests in the order they are sent; `fresh` of them are new and `repeats` are bytes that were sent before."""

    requests: tuple[bytes, ...]
    fresh: int
    repeats: int = 0


def post(url: str, body: bytes, signature: str = "") -> bytes:
    """A POST of a form over a connection that stays open."""
    parts = urlsplit(url)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: TwilioProxy/1.1\r\nAccept: */*\r\n"
        "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"
        f"X-Twilio-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def get(url: str) -> bytes:
    """A GET over a connection that stays open."""
    parts = urlsplit(url)
    return f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: */*\r\n\r\n".encode()


def mobiles(first: int = 0) -> Iterator[str]:
    """Valid North American numbers without end, spread over prefixes as DESIGN asks of made-up data: limits count all
    but the last four digits."""
    areas = (201, 212, 303, 305, 310, 404, 415, 512, 617, 702, 713, 720, 773, 804, 917, 206)
    for n in count(first):
        low, rest = n % 10, n // 10
        area, rest = areas[rest % len(areas)], rest // len(areas)
        exchange, rest = 220 + rest % 700, rest // 700
        yield f"+1{area}{exchange}{rest:02d}{low:02d}"
