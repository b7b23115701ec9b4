"""What is kept of an organisation that is connected no more. Whoever connects it again has it read as one that was here
before: a number that came meanwhile is news and not how things have always been (SEC-13), and whoever was erased here,
before it left or since, stays away until an admin says otherwise (SEC-56)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from storage.keys import Keyring
from storage.sealing import tenant_key
from storage.sources.origin import GONE, linked_digest_of
from storage.tables import source_left, source_organisations, source_people
from storage.times import micros

#: Names of rows in one statement.
_AT_ONCE: Final = 500


def leave(conn: Connection, keyring: Keyring, tenant_id: str, which: ColumnElement[bool], now: datetime) -> None:
    """Before the organisations that `which` picks are taken away. Of their people stays a digest: of an erased one
    alone, of every other one with the contact they are, so that erasing that contact later still keeps them out."""
    o, p = source_organisations.c, source_people.c
    theirs = select(o.id, o.directory_id).where(o.tenant_id == tenant_id, which).order_by(o.id).with_for_update()
    key = tenant_key(conn, keyring, tenant_id).digest_key
    for organisation_id, directory_id in conn.execute(theirs).all():
        # Locked, so that nobody is erased between this look and the end.
        people = select(p.external_id, p.contact_id, p.state)
        people = people.where(p.tenant_id == tenant_id, p.organisation_id == organisation_id).order_by(p.id)
        wanted = {"": ""}
        for row in conn.execute(people.with_for_update()):
            if row.state == "erased" and row.external_id.startswith(GONE):
                wanted[row.external_id] = ""
            elif row.contact_id:
                wanted[linked_digest_of(key, row.external_id)] = row.contact_id
        _keep(conn, tenant_id, directory_id, wanted, now)


def _keep(conn: Connection, tenant_id: str, directory_id: str, wanted: dict[str, str], now: datetime) -> None:
    """`wanted`: contacts, or none, by digest. Who was another contact when it left before is this one now."""
    c = source_left.c
    here = select(c.digest, c.contact_id).where(c.tenant_id == tenant_id, c.directory_id == directory_id)
    known = {row.digest: row.contact_id for row in conn.execute(here)}
    _drop(conn, tenant_id, directory_id, [d for d, of in wanted.items() if known.get(d, of) != of])
    new = [
        {"tenant_id": tenant_id, "directory_id": directory_id, "digest": d, "contact_id": of, "left_at": micros(now)}
        for d, of in sorted(wanted.items())
        if known.get(d) != of
    ]
    if new:
        conn.execute(insert(source_left), new)


def _drop(conn: Connection, tenant_id: str, directory_id: str, digests: Sequence[str]) -> None:
    c = source_left.c
    its = (c.tenant_id == tenant_id) & (c.directory_id == directory_id)
    for start in range(0, len(digests), _AT_ONCE):
        conn.execute(delete(source_left).where(its, c.digest.in_(digests[start : start + _AT_ONCE])))


def was_here(conn: Connection, tenant_id: str, directory_id: str) -> bool:
    """Whether it was connected before, and taken away."""
    c = source_left.c
    this = (c.tenant_id == tenant_id) & (c.directory_id == directory_id) & (c.digest == "")
    return conn.scalar(select(c.left_at).where(this)) is not None


def kept_out(conn: Connection, tenant_id: str, organisation_id: str, digests: Iterable[str]) -> frozenset[str]:
    """Those of these digests whose people were erased before the organisation left, or while it was away."""
    c = source_left.c
    directory_id = _directory_of(conn, tenant_id, organisation_id)
    found = select(c.digest).where(c.tenant_id == tenant_id, c.directory_id == directory_id)
    return frozenset(conn.scalars(found.where(c.digest.in_(sorted(digests)))))


def is_back(conn: Connection, key: bytes, tenant_id: str, organisation_id: str, external_ids: Sequence[str]) -> None:
    """These are contacts again, under links of their own: whose contact they were before does not matter any more.
    `key`: the tenant's, for digests."""
    digests = [linked_digest_of(key, id) for id in external_ids]
    if digests:
        _drop(conn, tenant_id, _directory_of(conn, tenant_id, organisation_id), digests)


def let_back(conn: Connection, tenant_id: str, organisation_id: str, now: datetime) -> int | None:
    """Whoever was erased may come again: everybody is read anew at once, and a round under way comes to nothing. How
    many are kept out no more; None when there is no such organisation, or nobody has said whose people they are."""
    o, p, c = source_organisations.c, source_people.c, source_left.c
    this = (o.tenant_id == tenant_id) & (o.id == organisation_id)
    anew = {"step": "", "cursor": None, "due_at": micros(now), "failures": 0}
    free = {"worker": "", "lease_until": None, "fence": o.fence + 1}
    if (
        conn.execute(update(source_organisations).where(this, o.client_id.is_not(None)).values(anew | free)).rowcount
        != 1
    ):
        return None
    theirs = (p.tenant_id == tenant_id) & (p.organisation_id == organisation_id) & (p.state == "erased")
    listed = set(conn.scalars(select(p.external_id).where(theirs)))
    conn.execute(delete(source_people).where(theirs))
    its = (c.tenant_id == tenant_id) & (c.directory_id == _directory_of(conn, tenant_id, organisation_id))
    left = set(conn.scalars(select(c.digest).where(its, c.digest.startswith(GONE))))
    conn.execute(delete(source_left).where(its, c.digest.startswith(GONE)))
    return len(listed | left)


def _directory_of(conn: Connection, tenant_id: str, organisation_id: str) -> str:
    o = source_organisations.c
    return conn.scalar(select(o.directory_id).where(o.tenant_id == tenant_id, o.id == organisation_id)) or ""
