"""Which contacts, and which of their addresses, come from a directory; and what erasing one of them leaves of that."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, delete, func, select, update

from storage.keys import CannotOpen, Keyring, RowKeys, place
from storage.sealing import row_keys, tenant_key
from storage.sources.rules import Said, dump_said, load_said
from storage.tables import (
    addresses,
    contact_sources,
    source_changes,
    source_left,
    source_organisations,
    source_people,
)
from storage.times import micros, moment

#: Stands before the digest of an id that is not to come back.
GONE = "erased:"
#: The same of somebody whose organisation left, and who is still a contact here.
LINKED = "linked:"


@dataclass(frozen=True, slots=True)
class AddressOrigin:
    """An address that came from a directory and that nobody has changed here since. `said_otherwise`: the directory
    has another by now, which waits for an admin or was refused."""

    set_at: datetime
    said_otherwise: bool


@dataclass(frozen=True, slots=True)
class ContactOrigin:
    """Where a contact comes from. `state`: `gone` means no longer there. `addresses` by their id; `waiting`: changes of
    theirs that are not decided."""

    source_id: str
    source_name: str
    organisation_id: str
    organisation_name: str
    state: Literal["linked", "gone"]
    since: datetime
    addresses: Mapping[str, AddressOrigin] = field(default_factory=dict)
    waiting: int = 0


def origin_of(conn: Connection, keyring: Keyring, tenant_id: str, contact_id: str) -> ContactOrigin | None:
    """None for somebody who came another way."""
    p, o, s = source_people.c, source_organisations.c, contact_sources.c
    query = (
        select(source_people, o.name.label("organisation_name"), s.name.label("source_name"), s.id.label("source_id"))
        .join(source_organisations, (o.tenant_id == p.tenant_id) & (o.id == p.organisation_id))
        .join(contact_sources, (s.tenant_id == o.tenant_id) & (s.id == o.source_id))
        .where(p.tenant_id == tenant_id, p.contact_id == contact_id, p.state.in_(("linked", "gone")))
        # Somebody who has left and come back under another id is there.
        .order_by(p.state.desc(), p.id)
    )
    row = conn.execute(query).mappings().first()
    if row is None:
        return None
    said = open_said(row_keys(conn, keyring, tenant_id, contact_id), tenant_id, row["id"], row["said"])
    mine = select(addresses.c.id, addresses.c.value)
    mine = mine.where(addresses.c.tenant_id == tenant_id, addresses.c.contact_id == contact_id)
    values = {row.id: row.value for row in conn.execute(mine)}
    theirs = {
        slot.address_id: AddressOrigin(moment(slot.at), slot.said != slot.here)
        for slot in said.slots.values()
        if slot.address_id and values.get(slot.address_id) == slot.here
    }
    c = source_changes.c
    waiting = select(func.count()).select_from(source_changes)
    waiting = waiting.where(c.tenant_id == tenant_id, c.contact_id == contact_id, c.state == "waiting")
    return ContactOrigin(
        source_id=row["source_id"],
        source_name=row["source_name"],
        organisation_id=row["organisation_id"],
        organisation_name=row["organisation_name"],
        state="gone" if row["state"] == "gone" else "linked",
        since=moment(row["created_at"] if row["state"] == "linked" else row["updated_at"]),
        addresses=theirs,
        waiting=conn.scalar(waiting) or 0,
    )


def open_said(keys: RowKeys, tenant_id: str, person_id: str, sealed: bytes | None) -> Said:
    """Nothing where nothing is kept. Raises `CannotOpen` where the contact is gone."""
    return Said() if sealed is None else load_said(keys.open(sealed, _place(tenant_id, person_id)))


def seal_said(keys: RowKeys, tenant_id: str, person_id: str, said: Said) -> bytes:
    """Under the contact's key. Raises `CannotOpen` where there is none: it must not outlive them."""
    if keys.contact is None:
        raise CannotOpen("the contact's key is gone")
    return keys.seal(dump_said(said), _place(tenant_id, person_id))


def keep_out(conn: Connection, keyring: Keyring, tenant_id: str, contact_id: str, now: datetime) -> None:
    """They are erased: the link goes, with all that was said of them, and a digest keeps them from coming back."""
    p, key = source_people.c, tenant_key(conn, keyring, tenant_id).digest_key
    theirs = (p.tenant_id == tenant_id) & (p.contact_id == contact_id)
    for row in conn.execute(select(p.id, p.external_id).where(theirs).with_for_update()).all():
        values = {"contact_id": "", "said": None, "state": "erased", "updated_at": micros(now)}
        this = (p.tenant_id == tenant_id) & (p.id == row.id)
        conn.execute(update(source_people).where(this).values(external_id=digest_of(key, row.external_id), **values))
    c = source_changes.c
    conn.execute(delete(source_changes).where(c.tenant_id == tenant_id, c.contact_id == contact_id))
    _keep_out_of_left(conn, tenant_id, contact_id)


def _keep_out_of_left(conn: Connection, tenant_id: str, contact_id: str) -> None:
    """The same for organisations that are not connected at the moment, and may be again."""
    c = source_left.c
    mine = (c.tenant_id == tenant_id) & (c.contact_id == contact_id)
    for row in conn.execute(select(c.directory_id, c.digest).where(mine).with_for_update()).all():
        here = (c.tenant_id == tenant_id) & (c.directory_id == row.directory_id)
        digest = GONE + row.digest.removeprefix(LINKED)
        conn.execute(delete(source_left).where(here, c.digest == digest))
        this = update(source_left).where(here, c.digest == row.digest)
        conn.execute(this.values(digest=digest, contact_id=""))


def digest_of(key: bytes, external_id: str) -> str:
    """By what an erased person is known: enough to leave them out, nothing to look them up by. `key`: the tenant's, for
    digests."""
    if external_id.startswith(GONE):
        return external_id
    return GONE + _keyed(key, external_id)


def linked_digest_of(key: bytes, external_id: str) -> str:
    """By what somebody is known while their organisation is away."""
    return LINKED + _keyed(key, external_id)


def _keyed(key: bytes, external_id: str) -> str:
    return hmac.new(key, b"source person|" + external_id.encode(), hashlib.sha256).hexdigest()


def _place(tenant_id: str, person_id: str) -> bytes:
    return place("source_people", "said", tenant_id, person_id)
