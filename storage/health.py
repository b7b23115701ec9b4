"""What `watchword doctor` and `/metrics` look at: counts over the whole installation, in one state of the database.

It needs the operator's scope, and names nobody but to the operator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, inspect, select, text

from storage.keys import CannotOpen, Keyring
from storage.migrations import is_current
from storage.sealed.signing import is_under_old_key
from storage.tables import audit, checkpoints, installation, metadata, outbox, technicians, tenants, timers
from storage.times import maybe_moment, micros

#: Name in `installation` under which the time of the newest backup stands, in microseconds.
BACKUP_MARK = "last_backup"


#: Written as the index says it; a value of its own would hide from the planner that the index fits.
_DEAD = text("outbox.status = 'dead'")


@dataclass(frozen=True, slots=True)
class Health:
    """`locked`: tenants, by short name, whose key the master keys do not open; `old_key`: those still under a previous
    master key, and the log's signing key when it is. `admins`: enabled admins with a second factor, by tenant id.
    `waiting`: items that are due, the oldest since `oldest_due`. `dead`: given up in the last day. `unplaced`: log
    lines older than a minute without a place in the log. `newest`: the time of the newest log line. `late_timer`: the
    oldest timer that should have rung."""

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
    if is_under_old_key(conn, keyring):
        old_key = (*old_key, "the log's signing key")
    admins = select(technicians.c.tenant_id, func.count()).where(
        technicians.c.role == "admin", technicians.c.disabled_at.is_(None), technicians.c.totp_secret.is_not(None)
    )
    undone = select(func.count(), func.min(outbox.c.due_at)).where(
        outbox.c.done_at.is_(None), outbox.c.due_at <= micros(now)
    )
    waiting, oldest_due = conn.execute(undone).one()
    yesterday = micros(now - timedelta(days=1))
    dead = select(func.count()).where(_DEAD, outbox.c.done_at > yesterday)
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


@dataclass(frozen=True, slots=True)
class Load:
    """What a monitor watches. `waiting`: items that are due, `oldest_due` since when; `dead`: given up in the last day.
    `late_timers`: timers that should have rung, the oldest at `oldest_timer`. `unplaced`: log lines without a place
    in the log yet, the oldest from `oldest_unplaced`; `unsealed`: placed lines that no checkpoint covers; `sealed_at`:
    the newest checkpoint, `backup_at`: the newest backup, None where there is none. `skew`: how far the database's
    clock is ahead of ours, None where it has no clock of its own."""

    waiting: int = 0
    oldest_due: datetime | None = None
    dead: int = 0
    late_timers: int = 0
    oldest_timer: datetime | None = None
    unplaced: int = 0
    oldest_unplaced: datetime | None = None
    unsealed: int = 0
    sealed_at: datetime | None = None
    backup_at: datetime | None = None
    skew: timedelta | None = None


def read_load(conn: Connection, clock: Callable[[], datetime], machine: Callable[[], datetime] | None = None) -> Load:
    """Cheap enough to be read every few seconds: what waits is found by index, whatever lies behind it. `machine`: this
    machine's own clock, where `clock` goes by the database and would never show a difference."""
    now = clock()
    due = select(func.count(), func.min(outbox.c.due_at)).where(
        outbox.c.done_at.is_(None), outbox.c.due_at <= micros(now)
    )
    waiting, oldest_due = conn.execute(due).one()
    late = select(func.count(), func.min(timers.c.at)).where(timers.c.at <= micros(now))
    late_timers, oldest_timer = conn.execute(late).one()
    unplaced, oldest_unplaced = conn.execute(
        select(func.count(), func.min(audit.c.at)).where(audit.c.seq.is_(None))
    ).one()
    dead = select(func.count()).where(_DEAD, outbox.c.done_at > micros(now - timedelta(days=1)))
    size, sealed_at = _newest_checkpoint(conn)
    backup = conn.scalar(select(installation.c.value).where(installation.c.name == BACKUP_MARK))
    return Load(
        waiting=waiting,
        oldest_due=maybe_moment(oldest_due),
        dead=conn.scalar(dead) or 0,
        late_timers=late_timers,
        oldest_timer=maybe_moment(oldest_timer),
        unplaced=unplaced,
        oldest_unplaced=maybe_moment(oldest_unplaced),
        unsealed=max(0, (conn.scalar(select(func.max(audit.c.seq))) or 0) - size),
        sealed_at=sealed_at,
        backup_at=maybe_moment(int(backup)) if backup and backup.isdigit() else None,
        skew=read_skew(conn, machine or clock),
    )


def note_backup(conn: Connection, at: datetime) -> None:
    """A whole backup is on the disk, of this moment. Needs the operator's scope."""
    conn.execute(delete(installation).where(installation.c.name == BACKUP_MARK))
    conn.execute(insert(installation).values(name=BACKUP_MARK, value=str(micros(at))))


def _newest_checkpoint(conn: Connection) -> tuple[int, datetime | None]:
    newest = select(checkpoints.c.size, checkpoints.c.at).order_by(
        checkpoints.c.epoch.desc(), checkpoints.c.size.desc()
    )
    found = conn.execute(newest.limit(1)).first()
    return (found.size, maybe_moment(found.at)) if found is not None else (0, None)


def read_skew(conn: Connection, clock: Callable[[], datetime]) -> timedelta | None:
    """How far the database's clock is ahead of ours; None for a database that lives in this process."""
    if conn.dialect.name != "postgresql":
        return None
    before = clock()
    theirs: datetime = conn.execute(text("SELECT clock_timestamp()")).scalar_one()
    after = clock()
    # The question travelled too: what it took is not the clock's fault.
    return theirs - before if theirs < before else theirs - after if theirs > after else timedelta(0)


@dataclass(frozen=True, slots=True)
class Standing:
    """What must hold before requests are served. `current`: the tables are this version's. `locked`: tenants that the
    master keys do not open; empty too when the tables cannot be read at all. `role_fit`: the database keeps this role
    to the tenants it names; always so where there are no roles."""

    current: bool
    locked: tuple[str, ...]
    role_fit: bool


def read_standing(conn: Connection, keyring: Keyring) -> Standing:
    """Asked for every second, perhaps by anybody: a few short statements."""
    current = is_current(conn)
    made = current or inspect(conn).has_table(tenants.name)
    return Standing(current, read_keys(conn, keyring)[0] if made else (), _role_fit(conn))


def _role_fit(conn: Connection) -> bool:
    """The short form of `storage.postgres.row_security.why_unfit`, which names what is wrong."""
    if conn.dialect.name != "postgresql":
        return True
    names = sorted(metadata.tables)
    return bool(
        conn.execute(
            text(
                "SELECT NOT (rolsuper OR rolbypassrls) AND NOT EXISTS (SELECT 1 FROM pg_class"
                " WHERE relnamespace = current_schema()::regnamespace AND relname = ANY(:names)"
                " AND NOT (relrowsecurity AND relforcerowsecurity)) FROM pg_roles WHERE rolname = current_user"
            ),
            {"names": names},
        ).scalar()
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
