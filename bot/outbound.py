"""Goes to addresses that tenants entered and nowhere near our own networks (SEC-46): https only, every address that a
name has is looked at, the connection goes to an address that was looked at, and no redirect is followed.

Addresses that the operator set in the environment are trusted and do not come this way.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from ipaddress import ip_address
from typing import TypeAlias

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from bot.networks import Address, Network, inside, listed, literal
from dialogs.ports import Clock, OutboundAnswer, OutboundFailed, OutboundRefused

CONNECT_S, TOTAL_S = 5.0, 15.0
MOST_BYTES = 1024 * 1024
MOST_URL = 2048
#: Names that may be looked up at once. Its own threads: a name server that never answers must not use up those that
#: passwords are hashed on.
LOOKERS = 8

#: A host name in ASCII as the name system has them; foreign letters come here as xn--.
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,254}}\Z){_LABEL}(?:\.{_LABEL})*\.?")
#: Its last part looks like a number, so that programs take the whole for an address: 2130706433, 0x7f.1, 0177.0.0.1.
_NUMBER = re.compile(r"(.*\.)?(\d+|0x[0-9a-f]*)\.?")

#: Finds the addresses of a name. Raises OSError when there are none.
LookUp: TypeAlias = Callable[[str, int], Awaitable[Sequence[Address]]]


@dataclass(frozen=True, slots=True)
class Target:
    """An address as it was entered, taken apart once: what is checked is what is gone to."""

    url: URL
    host: str
    port: int

    @property
    def plain(self) -> bool:
        return self.url.scheme == "http"


@cache
def _system_trust() -> ssl.SSLContext:
    """Whom this machine trusts. Read once: the list is long, and it is the same for everybody here."""
    return ssl.create_default_context()


class GuardedOutbound:
    """Implements `dialogs.ports.Outbound`. `allowed`: networks of the operator's that tenants may name all the same,
    and there by http too. `tls`: for tests, whose certificates nobody else trusts."""

    def __init__(
        self,
        *,
        clock: Clock,
        allowed: Sequence[Network] = (),
        look_up: LookUp | None = None,
        tls: ssl.SSLContext | None = None,
        connect_s: float = CONNECT_S,
        total_s: float = TOTAL_S,
    ) -> None:
        self._clock = clock
        self._allowed = tuple(allowed)
        self._threads = ThreadPoolExecutor(LOOKERS, thread_name_prefix="look-up")
        self._look_up = look_up or self._by_the_system
        self._tls = tls or _system_trust()
        self._connect_s = connect_s
        self._total_s = total_s

    async def close(self) -> None:
        """Give the threads back. One that waits for a name server is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def check(self, url: str) -> None:
        """Raises `OutboundRefused` when we would not go there, names resolved as they are now."""
        target = read_target(url)
        try:
            async with asyncio.timeout(self._connect_s):
                await self._addresses(target)
        except OSError:  # a TimeoutError is one
            why = f"The name {target.host} has no address that can be found. Check how it is written."
            raise OutboundRefused(why) from None

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """Where a host that is no web address may be connected to, a mail server for instance; to these and no others.
        Raises `OutboundRefused`, and OSError when there are none."""
        written = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
        return [str(address) for address in await self._addresses(read_target(written))]

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> OutboundAnswer:
        """POST once, following no redirect. Raises `OutboundRefused` and `OutboundFailed`."""
        target = read_target(url)
        loop = asyncio.get_running_loop()
        connected_by = loop.time() + self._connect_s
        try:
            async with asyncio.timeout(self._total_s):
                addresses = await self._found_by(connected_by, target)
                return await self._post(target, addresses, body, headers, max(0.001, connected_by - loop.time()))
        except TimeoutError:
            raise OutboundFailed(f"No whole answer within {self._total_s:g} seconds.") from None

    async def _found_by(self, connected_by: float, target: Target) -> Sequence[Address]:
        try:
            async with asyncio.timeout_at(connected_by):
                return await self._addresses(target)
        except TimeoutError:
            raise OutboundFailed("The name of the address could not be looked up in time.") from None
        except OSError:
            raise OutboundFailed("The name of the address could not be found.") from None

    async def _addresses(self, target: Target) -> Sequence[Address]:
        """All addresses of the host, each looked at. Raises `OutboundRefused`, and OSError when there are none."""
        written = literal(target.host)
        found = [written] if written is not None else await self._look_up(target.host, target.port)
        if not found:
            raise OSError("no address")
        for address in found:
            if why := inside(address, self._allowed):
                raise OutboundRefused(
                    f"{target.host} leads to {why}. Only the operator of this server can allow that, with "
                    "WATCHWORD_PRIVATE_TARGETS."
                )
            if target.plain and not listed(address, self._allowed):
                raise OutboundRefused("The address must start with https://, so that nobody reads along.")
        return found

    async def _post(
        self, target: Target, addresses: Sequence[Address], body: bytes, headers: Mapping[str, str], connect_s: float
    ) -> OutboundAnswer:
        # A connection of its own each time: none is kept that was looked at long ago.
        connector = aiohttp.TCPConnector(
            resolver=_AsFound(addresses), use_dns_cache=False, force_close=True, ssl=self._tls
        )
        async with aiohttp.ClientSession(connector=connector, trust_env=False, auto_decompress=False) as session:
            try:
                async with session.post(
                    target.url,
                    data=body,
                    headers={"User-Agent": "Watchword", "Accept-Encoding": "identity", **headers},
                    timeout=aiohttp.ClientTimeout(total=None, connect=connect_s),
                    allow_redirects=False,
                ) as answer:
                    said = await _at_most(answer.content, MOST_BYTES)
                    return OutboundAnswer(answer.status, said, self._retry_after(answer.headers.get("Retry-After")))
            except aiohttp.ConnectionTimeoutError:
                raise OutboundFailed(f"No connection within {self._connect_s:g} seconds.") from None
            except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError):
                raise OutboundFailed("The certificate of the address is not valid for it, or is not trusted.") from None
            except aiohttp.ClientConnectorError:
                raise OutboundFailed("Nothing answers at the address.") from None
            except (aiohttp.ClientError, OSError, ValueError) as bad:
                # ValueError: bytes in the answer that are not HTTP, at the edges of the parser.
                if isinstance(bad, TimeoutError):
                    raise
                raise OutboundFailed("The address broke off before it had answered.") from None

    def _retry_after(self, said: str | None) -> float | None:
        """Seconds, which come as such or as a date; None for what is neither."""
        if said is None:
            return None
        if said.strip().isdecimal() and len(said) < 10:
            return float(said)
        with suppress(ValueError):
            until = parsedate_to_datetime(said)
            if until.tzinfo is not None:
                return max(0.0, (until - self._clock.now()).total_seconds())
        return None

    async def _by_the_system(self, host: str, port: int) -> Sequence[Address]:
        loop = asyncio.get_running_loop()
        rows = await loop.run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return [ip_address(row[4][0]) for row in rows]


def read_target(url: str) -> Target:
    """Take an address apart. Raises `OutboundRefused`; nothing is looked up."""
    if len(url) > MOST_URL:
        raise OutboundRefused(f"The address is longer than {MOST_URL} characters.")
    if not url.isprintable() or any(bad in url for bad in " \\"):
        raise OutboundRefused("The address holds a blank, a backslash or a character that cannot be seen.")
    try:
        read = URL(url)
        host, port = read.raw_host or "", read.port or 0
    except ValueError:
        raise OutboundRefused("This cannot be understood as an address. Write it as https://host/path.") from None
    if read.scheme not in {"https", "http"} or not host:
        raise OutboundRefused("The address must start with https:// and name a host.")
    if read.raw_user is not None or read.raw_password is not None:
        raise OutboundRefused("The address must not hold a name or password before an @.")
    if not 0 < port < 65536:
        raise OutboundRefused("The port of the address must be between 1 and 65535.")
    if literal(host) is None:
        if _NUMBER.fullmatch(host):
            raise OutboundRefused("Write an IP address as four numbers with dots, or name the host.")
        if not _NAME.fullmatch(host):
            raise OutboundRefused("The host of the address is not a name that can be looked up.")
    return Target(read.with_fragment(None), host, port)


class _AsFound(AbstractResolver):
    """Answers with what was looked at, whatever the name has become since."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Holds nothing."""


async def _at_most(content: aiohttp.StreamReader, most: int) -> bytes:
    """The body, cut there; the rest is never read."""
    kept = bytearray()
    while len(kept) < most and (part := await content.read(min(65536, most - len(kept)))):
        kept += part
    return bytes(kept)
