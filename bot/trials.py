"""Trying mail and Teams out from the settings: at once, past the outbox, with what the other side said."""

from __future__ import annotations

from datetime import timedelta

from bot.mail_route import MailRoute
from channels.email.end_user import Looks
from channels.email.message import Server
from channels.email.sender import SmtpMail
from channels.teams.posts import HELLO, WorkflowPosts
from dialogs.ports import Clock, OutboundRefused, Randomness, SendLater, SendRefused, SendUnclear
from storage.bounds import LocalBound
from web.ports import Tried

_SUBJECT = "Watchword: this is a test"
_TEXT = (
    "This is a test of your mail server, asked for in the settings.\n\n"
    "It reached you, so invitations, links and alerts will too. There is nothing to do."
)

#: Tests that one tenant may ask for within so long; each process counts for itself.
MOST_MAILS = (5, timedelta(minutes=10))
#: What went wrong, in words, and what to do; the server's own answer is shown beside it.
_MAIL_WHY = {
    "address_refused": "We do not connect to that server.",
    "connect": "The server does not answer. Check host and port, and that no firewall stands between.",
    "tls": "The server's certificate is not valid for that host name, or the port expects the other kind of TLS.",
    "no_tls": "The server offers no STARTTLS. Choose TLS from the start, usually on port 465.",
    "login_refused": "The server refuses login and password. Many providers want a password made for this one use.",
    "sender_refused": "The server does not let this login send in the name of that sender.",
    "disconnected": "The server broke the connection off.",
    "bad_address": "One of the addresses is not one that servers take.",
}


class Trials:
    """Implements `web.ports.Trials`."""

    def __init__(
        self, route: MailRoute, mail: SmtpMail, posts: WorkflowPosts, clock: Clock, random: Randomness
    ) -> None:
        self._route = route
        self._mail = mail
        self._posts = posts
        self._clock = clock
        self._random = random
        self._bound = LocalBound(*MOST_MAILS)

    async def has_common_mail(self) -> bool:
        """Whether the operator has set a server for tenants without one of their own."""
        return self._route.common is not None

    async def mail(self, tenant_id: str, *, to: str) -> Tried:
        """A test mail by the server that the tenant's mail goes by."""
        server = await self._route.of(tenant_id)
        if server is None:
            return Tried(False, "No mail server is set up yet. Fill in the form and save it first.")
        now = self._clock.now()
        if not self._bound.has_room(tenant_id, now):
            return Tried(False, "That was the fifth test in ten minutes. Wait a little, then try again.")
        self._bound.count(tenant_id, now)
        return await self._mailed(server, to, await self._mail.looks_of(tenant_id))

    async def check_post(self, url: str) -> str:
        """Why nothing would be posted to that address, empty when it would."""
        try:
            await self._posts.check(url)
        except OutboundRefused as refused:
            return str(refused)
        return ""

    async def post(self, tenant_id: str, connection_id: str) -> Tried:
        """The test post."""
        try:
            status = await self._posts.post(tenant_id, connection_id, HELLO)
        except SendRefused as refused:
            why = "Check the address: copy it from the workflow anew." if refused.code.startswith("http_") else ""
            return Tried(False, " ".join(part for part in (str(refused), why) if part))
        except SendLater as later:
            return Tried(False, f"{later} Try again in a minute.")
        return Tried(
            True,
            f"The workflow took it (HTTP status {status}). Now look into the channel: the workflow answers "
            "before it posts.",
        )

    async def _mailed(self, server: Server, to: str, looks: Looks) -> Tried:
        key = self._random.new_id(self._clock.now())
        try:
            said = await self._mail.hand_over(server, to=to, subject=_SUBJECT, text=_TEXT, key=key, looks=looks)
        except SendRefused as refused:
            return Tried(False, _MAIL_WHY.get(refused.code, "The server refuses the mail."), str(refused))
        except SendLater as later:
            return Tried(False, _MAIL_WHY.get(later.code, "The server does not take the mail now."), str(later))
        except SendUnclear as unclear:
            return Tried(False, "The server took the mail and then said nothing. It may arrive.", str(unclear))
        return Tried(True, f"The server took the mail to {to}. Look into that mailbox, and into its spam folder.", said)
