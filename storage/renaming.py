"""Somebody has another name. Another name makes another person of a record: whoever may write there could call
themselves like somebody whom technicians trust, on a number that has long been theirs (SEC-13). So all their numbers
and addresses are new again, whether a directory said so or a hand here, unless the name is only written another way."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, update

from storage.keys import Keyring
from storage.tables import addresses, verifications
from storage.times import micros
from storage.voiding import end_verifications

#: In a shorter word one other letter is easily another name: Bob and Rob.
_LONG_ENOUGH: Final = 5
_WORD: Final = re.compile(r"\w+")


def same_words(one: str, other: str) -> bool:
    """The same name in another writing: `Arbor, Ann`."""
    return sorted(_WORD.findall(one.casefold())) == sorted(_WORD.findall(other.casefold()))


def is_slip(before: str, after: str) -> bool:
    """Whether somebody may have mistyped one as the other: the same but for marks on letters, and for one letter of one
    long word, not its first."""
    one, other = (Counter(_WORD.findall(_bare(name))) for name in (before, after))
    gone, came = list((one - other).elements()), list((other - one).elements())
    if not gone and not came:
        return True
    return len(gone) == len(came) == 1 and _one_letter_apart(gone[0], came[0])


def doubt(
    conn: Connection,
    keyring: Keyring,
    tenant_id: str,
    contact_id: str,
    now: datetime,
    new_id: Callable[[], str],
    *,
    by: str = "",
    who: str = "operator",
) -> int:
    """All their numbers and addresses are new again, and no shield stays. Whoever calls holds the contact's lock. How
    many verifications that were under way ended."""
    a = addresses.c
    theirs = (a.tenant_id == tenant_id) & (a.contact_id == contact_id)
    conn.execute(update(addresses).where(theirs).values(changed_at=micros(now)))
    return end_shields_of(conn, keyring, tenant_id, contact_id, now, new_id, by=by, who=who)


def end_shields_of(
    conn: Connection,
    keyring: Keyring,
    tenant_id: str,
    contact_id: str,
    now: datetime,
    new_id: Callable[[], str],
    *,
    by: str = "",
    who: str = "operator",
) -> int:
    """What they have shown before proves nothing of whoever they are now."""
    which = verifications.c.contact_id == contact_id
    return end_verifications(conn, keyring, tenant_id, which, "number_changed", now, new_id, by=by, who=who)


def _bare(name: str) -> str:
    """Without marks on letters: `Zoë` and `Zoe` are one."""
    return "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))


def _one_letter_apart(one: str, other: str) -> bool:
    """Another letter, one more, one less, or two that have changed places."""
    short, long = sorted((one, other), key=len)
    if len(short) < _LONG_ENOUGH or short[0] != long[0] or len(long) - len(short) > 1:
        return False
    at = next((n for n, letter in enumerate(short) if letter != long[n]), len(short))
    if len(short) < len(long):
        return short[at:] == long[at + 1 :]
    swapped = short[at : at + 2] == long[at : at + 2][::-1] and short[at + 2 :] == long[at + 2 :]
    return swapped or short[at + 1 :] == long[at + 1 :]
