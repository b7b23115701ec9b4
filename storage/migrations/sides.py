"""Two versions on one database: the newer one migrates and says which older ones may go on serving (REL-14).

A version that meets a revision it does not know goes on only when that revision's mark names one that it does know.
So a rolling upgrade, and the way back from one, need no restore; a version that is too old stays away.
"""

from __future__ import annotations

from collections.abc import Collection

from alembic.util import CommandError
from sqlalchemy import Connection, delete, insert, select

from storage.tables import installation

#: The row of `installation` that holds the mark.
RUNS_WITH = "runs_with"
#: The oldest revision whose code runs on the newest schema. Goes up only when a revision does more than add.
OLDEST_RUNNING = "0001"


class FromTheFuture(CommandError):
    """A newer version has migrated the database, and this one must not touch it."""


def leave_mark(connection: Connection) -> None:
    """Say who may serve; after the newest revision has been applied."""
    mark = installation.c.name == RUNS_WITH
    if connection.scalar(select(installation.c.value).where(mark)) == OLDEST_RUNNING:
        return
    connection.execute(delete(installation).where(mark))
    connection.execute(insert(installation).values(name=RUNS_WITH, value=OLDEST_RUNNING))


def was_left_for_us(connection: Connection, applied: Collection[str], known: Collection[str]) -> bool:
    """Whether a newer version has migrated and lets this one go on; False when nothing newer has been here.

    `applied`: the revisions the database is at; `known`: all that this version knows. Raises FromTheFuture.
    """
    if set(applied) <= set(known):
        return False
    oldest = connection.scalar(select(installation.c.value).where(installation.c.name == RUNS_WITH))
    if oldest in known:
        return True
    raise FromTheFuture("a newer version has migrated this database")
