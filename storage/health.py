"""What `watchword doctor` looks at: counts over the whole installation, in one state of the database. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from storage.keys import CannotOpen, Keyring
from storage.tables import audit, outbox, technicians, tenants, timers
from storage.times import maybe_moment, micros


@dataclass(frozen=True, slots=True)
class Health:
    """`locked`: tenants, by short name, whose key the master keys do not open; `old_key`: those still under a previous
    master key. `admins`: enabled admins with a second factor, by tenant id. `waiting`: items that are due, the oldest
    since `oldest_due`. `dead`: given up in the last day. `unplaced`: log lines older than a minute without a place in
    the log. `newest`: the time of the newest log line. `late_timer`: the oldest timer that should have rung."""

    locked: tuple[str, ...] = ()
    old_key: tuple[str, ...] = ()
    admins: Mapping[str, int] = field(default_factory=dict)
    waiting: int = 0
    oldest_due: datetime | None = None
    dead: int = 0
    unplaced: int = 0
    newest: datetime | None = None
    late_timer: datetime | None = None


def read_health(conn: Connection, keyring: Keyring, now: datetime) -> Health:
    """Needs the operator's scope: it looks at every tenant."""
    locked, old_key = read_keys(conn, keyring)
    admins = select(technicians.c.tenant_id, func.count()).where(
        technicians.c.role == "admin", technicians.c.disabled_at.is_(None), technicians.c.totp_secret.is_not(None)
    )
    undone = select(func.count(), func.min(outbox.c.due_at)).where(
        outbox.c.done_at.is_(None), outbox.c.due_at <= micros(now)
    )
    waiting, oldest_due = conn.execute(undone).one()
    yesterday = micros(now - timedelta(days=1))
    dead = select(func.count()).where(outbox.c.status == "dead", outbox.c.done_at > yesterday)
    unplaced = select(func.count()).where(audit.c.seq.is_(None), audit.c.at < micros(now - timedelta(minutes=1)))
    counted = conn.execute(admins.group_by(technicians.c.tenant_id)).all()
    return Health(
        locked=locked,
        old_key=old_key,
        admins={row[0]: row[1] for row in counted},
        waiting=waiting,
        oldest_due=maybe_moment(oldest_due),
        dead=conn.scalar(dead) or 0,
        unplaced=conn.scalar(unplaced) or 0,
        newest=maybe_moment(conn.scalar(select(func.max(audit.c.at)))),
        late_timer=maybe_moment(conn.scalar(select(func.min(timers.c.at)).where(timers.c.at <= micros(now)))),
    )


def read_keys(conn: Connection, keyring: Keyring) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Short names of the tenants that the master keys do not open, and of those still under a previous one."""
    locked, old_key = [], []
    for tenant_id, slug, key in conn.execute(select(tenants.c.id, tenants.c.slug, tenants.c.key)):
        try:
            keyring.tenant(tenant_id, key)
        except CannotOpen:
            locked.append(slug)
        else:
            if not keyring.is_current(key):
                old_key.append(slug)
    return tuple(locked), tuple(old_key)
