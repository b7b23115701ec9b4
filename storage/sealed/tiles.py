"""The tree of the log in the table `audit_tiles`, 256 hashes to a row, as in C2SP tlog-tiles.

A proof reads about two rows for each 256-fold of the log's length. The functions run inside a transaction of the
operator's scope, on every database. Line `seq` of the log is leaf `seq - 1` of the tree.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select, update

from storage.sealed.merkle import HASH_BYTES, perfect, root
from storage.tables import audit_tiles

#: Hashes to a tile, and the levels of the tree that one level of tiles spans.
WIDE, SPAN = 256, 8
_t = audit_tiles.c


class BrokenTree(Exception):
    """A tile is missing or short: somebody has changed the table. The message names the tile."""


class Tiles:
    """The stored tree as one transaction sees it; tiles that were read are kept for its life."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._kept: dict[tuple[int, int], bytes] = {}

    def size(self) -> int:
        """Leaves in the tree."""
        last = select(_t.idx, _t.hashes).where(_t.level == 0).order_by(_t.idx.desc()).limit(1)
        row = self._conn.execute(last).one_or_none()
        return 0 if row is None else row.idx * WIDE + len(row.hashes) // HASH_BYTES

    def tile(self, level: int, idx: int) -> bytes:
        """The tile's hashes, one after the other; empty when there is none."""
        found = self._kept.get((level, idx))
        if found is None:
            found = self._conn.scalar(select(_t.hashes).where(_t.level == level, _t.idx == idx)) or b""
            self._kept[level, idx] = found
        return found

    def node(self, height: int, index: int) -> bytes:
        """The hash of a perfect subtree, for `storage.sealed.merkle`. Raises BrokenTree."""
        level, rest = divmod(height, SPAN)
        idx, offset = divmod(index << rest, WIDE)
        end = offset + (1 << rest)
        tile = self.tile(level, idx)
        if len(tile) < end * HASH_BYTES:
            raise BrokenTree(f"tile {idx} of level {level} is missing or too short")
        return perfect(split(tile[offset * HASH_BYTES : end * HASH_BYTES]))

    def root(self, size: int) -> bytes:
        """The root over the first `size` leaves. Raises BrokenTree."""
        return root(self.node, size)


def split(hashes: bytes) -> list[bytes]:
    """A row of hashes, one by one."""
    return [hashes[i : i + HASH_BYTES] for i in range(0, len(hashes), HASH_BYTES)]


def append(conn: Connection, size: int, leaves: Sequence[bytes]) -> None:
    """Add leaves to a tree that has `size`. Raises BrokenTree when a tile that is to grow is not as long as it was."""
    tiles, level, hashes = Tiles(conn), 0, list(leaves)
    while hashes:
        idx, filled = divmod(size, WIDE)
        begun = tiles.tile(level, idx)
        if len(begun) != filled * HASH_BYTES:
            raise BrokenTree(f"tile {idx} of level {level} has another length than the tree")
        rows = split(begun) + hashes
        hashes = []
        for first in range(0, len(rows), WIDE):
            tile = rows[first : first + WIDE]
            _keep(conn, level, idx + first // WIDE, tile, grows=bool(filled) and first == 0)
            if len(tile) == WIDE:
                hashes.append(perfect(tile))
        size, level = idx, level + 1


def _keep(conn: Connection, level: int, idx: int, tile: Sequence[bytes], *, grows: bool) -> None:
    hashes = b"".join(tile)
    if grows:
        conn.execute(update(audit_tiles).where(_t.level == level, _t.idx == idx).values(hashes=hashes))
    else:
        conn.execute(insert(audit_tiles).values(level=level, idx=idx, hashes=hashes))
