"""Changes that a directory wants: kept sealed until it is clear what becomes of them, one for each kind of address of a
person. The end of a round decides: few come about by themselves, many wait for an admin (SEC-13)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, exists, func, insert, select, update

from storage.keys import CannotOpen, RowKeys, place
from storage.sources.rules import BULK, Place, Proposal
from storage.tables import source_changes
from storage.times import micros

#: So long changes that came about by themselves count together.
LATELY: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Open:
    """One that is neither done nor given up."""

    id: str
    state: str


def open_of(conn: Connection, tenant_id: str, people: Sequence[str]) -> dict[tuple[str, Place], Open]:
    """Of these people, by person and place."""
    c = source_changes.c
    query = select(c.person_id, c.kind, c.id, c.state).where(c.tenant_id == tenant_id, c.is_open)
    rows = conn.execute(query.where(c.person_id.in_(people)))
    return {(row.person_id, row.kind): Open(row.id, row.state) for row in rows}


def propose(
    conn: Connection,
    keys: RowKeys,
    found: tuple[str, str, str],
    about: tuple[str, str, Place],
    older: Open | None,
    proposal: Proposal | None,
    now: datetime,
    new_id: Callable[[], str],
) -> None:
    """Put `proposal`, or nothing, in the place of the older one. `found`: tenant, organisation and round; `about`:
    person, contact and place. What an admin was to decide about stays for an admin to decide, under another id: what
    they have on their screen is not what they would agree to."""
    (tenant_id, organisation_id, round), (person_id, contact_id, place) = found, about
    if older is not None:
        close(conn, tenant_id, older.id, "void", now)
    if proposal is None:
        return
    if keys.contact is None:
        raise CannotOpen("the contact's key is gone")
    id = new_id()
    body = json.dumps({"before": proposal.before, "after": proposal.after}).encode()
    conn.execute(
        insert(source_changes).values(
            tenant_id=tenant_id,
            id=id,
            organisation_id=organisation_id,
            person_id=person_id,
            contact_id=contact_id,
            round=round,
            kind=place,
            what=proposal.what,
            address_id=proposal.address_id,
            body=keys.seal(body, body_place(tenant_id, id)),
            state="waiting" if older is not None and older.state == "waiting" else "gathered",
            is_open=True,
            found_at=micros(now),
        )
    )


def close(conn: Connection, tenant_id: str, change_id: str, state: str, now: datetime) -> bool:
    """It is over, with its words; False when it was over before."""
    c = source_changes.c
    this = (c.tenant_id == tenant_id) & (c.id == change_id) & c.is_open
    over = {"state": state, "is_open": False, "body": None, "decided_at": micros(now)}
    return conn.execute(update(source_changes).where(this).values(over)).rowcount == 1


def decide_round(conn: Connection, tenant_id: str, organisation_id: str, now: datetime) -> tuple[int, int]:
    """At the end of a round: how many changes were gathered, and how many of them wait for an admin: all, when they
    are many together with those that came about by themselves lately, so that nobody gets there in small rounds; else
    those of a kind of address about which an admin has said no before."""
    c, before = source_changes.c, source_changes.alias()
    its = (c.tenant_id == tenant_id) & (c.organisation_id == organisation_id)
    gathered = its & (c.state == "gathered")
    lately = its & c.state.in_(("approved", "applied")) & (c.decided_by == "") & (c.found_at > micros(now - LATELY))
    many = conn.scalar(select(func.count()).select_from(source_changes).where(gathered)) or 0
    done = conn.scalar(select(func.count()).select_from(source_changes).where(lately)) or 0
    refused = exists().where(
        before.c.tenant_id == tenant_id,
        before.c.person_id == c.person_id,
        # Of a kind, whatever the place: else what was refused in one comes in by the next.
        func.substr(before.c.kind, 1, 5) == func.substr(c.kind, 1, 5),
        before.c.state == "refused",
    )
    doubted = gathered if many + done > BULK else gathered & refused
    waiting = conn.execute(update(source_changes).where(doubted).values(state="waiting")).rowcount
    conn.execute(update(source_changes).where(gathered).values(state="approved", decided_at=micros(now)))
    return many, waiting


def body_place(tenant_id: str, change_id: str) -> bytes:
    """What the sealed words are bound to."""
    return place("source_changes", "body", tenant_id, change_id)
