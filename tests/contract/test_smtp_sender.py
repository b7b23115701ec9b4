"""Handing mails over: to a real mail server on loopback that refuses as real ones do, and to ones that misbehave."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from bot.networks import read_networks
from bot.outbound import GuardedOutbound
from channels.email.end_user import Looks
from channels.email.message import Server
from channels.email.sender import SmtpMail
from dialogs.ports import ForEndUser, SendLater, SendRefused, SendUnclear
from simulator.certificate import Certificate, make_certificate
from simulator.mailbox import Mail, Mailbox, MailFault
from tests.fixtures.stand_ins import StandingClock

TENANT = "tenant-1"
DESK, PASSWORD = "desk@acme.example", "p@ss: wörd"
THEIRS = "dana@acme.example"
KEY, OTHER_KEY = "019cadc1-1c80-7abc-8def-0123456789ab", "019cadc1-1c81-7abc-8def-0123456789ab"
PUBLIC = "https://desk.example"


@dataclass(slots=True)
class Stage:
    mailbox: Mailbox
    certificate: Certificate
    server: Server

    def mail(self, server: Server | None = None, *, tls: ssl.SSLContext | None = None) -> SmtpMail:
        async def server_for(tenant_id: str) -> Server | None:
            return (server or self.server) if tenant_id == TENANT else None

        async def addresses(host: str, port: int) -> Sequence[str]:
            return ["127.0.0.1"]

        return SmtpMail(
            server_for=server_for,
            addresses=addresses,
            public_url=PUBLIC,
            tls=tls or self.certificate.client,
            connect_s=2,
            command_s=2,
            take_s=2,
        )

    async def send(self, mail: SmtpMail | None = None, *, to: str = THEIRS, key: str = KEY) -> str:
        sender = mail or self.mail()
        return await sender.send(TENANT, to=to, subject="Hi", text=f"Look: {PUBLIC}/codes/1 now", key=key)


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    return make_certificate()


@pytest.fixture
async def stage(certificate: Certificate) -> AsyncIterator[Stage]:
    mailbox = Mailbox(clock=StandingClock(), certificate=certificate, logins={DESK: PASSWORD}, senders=[DESK])
    await mailbox.start()
    server = Server("127.0.0.1", mailbox.port, "starttls", DESK, PASSWORD, DESK, "Acme Help Desk")
    try:
        yield Stage(mailbox, certificate, server)
    finally:
        await mailbox.stop()


def only(stage: Stage) -> Mail:
    (mail,) = stage.mailbox.mails()
    return mail


@pytest.mark.feature("NG-08")
@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_mail_arrives(stage: Stage, security: str) -> None:
    server = (
        stage.server if security == "starttls" else replace(stage.server, security="tls", port=stage.mailbox.tls_port)
    )
    message_id = await stage.send(stage.mail(server))
    mail = only(stage)
    assert (mail.to, mail.sender, mail.subject) == (THEIRS, DESK, "Hi")
    assert mail.text == "Look: https://desk.example/codes/1 now\n"
    assert '<a href="https://desk.example/codes/1">' in mail.html
    assert mail.message_id == message_id == f"<{KEY}@acme.example>"
    assert b"From: Acme Help Desk <desk@acme.example>\r\n" in mail.raw


async def test_nothing_is_said_before_tls(stage: Stage) -> None:
    """A login in the clear would be read along; the server that offers no TLS gets nothing at all."""
    heard: list[bytes] = []

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 old.example\r\n")
        while line := await reader.readline():
            heard.append(line)
            writer.write(b"250-old.example\r\n250 AUTH PLAIN LOGIN\r\n" if line.startswith(b"EHLO") else b"250 Ok\r\n")
        writer.close()

    async with misbehaving(plain) as port:
        with pytest.raises(SendLater) as later:
            await stage.send(stage.mail(replace(stage.server, port=port)))
    assert later.value.code == "no_tls"
    assert not any(line.startswith((b"AUTH", b"MAIL")) for line in heard)


@pytest.mark.parametrize("name", ["mail.other.example"])
async def test_a_certificate_of_another_name_is_not_taken(stage: Stage, name: str) -> None:
    other = make_certificate(name)
    box = Mailbox(clock=StandingClock(), certificate=other, logins={DESK: PASSWORD}, senders=[DESK])
    await box.start()
    try:
        for port, security in ((box.port, "starttls"), (box.tls_port, "tls")):
            server = replace(stage.server, port=port, security="tls" if security == "tls" else "starttls")
            with pytest.raises(SendLater) as later:
                await stage.send(stage.mail(server, tls=other.client))
            assert later.value.code == "tls", later.value
    finally:
        await box.stop()
    assert box.mails() == []


async def test_a_certificate_of_nobody_known_is_not_taken(stage: Stage) -> None:
    with pytest.raises(SendLater) as later:
        await stage.send(stage.mail(tls=ssl.create_default_context()))
    assert later.value.code == "tls"


@pytest.mark.feature("REL-04", "REL-05")
@pytest.mark.parametrize(
    ("to", "code", "kind"),
    [
        ("nobody@acme.example", "smtp_550", SendRefused),
        ("full@acme.example", "smtp_452", SendLater),
        ("not an address", "bad_address", SendRefused),
        ("dana@acme.example\r\nBcc: eve@evil.example", "bad_address", SendRefused),
        ("dana@acme.example, eve@evil.example", "bad_address", SendRefused),
        ("<dana@acme.example>", "bad_address", SendRefused),
    ],
)
async def test_recipients_that_are_not_taken(stage: Stage, to: str, code: str, kind: type[Exception]) -> None:
    with pytest.raises(kind) as refused:
        await stage.send(to=to)
    assert isinstance(refused.value, SendRefused | SendLater)
    assert refused.value.code == code
    assert stage.mailbox.mails() == []


async def test_a_wrong_password_waits_for_an_admin(stage: Stage) -> None:
    """It is no fault of the mail's: once the password is set right, it goes."""
    with pytest.raises(SendLater) as later:
        await stage.send(stage.mail(replace(stage.server, password="wrong")))
    assert later.value.code == "login_refused"
    assert str(later.value).startswith("535 ")


async def test_a_foreign_sender_waits_for_an_admin(stage: Stage) -> None:
    with pytest.raises(SendLater) as later:
        await stage.send(stage.mail(replace(stage.server, sender="boss@acme.example")))
    assert later.value.code == "sender_refused"
    assert "553" in str(later.value)


@pytest.mark.parametrize(
    ("fault", "code", "kind"),
    [
        (MailFault("content", "554 5.7.1 Spam"), "smtp_554", SendRefused),
        (MailFault("content", "451 4.7.1 Greylisted, try again later"), "smtp_451", SendLater),
        (MailFault("recipient", "450 4.2.1 Busy"), "smtp_450", SendLater),
        (MailFault("recipient", silent=True), "disconnected", SendLater),
        (MailFault("sender", silent=True), "disconnected", SendLater),
        (MailFault("login", silent=True), "disconnected", SendLater),
    ],
)
async def test_refusals_on_the_way(stage: Stage, fault: MailFault, code: str, kind: type[Exception]) -> None:
    stage.mailbox.fail_next(fault)
    with pytest.raises(kind) as refused:
        await stage.send()
    assert isinstance(refused.value, SendRefused | SendLater)
    assert refused.value.code == code
    assert stage.mailbox.mails() == []


@pytest.mark.feature("REL-04")
async def test_silence_after_the_mail_is_unclear_and_the_repeat_is_the_same_mail(stage: Stage) -> None:
    stage.mailbox.fail_next(MailFault("content", silent=True))
    with pytest.raises(SendUnclear):
        await stage.send()
    await stage.send()
    again, first = stage.mailbox.mails()
    assert again.raw == first.raw
    await stage.send(key=OTHER_KEY)
    assert stage.mailbox.mails()[0].message_id != first.message_id


async def test_nobody_there(stage: Stage) -> None:
    await stage.mailbox.stop()
    with pytest.raises(SendLater) as later:
        await stage.send()
    assert later.value.code == "connect"


async def test_a_server_that_says_nothing_is_given_up(stage: Stage) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with misbehaving(silent) as port:
        with pytest.raises(SendLater):
            await stage.send(stage.mail(replace(stage.server, port=port)))


async def test_a_server_that_turns_everybody_away(stage: Stage) -> None:
    async def busy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"421 4.3.2 \x1b[31mtoo busy\r\n")
        writer.close()

    async with misbehaving(busy) as port:
        with pytest.raises(SendLater) as later:
            await stage.send(stage.mail(replace(stage.server, port=port)))
    assert later.value.code == "smtp_421"
    assert "\x1b" not in str(later.value)


async def test_a_tenant_without_a_server(stage: Stage) -> None:
    with pytest.raises(SendRefused) as refused:
        await stage.mail().send("tenant-2", to=THEIRS, subject="Hi", text="Hi", key=KEY)
    assert refused.value.code == "no_mail_server"


@pytest.mark.feature("SEC-46")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.8", "169.254.169.254", "::1", "2130706433"])
async def test_a_tenants_server_must_stand_outside(stage: Stage, host: str) -> None:
    """Nobody may look round in our own networks by entering a mail server and reading what answers."""
    outbound = GuardedOutbound(clock=StandingClock())
    before = stage.mailbox.connections
    try:
        mail = guarded(stage, replace(stage.server, host=host), outbound)
        with pytest.raises(SendLater) as later:
            await stage.send(mail)
    finally:
        await outbound.close()
    assert later.value.code in ("address_refused", "connect")
    assert stage.mailbox.connections == before


@pytest.mark.feature("SEC-46")
async def test_where_the_operator_allows_it_and_for_the_operators_own_server(stage: Stage) -> None:
    for allowed, trusted in (("127.0.0.0/8", False), ("", True)):
        outbound = GuardedOutbound(clock=StandingClock(), allowed=read_networks(allowed))
        try:
            await stage.send(guarded(stage, replace(stage.server, trusted=trusted), outbound))
        finally:
            await outbound.close()
    assert len(stage.mailbox.mails()) == 2


@pytest.mark.feature("SEC-20")
async def test_no_password_in_what_is_printed(stage: Stage) -> None:
    assert PASSWORD not in repr(stage.server)


def guarded(stage: Stage, server: Server, outbound: GuardedOutbound) -> SmtpMail:
    async def server_for(tenant_id: str) -> Server:
        return server

    return SmtpMail(
        server_for=server_for,
        addresses=outbound.addresses,
        public_url=PUBLIC,
        tls=stage.certificate.client,
        connect_s=2,
        command_s=2,
    )


@asynccontextmanager
async def misbehaving(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """A server of few words; its port."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.feature("EV-25", "REL-04")
async def test_a_mail_to_an_end_user_is_the_same_on_every_try_whatever_an_admin_changes(stage: Stage) -> None:
    """The code may have been read already: a second mail with other words or colours would look like another one."""
    looks = [Looks(b"\x89PNG one"), Looks(b"\x89PNG two", "#7a1f5c")]

    async def looks_of(tenant_id: str) -> Looks:
        return looks.pop(0)

    mail = stage.mail()
    mail.looks_of = looks_of
    own = ForEndUser("482913", "", "We never ask for a password.", "Acme IT", "London")

    async def send() -> None:
        await mail.send(TENANT, to=THEIRS, subject="Code", text="Your code:\n\n482913", key=KEY, for_user=own)

    stage.mailbox.fail_next(MailFault("content", "451 4.3.0 Busy"), MailFault("content", silent=True))
    with pytest.raises(SendLater):
        await send()
    with pytest.raises(SendUnclear):
        await send()
    await send()
    again, first = stage.mailbox.mails()
    assert again.raw == first.raw
    assert len(looks) == 1, "asked for once"
    assert "We never ask for a password." in again.text
    assert "482913" in again.text
