"""Taking placed lines into the tree, one server at a time."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from storage.sealed import tiles
from storage.sealed.merkle import HASH_BYTES
from storage.sealed.tiles import Tiles
from storage.tables import audit

#: Lines to a transaction.
BATCH = 4096
#: Stands in the tree for a line that was not there any more when its turn came; no line has this hash.
GONE = bytes(HASH_BYTES)
_LOCK = zlib.crc32(b"watchword sealer")


def waiting(conn: Connection) -> tuple[int, list[bytes]]:
    """How large the tree is, and the leaves that come next; `GONE` for each line that is missing in between."""
    size = Tiles(conn).size()
    query = select(audit.c.seq, audit.c.leaf).where(audit.c.seq > size, audit.c.seq <= size + BATCH)
    leaves: list[bytes] = []
    for seq, leaf in conn.execute(query.order_by(audit.c.seq)):
        leaves += [GONE] * (seq - 1 - size - len(leaves))
        leaves.append(leaf)
    if not leaves and (further := conn.scalar(select(func.max(audit.c.seq)))) is not None and further > size:
        leaves = [GONE] * min(BATCH, further - 1 - size)
    return size, leaves


def grow(conn: Connection, size: int, leaves: Sequence[bytes]) -> bool:
    """Add them to a tree of `size`; False when another server is at it, or was. Raises BrokenTree."""
    if not alone(conn) or Tiles(conn).size() != size:
        return False
    tiles.append(conn, size, leaves)
    return True


def alone(conn: Connection) -> bool:
    """Whether this transaction may change the tree. A database with one writer needs no lock."""
    if conn.dialect.name == "sqlite":
        return True
    return conn.scalar(select(func.pg_try_advisory_xact_lock(_LOCK))) is True
