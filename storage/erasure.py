"""Forgetting a person (SEC-56): the key is destroyed, so that what was sealed under it is noise also in what cannot be
changed; names, numbers and words go as rows. Ids and the log stay whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, literal, or_, select, update

from dialogs.turns import AuditEvent
from storage.database import Database, Unscoped
from storage.forgetting import bare_body, bare_verification
from storage.keys import Keyring
from storage.noting import append_audit
from storage.sources.origin import keep_out
from storage.tables import (
    addresses,
    alerts,
    announced_calls,
    approvals,
    blocks,
    challenge_sends,
    closing_waivers,
    contacts,
    conversations,
    dialogs,
    idempotency,
    imports,
    inbound,
    outbox,
    verifications,
)
from storage.times import micros
from storage.voiding import end_checks, end_verifications
from storage.voiding_approvals import bare_approvals, end_approvals

#: Stands where an address stood, before the row's own id: addresses must stay different.
GONE = "erased:"


@dataclass(frozen=True, slots=True)
class Erased:
    """How much went: `ended` live checks and stories of `checks`, both of callers and of the contact; words of `texts`
    both ways, `alerts`, announced `calls`, `addresses`."""

    ended: int
    checks: int
    texts: int
    alerts: int
    calls: int
    addresses: int


async def erase(
    database: Database, keyring: Keyring, tenant_id: str, contact_id: str, now: datetime, new_id: Callable[[], str]
) -> Erased | None:
    """Forget one contact; None when there is no such contact."""
    done = await database.write(
        Unscoped.OPERATOR, lambda conn: erase_contact(conn, keyring, tenant_id, contact_id, now, new_id)
    )
    if done is not None:
        # What a turn has committed while the contact went is seen only now; none can write of them any more.
        await database.write(
            Unscoped.OPERATOR, lambda conn: _leftovers(conn, keyring, tenant_id, contact_id, now, new_id)
        )
    return done


def erase_contact(
    conn: Connection, keyring: Keyring, tenant_id: str, contact_id: str, now: datetime, new_id: Callable[[], str]
) -> Erased | None:
    """Forget one contact, in one transaction of the operator's scope; None when there is no such contact.

    An address that another contact has too stays that contact's, and so does what was said on it. STOP stays: it is the
    one thing that person asked for.
    """
    if conn.dialect.name == "sqlite":
        # Freed pages are overwritten, whatever it costs.
        conn.exec_driver_sql("PRAGMA secure_delete = ON")
    this = (contacts.c.tenant_id == tenant_id) & (contacts.c.id == contact_id)
    if conn.execute(select(contacts.c.id).where(this).with_for_update()).first() is None:
        return None
    own = _own_addresses(conn, tenant_id, contact_id)
    theirs = or_(dialogs.c.contact_id == contact_id, dialogs.c.their_address.in_(own))
    ended = end_checks(conn, keyring, tenant_id, theirs, "erased", now, new_id)
    checks = _bare_checks(conn, tenant_id, theirs)
    ended += _end_verifications(conn, keyring, tenant_id, contact_id, now, new_id)
    checks += _bare_verifications(conn, tenant_id, contact_id)
    _forget_approvals(conn, keyring, tenant_id, contact_id, now, new_id)
    talks = _conversations(conn, tenant_id, contact_id, own)
    texts = _words(conn, tenant_id, contact_id, talks, now)
    seen = (alerts.c.tenant_id == tenant_id) & (alerts.c.contact_id == contact_id) & alerts.c.body.is_not(None)
    told = conn.execute(update(alerts).where(seen).values(body=None)).rowcount
    sends = challenge_sends.c.tenant_id == tenant_id
    which = or_(challenge_sends.c.destination.in_(own), challenge_sends.c.check_id.in_(checks))
    conn.execute(delete(challenge_sends).where(sends, which))
    # The reason of a block may name them, and the number is theirs.
    conn.execute(delete(blocks).where(blocks.c.tenant_id == tenant_id, blocks.c.their_address.in_(own)))
    # A file that waits to be brought in may name them; whoever looked at it does so once more.
    lying = (imports.c.tenant_id == tenant_id) & (imports.c.state == "preview")
    conn.execute(update(imports).where(lying).values(body=None))
    keep_out(conn, keyring, tenant_id, contact_id, now)
    _forget_answers(conn, tenant_id, contact_id)
    calls = (announced_calls.c.tenant_id == tenant_id) & (announced_calls.c.contact_id == contact_id)
    called = conn.execute(delete(announced_calls).where(calls)).rowcount
    mine = (addresses.c.tenant_id == tenant_id) & (addresses.c.contact_id == contact_id)
    listed = conn.execute(delete(addresses).where(mine)).rowcount
    conn.execute(delete(contacts).where(this))
    done = Erased(ended, len(checks), texts, told, called, listed)
    counts = {"ended": ended, "checks": len(checks), "texts": texts, "alerts": told, "calls": called}
    event = AuditEvent(
        id=new_id(),
        at=now,
        kind="operator.contact_erased",
        contact_id=contact_id,
        public={"who": "operator", **counts, "addresses": listed},
    )
    append_audit(conn, keyring, tenant_id, event)
    return done


def _leftovers(
    conn: Connection, keyring: Keyring, tenant_id: str, contact_id: str, now: datetime, new_id: Callable[[], str]
) -> None:
    """What still names a contact who is gone."""
    theirs = (dialogs.c.contact_id == contact_id) & dialogs.c.their_address.not_like(f"{GONE}%")
    end_checks(conn, keyring, tenant_id, theirs, "erased", now, new_id)
    _bare_checks(conn, tenant_id, theirs)
    _end_verifications(conn, keyring, tenant_id, contact_id, now, new_id)
    _bare_verifications(conn, tenant_id, contact_id)
    _forget_approvals(conn, keyring, tenant_id, contact_id, now, new_id)
    _words(conn, tenant_id, contact_id, _conversations(conn, tenant_id, contact_id, ()), now)
    seen = (alerts.c.tenant_id == tenant_id) & (alerts.c.contact_id == contact_id) & alerts.c.body.is_not(None)
    conn.execute(update(alerts).where(seen).values(body=None))
    keep_out(conn, keyring, tenant_id, contact_id, now)
    _forget_answers(conn, tenant_id, contact_id)


def _forget_answers(conn: Connection, tenant_id: str, contact_id: str) -> None:
    """Answers of the API that are kept for repeats: they hold names, and notes that technicians wrote. A repeat is a
    call of its own then, about nobody."""
    about = idempotency.c.answer.contains(contact_id, autoescape=True)
    conn.execute(delete(idempotency).where(idempotency.c.tenant_id == tenant_id, about))


def _own_addresses(conn: Connection, tenant_id: str, contact_id: str) -> list[str]:
    """Addresses that nobody else of the tenant has."""
    mine = select(addresses.c.value).where(addresses.c.tenant_id == tenant_id, addresses.c.contact_id == contact_id)
    values = set(conn.scalars(mine))
    shared = select(addresses.c.value).where(
        addresses.c.tenant_id == tenant_id, addresses.c.contact_id != contact_id, addresses.c.value.in_(values)
    )
    return sorted(values - set(conn.scalars(shared)))


def _bare_checks(conn: Connection, tenant_id: str, theirs: ColumnElement[bool]) -> list[str]:
    query = select(dialogs.c.id, dialogs.c.body, dialogs.c.version).where(dialogs.c.tenant_id == tenant_id, theirs)
    rows = conn.execute(query).all()
    for row in rows:
        values = {"body": bare_body(row.body), "version": row.version + 1, "their_address": GONE + row.id}
        this = (dialogs.c.tenant_id == tenant_id) & (dialogs.c.id == row.id)
        conn.execute(update(dialogs).where(this).values(values))
    return [row.id for row in rows]


def _end_verifications(
    conn: Connection, keyring: Keyring, tenant_id: str, contact_id: str, now: datetime, new_id: Callable[[], str]
) -> int:
    theirs = verifications.c.contact_id == contact_id
    return end_verifications(conn, keyring, tenant_id, theirs, "erased", now, new_id)


def _bare_verifications(conn: Connection, tenant_id: str, contact_id: str) -> list[str]:
    """The verifications of theirs that still had words, and why tickets of theirs were closed without one."""
    c = verifications.c
    theirs = (c.tenant_id == tenant_id) & (c.contact_id == contact_id) & c.their_address.not_like(f"{GONE}%")
    rows = conn.execute(select(c.id, c.body, c.version).where(theirs)).all()
    for row in rows:
        values = {"body": bare_verification(row.body), "version": row.version + 1, "their_address": GONE + row.id}
        conn.execute(update(verifications).where(c.tenant_id == tenant_id, c.id == row.id).values(values))
    notes = (closing_waivers.c.tenant_id == tenant_id) & (closing_waivers.c.contact_id == contact_id)
    conn.execute(update(closing_waivers).where(notes).values(note=None))
    return [row.id for row in rows]


def _forget_approvals(
    conn: Connection, keyring: Keyring, tenant_id: str, contact_id: str, now: datetime, new_id: Callable[[], str]
) -> None:
    """What second persons were asked about them."""
    theirs = approvals.c.contact_id == contact_id
    end_approvals(conn, keyring, tenant_id, theirs, "erased", now, new_id)
    bare_approvals(conn, tenant_id, theirs)


def _conversations(conn: Connection, tenant_id: str, contact_id: str, own: Sequence[str]) -> list[str]:
    which = or_(conversations.c.contact_id == contact_id, conversations.c.their_address.in_(own))
    talks = list(conn.scalars(select(conversations.c.id).where(conversations.c.tenant_id == tenant_id, which)))
    values = {
        "their_address": literal(GONE).concat(conversations.c.id),
        "version": conversations.c.version + 1,
        "desk": "{}",
    }
    these = (conversations.c.tenant_id == tenant_id) & conversations.c.id.in_(talks)
    conn.execute(update(conversations).where(these).values(values))
    return talks


def _words(conn: Connection, tenant_id: str, contact_id: str, talks: Sequence[str], now: datetime) -> int:
    """Texts both ways, and what was to be written to tickets. What waits is not sent; the keys that make a repeat a
    duplicate stay (SEC-23)."""
    came = or_(inbound.c.contact_id == contact_id, inbound.c.conversation_id.in_(talks))
    there = (inbound.c.tenant_id == tenant_id) & inbound.c.body.is_not(None)
    heard = conn.execute(update(inbound).where(there, came).values(body=None)).rowcount
    went = or_(outbox.c.contact_id == contact_id, outbox.c.conversation_id.in_(talks))
    ours = (outbox.c.tenant_id == tenant_id) & went
    dropped = {"status": "dropped", "done_at": micros(now), "error": "erased", "worker": "", "lease_until": None}
    waiting = outbox.c.done_at.is_(None)
    conn.execute(update(outbox).where(ours, waiting).values(dropped | {"fence": outbox.c.fence + 1}))
    # A lane may be called by the number that a text goes to.
    conn.execute(update(outbox).where(ours).values(lane=literal(GONE).concat(outbox.c.id)))
    said = conn.execute(update(outbox).where(ours, outbox.c.payload.is_not(None)).values(payload=None)).rowcount
    return heard + said
