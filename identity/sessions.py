"""How long a log-in lasts, when it must be proven again, and whether it still comes from where it was made.

Pure: times come in. The token itself is only ever in the browser; everything here works on what is stored of it.
"""

from __future__ import annotations

import hashlib
import ipaddress
from datetime import datetime, timedelta
from typing import Literal, Protocol, TypeAlias

IDLE = timedelta(minutes=30)
IDLE_ADMIN = timedelta(minutes=15)
#: In a frame of the ticket system people look at other tickets for a while; it can do little, and this is the most that
#: is allowed.
IDLE_POD = timedelta(minutes=60)
ABSOLUTE = timedelta(hours=12)
FRESH = timedelta(minutes=5)

Kind: TypeAlias = Literal["cookie", "bearer"]

#: Tried in order: every one of them also claims to be some of those below it.
_FAMILIES = (
    ("edg", "edge"),
    ("opr/", "opera"),
    ("samsungbrowser", "samsung"),
    ("firefox", "firefox"),
    ("fxios", "firefox"),
    ("crios", "chrome"),
    ("chrome", "chrome"),
    ("chromium", "chrome"),
    ("safari", "safari"),
)


class LogIn(Protocol):
    """What is stored of one log-in, as far as these rules read it. `role` is the technician's role now,
    `kind` is `pod` for one inside a ticket system."""

    @property
    def role(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def last_seen_at(self) -> datetime: ...
    @property
    def expires_at(self) -> datetime: ...
    @property
    def proven_at(self) -> datetime: ...
    @property
    def revoked_at(self) -> datetime | None: ...
    @property
    def address_block(self) -> str: ...
    @property
    def browser(self) -> str: ...


def token_digest(token: str) -> str:
    """What is stored of a token. It holds 256 bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def is_over(log_in: LogIn, now: datetime) -> bool:
    """Whether the log-in has ended: revoked, too old, or unused for too long (admins: half as long; the pod: twice)."""
    idle = IDLE_POD if log_in.kind == "pod" else IDLE_ADMIN if log_in.role == "admin" else IDLE
    return log_in.revoked_at is not None or now >= log_in.expires_at or now - log_in.last_seen_at >= idle


def is_fresh(log_in: LogIn, now: datetime) -> bool:
    """Whether password and second factor were given in the last five minutes, as risky acts require."""
    return now - log_in.proven_at <= FRESH


def is_elsewhere(log_in: LogIn, address: str, user_agent: str) -> bool:
    """Whether a request comes from another network or browser than the log-in: perhaps a stolen token, so it must be
    proven again before a code is shown. Bearer tokens are used by programs, whose name may change with an update, and
    are bound to the network alone."""
    moved = log_in.address_block != address_block(address)
    return moved or (log_in.browser != "" and log_in.browser != browser_family(user_agent))


def address_block(address: str) -> str:
    """The network an address belongs to: /24 for IPv4, /48 for IPv6; empty for what is no address (a local socket)."""
    return _network(address, 24, 48)


def address_key(address: str) -> str:
    """Whose failures are counted together: one IPv4 address, or one /64, which is what a single line is given."""
    return _network(address, 32, 64)


def browser_family(user_agent: str) -> str:
    """`firefox`, `chrome`, `edge`, `safari`, ... or `other`; versions change overnight and do not count."""
    low = user_agent.casefold()
    return next((family for mark, family in _FAMILIES if mark in low), "other")


def _network(address: str, bits_v4: int, bits_v6: int) -> str:
    try:
        ip = ipaddress.ip_address(address.strip().partition("%")[0])
    except ValueError:
        return ""
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    ip = mapped or ip
    bits = bits_v4 if ip.version == 4 else bits_v6
    return str(ipaddress.ip_network((ip, bits), strict=False))
