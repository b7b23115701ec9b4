"""`audit verify`: holds the log against its hashes, its tree, its signed checkpoints and the file outside.

It only reads, a little at a time, so the server may run. The log may grow meanwhile: it is checked up to where it
stood at the beginning.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, tuple_

from storage.database import Database, Unscoped
from storage.keys import CannotOpen, Keyring
from storage.sealed import heads, notes
from storage.sealed.checkpoint_file import BadFile, CheckpointFile, Record
from storage.sealed.heads import Fence
from storage.sealed.notes import BadNote, Checkpoint, Signer
from storage.sealed.report import Finding, Progress, Report
from storage.sealed.signing import existing_signer, public_key
from storage.sealed.tiles import WIDE, BrokenTree, Tiles
from storage.sealed.walk import Signed, Walk
from storage.tables import audit, checkpoints

#: A server that runs has a checkpoint in its file seconds after it is in the table.
LATE = timedelta(minutes=15)
_TABLE, _FILE = "in the database", "outside"
_HEADS = 500
Key = tuple[int, int]


@dataclass(slots=True)
class Heads:
    """Checkpoints by epoch and size, with their roots and times."""

    found: dict[Key, tuple[bytes, datetime]] = field(default_factory=dict)

    def add(self, head: Checkpoint) -> None:
        self.found[head.epoch, head.size] = (head.root, head.at)

    def __len__(self) -> int:
        return len(self.found)


@dataclass(frozen=True, slots=True)
class Start:
    """How the database stood when the check began."""

    first: int
    end: int
    unplaced: int
    tree: int
    epoch: int
    fences: tuple[Fence, ...]
    public: bytes | None


async def verify(
    database: Database,
    keyring: Keyring,
    file: CheckpointFile | None,
    progress: Progress = lambda done, total: None,
    *,
    is_copy: bool = False,
    last: int = 0,
) -> Report:
    """Check everything. `file`: the checkpoints outside; `is_copy`: one saved earlier, which may lack the newest.

    `last`: only about so many lines at the end, 0 for all. Of the lines before them the stored tree is taken at its
    word, and of the file its last checkpoint; every root over those lines is compared all the same.

    Raises OSError when the file cannot be read.
    """
    report = Report()
    try:
        by = await database.read(Unscoped.OPERATOR, lambda conn: existing_signer(conn, keyring))
    except CannotOpen:
        by = None
        report.other("The signing key in the database does not open with the master keys given: it was exchanged")
    # In this order, as the server goes the other way: first the lines, then the checkpoint over them, then the file.
    begin = await database.read(Unscoped.OPERATOR, lambda conn: _begin(conn, last)) if last else 0
    outside = _from_file(file, by, report, only_last=bool(last))
    table = await _from_table(database, by, report, above=begin)
    start = await database.read(Unscoped.OPERATOR, _start)
    report.lines, report.tree, report.unplaced = start.end, start.tree, start.unplaced
    report.heads, report.outside = len(table), len(outside)
    if start.first < 1:
        report.other(f"There is a line with the number {start.first}, which no line ever gets")
    if by is not None and start.public != by.public:
        report.other("The public key in the database is not that of the key that signs")
    if not last:
        _compare_lists(table, outside, start, report, is_copy=is_copy)
        _tell_losses(table, outside, start, report)
    signed = [*_signed(table, _TABLE, start, report), *_signed(outside, _FILE, start, report)]
    signed.sort(key=lambda s: s.size)
    walk = Walk(start.end, start.tree, [s for s in signed if s.size > begin], report)
    report.begin = begin
    if begin:
        earlier = [s for s in signed if s.size <= begin]
        try:
            await database.read(Unscoped.OPERATOR, lambda conn: _begin_walk(walk, Tiles(conn), begin, earlier, report))
        except BrokenTree as why:
            report.other(f"The stored tree has been damaged: {why}")
            return report
    while walk.done < start.end:
        progress(walk.done - begin, start.end - begin)
        block = await database.read(Unscoped.OPERATOR, walk.load)
        # Hashing is work: a server that checks its log goes on with everything else beside it.
        await asyncio.to_thread(walk.check, block)
    progress(start.end - begin, start.end - begin)
    seen = {f"the checkpoints {_FILE}": _reach(outside, start), f"the checkpoints {_TABLE}": _reach(table, start)}
    report.cut(start.end, {**seen, "the stored tree": start.tree})
    covered = min(start.end, _reach(table, start))
    if start.tree < covered:
        report.other(f"The stored tree ends at line {start.tree} and had {covered} when it was signed: it was cut off")
    report.covered = max((size for _, size in table.found if size <= start.end), default=0)
    return report


def _begin(conn: Connection, last: int) -> int:
    """How many lines to leave out so that about `last` remain: a whole number of tiles that the tree has."""
    end = conn.scalar(select(func.max(audit.c.seq))) or 0
    return max(0, min(end - last, Tiles(conn).size())) // WIDE * WIDE


def _begin_walk(walk: Walk, tree: Tiles, begin: int, signed: Sequence[Signed], report: Report) -> None:
    """Raises BrokenTree."""
    walk.begin_at(tree, begin)
    for head in signed:
        if tree.root(head.size) != head.root:
            report.other(
                f"Lines 1 to {head.size} are not those that the checkpoint {head.where} of {head.when} was signed "
                "over: at least one of them was changed, taken out or put in"
            )


def _start(conn: Connection) -> Start:
    return Start(
        conn.scalar(select(func.coalesce(func.min(audit.c.seq), 1))) or 0,
        conn.scalar(select(func.max(audit.c.seq))) or 0,
        conn.scalar(select(func.count()).select_from(audit).where(audit.c.seq.is_(None))) or 0,
        Tiles(conn).size(),
        heads.epoch_of(conn),
        heads.restores(conn),
        public_key(conn),
    )


def _from_file(file: CheckpointFile | None, by: Signer | None, report: Report, *, only_last: bool = False) -> Heads:
    """The file's checkpoints; what is wrong with it is reported."""
    found = Heads()
    if file is None:
        report.notes.append(
            "There is no checkpoint file: nobody can tell whether the end was cut off or all was rebuilt."
        )
        return found
    last: Key = (0, 0)
    for record in _last_record(file) if only_last else file.records():
        where = f"The checkpoint file {file.path}, line {record.line}"
        try:
            if not record.note:
                raise BadNote("what stands there is no whole checkpoint; the file was cut or changed")
            if by is None:
                raise BadNote("the database has no signing key; it was made anew, or is another installation's")
            head = notes.check(record.note, by.origin, by.public)
        except BadNote as why:
            report.other(f"{where}: {why}")
            continue
        if (head.epoch, head.size) <= last:
            report.other(f"{where}: the checkpoints are not in order; the file was changed")
        last = (head.epoch, head.size)
        found.add(head)
    if not found.found:
        report.notes.append(
            f"There is no checkpoint in {file.path}: nobody can tell whether the end was cut off or all was rebuilt."
        )
    return found


def _last_record(file: CheckpointFile) -> Iterator[Record]:
    try:
        note = file.last()
    except BadFile as why:
        raise OSError(str(why)) from why
    if note:
        yield Record(0, note, note)


async def _from_table(database: Database, by: Signer | None, report: Report, *, above: int = 0) -> Heads:
    """The table's checkpoints, each held against its note. `above`: those over more lines, and the largest."""
    found, last = Heads(), (0, 0)
    if above:
        newest = select(func.max(checkpoints.c.size))
        above = min(above, (await database.read(Unscoped.OPERATOR, lambda conn: conn.scalar(newest)) or 1) - 1)
    while True:
        query = select(checkpoints).where(
            tuple_(checkpoints.c.epoch, checkpoints.c.size) > last, checkpoints.c.size > above
        )
        query = query.order_by(checkpoints.c.epoch, checkpoints.c.size).limit(_HEADS)
        rows = await database.read(Unscoped.OPERATOR, lambda conn: conn.execute(query).all())  # noqa: B023  awaited here
        for row in rows:
            last = (row.epoch, row.size)
            try:
                if by is None:
                    raise BadNote("there is no key to check it with")
                head = notes.check(row.note, by.origin, by.public)
                if (head.epoch, head.size, head.root) != (row.epoch, row.size, row.root):
                    raise BadNote("its columns differ from what was signed")
                found.add(head)
            except BadNote as why:
                report.other(f"The checkpoint in the database over {row.size} lines: {why}")
        if len(rows) < _HEADS:
            return found


def _compare_lists(table: Heads, outside: Heads, start: Start, report: Report, *, is_copy: bool) -> None:
    """Each list must have what the other has, but for what a restore has lost and what is not written yet."""
    if not outside.found:
        return
    largest = dict(sorted(table.found))
    for epoch, size in sorted(outside.found.keys() - table.found.keys()):
        if epoch == start.epoch or size < largest.get(epoch, 0):
            report.other(f"The checkpoint over {size} lines is in the file but no longer in the database")
            break
    lacking = sorted(table.found.keys() - outside.found.keys())
    end = max(outside.found)
    if lacking and lacking[0] < end:
        report.other(
            f"The checkpoint over {lacking[0][1]} lines is in the database but not in the file; it was taken out"
        )
    behind = [key for key in lacking if key > end]
    if not behind:
        return
    newest = max(at for _, at in table.found.values())
    late = newest - table.found[behind[0]][1] >= LATE
    text = f"The checkpoint file ends at line {end[1]}; the database has {len(behind)} newer checkpoints"
    if late and not is_copy:
        report.other(f"{text}. The end of the file was cut off, or no server has been writing it")
    else:
        report.notes.append(f"{text}. Lines after {end[1]} are not covered by this file.")


def _tell_losses(table: Heads, outside: Heads, start: Start, report: Report) -> None:
    """What restores have lost: known, and no tampering."""
    known = [*table.found, *outside.found]
    for fence in start.fences:
        lost = [
            size
            for epoch, size in known
            if epoch < fence.epoch and size > fence.size and not _lost_before(fence, start.fences, epoch, size)
        ]
        seen = max([fence.seen, *lost])
        when = f"{fence.at:%Y-%m-%d %H:%M} UTC"
        if seen > fence.size:
            report.notes.append(f"Lost in the restore of {when}: lines {fence.size + 1} to {seen} as they were then.")
        else:
            report.notes.append(f"Restored from a backup on {when}; no checkpoint had seen lines that are lost.")
        if fence.size > start.end:
            report.findings.append(
                Finding(f"to {fence.size} are missing: the restore of {when} began with them", start.end + 1)
            )


def _lost_before(fence: Fence, known: tuple[Fence, ...], epoch: int, size: int) -> bool:
    """Whether a restore between the checkpoint and `fence` has lost its lines already."""
    return any(epoch < other.epoch < fence.epoch and other.size < size for other in known)


def _signed(found: Heads, where: str, start: Start, report: Report) -> list[Signed]:
    """The roots that the log must still have."""
    signed = []
    for (epoch, size), (root, at) in sorted(found.found.items()):
        kept = heads.kept_of(epoch, start.fences)
        when = f"{at:%Y-%m-%d %H:%M} UTC"
        if epoch > start.epoch:
            report.other(f"The checkpoint {where} of {when} is of a later restore than the database knows of")
        elif size <= start.end and (kept is None or size <= kept):
            signed.append(Signed(size, root, where, when))
    return signed


def _reach(found: Heads, start: Start) -> int:
    """The last line that checkpoints have seen and no restore has lost."""
    kept = {key: heads.kept_of(key[0], start.fences) for key in found.found}
    return max((size for (_, size), still in kept.items() if still is None or size <= still), default=0)
