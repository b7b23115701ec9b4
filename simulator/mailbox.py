"""A mail server with the manners of real ones: TLS before anything else, a login, senders it knows, and refusals with
their codes. What it takes is kept in memory and goes nowhere.

Nothing here is shared with the sender it stands opposite.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Literal

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from dialogs.ports import Clock
from simulator.certificate import Certificate

#: How many mails are kept; the oldest goes first.
KEPT = 2000
LARGEST = 1024 * 1024
#: Recipients that no mailbox has, and those whose mailbox is full, by how the address begins.
UNKNOWN, FULL = "nobody", "full"


@dataclass(frozen=True, slots=True)
class Mail:
    """One that was taken. `to` and `sender` are those of the envelope; `raw` is all of it as it came."""

    to: str
    sender: str
    subject: str
    text: str
    html: str
    message_id: str
    at: datetime
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class MailFault:
    """How a mail goes wrong: `refuse` it at this step with an answer of three digits and words, or go `silent`: the
    connection breaks off, after `content` with the mail taken all the same. `slow`: at `content` nothing is said until
    this is set, and then all is well."""

    at: Literal["login", "sender", "recipient", "content"]
    answer: str = ""
    silent: bool = False
    slow: asyncio.Event | None = None


class Mailbox:
    """The server. `logins`: password by login. `senders`: who may be named as the sender. Use between `start` and
    `stop`; then `port` speaks plainly until STARTTLS and `tls_port` speaks TLS from the first byte."""

    host = "127.0.0.1"

    def __init__(
        self, *, clock: Clock, certificate: Certificate, logins: Mapping[str, str], senders: Sequence[str]
    ) -> None:
        self.logins = dict(logins)
        self.senders = set(senders)
        self.faults: deque[MailFault] = deque()
        self.port = self.tls_port = 0
        #: Connections that were ever made.
        self.connections = 0
        self._clock = clock
        self._certificate = certificate
        self._mails: deque[Mail] = deque(maxlen=KEPT)
        self._servers: list[asyncio.Server] = []

    async def start(self) -> None:
        """Listen on two free ports of this computer, or on the ones it had before."""
        # The library tells every command; the mails are to be seen in the simulator and nowhere else.
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        loop = asyncio.get_running_loop()
        plain = await loop.create_server(lambda: self._protocol(starttls=True), self.host, self.port)
        secure = await loop.create_server(
            lambda: self._protocol(starttls=False), self.host, self.tls_port, ssl=self._certificate.server
        )
        self._servers = [plain, secure]
        self.port, self.tls_port = (server.sockets[0].getsockname()[1] for server in self._servers)

    async def stop(self) -> None:
        """Nobody answers any more."""
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()
            await server.wait_closed()

    def mails(self) -> list[Mail]:
        """All that were taken, newest first."""
        return list(reversed(self._mails))

    def fail_next(self, *faults: MailFault) -> None:
        """The next mails go wrong like this, one after the other."""
        self.faults.extend(faults)

    def outbox(self) -> list[dict[str, object]]:
        """The mails as the outbox inspector shows what left, newest first."""
        return [
            {
                "channel": "email",
                "to": mail.to,
                "from": mail.sender,
                "text": mail.text,
                "payload": {"subject": mail.subject, "message_id": mail.message_id},
                "at": mail.at.isoformat(),
            }
            for mail in self.mails()
        ]

    # --- what the protocol asks -------------------------------------------------------------------------------------

    def authenticator(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: object
    ) -> AuthResult:
        """Whether login and password are right."""
        if self._fault("login", server):
            return AuthResult(success=False, handled=False)
        if not isinstance(given, LoginPassword):
            return AuthResult(success=False, handled=False)
        known = self.logins.get(given.login.decode(errors="replace"))
        # Not handled: the library is to say 535 itself.
        right = known is not None and known == given.password.decode(errors="replace")
        return AuthResult(success=right, handled=False)

    async def handle_MAIL(  # noqa: N802 - the name is the protocol's
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Who sends."""
        if not session.authenticated:
            return "530 5.7.0 Authentication required"
        if refused := self._fault("sender", server):
            return refused
        if address not in self.senders:
            return "553 5.7.1 Sender address rejected: not owned by user"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Ok"

    async def handle_RCPT(  # noqa: N802 - the name is the protocol's
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Who receives."""
        if refused := self._fault("recipient", server):
            return refused
        if address.startswith(UNKNOWN):
            return "550 5.1.1 The email account that you tried to reach does not exist"
        if address.startswith(FULL):
            return "452 4.2.2 The recipient's mailbox is over its storage limit"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(  # noqa: N802 - the name is the protocol's
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """The mail itself."""
        fault = self._next("content")
        if fault is not None and fault.slow is not None:
            await fault.slow.wait()
            fault = None
        if fault is not None and not fault.silent:
            return fault.answer
        raw = envelope.content if isinstance(envelope.content, bytes) else b""
        mail = message_from_bytes(raw, policy=default)
        if wrong := _malformed(mail, raw):
            return f"550 5.7.1 {wrong}"
        for receiver in envelope.rcpt_tos:
            self._mails.append(self._taken(mail, raw, envelope.mail_from or "", receiver))
        if fault is not None:
            _break_off(server)
        return f"250 2.0.0 Ok: queued as {len(self._mails):06d}"

    # --- inside -----------------------------------------------------------------------------------------------------

    def _protocol(self, *, starttls: bool) -> SMTP:
        self.connections += 1
        return SMTP(
            self,
            data_size_limit=LARGEST,
            hostname="mail.simulator.test",
            ident="Simulator",
            tls_context=self._certificate.server if starttls else None,
            require_starttls=starttls,
            # Where TLS comes first the library does not see it, and would offer no login.
            auth_require_tls=starttls,
            authenticator=self.authenticator,
            loop=asyncio.get_running_loop(),
        )

    def _next(self, at: str) -> MailFault | None:
        if self.faults and self.faults[0].at == at:
            return self.faults.popleft()
        return None

    def _fault(self, at: str, server: SMTP) -> str:
        fault = self._next(at)
        if fault is None:
            return ""
        if fault.silent:
            _break_off(server)
        return fault.answer or "421 4.3.2 Service shutting down"

    def _taken(self, mail: EmailMessage, raw: bytes, sender: str, receiver: str) -> Mail:
        return Mail(
            to=receiver,
            sender=sender,
            subject=str(mail["Subject"] or ""),
            text=_part(mail, "plain"),
            html=_part(mail, "html"),
            message_id=str(mail["Message-ID"]),
            at=self._clock.now(),
            raw=raw,
        )


def _malformed(mail: EmailMessage, raw: bytes) -> str:
    """Why a careful server would not take it: headers that must be there once are not, or bytes it cannot carry."""
    for name in ("From", "Date", "Message-ID"):
        if len(mail.get_all(name, [])) != 1:
            return f"Messages must have exactly one {name} header"
    if any(byte > 127 for byte in raw):
        return "8-bit content was not announced"
    if any(len(line) > 998 for line in raw.split(b"\r\n")):
        return "Line too long"
    return ""


def _part(mail: EmailMessage, kind: Literal["plain", "html"]) -> str:
    body = mail.get_body((kind,))
    return str(body.get_content()).replace("\r\n", "\n") if body is not None else ""


def _break_off(server: SMTP) -> None:
    if server.transport is not None:
        server.transport.close()
