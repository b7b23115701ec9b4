"""Somebody has another name in the directory. Another name makes another person of a record: whoever writes there could
call themselves like somebody whom technicians trust, on a number that has long been theirs (SEC-13)."""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy import Connection, update

from storage.sources.page import Contact, Taking
from storage.tables import addresses, verifications
from storage.times import micros
from storage.voiding import end_verifications

_WORD: Final = re.compile(r"\w+")


def same_words(one: str, other: str) -> bool:
    """The same name in another writing: `Arbor, Ann`."""
    return sorted(_WORD.findall(one.casefold())) == sorted(_WORD.findall(other.casefold()))


def doubt(conn: Connection, taking: Taking, contact: Contact) -> None:
    """All their numbers and addresses are new again, and no shield stays. Whoever calls holds the contact's lock."""
    a = addresses.c
    theirs = (a.tenant_id == taking.tenant_id) & (a.contact_id == contact.id)
    conn.execute(update(addresses).where(theirs).values(changed_at=micros(taking.now)))
    which = verifications.c.contact_id == contact.id
    end_verifications(
        conn, taking.keyring, taking.tenant_id, which, "number_changed", taking.now, taking.new_id, who="source"
    )
