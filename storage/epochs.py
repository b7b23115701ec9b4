"""Restores and what they make void (REL-13).

A backup brings back what was open when it was made: codes that have been used since, log-ins that have been ended. The
fence begins a new epoch and ends all of it in one transaction, so that nothing of before counts a second time.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Update, delete, func, insert, select, update

from dialogs.turns import AuditEvent
from storage.account_links import open_links
from storage.database import Database, Unscoped
from storage.keys import Keyring
from storage.noting import append_audit
from storage.sealed.notes import Checkpoint, Signer
from storage.sealed.signing import existing_signer
from storage.tables import (
    announced_calls,
    approvals,
    audit,
    dialogs,
    fences,
    idempotency,
    installation,
    known_browsers,
    log_ins,
    outbox,
    recovery_codes,
    source_consents,
    source_organisations,
    technicians,
    tenants,
    verifications,
)
from storage.times import micros
from storage.voiding import end_checks, end_verifications
from storage.voiding_approvals import end_approvals

#: Stands in `installation` from the first row of a restore to the last.
UNFINISHED = "restore"
EPOCH = "epoch"
#: What is to reach people; it is not sent any more.
_TEXTS = ("text", "alert_text", "mail", "teams_post", "call", "call_say")
#: Seconds of one step of an authenticator app.
_STEP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Fenced:
    """What the fence ended. `size`: lines the log has; `seen`: lines the last signed head outside had covered, 0 for
    none. `checks` to `links`: how many of each are void, checks both of callers and of end users; `unclear`: tickets
    and notes to be looked up before they are made again."""

    epoch: int
    size: int
    seen: int
    checks: int = 0
    texts: int = 0
    unclear: int = 0
    log_ins: int = 0
    calls: int = 0
    recovery_codes: int = 0
    links: int = 0

    @property
    def lost_lines(self) -> int:
        """Lines of the log that were signed once and are not in the backup."""
        return max(0, self.seen - self.size)


def current_epoch(conn: Connection) -> int:
    """1 until the first restore."""
    return conn.scalar(select(func.max(fences.c.epoch))) or 1


def unfinished_restore(conn: Connection) -> bool:
    """Whether this database was filled by half and must not be used."""
    return conn.scalar(select(installation.c.name).where(installation.c.name == UNFINISHED)) is not None


def mark_unfinished(conn: Connection, made_at: datetime) -> None:
    """Say that a restore has begun, of the backup of that time."""
    told = json.dumps({"backup": made_at.isoformat()})
    conn.execute(insert(installation).values(name=UNFINISHED, value=told))


async def fence(
    database: Database,
    keyring: Keyring,
    now: datetime,
    new_id: Callable[[], str],
    *,
    seen: Callable[[Signer | None], Checkpoint | None],
    reason: str = "",
) -> Fenced:
    """Raise the fence in a transaction of its own. `seen` finds the newest checkpoint outside, given who
    signs them here, None where nobody has yet."""

    def work(conn: Connection) -> Fenced:
        outside = seen(existing_signer(conn, keyring))
        return raise_fence(conn, keyring, now, new_id, seen=outside, reason=reason)

    return await database.write(Unscoped.OPERATOR, work)


def raise_fence(
    conn: Connection,
    keyring: Keyring,
    now: datetime,
    new_id: Callable[[], str],
    *,
    seen: Checkpoint | None = None,
    reason: str = "",
) -> Fenced:
    """Begin a new epoch and make void what the older ones had open. Needs the operator's scope and one transaction.

    `new_id` mints the ids of the lines of the log. A server may be running: versions and fences go up, so that what it
    has under way is decided anew or comes to nothing.
    """
    # An older backup may not know of an earlier restore, and no epoch may come twice.
    epoch, size = max(current_epoch(conn), seen.epoch if seen is not None else 0) + 1, _size(conn)
    lines = seen.size if seen is not None else 0
    conn.execute(insert(fences).values(epoch=epoch, at=micros(now), size=size, seen=lines, reason=reason))
    conn.execute(delete(installation).where(installation.c.name == EPOCH))
    conn.execute(insert(installation).values(name=EPOCH, value=str(epoch)))
    every = [
        _void(conn, keyring, tenant_id, Fenced(epoch, size, lines), now, new_id)
        for tenant_id in conn.scalars(select(tenants.c.id).order_by(tenants.c.id)).all()
    ]
    names = ("checks", "texts", "unclear", "log_ins", "calls", "recovery_codes", "links")
    return Fenced(epoch, size, lines, **{name: sum(getattr(each, name) for each in every) for name in names})


def _void(
    conn: Connection, keyring: Keyring, tenant_id: str, begun: Fenced, now: datetime, new_id: Callable[[], str]
) -> Fenced:
    live = (dialogs.c.tenant_id == tenant_id) & dialogs.c.is_live
    checks = end_checks(conn, keyring, tenant_id, live, "restored", now, new_id)
    # A shield that is green in the backup may have been ended since.
    every = verifications.c.tenant_id == tenant_id
    checks += end_verifications(conn, keyring, tenant_id, every, "restored", now, new_id)
    end_approvals(conn, keyring, tenant_id, approvals.c.tenant_id == tenant_id, "restored", now, new_id)
    texts = conn.execute(
        _waiting(tenant_id)
        .where(outbox.c.kind.in_(_TEXTS))
        .values(payload=None, status="dropped", done_at=micros(now), error="restored")
    ).rowcount
    # Made after the backup, perhaps: the connectors look for the key before they make anything (REL-04).
    unclear = conn.execute(
        _waiting(tenant_id).values(status="unknown", attempt=0, due_at=micros(now), first_attempt_at=None, drop_at=None)
    ).rowcount
    ended = conn.execute(
        update(log_ins)
        .where(log_ins.c.tenant_id == tenant_id, log_ins.c.revoked_at.is_(None), log_ins.c.expires_at > micros(now))
        .values(revoked_at=micros(now))
    ).rowcount
    calls = conn.execute(
        update(announced_calls)
        .where(announced_calls.c.tenant_id == tenant_id, announced_calls.c.ended_at.is_(None))
        .values(ended_at=micros(now))
    ).rowcount
    conn.execute(delete(idempotency).where(idempotency.c.tenant_id == tenant_id))
    used = conn.execute(
        update(recovery_codes)
        .where(recovery_codes.c.tenant_id == tenant_id, recovery_codes.c.used_at.is_(None))
        .values(used_at=micros(now))
    ).rowcount
    links = conn.execute(open_links(tenant_id, now)).rowcount
    conn.execute(delete(known_browsers).where(known_browsers.c.tenant_id == tenant_id))
    conn.execute(delete(source_consents).where(source_consents.c.tenant_id == tenant_id))
    # What has changed there since, and what admins have decided, is asked anew: everybody, from the start.
    organisations = source_organisations.c.tenant_id == tenant_id
    anew = {"cursor": None, "step": "", "fence": source_organisations.c.fence + 1, "lease_until": None, "worker": ""}
    conn.execute(update(source_organisations).where(organisations).values(anew))
    # A code of an authenticator app that was used after the backup must not be good once more.
    step = int(now.timestamp()) // _STEP_SECONDS
    behind = technicians.c.totp_step < step
    conn.execute(update(technicians).where(technicians.c.tenant_id == tenant_id, behind).values(totp_step=step))
    done = Fenced(begun.epoch, begun.size, begun.seen, checks, texts, unclear, ended, calls, used, links)
    told = {
        "epoch": done.epoch,
        "lines": done.size,
        "seen": done.seen,
        "checks": checks,
        "texts": texts,
        "unclear": unclear,
        "log_ins": ended,
        "calls": calls,
        "recovery_codes": used,
        "links": links,
    }
    event = AuditEvent(id=new_id(), at=now, kind="installation.restored", public={"who": "operator", **told})
    append_audit(conn, keyring, tenant_id, event)
    return done


def _waiting(tenant_id: str) -> Update:
    """What is still to be carried out, taken from whoever holds it."""
    return (
        update(outbox)
        .where(outbox.c.tenant_id == tenant_id, outbox.c.done_at.is_(None))
        .values(fence=outbox.c.fence + 1, worker="", lease_until=None)
    )


def _size(conn: Connection) -> int:
    return conn.scalar(select(func.max(audit.c.seq))) or 0
