"""Who else has this number, address or name: asked before a person is added or changed, so that nobody is taken for
somebody else by accident."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from storage.tables import addresses, clients, contacts


@dataclass(frozen=True, slots=True)
class Sharer:
    """Somebody who has `value` too; for somebody of the same name it is empty."""

    value: str
    contact_id: str
    name: str
    client_name: str


def sharing(conn: Connection, tenant_id: str, values: Sequence[str], *, but: str = "") -> tuple[Sharer, ...]:
    """Everybody but the contact `but` who has one of these addresses, each once for each address, by name."""
    theirs = (contacts.c.tenant_id == addresses.c.tenant_id) & (contacts.c.id == addresses.c.contact_id)
    company = (clients.c.tenant_id == contacts.c.tenant_id) & (clients.c.id == contacts.c.client_id)
    query = (
        select(addresses.c.value, contacts.c.id, contacts.c.name, clients.c.name.label("client"))
        .join(contacts, theirs)
        .join(clients, company)
        .where(addresses.c.tenant_id == tenant_id, addresses.c.value.in_(values), contacts.c.id != but)
        .distinct()
        .order_by(contacts.c.name, contacts.c.id, addresses.c.value)
    )
    return tuple(Sharer(*row) for row in conn.execute(query))


def namesakes(conn: Connection, tenant_id: str, client_id: str, name: str, *, but: str = "") -> tuple[Sharer, ...]:
    """People of the same name at the same client. Databases fold case differently, so only ASCII is folded."""
    company = (clients.c.tenant_id == contacts.c.tenant_id) & (clients.c.id == contacts.c.client_id)
    query = (
        select(contacts.c.id, contacts.c.name, clients.c.name.label("client"))
        .join(clients, company)
        .where(
            contacts.c.tenant_id == tenant_id,
            contacts.c.client_id == client_id,
            func.lower(contacts.c.name).in_({name.lower(), name.casefold(), name}),
            contacts.c.id != but,
        )
        .order_by(contacts.c.name, contacts.c.id)
    )
    return tuple(Sharer("", *row) for row in conn.execute(query))
