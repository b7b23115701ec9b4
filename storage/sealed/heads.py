"""The signed heads of the log: those in the table, those outside, and whether the stored tree still bears them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy import Connection, func, insert, select, tuple_

from storage.sealed.notes import Checkpoint, Signer
from storage.sealed.tiles import BrokenTree, Tiles
from storage.tables import checkpoints, fences
from storage.times import micros, moment

EVERY_LINES = 1000
EVERY = timedelta(minutes=5)
_c = checkpoints.c


@dataclass(frozen=True, slots=True)
class Fence:
    """A restore from a backup. It began `epoch` with `size` lines; `seen`: lines the checkpoints outside had seen."""

    epoch: int
    at: datetime
    size: int
    seen: int
    reason: str


class Agreement(Enum):
    """What a checkpoint from outside says about the database."""

    #: The log begins with what the checkpoint saw.
    SAME = "same"
    #: The checkpoint saw lines that a restore has lost, and the restore is on record.
    LOST = "lost"
    #: The checkpoint saw more lines than there are, and no restore explains it.
    OLDER = "older"
    #: The log had other lines when the checkpoint was made.
    OTHER = "other"


def restores(conn: Connection) -> tuple[Fence, ...]:
    """Every restore, oldest first."""
    rows = conn.execute(select(fences).order_by(fences.c.epoch))
    return tuple(Fence(r.epoch, moment(r.at), r.size, r.seen, r.reason) for r in rows)


def epoch_of(conn: Connection) -> int:
    """The epoch that runs now; 1 where there was no restore."""
    return conn.scalar(select(func.max(fences.c.epoch))) or 1


def kept_of(epoch: int, known: Sequence[Fence]) -> int | None:
    """How many of the lines that `epoch` had are still there after the restores since; None: all."""
    return min((fence.size for fence in known if fence.epoch > epoch), default=None)


def compare(tiles: Tiles, known: Sequence[Fence], seen: Checkpoint) -> Agreement:
    """Hold a checkpoint, whose signature has been checked, against the stored tree."""
    kept = kept_of(seen.epoch, known)
    if kept is not None and seen.size > kept:
        return Agreement.LOST
    if seen.size > tiles.size() or seen.epoch > max((fence.epoch for fence in known), default=1):
        return Agreement.OLDER
    try:
        return Agreement.SAME if tiles.root(seen.size) == seen.root else Agreement.OTHER
    except BrokenTree:
        return Agreement.OTHER


def newest(conn: Connection, epoch: int) -> Checkpoint | None:
    """The largest checkpoint of that epoch in the table."""
    row = conn.execute(select(checkpoints).where(_c.epoch == epoch).order_by(_c.size.desc()).limit(1)).one_or_none()
    return None if row is None else Checkpoint("", row.epoch, row.size, row.root, moment(row.at))


def notes_after(conn: Connection, last: Checkpoint | None, limit: int) -> list[str]:
    """The signed notes behind `last`, oldest first."""
    query = select(_c.note).order_by(_c.epoch, _c.size).limit(limit)
    if last is not None:
        query = query.where(tuple_(_c.epoch, _c.size) > (last.epoch, last.size))
    return list(conn.scalars(query))


def covering(conn: Connection, size: int) -> str | None:
    """The first note of the running epoch that covers line `size`."""
    query = select(_c.note).where(_c.epoch == epoch_of(conn), _c.size >= size)
    return conn.scalar(query.order_by(_c.size).limit(1))


def is_due(last: Checkpoint | None, size: int, now: datetime) -> bool:
    """Whether a tree of `size` wants a checkpoint: every 1000 lines, and every 5 minutes in which there was one."""
    if last is None:
        return size > 0
    grown = size - last.size
    return grown >= EVERY_LINES or (grown > 0 and not last.at <= now < last.at + EVERY)


def sign_head(conn: Connection, signer: Signer, now: datetime) -> str:
    """Sign the tree as it stands and keep the note in the table; empty when this head has been signed already.

    The caller has made sure that the tree continues the last head. Raises BrokenTree.
    """
    tiles, epoch = Tiles(conn), epoch_of(conn)
    size = tiles.size()
    last = newest(conn, epoch)
    if size == 0 or (last is not None and last.size >= size):
        return ""
    head = Checkpoint(signer.origin, epoch, size, tiles.root(size), now)
    note = signer.sign(head)
    conn.execute(insert(checkpoints).values(size=size, epoch=epoch, root=head.root, note=note, at=micros(now)))
    return note
