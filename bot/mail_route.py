"""By which mail server a tenant's mail goes: its own, else the operator's, else none."""

from __future__ import annotations

from channels.email.message import Server
from storage.mail_servers import MailServer, MailServers


class MailRoute:
    """`common`: the operator's server and sender, for tenants that have set up none (OM-01)."""

    def __init__(self, servers: MailServers, common: Server | None = None) -> None:
        self._servers = servers
        self.common = common

    async def of(self, tenant_id: str) -> Server | None:
        """The server, with its password."""
        own = await self._servers.get(tenant_id)
        return self.common if own is None else of_tenant(own.server)


def of_tenant(server: MailServer) -> Server:
    """A server that a tenant has entered."""
    return Server(
        host=server.host,
        port=server.port,
        security=server.security,
        login=server.login,
        password=server.password,
        sender=server.sender,
        sender_name=server.sender_name,
    )
