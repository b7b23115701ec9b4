"""One piece of an import: some rows brought in, or some contacts taken back, in one transaction each.

What is taken back is only what nothing refers to: somebody who has asked for a check, written, or has a ticket stays,
and so does whom somebody has changed by hand since.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, delete, func, select
from sqlalchemy.exc import IntegrityError

from dialogs.turns import AuditEvent
from storage.contact_import import new_contact
from storage.contacts_csv import ContactRow
from storage.directory import put_client, put_contacts
from storage.imports import add_counts, advance
from storage.keys import Keyring
from storage.noting import append_audit
from storage.tables import (
    addresses,
    alerts,
    announced_calls,
    approvals,
    clients,
    contacts,
    conversations,
    dialogs,
    tickets,
    verifications,
)
from storage.times import micros

#: Contacts in one transaction: a few milliseconds, between which turns go on.
PIECE = 100
#: What may refer to a contact, and how it is called; in the order of weight.
REFERENCES: Mapping[str, Column[str]] = {
    "ticket": tickets.c.contact_id,
    "check": dialogs.c.contact_id,
    "verification": verifications.c.contact_id,
    "approval": approvals.c.contact_id,
    "conversation": conversations.c.contact_id,
    "call": announced_calls.c.contact_id,
    "alert": alerts.c.contact_id,
}


class Again(Exception):
    """Somebody else has added the same company at this moment, or begun to refer to what is taken back: try the piece
    once more, and that is seen."""


@dataclass(frozen=True, slots=True)
class Work:
    """The import that a piece belongs to. `now` and `new_id` of this piece; `by`: whose import it is."""

    keyring: Keyring
    tenant_id: str
    import_id: str
    by: str
    now: datetime
    new_id: Callable[[], str]


def bring_in(
    conn: Connection,
    work: Work,
    rows: Sequence[ContactRow],
    before: int,
    here: Collection[tuple[str, str]],
    *,
    last: bool,
) -> bool:
    """Add those of `rows` who are not `here` (client and name, case folded); False when the piece is done already.
    Raises `Again`."""
    after = before + len(rows)
    ends: dict[str, object] = {"state": "done", "body": None, "ended_at": micros(work.now)} if last else {}
    if not advance(conn, work.tenant_id, work.import_id, "running", before, after, ends):
        return False
    known = select(clients.c.id, clients.c.name).where(clients.c.tenant_id == work.tenant_id)
    client_ids = {name.casefold(): client_id for client_id, name in conn.execute(known)}
    added_clients = 0
    lately = _here_by_now(conn, work.tenant_id, rows, client_ids)
    new = [row for row in rows if row.key not in here and row.key not in lately]
    for row in new:
        if row.client.casefold() not in client_ids:
            client_ids[row.client.casefold()] = work.new_id()
            client_id = client_ids[row.client.casefold()]
            try:
                put_client(conn, work.tenant_id, client_id, row.client, work.now, import_id=work.import_id)
            except IntegrityError as cause:
                raise Again(row.client) from cause
            added_clients += 1
    people = [new_contact(row, client_ids[row.client.casefold()], work.new_id) for row in new]
    put_contacts(conn, work.keyring, work.tenant_id, people, work.now, import_id=work.import_id)
    counts = add_counts(
        conn,
        work.tenant_id,
        work.import_id,
        added=len(new),
        added_clients=added_clients,
        there_already=len(rows) - len(new),
    )
    if last:
        _note(conn, work, "import.done", {name: counts[name] for name in ("added", "added_clients", "there_already")})
    return True


def take_back(conn: Connection, work: Work, behind: str, before: int) -> tuple[str | None, int]:
    """Remove what nothing refers to of the next contacts with an id after `behind`. The last id looked at and how many
    are done, or None when the import is over or somebody else is at it."""
    mine = (contacts.c.tenant_id == work.tenant_id) & (contacts.c.import_id == work.import_id)
    query = select(contacts.c.id).where(mine, contacts.c.id > behind).order_by(contacts.c.id).limit(PIECE)
    ids = list(conn.scalars(query.with_for_update()))
    if not ids:
        _finish(conn, work, before)
        return None, before
    if not advance(conn, work.tenant_id, work.import_id, "undoing", before, before + len(ids)):
        return None, before
    stay = referred(conn, work.tenant_id, ids)
    gone = [contact_id for contact_id in ids if contact_id not in stay]
    theirs = (addresses.c.tenant_id == work.tenant_id) & addresses.c.contact_id.in_(gone)
    try:
        conn.execute(delete(addresses).where(theirs))
        conn.execute(delete(contacts).where(contacts.c.tenant_id == work.tenant_id, contacts.c.id.in_(gone)))
    except IntegrityError as cause:
        raise Again from cause
    add_counts(conn, work.tenant_id, work.import_id, removed=len(gone), stayed=len(stay))
    return ids[-1], before + len(ids)


def referred(conn: Connection, tenant_id: str, ids: Sequence[str]) -> dict[str, str]:
    """Those of these contacts that something refers to, with the weightiest reason: a word of `REFERENCES`."""
    found: dict[str, str] = {}
    for reason, column in REFERENCES.items():
        query = select(column).where(column.table.c.tenant_id == tenant_id, column.in_(ids)).distinct()
        for contact_id in conn.scalars(query):
            found.setdefault(contact_id, reason)
    # A check from a number that several share is nobody's yet, and may become theirs.
    same = (dialogs.c.tenant_id == addresses.c.tenant_id) & (dialogs.c.their_address == addresses.c.value)
    shared = (
        select(addresses.c.contact_id)
        .join(dialogs, same)
        .where(addresses.c.tenant_id == tenant_id, addresses.c.contact_id.in_(ids), dialogs.c.is_live)
    )
    for contact_id in conn.scalars(shared):
        found.setdefault(contact_id, "check")
    return found


def brought_in(conn: Connection, tenant_id: str, import_id: str) -> int:
    """How many contacts of an import are there and untouched."""
    mine = (contacts.c.tenant_id == tenant_id) & (contacts.c.import_id == import_id)
    return conn.scalar(select(func.count()).select_from(contacts).where(mine)) or 0


def left_over(conn: Connection, tenant_id: str, import_id: str, most: int) -> list[tuple[str, str, str]]:
    """Contacts that an import which was taken back has left: id, name and reason, by name."""
    mine = (contacts.c.tenant_id == tenant_id) & (contacts.c.import_id == import_id)
    rows = conn.execute(select(contacts.c.id, contacts.c.name).where(mine).order_by(contacts.c.name).limit(most)).all()
    reasons = referred(conn, tenant_id, [row.id for row in rows])
    return [(row.id, row.name, reasons.get(row.id, "")) for row in rows]


def _here_by_now(
    conn: Connection, tenant_id: str, rows: Sequence[ContactRow], client_ids: Mapping[str, str]
) -> set[tuple[str, str]]:
    """Those of these very people whom somebody has added since the import began."""
    ids = {
        client_ids[row.client.casefold()]: row.client.casefold() for row in rows if row.client.casefold() in client_ids
    }
    query = select(contacts.c.client_id, contacts.c.name).where(
        contacts.c.tenant_id == tenant_id,
        contacts.c.client_id.in_(ids),
        contacts.c.name.in_({row.name for row in rows}),
    )
    return {(ids[client_id], name.casefold()) for client_id, name in conn.execute(query)}


def _finish(conn: Connection, work: Work, before: int) -> None:
    """The companies that came with it and have nobody any more go last."""
    ends: dict[str, object] = {"state": "undone", "ended_at": micros(work.now)}
    if not advance(conn, work.tenant_id, work.import_id, "undoing", before, before, ends):
        return
    tenant = work.tenant_id
    used = select(contacts.c.client_id).where(contacts.c.tenant_id == tenant)
    with_tickets = select(tickets.c.client_id).where(tickets.c.tenant_id == tenant)
    mine = (clients.c.tenant_id == tenant) & (clients.c.import_id == work.import_id)
    empty = delete(clients).where(mine, clients.c.id.not_in(used), clients.c.id.not_in(with_tickets))
    try:
        removed = conn.execute(empty).rowcount
    except IntegrityError as cause:
        raise Again from cause
    counts = add_counts(conn, tenant, work.import_id, removed=0, stayed=0, removed_clients=removed)
    _note(conn, work, "import.undone", {name: counts[name] for name in ("removed", "removed_clients", "stayed")})


def _note(conn: Connection, work: Work, kind: str, counts: Mapping[str, int]) -> None:
    public: Mapping[str, str | int] = {"import": work.import_id, **counts}
    event = AuditEvent(work.new_id(), work.now, kind, technician_id=work.by, public=public)
    append_audit(conn, work.keyring, work.tenant_id, event)
