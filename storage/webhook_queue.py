"""Deliveries to other tools that are due: replicas share them by lease, and whoever tried last writes what came of it
(SEC-47). They are made out by `storage.webhook_lines`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, Select, and_, func, or_, select, update

from dialogs.turns import Alert, AuditEvent
from storage.alerts import raise_unless_unseen
from storage.database import Database, Unscoped
from storage.keys import CannotOpen, Keyring
from storage.noting import append_audit
from storage.tables import webhook_deliveries, webhooks
from storage.times import maybe_micros, micros
from storage.webhook_cells import open_secrets, open_url

#: Longer than a try may take, by far.
LEASE_LASTS = timedelta(seconds=60)
OFF = "It was switched off."
_ERROR_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Leased:
    """A delivery that this process may try now. `attempt` counts from 1 and is the fence: whoever settles must hold the
    newest. `secrets`: those that sign, newest first. `url` is empty where it could not be opened."""

    tenant_id: str
    id: str
    webhook_id: str
    audit_id: str
    event: str
    body: str
    attempt: int
    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a try. `answer`: HTTP status, 0 for none. `due_at`: of the next try, while it is `waiting`. `gone`:
    the other side wants no more."""

    status: Literal["waiting", "sent", "dead"]
    answer: int = 0
    error: str = ""
    due_at: datetime | None = None
    gone: bool = False


class WebhookQueue:
    """For whoever tells other tools; pages have `storage.webhooks`."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def lease(
        self, now: datetime, *, limit: int, most_each: int, full: Collection[str], room: Callable[[str], int]
    ) -> Sequence[Leased]:
        """Deliveries that are due and that nobody holds: the oldest of each webhook before anybody's second (SEC-38).
        `full`: webhooks that get none; `room`: how many more another one may get."""
        query = _due(now, limit, most_each, full)

        def work(conn: Connection) -> Sequence[Leased]:
            chosen: list[RowMapping] = []
            taken: dict[str, int] = {}
            for row in conn.execute(query).mappings():
                count = taken.get(row["webhook_id"], 0)
                if count < room(row["webhook_id"]):
                    taken[row["webhook_id"]] = count + 1
                    chosen.append(row)
            # In one order everywhere, so that two replicas never wait for each other in a ring.
            chosen.sort(key=lambda row: (row["tenant_id"], row["id"]))
            return [self._leased(conn, row, now) for row in chosen if _hold(conn, row, now)]

        return await self._database.write(Unscoped.OPERATOR, work)

    async def lease_one(self, tenant_id: str, delivery_id: str, now: datetime) -> Leased | None:
        """That delivery, due or not; None when it is done or somebody holds it."""
        which = (webhook_deliveries.c.tenant_id == tenant_id) & (webhook_deliveries.c.id == delivery_id)
        query = _with_webhook().where(which, webhook_deliveries.c.done_at.is_(None))

        def work(conn: Connection) -> Leased | None:
            row = conn.execute(query).mappings().first()
            return self._leased(conn, row, now) if row is not None and _hold(conn, row, now) else None

        return await self._database.write(tenant_id, work)

    async def next_due(self, now: datetime, full: Collection[str]) -> int | None:
        """When the next delivery that nobody holds is due, in microseconds; None for none."""
        row = webhook_deliveries.c
        query = select(func.min(row.due_at)).where(
            row.done_at.is_(None),
            or_(row.leased_until.is_(None), row.leased_until <= micros(now)),
            row.webhook_id.not_in(full),
        )
        return await self._database.read(Unscoped.OPERATOR, lambda conn: conn.scalar(query))

    async def settle(
        self,
        leased: Leased,
        outcome: Outcome,
        now: datetime,
        *,
        note: AuditEvent | None = None,
        alert: Alert | None = None,
    ) -> bool:
        """Write what came of it; False when somebody else has tried since. `note` and `alert`: what stands in the log
        and on the console with it, the alert only where none of its kind waits to be seen."""

        def work(conn: Connection) -> bool:
            if not _settled(conn, leased, outcome, now):
                return False
            if outcome.gone:
                switch_off(conn, leased.tenant_id, leased.webhook_id, "gone", now)
            if note is not None:
                append_audit(conn, self._keyring, leased.tenant_id, note)
            if alert is not None:
                raise_unless_unseen(conn, self._keyring, leased.tenant_id, alert)
            return True

        return await self._database.write(leased.tenant_id, work)

    def _leased(self, conn: Connection, row: RowMapping, now: datetime) -> Leased:
        tenant_id, webhook_id = row["tenant_id"], row["webhook_id"]
        try:
            url = open_url(conn, self._keyring, tenant_id, webhook_id, row["url"])
            secrets = open_secrets(conn, self._keyring, tenant_id, webhook_id, row["secrets"])
        except CannotOpen:
            # One spoilt row must not hold up everybody's; without an address its tries fail, and it is given up.
            url, secrets = "", ()
        if row["older_until"] is None or row["older_until"] <= micros(now):
            secrets = secrets[:1]
        return Leased(
            tenant_id,
            row["id"],
            webhook_id,
            row["audit_id"],
            row["event"],
            row["body"],
            row["attempt"] + 1,
            url,
            secrets,
        )


def switch_off(conn: Connection, tenant_id: str, webhook_id: str, why: Literal["off", "gone"], now: datetime) -> bool:
    """Switch a webhook off; what waits for it is given up. False when it was off, or there is none."""
    this = update(webhooks).where(
        webhooks.c.tenant_id == tenant_id, webhooks.c.id == webhook_id, webhooks.c.disabled_at.is_(None)
    )
    if conn.execute(this.values(disabled_at=micros(now), disabled_why=why)).rowcount != 1:
        return False
    row = webhook_deliveries.c
    waiting = update(webhook_deliveries).where(
        row.tenant_id == tenant_id, row.webhook_id == webhook_id, row.done_at.is_(None)
    )
    conn.execute(waiting.values(status="dead", done_at=micros(now), leased_until=None, error=OFF))
    return True


def _with_webhook(*more: Any) -> Select[Any]:
    row = webhook_deliveries.c
    wanted = [row[name] for name in ("tenant_id", "id", "webhook_id", "audit_id", "event", "body", "attempt")]
    both = and_(webhooks.c.tenant_id == row.tenant_id, webhooks.c.id == row.webhook_id)
    return select(*wanted, webhooks.c.url, webhooks.c.secrets, webhooks.c.older_until, *more).join(webhooks, both)


def _due(now: datetime, limit: int, most_each: int, full: Collection[str]) -> Select[Any]:
    row = webhook_deliveries.c
    nth = func.row_number().over(partition_by=(row.tenant_id, row.webhook_id), order_by=(row.due_at, row.id))
    due = _with_webhook(row.due_at, nth.label("nth")).where(
        row.done_at.is_(None),
        row.due_at <= micros(now),
        or_(row.leased_until.is_(None), row.leased_until <= micros(now)),
        row.webhook_id.not_in(full),
    )
    found = due.subquery()
    first = select(found).where(found.c.nth <= most_each)
    return first.order_by(found.c.nth, found.c.due_at, found.c.id).limit(limit)


def _hold(conn: Connection, row: RowMapping, now: datetime) -> bool:
    """Lease it, unless somebody has since it was read."""
    delivery = webhook_deliveries.c
    this = update(webhook_deliveries).where(
        delivery.tenant_id == row["tenant_id"],
        delivery.id == row["id"],
        delivery.attempt == row["attempt"],
        delivery.done_at.is_(None),
        or_(delivery.leased_until.is_(None), delivery.leased_until <= micros(now)),
    )
    values = {"attempt": row["attempt"] + 1, "leased_until": micros(now + LEASE_LASTS)}
    return conn.execute(this.values(values)).rowcount == 1


def _settled(conn: Connection, leased: Leased, outcome: Outcome, now: datetime) -> bool:
    delivery = webhook_deliveries.c
    this = update(webhook_deliveries).where(
        delivery.tenant_id == leased.tenant_id,
        delivery.id == leased.id,
        delivery.attempt == leased.attempt,
        delivery.done_at.is_(None),
    )
    done = outcome.status != "waiting"
    values: dict[str, Any] = {
        "status": outcome.status,
        "answer": outcome.answer,
        "error": outcome.error[:_ERROR_LENGTH],
        "leased_until": None,
        "done_at": micros(now) if done else None,
    }
    if not done:
        values["due_at"] = maybe_micros(outcome.due_at or now)
    return conn.execute(this.values(values)).rowcount == 1
