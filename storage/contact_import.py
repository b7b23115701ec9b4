"""The second half of an import: what a parsed file would change here, and the change itself.

An import adds people and never changes anybody: a number that moves because a file says so would be the easiest way
to take over somebody's verification. The same file twice adds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from dialogs.ports import Randomness
from storage.contacts_csv import ContactRow, ParsedImport, Problem
from storage.database import Database
from storage.directory import NewAddress, NewContact, put_client, put_contacts
from storage.keys import Keyring
from storage.tables import addresses, clients, contacts


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import adds: clients by name, contacts as rows. `unchanged`: how many people were here already.
    `problems` holds those of the file and those found here, by line."""

    new_clients: tuple[str, ...]
    new_contacts: tuple[ContactRow, ...]
    unchanged: int
    problems: tuple[Problem, ...]


class ContactImport:
    """Plans and applies imports for a tenant."""

    def __init__(self, database: Database, keyring: Keyring, randomness: Randomness) -> None:
        self._database = database
        self._keyring = keyring
        self._randomness = randomness

    async def plan(self, tenant_id: str, parsed: ParsedImport) -> ImportPlan:
        """The dry run: what `apply` would do now."""
        return await self._database.read(tenant_id, lambda conn: _plan(conn, tenant_id, parsed)[0])

    async def apply(self, tenant_id: str, parsed: ParsedImport, now: datetime) -> ImportPlan:
        """Add what is new, all or nothing, and return what was added. Rows with errors stay out."""

        def work(conn: Connection) -> ImportPlan:
            plan, client_ids = _plan(conn, tenant_id, parsed)
            for name in plan.new_clients:
                client_ids[name.casefold()] = self._randomness.new_id(now)
                put_client(conn, tenant_id, client_ids[name.casefold()], name, now)
            new = [
                new_contact(row, client_ids[row.client.casefold()], lambda: self._randomness.new_id(now))
                for row in plan.new_contacts
            ]
            put_contacts(conn, self._keyring, tenant_id, new, now)
            return plan

        return await self._database.write(tenant_id, work)


def look_at(conn: Connection, tenant_id: str, parsed: ParsedImport) -> ImportPlan:
    """What bringing the file in would do now."""
    return _plan(conn, tenant_id, parsed)[0]


def _plan(conn: Connection, tenant_id: str, parsed: ParsedImport) -> tuple[ImportPlan, dict[str, str]]:
    here = select(clients.c.id, clients.c.name).where(clients.c.tenant_id == tenant_id)
    client_ids = {name.casefold(): client_id for client_id, name in conn.execute(here)}
    people, owners = _people(conn, tenant_id)
    new: list[ContactRow] = []
    unchanged, problems = 0, list(parsed.problems)
    for row in parsed.rows:
        theirs = people.get((client_ids.get(row.client.casefold(), ""), row.name.casefold()))
        if theirs is None:
            new.append(row)
            problems += _shared(row, owners)
            continue
        unchanged += 1
        if not {value for _, value in row.addresses} <= theirs:
            what = f"{row.name} of {row.client} is here already, with other addresses; left as they are."
            problems.append(
                Problem(row.line, "", what, "An import changes nobody. Change them on their own page.", "warning")
            )
    names = {row.client.casefold(): row.client for row in reversed(new) if row.client.casefold() not in client_ids}
    ordered = sorted(problems, key=lambda p: (p.line, p.column, p.what))
    return ImportPlan(tuple(sorted(names.values())), tuple(new), unchanged, tuple(ordered)), client_ids


def _people(conn: Connection, tenant_id: str) -> tuple[dict[tuple[str, str], set[str]], dict[str, str]]:
    """Everybody's addresses by (client id, name), and for each address the name of one who has it."""
    at = (addresses.c.tenant_id == contacts.c.tenant_id) & (addresses.c.contact_id == contacts.c.id)
    query = (
        select(contacts.c.client_id, contacts.c.name, addresses.c.value)
        .outerjoin(addresses, at)
        .where(contacts.c.tenant_id == tenant_id)
    )
    people: dict[tuple[str, str], set[str]] = {}
    owners: dict[str, str] = {}
    for client_id, name, value in conn.execute(query):
        theirs = people.setdefault((client_id, name.casefold()), set())
        if value is not None:
            theirs.add(value)
            owners.setdefault(value, name)
    return people, owners


def people_here(conn: Connection, tenant_id: str) -> set[tuple[str, str]]:
    """Client and name of everybody, case folded, as `ContactRow.key` is."""
    at = (clients.c.tenant_id == contacts.c.tenant_id) & (clients.c.id == contacts.c.client_id)
    query = select(clients.c.name, contacts.c.name).join(clients, at).where(contacts.c.tenant_id == tenant_id)
    return {(client.casefold(), name.casefold()) for client, name in conn.execute(query)}


def _shared(row: ContactRow, owners: dict[str, str]) -> Iterator[Problem]:
    for kind, value in row.addresses:
        if value in owners:
            what = f"{value} also belongs to {owners[value]}, who is here already."
            remedy = "If they share it, leave it: technicians pick the right person. Otherwise correct one of them."
            yield Problem(row.line, kind, what, remedy, "warning")


def new_contact(row: ContactRow, client_id: str, new_id: Callable[[], str]) -> NewContact:
    """A row as a contact of that client; the first address of each kind is the one to use."""
    new = tuple(NewAddress(new_id(), kind, value, is_default=True) for kind, value in row.addresses)
    return NewContact(new_id(), client_id, row.name, new)
