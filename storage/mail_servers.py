"""The mail server that a tenant sends by. Its password is sealed under the tenant's key."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, RowMapping, delete, insert, select

from dialogs.turns import AuditEvent
from storage.database import Database
from storage.keys import Keyring, place
from storage.noting import Noting, append_audit
from storage.sealing import tenant_key
from storage.tables import mail_servers, tenants
from storage.times import micros, moment

#: TLS from the first byte (port 465), or after STARTTLS (port 587). Mail never leaves unencrypted.
Security = Literal["tls", "starttls"]


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where a tenant's mail is handed over. `login` empty: the server asks for none. `sender`, `sender_name`: whom the
    mails come from."""

    host: str
    port: int
    security: Security
    login: str
    password: str = field(repr=False)
    sender: str
    sender_name: str = ""


@dataclass(frozen=True, slots=True)
class StoredMailServer:
    """A tenant's mail server and when it was last changed."""

    server: MailServer
    updated_at: datetime


class MailServers:
    """Reads and writes them; a tenant has one or none."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    def noting(self, tenant_id: str, event: AuditEvent) -> MailServers:
        """The same, but what it changes is put into the log in the same transaction; see `Noting`."""
        return MailServers(Noting(self._database, self._keyring, tenant_id, event), self._keyring)

    async def note(self, tenant_id: str, event: AuditEvent) -> None:
        """Put a line into the log about something that changes nothing here, such as a test."""
        await self._database.write(tenant_id, lambda conn: append_audit(conn, self._keyring, tenant_id, event))

    async def get(self, tenant_id: str) -> StoredMailServer | None:
        """With its password."""
        query = select(mail_servers).where(mail_servers.c.tenant_id == tenant_id)

        def work(conn: Connection) -> StoredMailServer | None:
            row = conn.execute(query).mappings().first()
            return None if row is None else self._opened(conn, row)

        return await self._database.read(tenant_id, work)

    async def put(self, tenant_id: str, server: MailServer, now: datetime) -> None:
        """Set it, in place of the one there was."""

        def work(conn: Connection) -> None:
            sealed = None
            if server.password:
                key = tenant_key(conn, self._keyring, tenant_id).key
                sealed = key.seal(server.password.encode(), _place(tenant_id))
            # One at a time, or two at the same moment would both find the place free.
            conn.execute(select(tenants.c.id).where(tenants.c.id == tenant_id).with_for_update(key_share=True))
            conn.execute(delete(mail_servers).where(mail_servers.c.tenant_id == tenant_id))
            conn.execute(
                insert(mail_servers).values(
                    tenant_id=tenant_id,
                    host=server.host,
                    port=server.port,
                    security=server.security,
                    login=server.login,
                    password=sealed,
                    sender=server.sender,
                    sender_name=server.sender_name,
                    updated_at=micros(now),
                )
            )

        await self._database.write(tenant_id, work)

    async def remove(self, tenant_id: str) -> bool:
        """False when there was none."""
        gone = delete(mail_servers).where(mail_servers.c.tenant_id == tenant_id)
        return await self._database.write(tenant_id, lambda conn: conn.execute(gone).rowcount == 1)

    def _opened(self, conn: Connection, row: RowMapping) -> StoredMailServer:
        password = ""
        if row["password"] is not None:
            key = tenant_key(conn, self._keyring, row["tenant_id"]).key
            password = key.open(row["password"], _place(row["tenant_id"])).decode()
        server = MailServer(
            host=row["host"],
            port=row["port"],
            security=row["security"],
            login=row["login"],
            password=password,
            sender=row["sender"],
            sender_name=row["sender_name"],
        )
        return StoredMailServer(server, moment(row["updated_at"]))


def _place(tenant_id: str) -> bytes:
    return place("mail_servers", "password", tenant_id, tenant_id)
