"""Adding people by hand, and changing those who are here. A number or an e-mail address is what somebody is recognised
by, so changing one does everything SEC-13 asks for in one transaction: what is open ends, the old address is told, the
log says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Literal, TypeAlias

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from dialogs.turns import AuditEvent, OutboxItem
from dialogs.user_verify import NEW_FOR
from storage.database import Database
from storage.directory import AddressTaken, NewContact, put_contacts
from storage.keys import Keyring
from storage.namesakes import namesakes
from storage.noting import append_audit
from storage.outbox_rows import put_items
from storage.renaming import doubt, end_shields_of, is_slip, same_words
from storage.tables import addresses, announced_calls, clients, contacts, dialogs, verifications
from storage.times import micros, moment
from storage.voiding import end_checks, end_verifications

__all__ = ["AddressEdit", "Also", "ContactChanges", "Edited", "Refused"]

PHONES = ("mobile", "phone")
What = Literal["added", "changed", "removed", "default"]
Refused = Literal["", "not_found", "changed_meanwhile", "no_client"]
#: What is done in the same transaction as a change, once it is clear that it happens; what it raises undoes everything.
Also: TypeAlias = Callable[[Connection], None]


@dataclass(frozen=True, slots=True)
class AddressEdit:
    """One address, added, changed, taken away, or made the one to use of its kind. `before` is what stood there when
    the person looked, empty for one that is added; `after` what is to stand there, empty for one that goes.
    `rewritten`: only the writing changes, so nobody needs to hear of it."""

    what: What
    address_id: str
    kind: str
    before: str
    after: str
    is_default: bool = False
    rewritten: bool = False

    @property
    def ends_checks(self) -> bool:
        """Whether what runs must be asked for again: the number it runs on is theirs no longer."""
        return self.ends_verifications and self.kind in PHONES

    @property
    def ends_verifications(self) -> bool:
        """Whether what was or is to be shown on it proves nothing any more: it is another address now."""
        return self.what in ("changed", "removed") and not self.rewritten


@dataclass(frozen=True, slots=True)
class Edited:
    """What came of it: how many checks, of callers and of the contact, ended; or why nothing was done. `as_new`: with
    another name all their numbers and addresses count as new."""

    refused: Refused = ""
    ended: int = 0
    as_new: bool = False


class ContactChanges:
    """Changes to the contacts of a tenant, each with its line in the log."""

    def __init__(self, database: Database, keyring: Keyring, new_id: Callable[[datetime], str]) -> None:
        self._database = database
        self._keyring = keyring
        self._new_id = new_id

    async def add_contact(self, tenant_id: str, new: NewContact, event: AuditEvent) -> Refused:
        """Somebody new; their addresses are not changes."""

        def work(conn: Connection) -> Refused:
            if not _client_is_there(conn, tenant_id, new.client_id):
                return "no_client"
            put_contacts(conn, self._keyring, tenant_id, [new], event.at)
            public = {**event.public, "addresses": len(new.addresses)}
            append_audit(conn, self._keyring, tenant_id, replace(event, contact_id=new.id, public=public))
            return ""

        return await self._database.write(tenant_id, work)

    async def edit_address(
        self,
        tenant_id: str,
        contact_id: str,
        edit: AddressEdit,
        event: AuditEvent,
        notices: Sequence[OutboxItem],
        also: Also | None = None,
    ) -> Edited:
        """Do it at `event.at`, with everything that goes with it. Raises `AddressTaken`."""

        def work(conn: Connection) -> Edited:
            edited = self._edit(conn, tenant_id, contact_id, edit, event, notices)
            if also is not None and not edited.refused:
                also(conn)
            return edited

        try:
            edited = await self._database.write(tenant_id, work)
        except IntegrityError as cause:
            raise AddressTaken(edit.after) from cause
        if edited.refused or not edit.ends_verifications:
            return edited

        def late(conn: Connection) -> int:
            # Whatever holds on to the contact is through with it after this.
            _lock(conn, tenant_id, contact_id)
            return self._end(conn, tenant_id, contact_id, edit, event)

        # What was read before the change and committed after it is seen only now.
        return replace(edited, ended=edited.ended + await self._database.write(tenant_id, late))

    def _edit(
        self,
        conn: Connection,
        tenant_id: str,
        contact_id: str,
        edit: AddressEdit,
        event: AuditEvent,
        notices: Sequence[OutboxItem],
    ) -> Edited:
        if not _lock(conn, tenant_id, contact_id):
            return Edited("not_found")
        if not _EDITS[edit.what](conn, tenant_id, contact_id, edit, micros(event.at)):
            return Edited("changed_meanwhile")
        ended = self._end(conn, tenant_id, contact_id, edit, event)
        if edit.ends_checks:
            end_calls(conn, tenant_id, contact_id, event.at)
        facts: Mapping[str, str | int] = {**event.public, "address_id": edit.address_id, "kind": edit.kind}
        if edit.ends_verifications:
            facts = {**facts, "ended": ended}
        sealed = {name: value for name, value in (("before", edit.before), ("after", edit.after)) if value}
        append_audit(conn, self._keyring, tenant_id, replace(event, contact_id=contact_id, public=facts, sealed=sealed))
        _by_hand(conn, tenant_id, contact_id)
        put_items(conn, self._keyring, tenant_id, notices, event.at)
        return Edited("", ended)

    def _end(self, conn: Connection, tenant_id: str, contact_id: str, edit: AddressEdit, event: AuditEvent) -> int:
        """What the change makes void: checks of theirs, those of the number that nobody has said yet whose they are,
        and how they were verified themselves. How many there were."""

        def new_id() -> str:
            return self._new_id(event.at)

        ended = 0
        who = "source" if "source" in event.public else "operator"
        why: Literal["number_changed"] = "number_changed"
        if edit.ends_checks:
            shared = and_(dialogs.c.their_address == edit.before, dialogs.c.contact_id == "")
            which: ColumnElement[bool] = or_(dialogs.c.contact_id == contact_id, shared)
            ended += end_checks(
                conn, self._keyring, tenant_id, which, why, event.at, new_id, by=event.technician_id, who=who
            )
        if edit.ends_verifications:
            theirs = verifications.c.contact_id == contact_id
            ended += end_verifications(
                conn, self._keyring, tenant_id, theirs, why, event.at, new_id, by=event.technician_id, who=who
            )
        return ended

    async def change_contact(
        self, tenant_id: str, contact_id: str, event: AuditEvent, *, name: str, client_id: str, locale: str
    ) -> Edited:
        """Name, company and language, as they are to be from now on. Whoever is given the name of another person could
        pass for them on a number that has long been here, so that numbers and addresses are new then (SEC-13); who is
        only written rightly is not. A second correction within a week is another name: else letter by letter somebody
        becomes somebody else."""

        def work(conn: Connection) -> Edited:
            this = (contacts.c.tenant_id == tenant_id) & (contacts.c.id == contact_id)
            found = select(contacts.c.name, contacts.c.renamed_at).where(this).with_for_update()
            before = conn.execute(found).first()
            if before is None:
                return Edited("not_found")
            if not _client_is_there(conn, tenant_id, client_id):
                return Edited("no_client")
            values: dict[str, object] = {"name": name, "client_id": client_id, "locale": locale, "import_id": ""}
            facts, sealed, as_new, ended = event.public, event.sealed, False, 0
            if name != before.name:
                values["renamed_at"] = micros(event.at)
                sealed = {**sealed, "before": before.name, "after": name}
                lately = before.renamed_at is not None and event.at - moment(before.renamed_at) < NEW_FOR
                other = namesakes(conn, tenant_id, client_id, name, but=contact_id)
                as_new = not same_words(before.name, name) and (lately or not is_slip(before.name, name))
                as_new = as_new or bool(other)
            if as_new:
                ended = doubt(
                    conn,
                    self._keyring,
                    tenant_id,
                    contact_id,
                    event.at,
                    partial(self._new_id, event.at),
                    by=event.technician_id,
                )
                facts = {**facts, "as_new": 1, "ended": ended}
            conn.execute(update(contacts).where(this).values(values))
            line = replace(event, contact_id=contact_id, public=facts, sealed=sealed)
            append_audit(conn, self._keyring, tenant_id, line)
            return Edited("", ended, as_new)

        edited = await self._database.write(tenant_id, work)
        if not edited.as_new:
            return edited

        def late(conn: Connection) -> int:
            _lock(conn, tenant_id, contact_id)
            new_id = partial(self._new_id, event.at)
            return end_shields_of(conn, self._keyring, tenant_id, contact_id, event.at, new_id, by=event.technician_id)

        # As with an address: what was read before and committed after it.
        return replace(edited, ended=edited.ended + await self._database.write(tenant_id, late))


def end_calls(conn: Connection, tenant_id: str, contact_id: str, now: datetime) -> None:
    """No announced call of theirs claims a check any more."""
    conn.execute(
        update(announced_calls)
        .where(
            announced_calls.c.tenant_id == tenant_id,
            announced_calls.c.contact_id == contact_id,
            announced_calls.c.ended_at.is_(None),
        )
        .values(ended_at=micros(now))
    )


def _lock(conn: Connection, tenant_id: str, contact_id: str) -> bool:
    """One change of a contact at a time, and none of somebody who is being erased."""
    this = (contacts.c.tenant_id == tenant_id) & (contacts.c.id == contact_id)
    return conn.execute(select(contacts.c.id).where(this).with_for_update()).first() is not None


def _client_is_there(conn: Connection, tenant_id: str, client_id: str) -> bool:
    this = (clients.c.tenant_id == tenant_id) & (clients.c.id == client_id)
    return conn.scalar(select(clients.c.id).where(this)) is not None


def _by_hand(conn: Connection, tenant_id: str, contact_id: str) -> None:
    """Taking an import back must not take away what somebody has worked on since."""
    this = (contacts.c.tenant_id == tenant_id) & (contacts.c.id == contact_id)
    conn.execute(update(contacts).where(this, contacts.c.import_id != "").values(import_id=""))


def _of_kind(tenant_id: str, contact_id: str, kind: str) -> ColumnElement[bool]:
    return and_(addresses.c.tenant_id == tenant_id, addresses.c.contact_id == contact_id, addresses.c.kind == kind)


def _this(tenant_id: str, contact_id: str, edit: AddressEdit) -> ColumnElement[bool]:
    """The address as the person saw it, else none."""
    return and_(
        _of_kind(tenant_id, contact_id, edit.kind),
        addresses.c.id == edit.address_id,
        addresses.c.value == edit.before,
    )


def _add(conn: Connection, tenant_id: str, contact_id: str, edit: AddressEdit, now: int) -> bool:
    theirs = _of_kind(tenant_id, contact_id, edit.kind)
    first = conn.scalar(select(addresses.c.id).where(theirs, addresses.c.is_default)) is None
    if edit.is_default:
        conn.execute(update(addresses).where(theirs).values(is_default=False))
    row = {"tenant_id": tenant_id, "id": edit.address_id, "contact_id": contact_id, "kind": edit.kind}
    use = edit.is_default or first
    conn.execute(insert(addresses).values(**row, value=edit.after, is_default=use, changed_at=now))
    return True


def _change(conn: Connection, tenant_id: str, contact_id: str, edit: AddressEdit, now: int) -> bool:
    values: dict[str, object] = {"value": edit.after}
    if not edit.rewritten:
        values["changed_at"] = now
    return conn.execute(update(addresses).where(_this(tenant_id, contact_id, edit)).values(values)).rowcount == 1


def _remove(conn: Connection, tenant_id: str, contact_id: str, edit: AddressEdit, now: int) -> bool:
    """Where it was the one to use, another one is from now on, as new as if somebody had chosen it: else taking the
    usual number away would be a way around the note and the colleague that another one needs (SEC-12)."""
    if conn.execute(delete(addresses).where(_this(tenant_id, contact_id, edit))).rowcount != 1:
        return False
    theirs = _of_kind(tenant_id, contact_id, edit.kind)
    if conn.scalar(select(addresses.c.id).where(theirs, addresses.c.is_default)) is None:
        next_one = conn.scalar(select(addresses.c.id).where(theirs).order_by(addresses.c.value).limit(1))
        conn.execute(
            update(addresses).where(theirs, addresses.c.id == next_one).values(is_default=True, changed_at=now)
        )
    return True


def _use(conn: Connection, tenant_id: str, contact_id: str, edit: AddressEdit, now: int) -> bool:
    """Texts go somewhere else from now on, which is a change like any other (SEC-12)."""
    this = _this(tenant_id, contact_id, edit)
    if conn.scalar(select(addresses.c.id).where(this)) is None:
        return False
    conn.execute(update(addresses).where(_of_kind(tenant_id, contact_id, edit.kind)).values(is_default=False))
    conn.execute(update(addresses).where(this).values(is_default=True, changed_at=now))
    return True


_EDITS: Mapping[What, Callable[[Connection, str, str, AddressEdit, int], bool]] = {
    "added": _add,
    "changed": _change,
    "removed": _remove,
    "default": _use,
}
