"""Channels in Microsoft Teams that notices are posted to, each by the address of a workflow.

Whoever has that address can post, so it is sealed under the tenant's key, and lists show its host alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from dialogs.turns import AuditEvent
from storage.database import Database
from storage.keys import Keyring, place
from storage.noting import Noting, append_audit
from storage.sealing import tenant_key
from storage.tables import teams_connections
from storage.times import micros, moment

#: What may be posted, and when that is; for pages and for the check of what they send.
EVENTS = ("unclaimed", "alarm")
#: A tenant has a few channels; more is a mistake or an attack.
MOST = 50


class NameTaken(Exception):
    """Another connection of the tenant has this name."""


class TooMany(Exception):
    """The tenant has as many connections as there may be."""


@dataclass(frozen=True, slots=True)
class TeamsConnection:
    """One channel. `events`: which of `EVENTS` are posted there. `made_by`: the technician who added it."""

    id: str
    name: str
    url: str = field(repr=False)
    host: str
    events: frozenset[str]
    made_by: str
    created_at: datetime


class TeamsConnections:
    """The connections of a tenant."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    def noting(self, tenant_id: str, event: AuditEvent) -> TeamsConnections:
        """The same, but what it changes is put into the log in the same transaction; see `Noting`."""
        return TeamsConnections(Noting(self._database, self._keyring, tenant_id, event), self._keyring)

    async def note(self, tenant_id: str, event: AuditEvent) -> None:
        """Put a line into the log about something that changes nothing here, such as a test."""
        await self._database.write(tenant_id, lambda conn: append_audit(conn, self._keyring, tenant_id, event))

    async def all(self, tenant_id: str) -> tuple[TeamsConnection, ...]:
        """By name."""
        query = select(teams_connections).where(teams_connections.c.tenant_id == tenant_id)
        query = query.order_by(teams_connections.c.name, teams_connections.c.id)

        def work(conn: Connection) -> tuple[TeamsConnection, ...]:
            return tuple(self._opened(conn, row) for row in conn.execute(query).mappings().all())

        return await self._database.read(tenant_id, work)

    async def get(self, tenant_id: str, connection_id: str) -> TeamsConnection | None:
        """With its address."""
        query = select(teams_connections).where(*_this(tenant_id, connection_id))

        def work(conn: Connection) -> TeamsConnection | None:
            row = conn.execute(query).mappings().first()
            return None if row is None else self._opened(conn, row)

        return await self._database.read(tenant_id, work)

    async def wanting(self, tenant_id: str, event: str) -> tuple[str, ...]:
        """Ids of those where this event is posted, in the order they were made."""
        query = select(teams_connections.c.id, teams_connections.c.events)
        query = query.where(teams_connections.c.tenant_id == tenant_id).order_by(teams_connections.c.id)
        return await self._database.read(
            tenant_id, lambda conn: tuple(id for id, events in conn.execute(query) if event in events.split())
        )

    async def add(self, tenant_id: str, new: TeamsConnection) -> None:
        """`host` is taken from the address. Raises `NameTaken` and `TooMany`."""

        def work(conn: Connection) -> None:
            count = select(func.count()).select_from(teams_connections)
            if (conn.scalar(count.where(teams_connections.c.tenant_id == tenant_id)) or 0) >= MOST:
                raise TooMany
            conn.execute(
                insert(teams_connections).values(
                    tenant_id=tenant_id,
                    id=new.id,
                    name=new.name,
                    url=self._sealed(conn, tenant_id, new.id, new.url),
                    host=host_of(new.url),
                    events=_events(new.events),
                    made_by=new.made_by,
                    created_at=micros(new.created_at),
                )
            )

        try:
            await self._database.write(tenant_id, work)
        except IntegrityError as cause:
            raise NameTaken(new.name) from cause

    async def change(
        self, tenant_id: str, connection_id: str, *, name: str, events: frozenset[str], url: str = ""
    ) -> bool:
        """`url` empty: it stays. False when there is no such connection. Raises `NameTaken`."""

        def work(conn: Connection) -> bool:
            values: dict[str, object] = {"name": name, "events": _events(events)}
            if url:
                values |= {"url": self._sealed(conn, tenant_id, connection_id, url), "host": host_of(url)}
            changed = update(teams_connections).where(*_this(tenant_id, connection_id)).values(**values)
            return conn.execute(changed).rowcount == 1

        try:
            return await self._database.write(tenant_id, work)
        except IntegrityError as cause:
            raise NameTaken(name) from cause

    async def remove(self, tenant_id: str, connection_id: str) -> bool:
        """False when there was no such connection. What waits to be posted there is given up."""
        gone = delete(teams_connections).where(*_this(tenant_id, connection_id))
        return await self._database.write(tenant_id, lambda conn: conn.execute(gone).rowcount == 1)

    def _sealed(self, conn: Connection, tenant_id: str, connection_id: str, url: str) -> bytes:
        return tenant_key(conn, self._keyring, tenant_id).key.seal(url.encode(), _place(tenant_id, connection_id))

    def _opened(self, conn: Connection, row: RowMapping) -> TeamsConnection:
        key = tenant_key(conn, self._keyring, row["tenant_id"]).key
        return TeamsConnection(
            id=row["id"],
            name=row["name"],
            url=key.open(row["url"], _place(row["tenant_id"], row["id"])).decode(),
            host=row["host"],
            events=frozenset(row["events"].split()),
            made_by=row["made_by"],
            created_at=moment(row["created_at"]),
        )


def host_of(url: str) -> str:
    """The host of an address, which is no secret."""
    return urlsplit(url).hostname or ""


def _events(events: frozenset[str]) -> str:
    return " ".join(event for event in EVENTS if event in events)


def _this(tenant_id: str, connection_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return (teams_connections.c.tenant_id == tenant_id, teams_connections.c.id == connection_id)


def _place(tenant_id: str, connection_id: str) -> bytes:
    return place("teams_connections", "url", tenant_id, connection_id)
