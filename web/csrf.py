"""Forged requests: where a request came from, and the token a page of ours carries (SEC-30).

The token is an HMAC keyed by the log-in's own secret token, so it is bound to one log-in, dies with it, and needs no
key of the installation's. It goes into every form as the field `csrf`, or into the header `X-CSRF`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

COOKIE = "__Host-ww"
FIELD = "csrf"
HEADER = "X-CSRF"
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def token_for(log_in_token: str) -> str:
    """The form token of the log-in whose cookie value this is; empty when there is none."""
    if not log_in_token:
        return ""
    return hmac.new(log_in_token.encode(), b"watchword csrf", hashlib.sha256).hexdigest()


def token_matches(log_in_token: str, given: str) -> bool:
    """Whether `given` is this log-in's token; nobody's token matches an empty log-in."""
    return bool(log_in_token) and hmac.compare_digest(token_for(log_in_token).encode(), given.encode())


def comes_from_us(headers: Mapping[str, str], own_origins: frozenset[str], *, when_unsaid: bool) -> bool:
    """Whether the browser says that a page of ours sent this.

    `Sec-Fetch-Site` decides where it is sent, since no script can set it. `Origin: null` (a sandboxed frame, a page
    without referrer) passes only beside `same-origin`. Older browsers send `Origin` alone, which must be one of ours.
    `when_unsaid` is the answer when there is neither.
    """
    site = headers.get("Sec-Fetch-Site", "")
    origin = headers.get("Origin", "")
    if site:
        return site in ("same-origin", "none") and origin in ("", "null", *own_origins)
    if origin:
        return origin in own_origins
    return when_unsaid


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL the way browsers write it in `Origin`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
