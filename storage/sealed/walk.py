"""Going through the log line by line, beside the tree that was stored and the roots that were signed.

Constant memory, whatever the log's length: a block of lines, the tiles beside it, and one hash for each level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, or_, select

from storage.audit_lines import StoredLine, canonical
from storage.sealed.growing import GONE
from storage.sealed.merkle import HASH_BYTES, Peaks, leaf_hash, perfect
from storage.sealed.report import Report
from storage.sealed.tiles import WIDE, BrokenTree, Tiles, split
from storage.tables import audit, audit_tiles

#: Lines to a block, a whole number of tiles. Each is read in a transaction of its own, so nobody is held up for long.
BLOCK = 8 * WIDE
_a, _t = audit.c, audit_tiles.c
#: The order of `StoredLine`'s fields.
HASHED = (
    *(_a.tenant_id, _a.id, _a.at, _a.kind, _a.check_id, _a.contact_id, _a.technician_id, _a.ticket_id),
    *(_a.conversation_id, _a.channel, _a.public, _a.sealed),
)


@dataclass(frozen=True, slots=True)
class Signed:
    """A root that was signed over the first `size` lines. `where` and when, for the message."""

    size: int
    root: bytes
    where: str
    when: str


@dataclass(frozen=True, slots=True)
class Block:
    """Lines by their place, and the tiles beside them by level and index."""

    lines: dict[int, tuple[bytes, StoredLine]]
    tiles: dict[tuple[int, int], bytes]


class Walk:
    """From line 1 to `end`; the tree has `tree` leaves. `signed` is in order of size and within `end`."""

    def __init__(self, end: int, tree: int, signed: Sequence[Signed], report: Report) -> None:
        self.done = 0
        self._end, self._tree = end, tree
        self._signed = list(signed)
        self._next = 0
        self._report = report
        self._peaks = Peaks()
        #: The last line that a checkpoint has borne out, by where it was found.
        self._good: dict[str, int] = {}
        self._doubted: set[str] = set()
        #: What the tiles above should hold: the hashes of the tile that is being filled, for each level.
        self._levels: list[list[bytes]] = [[]]
        self._tree_told = False

    def begin_at(self, tree: Tiles, start: int) -> None:
        """Leave out the first `start` lines, a whole number of tiles: what the stored tree says of them is taken, and
        shows in every root that is compared. Raises BrokenTree."""
        self.done = start
        self._peaks = Peaks.at(tree.node, start)
        self._levels = [[]]
        level, tiles = 1, start // WIDE
        while tiles:
            kept = split(tree.tile(level, tiles // WIDE))[: tiles % WIDE]
            if len(kept) < tiles % WIDE:
                raise BrokenTree(f"tile {tiles // WIDE} of level {level} is missing or too short")
            self._levels.append(kept)
            level, tiles = level + 1, tiles // WIDE

    def load(self, conn: Connection) -> Block:
        """The next block."""
        first, last = self.done + 1, min(self.done + BLOCK, self._end)
        query = select(_a.seq, _a.leaf, *HASHED).where(_a.seq >= first, _a.seq <= last)
        lines: dict[int, tuple[bytes, StoredLine]] = {}
        for seq, leaf, *hashed in conn.execute(query):
            lines[seq] = (leaf, StoredLine(*hashed))
        beside = [(_t.level == 0) & _t.idx.between((first - 1) // WIDE, (last - 1) // WIDE)]
        level, above = 1, (first - 1) // WIDE // WIDE
        while WIDE**level <= self._tree:
            beside.append((_t.level == level) & (_t.idx == above))
            level, above = level + 1, above // WIDE
        found = conn.execute(select(audit_tiles).where(or_(*beside)))
        return Block(lines, {(row.level, row.idx): row.hashes for row in found})

    def check(self, block: Block) -> None:
        """Compare everything in it, and go on to the next."""
        last = min(self.done + BLOCK, self._end)
        for seq in range(self.done + 1, last + 1):
            kept = self._kept(block, seq)
            found = self._line(block, seq, kept)
            leaf = kept or found
            self._peaks.push(leaf)
            self._above(block, leaf)
            while self._next < len(self._signed) and self._signed[self._next].size == seq:
                self._root(self._signed[self._next])
                self._next += 1
        self.done = last

    def _kept(self, block: Block, seq: int) -> bytes:
        """The leaf that the tree has for the line; empty behind its end, or where it has been damaged."""
        if seq > self._tree:
            return b""
        idx, offset = divmod(seq - 1, WIDE)
        leaf = block.tiles.get((0, idx), b"")[offset * HASH_BYTES : (offset + 1) * HASH_BYTES]
        if len(leaf) == HASH_BYTES:
            return leaf
        self._damaged(seq)
        return b""

    def _line(self, block: Block, seq: int, kept: bytes) -> bytes:
        """The leaf as the line's columns give it."""
        if seq not in block.lines:
            self._report.line(seq, "", "is missing: it was taken out")
            return GONE
        stored, line = block.lines[seq]
        leaf = leaf_hash(canonical(line))
        if leaf != stored:
            what = "has been changed: its columns do not give the hash that was stored with it"
            self._report.line(seq, line.id, what)
        elif kept == GONE:
            self._report.line(seq, line.id, "was put in: when this place was sealed, its line was missing")
        elif kept and leaf != kept:
            what = "is not the line that was sealed in this place: it was exchanged, put in, or changed with its hash"
            self._report.line(seq, line.id, what)
        return leaf

    def _above(self, block: Block, leaf: bytes) -> None:
        """Each whole tile's hash must stand in the tile above."""
        level, hash_ = 0, leaf
        while True:
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(hash_)
            if len(self._levels[level]) < WIDE:
                return
            hash_ = perfect(self._levels[level])
            self._levels[level] = []
            level += 1
            nth = self._peaks.size // WIDE**level - 1
            if (nth + 1) * WIDE**level <= self._tree:
                tile, offset = block.tiles.get((level, nth // WIDE), b""), nth % WIDE * HASH_BYTES
                if tile[offset : offset + HASH_BYTES] != hash_:
                    self._damaged(nth * WIDE**level + 1)

    def _root(self, signed: Signed) -> None:
        if self._peaks.root() == signed.root:
            self._good[signed.where] = signed.size
        elif signed.where not in self._doubted:
            self._doubted.add(signed.where)
            first = self._good.get(signed.where, 0) + 1
            self._report.other(
                f"Lines {first} to {signed.size} are not those that the checkpoint {signed.where} of "
                f"{signed.when} was signed over: at least one of them was changed, taken out or put in"
            )

    def _damaged(self, seq: int) -> None:
        if not self._tree_told:
            self._tree_told = True
            self._report.other(
                f"The stored tree has been damaged: what it should hold for line {seq} and on is not there"
            )
