"""Addresses of other tools, as admins see and set them: what each is told of, and how the last tries went (SEC-47)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, func, insert, select, update

from dialogs.turns import AuditEvent
from storage.database import Database
from storage.keys import Keyring
from storage.noting import Noting
from storage.tables import audit, webhook_deliveries, webhooks
from storage.times import maybe_moment, micros, moment
from storage.webhook_cells import new_secret, open_secrets, open_url, seal_secrets, seal_url
from storage.webhook_events import Told
from storage.webhook_lines import delivery_values
from storage.webhook_queue import switch_off

#: A tenant may have so many.
MOST = 20
#: After a rotation the older secret signs for so long beside the newer one.
BOTH_SIGN = timedelta(hours=24)
#: Deliveries that a page shows.
SHOWN = 20
#: What a person sends by hand is tried at once by whoever was asked; should they fall, anybody does it after this.
BY_HAND = timedelta(seconds=30)


class TooMany(Exception):
    """The tenant has as many webhooks as it may have."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery. `status` is waiting, sent or dead; `answer` the HTTP status of the last try, 0 for none; `attempt`
    counts the tries so far; `message_id` is what the other side knows a repeat by."""

    id: str
    message_id: str
    event: str
    body: str
    status: str
    attempt: int
    answer: int
    error: str
    created_at: datetime
    due_at: datetime
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook without its address and secrets. `disabled_why`: `off` by a person, `gone` by the other side's
    answer. `older_until`: until when two secrets sign. `waiting`: deliveries to come; `last`: the newest one."""

    id: str
    name: str
    host: str
    events: tuple[str, ...]
    created_at: datetime
    older_until: datetime | None
    disabled_at: datetime | None
    disabled_why: str
    waiting: int = 0
    last: Delivery | None = None


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """What is needed to add one. `made_by` is a technician's id."""

    id: str
    name: str
    url: str = field(repr=False)
    host: str
    events: Sequence[str]
    made_by: str


class Webhooks:
    """A tenant's webhooks. What changes nothing answers False or None, and is not noted."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    def noting(self, tenant_id: str, event: AuditEvent) -> Webhooks:
        """The same, but what it changes is put into the log in the same transaction; see `Noting`."""
        return Webhooks(Noting(self._database, self._keyring, tenant_id, event), self._keyring)

    async def listed(self, tenant_id: str) -> tuple[Webhook, ...]:
        """All of them, by name."""
        return await self._database.read(tenant_id, lambda conn: _listed(conn, tenant_id))

    async def find(self, tenant_id: str, webhook_id: str) -> Webhook | None:
        return await self._database.read(
            tenant_id, lambda conn: next(iter(_listed(conn, tenant_id, webhook_id=webhook_id)), None)
        )

    async def add(self, tenant_id: str, new: NewWebhook, now: datetime) -> str:
        """Add one that is told of what happens from now on; its secret, which is never shown again.

        Raises `TooMany`.
        """
        secret = new_secret(self._keyring)

        def work(conn: Connection) -> str:
            count = select(func.count()).select_from(webhooks).where(webhooks.c.tenant_id == tenant_id)
            if (conn.scalar(count) or 0) >= MOST:
                raise TooMany
            conn.execute(
                insert(webhooks).values(
                    tenant_id=tenant_id,
                    id=new.id,
                    name=new.name,
                    url=seal_url(conn, self._keyring, tenant_id, new.id, new.url),
                    host=new.host,
                    events=" ".join(new.events),
                    secrets=seal_secrets(conn, self._keyring, tenant_id, new.id, [secret]),
                    after=_newest(conn, tenant_id),
                    made_by=new.made_by,
                    created_at=micros(now),
                )
            )
            return secret

        return await self._database.write(tenant_id, work)

    async def change(
        self, tenant_id: str, webhook_id: str, *, name: str, events: Sequence[str], url: str = "", host: str = ""
    ) -> bool:
        """Another name and other events; another address too where one is given."""

        def work(conn: Connection) -> bool:
            values: dict[str, object] = {"name": name, "events": " ".join(events)}
            if url:
                values |= {"url": seal_url(conn, self._keyring, tenant_id, webhook_id, url), "host": host}
            return conn.execute(update(webhooks).where(_this(tenant_id, webhook_id)).values(values)).rowcount == 1

        return await self._database.write(tenant_id, work)

    async def rotate(self, tenant_id: str, webhook_id: str, now: datetime) -> str | Literal[False]:
        """A new secret; the one until now signs beside it for a day. An older one than that is dropped."""
        secret = new_secret(self._keyring)

        def work(conn: Connection) -> str | Literal[False]:
            cell = conn.scalar(select(webhooks.c.secrets).where(_this(tenant_id, webhook_id)).with_for_update())
            if cell is None:
                return False
            both = [secret, open_secrets(conn, self._keyring, tenant_id, webhook_id, cell)[0]]
            values = {
                "secrets": seal_secrets(conn, self._keyring, tenant_id, webhook_id, both),
                "older_until": micros(now + BOTH_SIGN),
            }
            conn.execute(update(webhooks).where(_this(tenant_id, webhook_id)).values(values))
            return secret

        return await self._database.write(tenant_id, work)

    async def switch(self, tenant_id: str, webhook_id: str, *, on: bool, now: datetime) -> bool:
        """On: it is told of what happens from now on. Off: what waited for it is given up."""

        def work(conn: Connection) -> bool:
            if not on:
                return switch_off(conn, tenant_id, webhook_id, "off", now)
            this = update(webhooks).where(_this(tenant_id, webhook_id), webhooks.c.disabled_at.is_not(None))
            values = {"disabled_at": None, "disabled_why": "", "after": _newest(conn, tenant_id)}
            return conn.execute(this.values(values)).rowcount == 1

        return await self._database.write(tenant_id, work)

    async def remove(self, tenant_id: str, webhook_id: str) -> bool:
        """Away with it and its deliveries."""

        def work(conn: Connection) -> bool:
            row = webhook_deliveries.c
            conn.execute(delete(webhook_deliveries).where(row.tenant_id == tenant_id, row.webhook_id == webhook_id))
            return conn.execute(delete(webhooks).where(_this(tenant_id, webhook_id))).rowcount == 1

        return await self._database.write(tenant_id, work)

    async def deliveries(self, tenant_id: str, webhook_id: str, *, limit: int = SHOWN) -> tuple[Delivery, ...]:
        """The newest, newest first."""
        return await self._database.read(tenant_id, lambda conn: _deliveries(conn, tenant_id, webhook_id, limit))

    async def put(self, tenant_id: str, webhook_id: str, delivery_id: str, one: Told, now: datetime) -> bool:
        """One delivery by hand, such as a test; due in a moment, so that whoever asked can try it before that."""

        def work(conn: Connection) -> bool:
            if conn.scalar(select(webhooks.c.id).where(_this(tenant_id, webhook_id))) is None:
                return False
            values = delivery_values(tenant_id, delivery_id, webhook_id, one, now, due_at=now + BY_HAND)
            conn.execute(insert(webhook_deliveries).values(values))
            return True

        return await self._database.write(tenant_id, work)

    async def again(self, tenant_id: str, webhook_id: str, delivery_id: str, now: datetime) -> bool:
        """Send one again that is over, with the id it had; False when it is not, or its webhook is off."""
        row = webhook_deliveries.c
        this = (row.tenant_id == tenant_id) & (row.webhook_id == webhook_id) & (row.id == delivery_id)
        values = {"status": "waiting", "attempt": 0, "done_at": None, "due_at": micros(now + BY_HAND), "error": ""}

        def work(conn: Connection) -> bool:
            on = select(webhooks.c.id).where(_this(tenant_id, webhook_id), webhooks.c.disabled_at.is_(None))
            if conn.scalar(on) is None:
                return False
            over = update(webhook_deliveries).where(this, row.done_at.is_not(None))
            return conn.execute(over.values(values)).rowcount == 1

        return await self._database.write(tenant_id, work)

    async def opened(self, tenant_id: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Address and secrets of each; for the demo's stand-in of another tool, which nobody pastes a secret into."""
        query = select(webhooks).where(webhooks.c.tenant_id == tenant_id)

        def work(conn: Connection) -> tuple[tuple[str, tuple[str, ...]], ...]:
            return tuple(
                (
                    open_url(conn, self._keyring, tenant_id, row["id"], row["url"]),
                    open_secrets(conn, self._keyring, tenant_id, row["id"], row["secrets"]),
                )
                for row in conn.execute(query).mappings()
            )

        return await self._database.read(tenant_id, work)


def _this(tenant_id: str, webhook_id: str) -> ColumnElement[bool]:
    return (webhooks.c.tenant_id == tenant_id) & (webhooks.c.id == webhook_id)


def _newest(conn: Connection, tenant_id: str) -> int:
    """Where the tenant's log ends. A line that waits for its place comes behind it, and is told of."""
    return conn.scalar(select(func.max(audit.c.seq)).where(audit.c.tenant_id == tenant_id)) or 0


def _listed(conn: Connection, tenant_id: str, *, webhook_id: str = "") -> tuple[Webhook, ...]:
    query = select(webhooks).where(webhooks.c.tenant_id == tenant_id)
    if webhook_id:
        query = query.where(webhooks.c.id == webhook_id)
    rows = conn.execute(query.order_by(func.lower(webhooks.c.name), webhooks.c.id)).mappings().all()
    row = webhook_deliveries.c
    counted = (
        select(row.webhook_id, func.count().label("waiting"))
        .where(row.tenant_id == tenant_id, row.done_at.is_(None))
        .group_by(row.webhook_id)
    )
    waiting: dict[str, int] = {found.webhook_id: found.waiting for found in conn.execute(counted)}
    return tuple(
        replace(
            _webhook(found),
            waiting=waiting.get(found["id"], 0),
            # One short look into an index for each; there are never many.
            last=next(iter(_deliveries(conn, tenant_id, found["id"], 1)), None),
        )
        for found in rows
    )


def _webhook(row: RowMapping) -> Webhook:
    return Webhook(
        row["id"],
        row["name"],
        row["host"],
        tuple(row["events"].split()),
        moment(row["created_at"]),
        maybe_moment(row["older_until"]),
        maybe_moment(row["disabled_at"]),
        row["disabled_why"],
    )


def _deliveries(conn: Connection, tenant_id: str, webhook_id: str, limit: int) -> tuple[Delivery, ...]:
    row = webhook_deliveries.c
    query = (
        select(webhook_deliveries)
        .where(row.tenant_id == tenant_id, row.webhook_id == webhook_id)
        .order_by(row.created_at.desc(), row.id.desc())
        .limit(limit)
    )
    return tuple(
        Delivery(
            found["id"],
            found["audit_id"],
            found["event"],
            found["body"],
            found["status"],
            found["attempt"],
            found["answer"],
            found["error"],
            moment(found["created_at"]),
            moment(found["due_at"]),
            maybe_moment(found["done_at"]),
        )
        for found in conn.execute(query).mappings()
    )
