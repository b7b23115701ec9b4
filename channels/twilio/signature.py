"""Twilio's signature, checked by pure functions in constant time (SEC-21).

Agrees with the validator of Twilio's SDK, in both schemes, for less work; a property test holds them together.
"""

from __future__ import annotations

import hmac
from binascii import b2a_base64
from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import chain
from urllib.parse import urlsplit

from channels.twilio.account import TwilioAccount

SIGNATURE_HEADER = "X-Twilio-Signature"
#: Sent with webhooks that are signed with a shared key: `key=<id>,algorithm=HMAC_SHA256`.
SETTINGS_HEADER = "X-Twilio-Webhooks-Signature-Settings"


def url_spellings(url: str) -> tuple[bytes, bytes]:
    """The configured URL as it is, and with its port left out or written out: Twilio signs either.

    `url` comes from configuration, never from a request. Its fragment (connection settings) is not signed.
    """
    parts = urlsplit(url)._replace(fragment="")
    if parts.port is None:
        other = f"{parts.netloc}:{443 if parts.scheme in ('https', 'wss') else 80}"
    else:
        other = parts.netloc.removesuffix(f":{parts.port}")
    return parts.geturl().encode(), parts._replace(netloc=other).geturl().encode()


def signed_text(pairs: Iterable[tuple[str, str]]) -> str:
    """What is signed behind the URL: every name and value, sorted, repeats once, with nothing in between."""
    return "".join(chain.from_iterable(sorted(set(pairs))))


def is_genuine(signature: str, settings: str, urls: Sequence[bytes], text: str, account: TwilioAccount) -> bool:
    """Whether one of the account's secrets signed this text for one of these URLs.

    `settings` is the value of `SETTINGS_HEADER`, empty when absent. The encoded form is compared, not the decoded
    one: base64 has several spellings of the same bytes, and each would have a `replay_digest` of its own.
    """
    given = signature.encode("ascii", "replace")
    signed = text.encode()
    for secret, algorithm in secrets_for(settings, account):
        for url in urls:
            # Not `hmac.digest`: that lets go of the interpreter, and this thread would queue to get it back.
            made = hmac.new(secret, url + signed, algorithm).digest()
            if hmac.compare_digest(b2a_base64(made, newline=False), given):
                return True
    return False


def secrets_for(settings: str, account: TwilioAccount) -> list[tuple[bytes, str]]:
    """The secrets that may have signed, each with the one algorithm it is used with; none when the header makes no
    sense. An empty secret never signs anything: anybody could compute that."""
    named = dict.fromkeys(("key", "algorithm"), "")
    if settings:
        for part in settings.split(","):
            name, _, value = part.strip().partition("=")
            if named.get(name) != "":
                return []
            named[name] = value
    key, algorithm = named["key"], named["algorithm"].upper()
    if not key and algorithm in ("", "HMAC_SHA1"):
        return [(token.encode(), "sha1") for token in (account.auth_token, account.secondary_token) if token]
    secret = account.shared_keys.get(key, "") if key and algorithm == "HMAC_SHA256" else ""
    return [(secret.encode(), "sha256")] if secret else []


def replay_digest(signature: str) -> str:
    """SHA-256 of the signature value in hex: equal for every re-split of one genuine request (SEC-22)."""
    return sha256(signature.encode("ascii", "replace")).hexdigest()
