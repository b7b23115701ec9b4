"""Places for lines that came without one into a database with a single writer: from a backup of one with many."""

from __future__ import annotations

from sqlalchemy import Connection, func, select, update

from storage.tables import audit


def place_waiting(conn: Connection) -> int:
    """Give each waiting line its place behind all others, in the order of their times; how many there were.

    For a file, where each line else gets its place as it is written and nobody would come back for these. On PostgreSQL
    the sequencer does it. Needs the operator's scope.
    """
    if conn.dialect.name != "sqlite":
        return 0
    last = conn.scalar(select(func.max(audit.c.seq))) or 0
    waiting = conn.execute(
        select(audit.c.tenant_id, audit.c.id).where(audit.c.seq.is_(None)).order_by(audit.c.at, audit.c.id)
    ).all()
    for nth, line in enumerate(waiting, start=1):
        this = update(audit).where(audit.c.tenant_id == line.tenant_id, audit.c.id == line.id)
        conn.execute(this.values(seq=last + nth))
    return len(waiting)
