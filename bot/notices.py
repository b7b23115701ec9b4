"""Everything that leaves by mail and to Teams, put together: whose server, which connections, who is told."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from bot.duty import DutyDesk
from bot.mail_route import MailRoute
from bot.outbound import GuardedOutbound
from bot.settings import Settings
from channels.email.sender import SmtpMail
from channels.teams.posts import WorkflowPosts
from storage.database import Database
from storage.duty import Roll
from storage.keys import Keyring
from storage.mail_servers import MailServers
from storage.teams_connections import TeamsConnections


@dataclass(frozen=True, slots=True)
class Notices:
    """`desk` says who is told; `mail` and `posts` tell them."""

    servers: MailServers
    connections: TeamsConnections
    route: MailRoute
    mail: SmtpMail
    posts: WorkflowPosts
    desk: DutyDesk


def open_notices(
    settings: Settings,
    database: Database,
    keyring: Keyring,
    outbound: GuardedOutbound,
    mail_tls: ssl.SSLContext | None,
) -> Notices:
    """`mail_tls`: whom to trust in place of the usual authorities, for the demo."""
    servers, connections = MailServers(database, keyring), TeamsConnections(database, keyring)
    route = MailRoute(servers, settings.mail)
    mail = SmtpMail(server_for=route.of, addresses=outbound.addresses, public_url=settings.public_url, tls=mail_tls)

    async def url_of(tenant_id: str, connection_id: str) -> str | None:
        found = await connections.get(tenant_id, connection_id)
        return None if found is None else found.url

    posts = WorkflowPosts(outbound, url_of, settings.workflow_hosts)
    return Notices(servers, connections, route, mail, posts, DutyDesk(Roll(database), route, connections))
