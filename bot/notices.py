"""Everything that leaves by mail and to Teams, put together: whose server, which connections, who is told."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, replace

from bot.duty import DutyDesk
from bot.mail_route import MailRoute
from bot.outbound import GuardedOutbound
from bot.settings import Settings
from channels.email.end_user import Looks
from channels.email.sender import SmtpMail
from channels.teams.posts import WorkflowPosts
from storage.brands import Brands
from storage.database import Database
from storage.duty import Roll
from storage.keys import Keyring
from storage.mail_servers import MailServers
from storage.teams_connections import TeamsConnections
from web.brand import on_colour
from web.contrast import as_hex, read_colour
from web.pictures import for_bar


class MailLooks:
    """How each tenant's mails look: their colour, and their small logo where mails are to carry one (BR-02), drawn once
    for each look."""

    def __init__(self, brands: Brands) -> None:
        self._brands = brands
        self._drawn: dict[str, tuple[str, bytes]] = {}

    async def __call__(self, tenant_id: str) -> Looks:
        brand = await self._brands.get(tenant_id)
        # Mails have light pages everywhere: programs that turn them dark do so with all of their colours.
        accent = read_colour(brand.colours.get("light", ""))
        looks = Looks() if accent is None else Looks(accent=as_hex(accent), on_accent=as_hex(on_colour(accent)))
        if not brand.logo or not brand.logo_in_email:
            return looks
        hash, drawn = self._drawn.get(tenant_id, ("", b""))
        if hash != brand.hash:
            drawn = await asyncio.to_thread(for_bar, brand.logo)
            self._drawn[tenant_id] = (brand.hash, drawn)
        return replace(looks, logo=drawn)


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
    brands: Brands,
) -> Notices:
    """`mail_tls`: whom to trust in place of the usual authorities, for the demo."""
    servers, connections = MailServers(database, keyring), TeamsConnections(database, keyring)
    route = MailRoute(servers, settings.mail)
    mail = SmtpMail(
        server_for=route.of,
        addresses=outbound.addresses,
        public_url=settings.public_url,
        looks_of=MailLooks(brands),
        tls=mail_tls,
    )

    async def url_of(tenant_id: str, connection_id: str) -> str | None:
        found = await connections.get(tenant_id, connection_id)
        return None if found is None else found.url

    posts = WorkflowPosts(outbound, url_of, settings.workflow_hosts)
    return Notices(servers, connections, route, mail, posts, DutyDesk(Roll(database), route, connections))
