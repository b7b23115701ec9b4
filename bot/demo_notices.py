"""The demo's mail server and its channel in Teams: stand-ins on loopback, and the settings that lead there."""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from bot.app import House
from dialogs.ports import Clock
from simulator.certificate import Certificate, make_certificate
from simulator.mailbox import Mailbox
from simulator.workflow import Workflow
from storage.mail_servers import MailServer
from storage.teams_connections import EVENTS, TeamsConnection

SENDER = "desk@harbor.example"
CHANNEL = "help-desk"
_NAME = "Help desk"


@dataclass(frozen=True, slots=True)
class DemoNotices:
    """The stand-ins. `certificate`: what the mail server shows; `password`: what it asks for."""

    mailbox: Mailbox
    workflow: Workflow
    certificate: Certificate
    password: str = field(repr=False)

    async def lead_here(self, house: House, tenant_id: str) -> None:
        """Have the tenant send by the stand-ins, whose ports and secrets are new at every start."""
        now, services = house.clock.now(), house.services
        server = MailServer(
            host=self.mailbox.host,
            port=self.mailbox.port,
            security="starttls",
            login=SENDER,
            password=self.password,
            sender=SENDER,
            sender_name="Harbor IT",
        )
        await services.mail_servers.put(tenant_id, server, now)
        url, connections = self.workflow.address(house.settings.public_url), services.teams_connections
        kept = next((one for one in await connections.all(tenant_id) if one.name == _NAME), None)
        if kept is not None:
            await connections.change(tenant_id, kept.id, name=_NAME, events=kept.events, url=url)
            return
        new = TeamsConnection(
            id=house.random.new_id(now),
            name=_NAME,
            url=url,
            host="",
            events=frozenset(EVENTS),
            made_by="",
            created_at=now,
        )
        await connections.add(tenant_id, new)


async def open_demo_notices(clock: Clock, stack: AsyncExitStack) -> DemoNotices:
    """Start them; `stack` stops them."""
    certificate, password = make_certificate(), secrets.token_urlsafe(16)
    mailbox = Mailbox(clock=clock, certificate=certificate, logins={SENDER: password}, senders=[SENDER])
    await mailbox.start()
    stack.push_async_callback(mailbox.stop)
    return DemoNotices(
        mailbox, Workflow(CHANNEL, clock=clock, signature=secrets.token_urlsafe(16)), certificate, password
    )
