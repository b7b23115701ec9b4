"""The companies a tenant serves, as lists and forms want them: counted, found by name, added and renamed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Select, func, select, update
from sqlalchemy.exc import IntegrityError

from dialogs.turns import AuditEvent
from storage.database import Database
from storage.directory import NameTaken, StoredClient, contains, put_client
from storage.keys import Keyring
from storage.noting import append_audit
from storage.paging import PAGE, Page, by_name, page_of, page_size
from storage.tables import clients, contacts

LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class CountedClient:
    """A company, and how many contacts it has."""

    id: str
    name: str
    contacts: int


class Clients:
    """The clients of a tenant."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def find(self, tenant_id: str, *, q: str = "", cursor: str = "", limit: int = PAGE) -> Page[CountedClient]:
        """Those whose name holds `q`, by name. Raises `BadCursor`."""
        size = page_size(limit)
        query = by_name(_clients(tenant_id), clients.c.name, clients.c.id, cursor, size)
        if q.strip():
            query = query.where(contains(clients.c.name, q))
        found = await self._database.read(tenant_id, lambda conn: _counted(conn, tenant_id, query))
        return page_of(found, size, lambda client: (client.name, client.id))

    async def get(self, tenant_id: str, client_id: str) -> CountedClient | None:
        """One of them, None where there is none."""
        query = _clients(tenant_id).where(clients.c.id == client_id)
        found = await self._database.read(tenant_id, lambda conn: _counted(conn, tenant_id, query))
        return found[0] if found else None

    async def named(self, tenant_id: str, name: str) -> StoredClient | None:
        """The one of that name, whatever the case; the same case first."""
        query = select(clients.c.id, clients.c.name).where(clients.c.tenant_id == tenant_id)

        def work(conn: Connection) -> StoredClient | None:
            same = [StoredClient(*row) for row in conn.execute(query) if row.name.casefold() == name.casefold()]
            return min(same, key=lambda client: client.name != name, default=None)

        return await self._database.read(tenant_id, work)

    async def add(self, tenant_id: str, client_id: str, name: str, event: AuditEvent) -> None:
        """With its line in the log. Raises `NameTaken`."""

        def work(conn: Connection) -> None:
            put_client(conn, tenant_id, client_id, name, event.at)
            append_audit(conn, self._keyring, tenant_id, _about(event, client_id))

        try:
            await self._database.write(tenant_id, work)
        except IntegrityError as cause:
            raise NameTaken(name) from cause

    async def rename(self, tenant_id: str, client_id: str, name: str, event: AuditEvent) -> bool:
        """With its line in the log; False when there is no such client. Raises `NameTaken`."""
        this = (clients.c.tenant_id == tenant_id) & (clients.c.id == client_id)

        def work(conn: Connection) -> bool:
            # By hand: taking an import back leaves it alone from now on.
            done = conn.execute(update(clients).where(this).values(name=name, import_id="")).rowcount == 1
            if done:
                append_audit(conn, self._keyring, tenant_id, _about(event, client_id))
            return done

        try:
            return await self._database.write(tenant_id, work)
        except IntegrityError as cause:
            raise NameTaken(name) from cause


def tidy_name(typed: str) -> str:
    """White space folded."""
    return " ".join(typed.split())


def _about(event: AuditEvent, client_id: str) -> AuditEvent:
    return replace(event, public={**event.public, "client": client_id})


def _clients(tenant_id: str) -> Select[Any]:
    return select(clients.c.id, clients.c.name).where(clients.c.tenant_id == tenant_id)


def _counted(conn: Connection, tenant_id: str, query: Select[Any]) -> tuple[CountedClient, ...]:
    rows = conn.execute(query).all()
    mine = select(contacts.c.client_id, func.count()).where(
        contacts.c.tenant_id == tenant_id, contacts.c.client_id.in_([row.id for row in rows])
    )
    counts = {row[0]: int(row[1]) for row in conn.execute(mine.group_by(contacts.c.client_id))}
    return tuple(CountedClient(row.id, row.name, counts.get(row.id, 0)) for row in rows)
