"""Which addresses lie outside: what a name of a tenant's may lead to, and what it may not (SEC-46). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_PRIVATE = "a private network"
_OURSELVES = "this machine itself"
_LINK = "the link-local network, where clouds keep their metadata"
_RESERVED = "a range that is reserved or for documentation"
_WRAPPED = "an IPv4 address wrapped in IPv6"
_MANY = "a group of machines (multicast)"
_PLATFORM = "the platform of a cloud"

#: Where we do not go, from IANA's registries of special addresses, and what to call it. First match counts.
_INSIDE: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(written), name)
    for name, nets in (
        (_OURSELVES, "0.0.0.0/8 127.0.0.0/8 ::/128 ::1/128"),
        (_PRIVATE, "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 fc00::/7 fec0::/10"),
        (_LINK, "169.254.0.0/16 fe80::/10"),
        # 192.0.0.192 and 168.63.129.16 answer virtual machines of two clouds and nobody else.
        (_PLATFORM, "192.0.0.0/24 168.63.129.16/32"),
        (_RESERVED, "192.0.2.0/24 192.88.99.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4"),
        (_MANY, "224.0.0.0/4 ff00::/8"),
        # ::/96 old style, mapped, translated, NAT64 (both prefixes), Teredo, 6to4: each hides an IPv4 address.
        (_WRAPPED, "::/96 ::ffff:0:0/96 ::ffff:0:0:0/96 64:ff9b::/96 64:ff9b:1::/48 2001::/32 2002::/16"),
        (_RESERVED, "2001::/23 2001:db8::/32 3fff::/20"),
    )
    for written in nets.split()
)
#: All of IPv6 that is given out to anybody; what is outside it is reserved.
_GLOBAL = IPv6Network("2000::/3")


def inside(address: Address, allowed: Iterable[Network] = ()) -> str:
    """Why we do not go to this address, to be read after "leads to"; empty when we do. `allowed`: networks of the
    operator's that may be gone to all the same."""
    if listed(address, allowed):
        return ""
    for network, name in _INSIDE:
        if address.version == network.version and address in network:
            return name
    if isinstance(address, IPv6Address) and address not in _GLOBAL:
        return _RESERVED
    return ""


def listed(address: Address, networks: Iterable[Network]) -> bool:
    """Is it in one of them?"""
    return any(address.version == network.version and address in network for network in networks)


def literal(host: str) -> Address | None:
    """The address that a host is when it is written as one; None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def read_networks(text: str) -> tuple[Network, ...]:
    """Networks separated by commas, each as address/bits. Raises ValueError with the one that is wrong."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
