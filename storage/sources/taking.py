"""Taking over the people of one page: new ones become contacts, changed addresses become proposals, whoever is not
there any more keeps contact and history and loses the addresses that came from there, as a proposal too.

All of a page is one transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select, update

from dialogs.people_source import SourcePerson
from dialogs.turns import AuditEvent
from storage.directory import NewAddress, NewContact, put_contacts
from storage.noting import append_audit
from storage.renaming import doubt, same_words
from storage.sources.leaving import is_back
from storage.sources.origin import open_said, seal_said
from storage.sources.page import Contact, Page, Taking, contacts_of, read_page
from storage.sources.proposing import propose
from storage.sources.rules import NOTHING, PLACES, Merged, Place, Said, Slot, Told, kind_of, merge, placed, tell
from storage.tables import addresses, contacts, source_people
from storage.times import micros

#: An id that is longer is none of a directory.
LONGEST_ID: Final = 70
HERE: Final = ("linked", "gone")
#: Of somebody who was erased.
_NOBODY: Final[Mapping[str, Any]] = {"state": "erased", "contact_id": "", "said": None}


def take_over(conn: Connection, taking: Taking, people: Sequence[SourcePerson], gone: Iterable[str]) -> Counter[str]:
    """Do it; what was done, in counts. Somebody who is named twice counts as last named; gone beats there."""
    last = {person.external_id: person for person in people if 0 < len(person.external_id) <= LONGEST_ID}
    left = [id for id in dict.fromkeys(gone) if 0 < len(id) <= LONGEST_ID]
    for id in left:
        last.pop(id, None)
    told = {id: tell(person, taking.region) for id, person in last.items() if person.usable}
    page = read_page(conn, taking, [*last, *left], told)
    for id, person in last.items():
        page.counts["left_out_addresses"] += told[id].left_out if id in told else 0
        _one(conn, page, id, person, told.get(id))
    for id in left:
        _left(conn, page, id)
    _add_new(conn, page)
    if page.links:
        conn.execute(insert(source_people), page.links)
    is_back(conn, page.key, taking.tenant_id, taking.organisation_id, page.back)
    these = (source_people.c.tenant_id == taking.tenant_id) & source_people.c.id.in_(page.named)
    conn.execute(update(source_people).where(these).values(round=taking.round))
    return page.counts


def take_missing(conn: Connection, taking: Taking, most: int) -> tuple[int, Counter[str]]:
    """Some of those whom a round that names everybody has not named: they are gone. How many were looked at."""
    p = source_people.c
    which = (p.tenant_id == taking.tenant_id) & (p.organisation_id == taking.organisation_id)
    unnamed = select(p.external_id).where(which, p.round != taking.round, p.state != "erased")
    ids = list(conn.scalars(unnamed.order_by(p.id).limit(most)))
    page = read_page(conn, taking, ids, {})
    for id in ids:
        _left(conn, page, id)
    these = (p.tenant_id == taking.tenant_id) & p.id.in_(page.named)
    conn.execute(update(source_people).where(these).values(round=taking.round))
    return len(ids), page.counts


# --- one person


def _one(conn: Connection, page: Page, id: str, person: SourcePerson, told: Told | None) -> None:
    if (erased := page.rows.get(page.digests[id])) is not None:
        page.named.append(erased["id"])
        return
    row = page.rows.get(id)
    if page.digests[id] in page.kept_out and (row is None or row["state"] not in HERE):
        _put(conn, page, page.digests[id], row, row["id"] if row is not None else page.taking.new_id(), _NOBODY)
        return
    if row is not None and row["state"] in HERE:
        if row["contact_id"] not in page.contacts:
            _erased(conn, page, row)
        elif person.kind == "unreadable":
            page.named.append(row["id"])
        elif told is not None:
            _again(conn, page, row, told)
        else:
            _gone(conn, page, row)
        return
    if told is None or not told.addresses:
        state = "no_address" if told is not None else person.kind
        _keep_state(conn, page, id, row, state)
    elif (contact_id := _match(page, told)) is not None:
        _link(conn, page, id, row, page.contacts[contact_id], told)
    else:
        _plan_new(page, id, row, told)


def _left(conn: Connection, page: Page, id: str) -> None:
    row = page.rows.get(id)
    if row is None:
        return
    if row["state"] not in HERE:
        p = source_people.c
        conn.execute(delete(source_people).where(p.tenant_id == page.taking.tenant_id, p.id == row["id"]))
    elif row["contact_id"] not in page.contacts:
        _erased(conn, page, row)
    else:
        _gone(conn, page, row)


def _again(conn: Connection, page: Page, row: Mapping[Any, Any], told: Told) -> None:
    """Somebody who is a contact already."""
    contact = page.contacts[row["contact_id"]]
    said = open_said(contact.keys, page.taking.tenant_id, row["id"], row["said"])
    after = _merged(conn, page, row["id"], contact, said, told)
    after = _details(conn, page, contact, after, told)
    _keep(conn, page, row, contact, said, after, "linked")


def _gone(conn: Connection, page: Page, row: Mapping[Any, Any]) -> None:
    contact = page.contacts[row["contact_id"]]
    said = open_said(contact.keys, page.taking.tenant_id, row["id"], row["said"])
    after = _merged(conn, page, row["id"], contact, said, NOTHING)
    page.counts["gone"] += row["state"] != "gone"
    _keep(conn, page, row, contact, said, after, "gone")


def _merged(conn: Connection, page: Page, person_id: str, contact: Contact, said: Said, told: Told) -> Said:
    now = placed(told, said)
    for place in PLACES:
        slot, theirs = said.slot(place), contact.addresses.get(kind_of(place), {})
        others = {value for id, value in theirs.items() if id != slot.address_id}
        came = merge(place, slot, now.get(place, ""), theirs, others, page.taking.new_id)
        after = _settle(conn, page, person_id, contact, place, came)
        said = said if after == slot else said.with_slot(place, after)
    return said


def _settle(conn: Connection, page: Page, person_id: str, contact: Contact, place: Place, came: Merged) -> Slot:
    """Put the proposal where an admin, or the end of the round, finds it."""
    if came.verdict != "keep":
        taking = page.taking
        propose(
            conn,
            contact.keys,
            (taking.tenant_id, taking.organisation_id, taking.round),
            (person_id, contact.id, place),
            page.open.get((person_id, place)),
            came.proposal,
            taking.now,
            taking.new_id,
        )
        page.counts["changes"] += came.proposal is not None
    return came.slot


def _details(conn: Connection, page: Page, contact: Contact, said: Said, told: Told) -> Said:
    """Name and language follow, where nobody here has said otherwise."""
    taking, values = page.taking, {}
    locale = taking.speaks(told.locale)
    if told.name and told.name != said.name:
        if contact.name == said.name:
            values["name"] = told.name
            if not same_words(contact.name, told.name):
                keyring, tenant_id = taking.keyring, taking.tenant_id
                doubt(conn, keyring, tenant_id, contact.id, taking.now, taking.new_id, who="source")
        said = replace(said, name=told.name)
    if locale != said.locale:
        if contact.locale == said.locale:
            values["locale"] = locale
        said = replace(said, locale=locale)
    if values:
        c = contacts.c
        conn.execute(update(contacts).where(c.tenant_id == taking.tenant_id, c.id == contact.id).values(values))
        public = {"source": taking.source_id, "changed": ", ".join(sorted(values))}
        event = AuditEvent(taking.new_id(), taking.now, "contact.changed", contact_id=contact.id, public=public)
        append_audit(conn, taking.keyring, taking.tenant_id, event)
        page.counts["renamed"] += "name" in values
    return said


# --- somebody who was no contact from here yet


def _match(page: Page, told: Told) -> str | None:
    """A contact of the same client with the same mail and the same name, whom nobody there is already."""
    for contact_id in page.by_email.get(told.addresses.get("email", ""), ()):
        contact = page.contacts.get(contact_id)
        if contact is None or contact.name.casefold() != told.name.casefold():
            continue
        if all(row["state"] == "gone" for row in page.linked.get(contact_id, ())):
            return contact_id
    return None


def _link(conn: Connection, page: Page, id: str, row: Mapping[Any, Any] | None, contact: Contact, told: Told) -> None:
    """What a contact has already stays theirs. Whoever has left and come back under another id takes up what was
    theirs."""
    taking, p = page.taking, source_people.c
    before = next((r for r in page.linked.get(contact.id, ()) if r["organisation_id"] == taking.organisation_id), None)
    if before is not None:
        if row is not None:
            conn.execute(delete(source_people).where(p.tenant_id == taking.tenant_id, p.id == row["id"]))
        this = (p.tenant_id == taking.tenant_id) & (p.id == before["id"])
        conn.execute(update(source_people).where(this).values(external_id=id))
        page.linked[contact.id] = [{**before, "state": "linked"}]
        _again(conn, page, before, told)
        return
    person_id = row["id"] if row is not None else taking.new_id()
    said = Said(contact.name, contact.locale)
    for place in PLACES:
        kind = kind_of(place)
        theirs, now = contact.addresses.get(kind, {}), told.addresses.get(place, "")
        if now and not theirs and taking.is_first:
            slot = Slot(said=now, here=now, address_id=taking.new_id(), at=micros(taking.now))
            ids = {"tenant_id": taking.tenant_id, "id": slot.address_id, "contact_id": contact.id}
            conn.execute(insert(addresses).values(**ids, kind=kind, value=now, is_default=place == kind))
        else:
            came = merge(place, Slot(), now, theirs, theirs.values(), taking.new_id)
            slot = _settle(conn, page, person_id, contact, place, came)
        said = said.with_slot(place, slot)
    page.counts["matched"] += 1
    # By hand from now on: taking an import back leaves them alone.
    this = (contacts.c.tenant_id == taking.tenant_id) & (contacts.c.id == contact.id)
    conn.execute(update(contacts).where(this).values(import_id=""))
    values: dict[str, Any] = {"state": "linked", "contact_id": contact.id}
    values["said"] = seal_said(contact.keys, taking.tenant_id, person_id, said)
    _put(conn, page, id, row, person_id, values)
    page.linked[contact.id] = [{"state": "linked", "organisation_id": taking.organisation_id}]


def _plan_new(page: Page, id: str, row: Mapping[Any, Any] | None, told: Told) -> None:
    taking = page.taking
    # Else whoever writes there could give somebody a second record here, with a phone of their own (SEC-13).
    is_new = (
        not taking.is_first or told.name.casefold() in page.namesakes or told.addresses.get("email") in page.by_email
    )
    new = tuple(
        NewAddress(taking.new_id(), kind_of(place), value, place == kind_of(place), is_new)
        for place, value in sorted(told.addresses.items())
    )
    locale = taking.speaks(told.locale)
    page.new.append((id, NewContact(taking.new_id(), taking.client_id, told.name, new, locale), told, row))
    page.counts["added"] += 1


def _add_new(conn: Connection, page: Page) -> None:
    """In bulk, with the link of each under their new key."""
    taking = page.taking
    put_contacts(conn, taking.keyring, taking.tenant_id, [new for _, new, _, _ in page.new], taking.now)
    made = contacts_of(conn, taking, sorted(new.id for _, new, _, _ in page.new))
    for id, new, told, row in page.new:
        said = Said(told.name, new.locale)
        for place, address in zip(sorted(told.addresses), new.addresses, strict=True):
            value = address.value
            said = said.with_slot(place, Slot(value, value, address.id, micros(taking.now)))
        person_id = row["id"] if row is not None else taking.new_id()
        values: dict[str, Any] = {"state": "linked", "contact_id": new.id}
        values["said"] = seal_said(made[new.id].keys, taking.tenant_id, person_id, said)
        _put(conn, page, id, row, person_id, values)


# --- writing what is known of them


def _keep(
    conn: Connection, page: Page, row: Mapping[Any, Any], contact: Contact, before: Said, after: Said, state: str
) -> None:
    if before == after and row["state"] == state:
        page.named.append(row["id"])
        return
    sealed = seal_said(contact.keys, page.taking.tenant_id, row["id"], after)
    _put(conn, page, row["external_id"], row, row["id"], {"state": state, "said": sealed})


def _keep_state(conn: Connection, page: Page, id: str, row: Mapping[Any, Any] | None, state: str) -> None:
    if row is not None and row["state"] == state:
        page.named.append(row["id"])
        return
    person_id = row["id"] if row is not None else page.taking.new_id()
    _put(conn, page, id, row, person_id, {"state": state, "contact_id": "", "said": None})


def _put(
    conn: Connection, page: Page, id: str, row: Mapping[Any, Any] | None, person_id: str, values: Mapping[str, Any]
) -> None:
    taking, p = page.taking, source_people.c
    known = {**values, "round": taking.round, "updated_at": micros(taking.now)}
    if known.get("contact_id"):
        page.back.append(id)
    if row is not None:
        this = (p.tenant_id == taking.tenant_id) & (p.id == person_id)
        conn.execute(update(source_people).where(this).values(external_id=id, **known))
        return
    ids = {"tenant_id": taking.tenant_id, "id": person_id, "organisation_id": taking.organisation_id}
    known = {"contact_id": "", "said": None, **known}
    page.links.append({**ids, "external_id": id, "created_at": micros(taking.now), **known})


def _erased(conn: Connection, page: Page, row: Mapping[Any, Any]) -> None:
    """The contact is gone without the link: a version that knew of no links erased them."""
    _put(conn, page, page.digests[row["external_id"]], row, row["id"], _NOBODY)
