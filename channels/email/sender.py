"""Hands mails to a mail server over SMTP, and says honestly when it cannot know whether one was taken (REL-04).

Always over TLS with a certificate that is checked. What a tenant entered as its server is looked up once, and the
connection goes to an address that was looked at (SEC-46).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NoReturn, TypeAlias
from urllib.parse import urlsplit

import aiosmtplib

from channels.email.end_user import Looks
from channels.email.message import PLAIN, BadAddress, Server, checked_address, compose, message_id
from dialogs.ports import ForEndUser, OutboundRefused, SendLater, SendRefused, SendUnclear

CONNECT_S, COMMAND_S = 10.0, 20.0
#: Servers look for spam and viruses before they answer for a whole mail.
TAKE_S = 60.0
#: Of what a server says; more is of no use to anybody.
LONGEST_ANSWER = 400

#: Whose server: tenant id -> the tenant's, or the operator's where it has none, or None.
ServerFor: TypeAlias = Callable[[str], Awaitable[Server | None]]
#: Addresses of a host that we may connect to. Raises `OutboundRefused`, and OSError when there are none.
Addresses: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
#: How the mails of a tenant look.
LooksOf: TypeAlias = Callable[[str], Awaitable[Looks]]
#: Mails whose looks are kept until they are taken.
_KEPT = 500


async def plain_looks(tenant_id: str) -> Looks:
    """Mails without pictures, in our own colour."""
    return PLAIN


class SmtpMail:
    """`SendMail` over SMTP. `public_url`: where our links lead, and the name we greet servers with. `tls`: for the demo
    and the tests, whose certificates nobody else trusts."""

    def __init__(
        self,
        *,
        server_for: ServerFor,
        addresses: Addresses,
        public_url: str,
        looks_of: LooksOf = plain_looks,
        tls: ssl.SSLContext | None = None,
        connect_s: float = CONNECT_S,
        command_s: float = COMMAND_S,
        take_s: float = TAKE_S,
    ) -> None:
        self._server_for = server_for
        self._addresses = addresses
        self._public_url = public_url
        self.looks_of = looks_of
        self._looks: OrderedDict[str, Looks] = OrderedDict()
        self._tls = tls or ssl.create_default_context()
        self._connect_s = connect_s
        self._command_s = command_s
        self._take_s = take_s

    async def send(
        self, tenant_id: str, *, to: str, subject: str, text: str, key: str, for_user: ForEndUser | None = None
    ) -> str:
        """Hand the mail over; its Message-ID. Raises `SendRefused`, `SendLater`, `SendUnclear`."""
        server = await self._server_for(tenant_id)
        if server is None:
            raise SendRefused("no_mail_server", "No mail server is set up. An admin can set one up in the settings.")
        looks = await self._looks_for(tenant_id, key)
        await self.hand_over(server, to=to, subject=subject, text=text, key=key, looks=looks, for_user=for_user)
        self._looks.pop(key, None)
        return message_id(checked_address(server.sender), key)

    async def _looks_for(self, tenant_id: str, key: str) -> Looks:
        """A mail that is tried again looks as it did the first time, whatever an admin has changed meanwhile."""
        found = self._looks.get(key)
        if found is None:
            found = self._looks[key] = await self.looks_of(tenant_id)
            if len(self._looks) > _KEPT:
                self._looks.popitem(last=False)
        return found

    async def hand_over(
        self,
        server: Server,
        *,
        to: str,
        subject: str,
        text: str,
        key: str,
        looks: Looks = PLAIN,
        for_user: ForEndUser | None = None,
    ) -> str:
        """The same by a server that is given; what it said when it took the mail, in its own words."""
        try:
            receiver, sender = checked_address(to), checked_address(server.sender)
            mail = compose(
                server,
                to=to,
                subject=subject,
                text=text,
                key=key,
                own_pages=self._public_url,
                looks=looks,
                for_user=for_user,
            )
        except BadAddress as bad:
            raise SendRefused("bad_address", f"{bad} is no mail address that servers take.") from None
        async with self._session(server) as session:
            await _log_in(session, server)
            try:
                await session.mail(sender, timeout=self._command_s)
                await session.rcpt(receiver, timeout=self._command_s)
            except aiosmtplib.SMTPSenderRefused as refused:
                # The server does not let us send in that name: an admin's to set right, and then the mail goes.
                raise SendLater("sender_refused", _said(refused)) from refused
            except aiosmtplib.SMTPRecipientRefused as refused:
                _refused(refused)
            except (aiosmtplib.SMTPException, OSError) as failed:
                raise SendLater("disconnected", _said(failed)) from failed
            return await self._content(session, mail)

    async def _content(self, session: aiosmtplib.SMTP, mail: bytes) -> str:
        try:
            answer = await session.data(mail, timeout=self._take_s)
        except aiosmtplib.SMTPDataError as refused:
            _refused(refused)
        except (aiosmtplib.SMTPException, OSError) as failed:
            raise SendUnclear("the mail left and no answer came") from failed
        return _clean(f"{answer.code} {answer.message}")

    @asynccontextmanager
    async def _session(self, server: Server) -> AsyncIterator[aiosmtplib.SMTP]:
        """Connected, greeted, and under TLS. Raises `SendLater`."""
        session = aiosmtplib.SMTP(
            hostname=server.host,
            local_hostname=_greeting(self._public_url),
            timeout=self._command_s,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            tls_context=self._tls,
            sock=await self._connected(server),
        )
        try:
            try:
                await session.connect()
            except (aiosmtplib.SMTPException, OSError, ValueError) as failed:
                raise SendLater(_why_not_connected(failed), _said(failed)) from failed
            yield session
        finally:
            # Without goodbye: the mail is taken or it is not, and some servers take their time over one.
            session.close()

    async def _connected(self, server: Server) -> socket.socket:
        """A connection to the first address that answers."""
        loop = asyncio.get_running_loop()
        last: Exception | None = None
        try:
            async with asyncio.timeout(self._connect_s):
                for address in await self._where(server):
                    version = ipaddress.ip_address(address).version
                    sock = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET)
                    sock.setblocking(False)
                    try:
                        await loop.sock_connect(sock, (address, server.port))
                    except OSError as failed:
                        sock.close()
                        last = failed
                    except BaseException:
                        sock.close()
                        raise
                    else:
                        return sock
        except OutboundRefused as refused:
            raise SendLater("address_refused", str(refused)) from refused
        except TimeoutError as late:
            raise SendLater("connect", f"{server.host} did not answer on port {server.port} in time.") from late
        except OSError as failed:
            raise SendLater("connect", f"The name {server.host} could not be looked up.") from failed
        raise SendLater("connect", f"{server.host} does not answer on port {server.port}.") from last

    async def _where(self, server: Server) -> Sequence[str]:
        if not server.trusted:
            return await self._addresses(server.host, server.port)
        found = await asyncio.get_running_loop().getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def _log_in(session: aiosmtplib.SMTP, server: Server) -> None:
    """Raises `SendLater`: an admin has to set it right, and then the mail goes."""
    if not server.login:
        return
    try:
        await session.login(server.login, server.password)
    except aiosmtplib.SMTPAuthenticationError as refused:
        raise SendLater("login_refused", _said(refused)) from refused
    except (aiosmtplib.SMTPException, OSError) as failed:
        raise SendLater("disconnected", _said(failed)) from failed


def _refused(refused: aiosmtplib.SMTPResponseException) -> NoReturn:
    """4xx is for now, 5xx for good."""
    said = _said(refused)
    if 400 <= refused.code < 500:
        raise SendLater(f"smtp_{refused.code}", said) from refused
    raise SendRefused(f"smtp_{refused.code}", said) from refused


def _why_not_connected(failed: Exception) -> str:
    cause: BaseException | None = failed
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "tls"
        cause = cause.__cause__ or cause.__context__
    if isinstance(failed, aiosmtplib.SMTPResponseException):
        return f"smtp_{failed.code}"
    return "connect" if isinstance(failed, OSError) else "no_tls"


def _said(failed: Exception) -> str:
    """What the server said, or what went wrong with it."""
    if isinstance(failed, aiosmtplib.SMTPResponseException):
        return _clean(f"{failed.code} {failed.message}")
    return _clean(str(failed) or type(failed).__name__)


def _clean(text: str) -> str:
    """On one line and short: it is a stranger's."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:LONGEST_ANSWER]


def _greeting(public_url: str) -> str:
    host = urlsplit(public_url).hostname or "localhost"
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return host
    return f"[IPv6:{host}]" if version == 6 else f"[{host}]"
