"""What the database says of itself: keys, clocks, work that waits, the log's seals, backups."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bot.doctor.findings import Finding
from bot.metrics_load import SKEW_MATTERS
from storage.counting import counted
from storage.health import Health, Load

LATE = timedelta(minutes=5)
#: Clocks of two machines may differ by a little; the log must not come from the future by more.
AHEAD = timedelta(minutes=1)
BUILT = datetime(2026, 1, 1, tzinfo=UTC)
#: Checkpoints come every five minutes; after three times that something stands still.
SEALED_WITHIN = timedelta(minutes=15)
BACKED_UP_WITHIN = timedelta(hours=26)


def look_at_keys(health: Health, tenants: int, *, has_previous: bool = False) -> Iterator[Finding]:
    """`has_previous`: whether a master key that was replaced is still set."""
    if health.locked:
        text = f"it does not open {', '.join(health.locked)}. Set the key the database was made with."
        yield Finding("master key", "fail", text)
    elif health.old_key:
        text = f"{', '.join(health.old_key)} still need the previous key. Run: watchword keys rotate"
        yield Finding("master key", "warn", text)
    elif has_previous:
        text = "nothing needs the previous key any more: remove WATCHWORD_PREVIOUS_MASTER_KEYS. Old backups do need it."
        yield Finding("master key", "ok", text)
    else:
        yield Finding("master key", "ok", f"it opens all tenants ({tenants})")


def look_at_clocks(health: Health, load: Load, now: datetime) -> Iterator[Finding]:
    """Ours against the log's, and against the database's where it has one (REL-11)."""
    if now < BUILT or (health.newest is not None and health.newest > now + AHEAD):
        text = f"it says {now:%Y-%m-%d %H:%M} UTC, which is before what the log holds. Set it, and keep it by NTP."
        yield Finding("clock", "fail", text)
    else:
        yield Finding("clock", "ok", f"{now:%Y-%m-%d %H:%M} UTC, not before the log; codes expire by it")
    if load.skew is None:
        return
    seconds = abs(load.skew.total_seconds())
    if abs(load.skew) > SKEW_MATTERS:
        which = "ahead of" if load.skew > timedelta(0) else "behind"
        text = f"the database's is {seconds:.1f} s {which} ours, and 2 s is the most. Keep both machines by NTP."
        yield Finding("clock skew", "warn", text)
    else:
        yield Finding("clock skew", "ok", f"the database's clock and ours differ by {seconds:.1f} s")


def look_at_work(health: Health, now: datetime) -> Iterator[Finding]:
    due = min((at for at in (health.oldest_due, health.late_timer) if at is not None), default=None)
    if due is not None and now - due > LATE:
        minutes = int((now - due).total_seconds() // 60)
        late = f"something has been due for {counted(minutes, 'minute')} ({health.waiting} waiting)"
        text = f"{late}. Is 'watchword serve' running?"
        yield Finding("outbox", "warn", text)
    else:
        yield Finding("outbox", "ok", f"{health.waiting} due, none of it old")
    if health.dead:
        text = f"{health.dead} given up in the last day. The console names them; check the carrier's own log."
        yield Finding("not delivered", "warn", text)
    if health.unplaced:
        lines = counted(health.unplaced, "line")
        text = f"{lines} without a place so far. If the number does not fall, restart the server."
        yield Finding("log", "warn", text)


def look_at_seals(load: Load, now: datetime) -> Iterator[Finding]:
    """Whether checkpoints keep up with the log."""
    if not load.unsealed or load.sealed_at is None:
        if load.sealed_at is not None:
            yield Finding(
                "sealed log", "ok", f"every line is covered; newest checkpoint {load.sealed_at:%Y-%m-%d %H:%M} UTC"
            )
        return
    if now - load.sealed_at > SEALED_WITHIN:
        waiting = counted(load.unsealed, "line")
        text = f"{waiting} unsealed since {load.sealed_at:%Y-%m-%d %H:%M} UTC. Is 'watchword serve' running?"
        yield Finding("sealed log", "warn", text)
    else:
        yield Finding("sealed log", "ok", f"{counted(load.unsealed, 'line')} to go into the next checkpoint")


def look_at_backup(load: Load, now: datetime) -> Iterator[Finding]:
    remedy = "Take one every night: watchword backup --output FOLDER"
    if load.backup_at is None:
        yield Finding("backup", "warn", f"none is known of. {remedy}")
    elif now - load.backup_at > BACKED_UP_WITHIN:
        yield Finding("backup", "warn", f"the newest is of {load.backup_at:%Y-%m-%d %H:%M} UTC. {remedy}")
    else:
        yield Finding("backup", "ok", f"the newest is of {load.backup_at:%Y-%m-%d %H:%M} UTC")
