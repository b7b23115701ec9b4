"""What is kept of an organisation that is connected no more. Whoever connects it again has it read as one that was here
before: a number that came meanwhile is news and not how things have always been (SEC-13), and whoever was erased here
stays away (SEC-56)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, insert, literal, select

from storage.sources.origin import GONE
from storage.tables import source_left, source_organisations, source_people
from storage.times import micros


def leave(conn: Connection, tenant_id: str, which: ColumnElement[bool], now: datetime) -> None:
    """Before the organisations that `which` picks are taken away."""
    o, p, c = source_organisations.c, source_people.c, source_left.c
    themselves = select(o.directory_id, literal("")).where(o.tenant_id == tenant_id, which)
    at = (p.tenant_id == o.tenant_id) & (p.organisation_id == o.id)
    erased = select(o.directory_id, p.external_id).join(source_people, at)
    erased = erased.where(o.tenant_id == tenant_id, p.state == "erased", p.external_id.startswith(GONE), which)
    wanted = {tuple(row) for query in (themselves, erased) for row in conn.execute(query)}
    theirs = select(c.directory_id, c.digest).where(c.tenant_id == tenant_id)
    theirs = theirs.where(c.directory_id.in_({directory_id for directory_id, _ in wanted}))
    known = {tuple(row) for row in conn.execute(theirs)}
    new = [
        {"tenant_id": tenant_id, "directory_id": directory_id, "digest": digest, "left_at": micros(now)}
        for directory_id, digest in sorted(wanted - known)
    ]
    if new:
        conn.execute(insert(source_left), new)


def was_here(conn: Connection, tenant_id: str, directory_id: str) -> bool:
    """Whether it was connected before, and taken away."""
    c = source_left.c
    this = (c.tenant_id == tenant_id) & (c.directory_id == directory_id) & (c.digest == "")
    return conn.scalar(select(c.left_at).where(this)) is not None


def kept_out(conn: Connection, tenant_id: str, organisation_id: str, digests: Iterable[str]) -> frozenset[str]:
    """Those of these digests whose people were erased before the organisation left."""
    o, c = source_organisations.c, source_left.c
    its = select(o.directory_id).where(o.tenant_id == tenant_id, o.id == organisation_id).scalar_subquery()
    found = select(c.digest).where(c.tenant_id == tenant_id, c.directory_id == its, c.digest.in_(sorted(digests)))
    return frozenset(conn.scalars(found))
