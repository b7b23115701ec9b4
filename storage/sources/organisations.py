"""Connected organisations: kept once they have proven themselves, mapped to clients, and read for pages."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, insert, select, update

from dialogs.people_source import SourceOrganisation
from storage.sources.rows import Organisation, organisation_of
from storage.tables import (
    clients,
    contact_sources,
    contacts,
    source_changes,
    source_organisations,
    source_people,
)
from storage.times import micros

#: Of a source; more is a mistake or an attack.
MOST_ORGANISATIONS = 500


class NameTaken(Exception):
    """Another source, or another client, of the tenant has this name."""


class TooMany(Exception):
    """There are as many as there may be."""


def organisations_of(conn: Connection, tenant_id: str, *which: ColumnElement[bool]) -> tuple[Organisation, ...]:
    """Those that `which` picks, by name, with what is known of their people and what waits."""
    rows = conn.execute(_organisations(tenant_id).where(*which)).mappings().all()
    ids = [row["id"] for row in rows]
    p, c = source_people.c, source_changes.c
    people = select(p.organisation_id, p.state, func.count()).where(p.tenant_id == tenant_id)
    by_state: dict[str, dict[str, int]] = {}
    for id, state, count in conn.execute(people.where(p.organisation_id.in_(ids)).group_by(p.organisation_id, p.state)):
        by_state.setdefault(id, {})[state] = count
    waiting = select(c.organisation_id, func.count()).where(c.tenant_id == tenant_id, c.state == "waiting")
    waiting = waiting.where(c.organisation_id.in_(ids)).group_by(c.organisation_id)
    undecided = {id: int(count) for id, count in conn.execute(waiting)}
    return tuple(organisation_of(row, by_state.get(row["id"], {}), undecided.get(row["id"], 0)) for row in rows)


def put_organisation(
    conn: Connection,
    tenant_id: str,
    source_id: str,
    new_id: str,
    proven: SourceOrganisation,
    by: str,
    now: datetime,
) -> tuple[str, bool]:
    """Keep one that has proven itself: its id here, and whether it was there before, then it is due at once. Raises
    LookupError without the source, `NameTaken` where another source of the tenant has it, `TooMany`."""
    this_source = (contact_sources.c.tenant_id == tenant_id) & (contact_sources.c.id == source_id)
    if conn.scalar(select(contact_sources.c.id).where(this_source)) is None:
        raise LookupError(source_id)
    c = source_organisations.c
    mine = c.tenant_id == tenant_id
    known = conn.execute(select(c.id, c.source_id).where(mine, c.directory_id == proven.id)).first()
    told = {"name": proven.name[:120], "domains": json.dumps(list(proven.domains))}
    if known is not None:
        if known.source_id != source_id:
            raise NameTaken(proven.name)
        again = {**told, "problem": "", "problem_detail": "", "problem_at": None, "failures": 0}
        conn.execute(update(source_organisations).where(mine, c.id == known.id).values(again))
        due = update(source_organisations).where(mine, c.id == known.id, c.client_id.is_not(None))
        conn.execute(due.values(due_at=micros(now)))
        return known.id, True
    count = select(func.count()).select_from(source_organisations).where(mine, c.source_id == source_id)
    if (conn.scalar(count) or 0) >= MOST_ORGANISATIONS:
        raise TooMany
    row = {"tenant_id": tenant_id, "id": new_id, "source_id": source_id, "directory_id": proven.id}
    conn.execute(insert(source_organisations).values(**row, **told, connected_by=by, connected_at=micros(now)))
    return new_id, False


def map_organisation(conn: Connection, tenant_id: str, organisation_id: str, client_id: str, now: datetime) -> bool:
    """Say whose contacts its people are, and have them read; those who have come already go along. False when there is
    no such organisation or client."""
    # By hand: taking an import back leaves the client alone from now on. Also the lock against that.
    this = (clients.c.tenant_id == tenant_id) & (clients.c.id == client_id)
    if conn.execute(update(clients).where(this).values(import_id="")).rowcount != 1:
        return False
    c = source_organisations.c
    one = (c.tenant_id == tenant_id) & (c.id == organisation_id)
    found = conn.execute(select(c.client_id).where(one).with_for_update()).first()
    if found is None:
        return False
    values = {"client_id": client_id, "due_at": micros(now)}
    conn.execute(update(source_organisations).where(one).values(values))
    if found.client_id and found.client_id != client_id:
        p = source_people.c
        theirs = select(p.contact_id).where(p.tenant_id == tenant_id, p.organisation_id == organisation_id)
        # Whom somebody has put elsewhere by hand stays there.
        still = (contacts.c.tenant_id == tenant_id) & (contacts.c.client_id == found.client_id)
        conn.execute(update(contacts).where(still, contacts.c.id.in_(theirs)).values(client_id=client_id))
    return True


def _organisations(tenant_id: str) -> Select[Any]:
    o, s, k = source_organisations.c, contact_sources.c, clients.c
    return (
        select(source_organisations, s.name.label("source_name"), k.name.label("client_name"))
        .join(contact_sources, (s.tenant_id == o.tenant_id) & (s.id == o.source_id))
        .outerjoin(clients, (k.tenant_id == o.tenant_id) & (k.id == o.client_id))
        .where(o.tenant_id == tenant_id)
        .order_by(o.name, o.id)
    )
