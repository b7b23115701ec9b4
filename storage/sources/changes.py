"""What a directory has otherwise than it is here: what waits for an admin, the decision, and the change itself, which
happens by the same act as one by hand (SEC-13)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Select, and_, or_, select, update

from dialogs.turns import AuditEvent
from storage.database import Database, Unscoped
from storage.keys import CannotOpen, Keyring
from storage.noting import append_audit
from storage.paging import PAGE, Page, page_of, page_size, read_cursor
from storage.sealing import row_keys
from storage.sources.origin import open_said, seal_said
from storage.sources.proposing import body_place, close
from storage.sources.rules import Proposal, What, applied, kind_of
from storage.sources.telling import tell_waiting
from storage.tables import contacts, source_changes, source_organisations, source_people
from storage.times import micros, moment

Decision = Literal["apply", "refuse"]


class OthersWait(Exception):
    """Not those that somebody has looked at: nothing is decided."""


class Overtaken(Exception):
    """Somebody else has carried it out, or it is to happen no more: nothing happens."""


@dataclass(frozen=True, slots=True)
class SourceChange:
    """One address that waits for an admin. `before` is empty for one that is added, `after` for one that goes."""

    id: str
    organisation_id: str
    organisation_name: str
    contact_id: str
    contact_name: str
    what: What
    kind: str
    before: str
    after: str
    found_at: datetime


@dataclass(frozen=True, slots=True)
class Approved:
    """One that is to happen. `decided_by`: who said so, empty where nobody had to."""

    id: str
    person_id: str
    contact_id: str
    source_id: str
    organisation_id: str
    decided_by: str
    proposal: Proposal = field(repr=False)


class SourceChanges:
    """The changes of a tenant."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def waiting(
        self, tenant_id: str, organisation_id: str = "", *, cursor: str = "", limit: int = PAGE
    ) -> Page[SourceChange]:
        """Those that an admin is to decide, of one organisation or of all, oldest first. Raises `BadCursor`."""
        size, c = page_size(limit), source_changes.c
        query = _waiting(tenant_id).order_by(c.found_at, c.id).limit(size + 1)
        if organisation_id:
            query = query.where(c.organisation_id == organisation_id)
        if cursor:
            at, last = read_cursor(cursor, int)
            query = query.where(or_(c.found_at > at, and_(c.found_at == at, c.id > last)))
        found = await self._database.read(tenant_id, lambda conn: self._opened(conn, tenant_id, query))
        return page_of(found, size, lambda one: (micros(one.found_at), one.id))

    def _opened(self, conn: Connection, tenant_id: str, query: Select[Any]) -> list[SourceChange]:
        found = []
        for row in conn.execute(query).mappings().all():
            words = _words(conn, self._keyring, tenant_id, row)
            found.append(
                SourceChange(
                    id=row["id"],
                    organisation_id=row["organisation_id"],
                    organisation_name=row["organisation_name"],
                    contact_id=row["contact_id"],
                    contact_name=row["contact_name"],
                    what=row["what"],
                    kind=kind_of(row["kind"]),
                    before=words["before"],
                    after=words["after"],
                    found_at=moment(row["found_at"]),
                )
            )
        return found

    async def count(self, tenant_id: str) -> int:
        """How many wait."""
        c = source_changes.c
        ids = select(c.id).where(c.tenant_id == tenant_id, c.state == "waiting")
        return await self._database.read(tenant_id, lambda conn: len(conn.scalars(ids).all()))

    async def mark(self, tenant_id: str, organisation_id: str) -> str:
        """By which a page knows again, when a button on it is pressed, the ones of this organisation that waited."""
        return await self._database.read(tenant_id, lambda conn: _mark(conn, tenant_id, organisation_id))

    async def decide(
        self,
        tenant_id: str,
        decision: Decision,
        event: AuditEvent,
        *,
        change_ids: Sequence[str] = (),
        organisation_id: str = "",
        seen: str | None = None,
    ) -> int:
        """These, or everything that waits of one organisation: how many were still waiting. They happen soon after.
        `event` goes into the log with the number, unless it is none. `seen`: what `mark` said when somebody looked.
        Raises `OthersWait` where it says something else by now."""
        c = source_changes.c
        which = c.organisation_id == organisation_id if organisation_id else c.id.in_(change_ids)
        done = {"decided_by": event.technician_id, "decided_at": micros(event.at)}
        if decision == "apply":
            values: dict[str, object] = {**done, "state": "approved"}
        else:
            values = {**done, "state": "refused", "is_open": False, "body": None}
        these = update(source_changes).where(c.tenant_id == tenant_id, c.state == "waiting", which)

        def work(conn: Connection) -> int:
            if seen is not None and seen != _mark(conn, tenant_id, organisation_id):
                raise OthersWait
            many = conn.execute(these.values(values)).rowcount
            if many:
                append_audit(conn, self._keyring, tenant_id, replace(event, public={**event.public, "changes": many}))
                tell_waiting(conn, self._keyring, tenant_id, event.at, by=event.technician_id)
            return many

        return await self._database.write(tenant_id, work)


def _mark(conn: Connection, tenant_id: str, organisation_id: str) -> str:
    c = source_changes.c
    query = select(c.id).where(c.tenant_id == tenant_id, c.organisation_id == organisation_id, c.state == "waiting")
    ids = sorted(conn.scalars(query))
    return hashlib.sha256(" ".join(ids).encode()).hexdigest()


async def approved(database: Database, limit: int, behind: str = "") -> Sequence[tuple[str, str]]:
    """Tenant and id of changes that are to happen, by id from `behind` on."""
    c = source_changes.c
    query = select(c.tenant_id, c.id).where(c.state == "approved", c.is_open, c.id > behind).order_by(c.id).limit(limit)
    rows = await database.read(Unscoped.OPERATOR, lambda conn: conn.execute(query).all())
    return [(row.tenant_id, row.id) for row in rows]


def read_approved(conn: Connection, keyring: Keyring, tenant_id: str, change_id: str) -> Approved | None:
    """One of them; None when it is over by now, or its contact is gone."""
    c, o = source_changes.c, source_organisations.c
    at = (o.tenant_id == c.tenant_id) & (o.id == c.organisation_id)
    query = select(source_changes, o.source_id).join(source_organisations, at)
    query = query.where(c.tenant_id == tenant_id, c.id == change_id, c.state == "approved", c.is_open)
    row = conn.execute(query).mappings().first()
    if row is None:
        return None
    try:
        words = _words(conn, keyring, tenant_id, row)
    except CannotOpen:
        return None
    proposal = Proposal(row["what"], row["kind"], row["address_id"], words["before"], words["after"])
    return Approved(
        id=row["id"],
        person_id=row["person_id"],
        contact_id=row["contact_id"],
        source_id=row["source_id"],
        organisation_id=row["organisation_id"],
        decided_by=row["decided_by"],
        proposal=proposal,
    )


def settle(conn: Connection, keyring: Keyring, tenant_id: str, change: Approved, came: Proposal, now: datetime) -> None:
    """It happens, in this transaction, as `came`: note what is the directory's from now on. Whoever calls holds the
    contact's lock. Raises `Overtaken`, and nothing is to happen then."""
    if not close(conn, tenant_id, change.id, "applied", now):
        raise Overtaken
    p = source_people.c
    this = (p.tenant_id == tenant_id) & (p.id == change.person_id)
    sealed = conn.execute(select(p.said).where(this, p.contact_id == change.contact_id).with_for_update()).first()
    if sealed is None:
        raise Overtaken
    keys = row_keys(conn, keyring, tenant_id, change.contact_id)
    said = applied(open_said(keys, tenant_id, change.person_id, sealed.said), came, micros(now))
    kept = seal_said(keys, tenant_id, change.person_id, said)
    conn.execute(update(source_people).where(this).values(said=kept, updated_at=micros(now)))


def give_up(conn: Connection, tenant_id: str, change_id: str, now: datetime) -> bool:
    """It cannot happen: what stands here is not what it was to change."""
    return close(conn, tenant_id, change_id, "void", now)


def _waiting(tenant_id: str) -> Select[Any]:
    c, o, k = source_changes.c, source_organisations.c, contacts.c
    return (
        select(source_changes, o.name.label("organisation_name"), k.name.label("contact_name"))
        .join(source_organisations, (o.tenant_id == c.tenant_id) & (o.id == c.organisation_id))
        .join(contacts, (k.tenant_id == c.tenant_id) & (k.id == c.contact_id))
        .where(c.tenant_id == tenant_id, c.state == "waiting")
    )


def _words(conn: Connection, keyring: Keyring, tenant_id: str, row: Any) -> dict[str, str]:
    keys = row_keys(conn, keyring, tenant_id, row["contact_id"])
    opened: dict[str, str] = json.loads(keys.open(row["body"], body_place(tenant_id, row["id"])))
    return opened
