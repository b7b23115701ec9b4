"""What taking over a page of people needs to know, read at its beginning: who of them is here, as which contact, and
what of theirs is not decided. Contacts are locked before the people who are linked to them, here and wherever else both
are, and both until the page is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, or_, select

from storage.directory import Kind, NewContact
from storage.keys import Keyring, RowKeys
from storage.sealing import tenant_key
from storage.sources.leaving import kept_out
from storage.sources.origin import digest_of
from storage.sources.proposing import Open, open_of
from storage.sources.rules import Place, Told
from storage.tables import addresses, contacts, source_people


@dataclass(frozen=True, slots=True)
class Taking:
    """Whose page it is. `is_first`: no round has been whole yet, so what comes is how things are and not a change;
    otherwise also the addresses of somebody new are new for a week.
    `region`: where numbers without a country code are read. `speaks(locale)`: the same where there are texts in that
    language, else empty."""

    keyring: Keyring
    tenant_id: str
    source_id: str
    organisation_id: str
    client_id: str
    round: str
    is_first: bool
    region: str
    now: datetime
    new_id: Callable[[], str]
    speaks: Callable[[str], str] = field(default=lambda locale: "")


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact as they are here. `addresses` by kind: id to value."""

    id: str
    name: str
    locale: str
    client_id: str
    keys: RowKeys
    addresses: Mapping[Kind, Mapping[str, str]]


@dataclass(slots=True)
class Page:
    """What a page needs to know, read at its beginning, and what comes of it."""

    taking: Taking
    #: The tenant's, for digests.
    key: bytes = field(repr=False)
    #: By what an erased person is known, for everybody the page names.
    digests: Mapping[str, str]
    #: Digests of those who were erased before the organisation was connected anew.
    kept_out: frozenset[str]
    #: Names of contacts of the client, folded, as far as somebody new has the same.
    namesakes: frozenset[str]
    rows: dict[str, Mapping[Any, Any]]
    contacts: dict[str, Contact]
    by_email: dict[str, list[str]]
    linked: dict[str, list[Mapping[Any, Any]]]
    open: dict[tuple[str, Place], Open]
    counts: Counter[str] = field(default_factory=Counter)
    #: People of whom nothing but having been named is to be kept.
    named: list[str] = field(default_factory=list)
    #: Who is a contact only now.
    back: list[str] = field(default_factory=list)
    #: Rows of `source_people` to add.
    links: list[Mapping[str, Any]] = field(default_factory=list)
    new: list[tuple[str, NewContact, Told, Mapping[Any, Any] | None]] = field(default_factory=list)


def read_page(conn: Connection, taking: Taking, ids: Sequence[str], told: Mapping[str, Told]) -> Page:
    """`ids`: everybody the page names; `told`: what it says of those who may be contacts."""
    p = source_people.c
    mine = (p.tenant_id == taking.tenant_id) & (p.organisation_id == taking.organisation_id)
    key = tenant_key(conn, taking.keyring, taking.tenant_id).digest_key
    digests = {id: digest_of(key, id) for id in ids}
    theirs = mine & p.external_id.in_([*digests, *digests.values()])
    known = {row.external_id: row for row in conn.execute(select(p.external_id, p.contact_id).where(theirs))}
    strangers = [told[id] for id in told if id not in known or not known[id].contact_id]
    by_email = _by_email(conn, taking, strangers)
    wanted = {row.contact_id for row in known.values() if row.contact_id} | {
        id for found in by_email.values() for id in found
    }
    here = contacts_of(conn, taking, sorted(wanted))
    # Only now, behind the contacts' locks: somebody may have been erased meanwhile.
    rows = conn.execute(select(source_people).where(theirs).order_by(p.id).with_for_update()).mappings().all()
    linked: dict[str, list[Mapping[Any, Any]]] = {}
    of_tenant = select(source_people).where(p.tenant_id == taking.tenant_id, p.contact_id.in_(sorted(here)))
    for row in conn.execute(of_tenant.order_by(p.id)).mappings():
        linked.setdefault(row["contact_id"], []).append(row)
    every = {row["id"] for row in rows} | {row["id"] for found in linked.values() for row in found}
    return Page(
        taking=taking,
        key=key,
        digests=digests,
        kept_out=kept_out(conn, taking.tenant_id, taking.organisation_id, digests.values()),
        namesakes=_namesakes(conn, taking, strangers),
        rows={row["external_id"]: row for row in rows},
        contacts=here,
        by_email=by_email,
        linked=linked,
        open=open_of(conn, taking.tenant_id, sorted(every)),
    )


def _by_email(conn: Connection, taking: Taking, told: Iterable[Told]) -> dict[str, list[str]]:
    """Contacts of the client by their e-mail address, of those who may be one of these."""
    emails = {email for person in told if (email := person.addresses.get("email"))}
    at = (contacts.c.tenant_id == addresses.c.tenant_id) & (contacts.c.id == addresses.c.contact_id)
    query = select(addresses.c.value, addresses.c.contact_id).join(contacts, at)
    query = query.where(
        addresses.c.tenant_id == taking.tenant_id,
        addresses.c.kind == "email",
        addresses.c.value.in_(sorted(emails)),
        contacts.c.client_id == taking.client_id,
    )
    found: dict[str, list[str]] = {}
    for value, contact_id in conn.execute(query.order_by(addresses.c.contact_id)):
        found.setdefault(value, []).append(contact_id)
    return found


def _namesakes(conn: Connection, taking: Taking, told: Iterable[Told]) -> frozenset[str]:
    """Whoever is called like somebody who is here already may be an impostor of theirs."""
    names = {spelling for person in told for spelling in (person.name, person.name.casefold())}
    c = contacts.c
    query = select(c.name).where(c.tenant_id == taking.tenant_id, c.client_id == taking.client_id)
    query = query.where(or_(c.name.in_(sorted(names)), func.lower(c.name).in_(sorted(names))))
    return frozenset(name.casefold() for name in conn.scalars(query))


def contacts_of(conn: Connection, taking: Taking, ids: Sequence[str]) -> dict[str, Contact]:
    """Those of them that exist, locked against changes, with their addresses and keys."""
    c = contacts.c
    query = select(c.id, c.name, c.locale, c.client_id, c.key).where(c.tenant_id == taking.tenant_id, c.id.in_(ids))
    rows = conn.execute(query.order_by(c.id).with_for_update(key_share=True)).all()
    a = addresses.c
    theirs = select(a.contact_id, a.kind, a.id, a.value).where(a.tenant_id == taking.tenant_id, a.contact_id.in_(ids))
    values: dict[str, dict[Kind, dict[str, str]]] = {}
    for contact_id, kind, id, value in conn.execute(theirs):
        values.setdefault(contact_id, {}).setdefault(kind, {})[id] = value
    key = tenant_key(conn, taking.keyring, taking.tenant_id)
    return {
        row.id: Contact(
            row.id,
            row.name,
            row.locale,
            row.client_id,
            taking.keyring.row_keys(key, row.id, row.key),
            values.get(row.id, {}),
        )
        for row in rows
    }
