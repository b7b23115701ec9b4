"""Brings a database to the newest schema. Alembic, found by package, so that it works from anywhere.

Revisions are written out and never change once released; `storage.tables` says where they must arrive.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import takewhile
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event, func, select

from storage.migrations.sides import OLDEST_RUNNING, RUNS_WITH, FromTheFuture, leave_mark, was_left_for_us
from storage.postgres.connecting import is_postgres, run_once
from storage.postgres.row_security import Reason, enter, secure

__all__ = [
    "OLDEST_RUNNING",
    "RUNS_WITH",
    "FromTheFuture",
    "current",
    "is_known",
    "migrate",
    "newest",
    "pending",
    "upgrade",
]

T = TypeVar("T")

#: Two that migrate one PostgreSQL database at once do so in turn; nothing else uses this number.
_ONE_AT_A_TIME = 0x7761_7463_6877
#: How long a change may wait for a table that is in use. Whoever comes after it waits as well, so not long.
_TABLE_TIMEOUT = "10s"


def migrate(url: str, app_role: str = "", *, to: str = "") -> None:
    """Apply every revision that is missing. `url` is `sqlite:///path` or `postgresql://`, there with the role that owns
    the tables; not to be called on an event loop.

    On PostgreSQL it is one transaction, and ends with the rows' security and the rights of `app_role`; empty: the owner
    serves. Raises NoSuchRole. `to`: only up to that revision, for a restore; what is not whole yet is
    not secured either. A database that a newer version has migrated is left alone if that version allows it, else
    FromTheFuture is raised. An error in the middle changes nothing.
    """
    if is_postgres(url):
        run_once(url, lambda connection: _migrate_postgres(connection, app_role, to))
    else:
        _in_file(url, lambda connection: _bring_up(connection, to), begin="BEGIN IMMEDIATE")


def pending(url: str) -> list[str]:
    """Revisions that the database lacks, oldest first; empty when it is up to date. Not to be called on a loop.

    Empty as well when a newer version has migrated and this one may go on (`storage.migrations.sides`). Raises
    FromTheFuture when it may not.
    """
    return run_once(url, _pending) if is_postgres(url) else _in_file(url, _pending)


def current(url: str) -> str:
    """The revision the database is at, empty for one without tables. Not to be called on a loop."""
    heads = run_once(url, _heads) if is_postgres(url) else _in_file(url, _heads)
    return heads[0] if heads else ""


def newest() -> str:
    """The revision of this version."""
    return _line()[-1]


def is_known(revision: str) -> bool:
    """Whether this version knows the way from that revision to its own."""
    return revision in _known()


def is_current(connection: Connection) -> bool:
    """Whether this version may serve with the database's tables: its own, or a newer version's that lets it go on.

    Cheap, and may be asked in any transaction that may read `installation`.
    """
    heads = _heads(connection)
    try:
        return heads == (newest(),) or was_left_for_us(connection, heads, _known())
    except FromTheFuture:
        return False


def upgrade(connection: Connection, to: str = "head") -> None:
    """Apply the revisions up to that one, in the transaction that the connection is in."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _migrate_postgres(connection: Connection, app_role: str, to: str) -> None:
    connection.execute(select(func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))
    connection.execute(select(func.set_config("lock_timeout", _TABLE_TIMEOUT, True)))
    # Row level security holds for the owner too: without this a revision that changes rows would find none.
    enter(connection, Reason.OPERATOR.value)
    if _bring_up(connection, to) and to in ("", newest()):
        secure(connection, app_role)


def _bring_up(connection: Connection, to: str) -> bool:
    """Apply what is missing; False when a newer version has been here, whose database is left as it is."""
    if was_left_for_us(connection, _heads(connection), _known()):
        return False
    upgrade(connection, to or "head")
    if to in ("", newest()):
        leave_mark(connection)
    return True


def _in_file(url: str, work: Callable[[Connection], T], *, begin: str = "BEGIN") -> T:
    """One transaction that holds changes of tables too. Python's driver begins one for rows only, and would leave half
    of a revision behind when the disk is full."""
    engine = create_engine(url)
    event.listen(engine, "connect", lambda raw, record: setattr(raw, "isolation_level", None))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    try:
        with engine.begin() as connection:
            return work(connection)
    finally:
        engine.dispose()


def _pending(connection: Connection) -> list[str]:
    if connection.dialect.name == "postgresql":
        enter(connection, Reason.ROUTING.value)
    applied = set(_heads(connection))
    if was_left_for_us(connection, applied, _known()):
        return []
    missing = takewhile(lambda revision: revision not in applied, reversed(_line()))
    return list(missing)[::-1]


def _known() -> set[str]:
    return set(_line())


@cache
def _line() -> tuple[str, ...]:
    """Every revision of this version, oldest first. Reading them runs their files."""
    newest_first = ScriptDirectory.from_config(_config()).walk_revisions()
    return tuple(script.revision for script in newest_first)[::-1]


def _heads(connection: Connection) -> tuple[str, ...]:
    return MigrationContext.configure(connection).get_current_heads()


def _config() -> Config:
    """No ini file: everything it would say is here. The colon keeps the path inside the installed package."""
    config = Config()
    config.set_main_option("script_location", "storage:migrations")
    return config
