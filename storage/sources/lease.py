"""Who reads an organisation, and how far they are. A lease has a fence; every page is one transaction that moves the
row on from where it found it, and only for whoever holds the fence: no page is taken over twice, and none is lost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, or_, select, update

from storage.database import Database, Unscoped
from storage.keys import CannotOpen, Keyring, place
from storage.sealing import tenant_key
from storage.sources.leaving import was_here
from storage.tables import source_organisations
from storage.times import micros

#: Longer than a page takes to be asked for, however slow they are there.
LASTS: Final = timedelta(minutes=5)


class Lost(Exception):
    """Somebody else reads the organisation by now, or it is not connected any more: what was under way is dropped."""


@dataclass(frozen=True, slots=True)
class Lease:
    """An organisation that this worker reads. `step`: companies, people or missing; `pages`: of the round, taken over.
    `is_anew`: the round names everybody. `is_first`: there has been no whole round yet, and it
    was not connected before."""

    tenant_id: str
    organisation_id: str
    source_id: str
    directory_id: str
    client_id: str
    fence: int
    step: str
    round: str
    pages: int
    is_anew: bool
    is_first: bool
    asked_by: str
    failures: int
    cursor: str = field(default="", repr=False)


async def due(database: Database, now: datetime, limit: int, but: Sequence[str] = ()) -> Sequence[tuple[str, str]]:
    """Tenant and id of organisations that are to be read and that nobody reads: companies before people, whoever has
    waited longest first. `but`: those that are left out."""
    c = source_organisations.c
    free = or_(c.lease_until.is_(None), c.lease_until <= micros(now))
    query = select(c.tenant_id, c.id).where(c.due_at <= micros(now), c.client_id.is_not(None), free)
    query = query.where(c.id.not_in(but)).order_by(c.step.not_in(("", "companies")), c.due_at, c.id).limit(limit)
    rows = await database.read(Unscoped.OPERATOR, lambda conn: conn.execute(query).all())
    return [(row.tenant_id, row.id) for row in rows]


def claim(
    conn: Connection,
    keyring: Keyring,
    tenant_id: str,
    organisation_id: str,
    worker: str,
    now: datetime,
    new_id: Callable[[], str],
) -> Lease | None:
    """Take it, and begin a round where none is under way; None when another was faster or it is not due any more."""
    c = source_organisations.c
    this = (c.tenant_id == tenant_id) & (c.id == organisation_id)
    row = conn.execute(select(source_organisations).where(this)).mappings().first()
    if row is None or row["client_id"] is None:
        return None
    cursor = open_cursor(conn, keyring, tenant_id, organisation_id, row["cursor"])
    values: dict[str, Any] = {"worker": worker, "lease_until": micros(now + LASTS), "fence": row["fence"] + 1}
    if not row["step"]:
        values |= {"step": "companies", "round": new_id(), "is_anew": not cursor, "begun_at": micros(now)}
        values |= {"pages": 0, "people": 0, "unreadable": 0, "counts": "{}"}
    free = or_(c.lease_until.is_(None), c.lease_until <= micros(now))
    mine = update(source_organisations).where(this, free, c.fence == row["fence"], c.due_at <= micros(now))
    if conn.execute(mine.values(values)).rowcount != 1:
        return None
    known = {**row, **values}
    return Lease(
        tenant_id=tenant_id,
        organisation_id=organisation_id,
        source_id=known["source_id"],
        directory_id=known["directory_id"],
        client_id=known["client_id"],
        fence=known["fence"],
        step=known["step"],
        round=known["round"],
        pages=known["pages"],
        is_anew=bool(known["is_anew"]),
        is_first=known["finished_at"] is None and not was_here(conn, tenant_id, known["directory_id"]),
        asked_by=known["asked_by"],
        failures=known["failures"],
        cursor=cursor,
    )


def move_on(conn: Connection, lease: Lease, now: datetime, values: Mapping[str, Any]) -> None:
    """Change the row, in the transaction of what it tells of. Raises `Lost`."""
    c = source_organisations.c
    # A remap in between counts from the next page on, which a fresh lease brings.
    still = and_(*_mine(lease), c.pages == lease.pages, c.step == lease.step, c.client_id == lease.client_id)
    changed = update(source_organisations).where(still).values({"lease_until": micros(now + LASTS), **values})
    if conn.execute(changed).rowcount != 1:
        raise Lost


def counted(conn: Connection, lease: Lease, more: Mapping[str, int]) -> Counter[str]:
    """What the round has done by now, with what this page adds."""
    query = select(source_organisations.c.counts).where(*_mine(lease))
    return Counter(json.loads(conn.scalar(query) or "{}")) + Counter(more)


def begin_anew(conn: Connection, lease: Lease, now: datetime, new_id: Callable[[], str]) -> Lease:
    """The cursor is no good any more: everybody once more, in a round of its own."""
    values = {"step": "people", "round": new_id(), "is_anew": True, "cursor": None, "unreadable": 0}
    values |= {"pages": 0, "people": 0}
    move_on(conn, lease, now, values)
    return replace(lease, step="people", round=str(values["round"]), is_anew=True, cursor="", pages=0)


def give_back(conn: Connection, lease: Lease, values: Mapping[str, Any]) -> bool:
    """Let it go, and set `values`; False when it was not ours any more."""
    free = {"worker": "", "lease_until": None, **values}
    return conn.execute(update(source_organisations).where(*_mine(lease)).values(free)).rowcount == 1


async def release_all(database: Database, worker: str = "") -> None:
    """Give back everything this worker holds, at shutdown; of whoever it is, where there can be no other."""
    c = source_organisations.c
    held = update(source_organisations).where(c.worker == worker if worker else c.worker != "")
    free = held.values(worker="", lease_until=None)
    await database.write(Unscoped.OPERATOR, lambda conn: conn.execute(free))


def seal_cursor(conn: Connection, keyring: Keyring, lease: Lease, cursor: str) -> bytes:
    """It opens the list of a company's people to whoever has a token too."""
    key = tenant_key(conn, keyring, lease.tenant_id).key
    return key.seal(cursor.encode(), _place(lease.tenant_id, lease.organisation_id))


def open_cursor(conn: Connection, keyring: Keyring, tenant_id: str, organisation_id: str, sealed: bytes | None) -> str:
    """Empty where there is none, or none that can be read: then it begins with everybody."""
    if sealed is None:
        return ""
    try:
        return tenant_key(conn, keyring, tenant_id).key.open(sealed, _place(tenant_id, organisation_id)).decode()
    except CannotOpen:
        return ""


def _mine(lease: Lease) -> tuple[ColumnElement[bool], ...]:
    c = source_organisations.c
    return (c.tenant_id == lease.tenant_id, c.id == lease.organisation_id, c.fence == lease.fence)


def _place(tenant_id: str, organisation_id: str) -> bytes:
    return place("source_organisations", "cursor", tenant_id, organisation_id)
