"""What PostgreSQL's errors mean for whoever waits: the database is down, another was faster, or it is our fault."""

from __future__ import annotations

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

#: What a statement or a connection may raise besides programming mistakes. TimeoutError is one of OSError's.
#: InternalClientError is what the driver says when the server has ended the connection a moment before.
ERRORS = (
    DBAPIError,
    PoolTimeout,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)

_OF_THE_DRIVER = (asyncpg.InterfaceError, asyncpg.InternalClientError)

#: Classes and codes of SQLSTATE that say: not now, through no fault of the statement.
_DOWN = (
    "08",  # connection
    "28",  # the password was changed under us
    "3D000",  # no such database (any more)
    "53",  # disk full, out of memory, too many connections
    "57P",  # shutting down, starting up, crashed
    "57014",  # ran into statement_timeout
    "55P03",  # a lock was not to be had in time
    "25006",  # READ_ONLY: a standby that has not taken over
    "25P03",  # we stood still for too long within a transaction, as a frozen machine does
    "58",  # the system under it, such as a disk
)
#: Serialisation failure and deadlock: the same again may well succeed.
_LOST_RACE = frozenset({"40001", "40P01"})
UNIQUE = "23505"
READ_ONLY = "25006"


def sqlstate(error: BaseException) -> str:
    """The five letters, empty for errors that come from this side."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(cause, "sqlstate", None) or "")


def lost_race(error: BaseException) -> bool:
    return sqlstate(error) in _LOST_RACE


def key_of(error: BaseException) -> str:
    """Of a UNIQUE error: which key it is about, with its values, so only for comparing and never for a log."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(cause, "detail", None) or cause)


def why_down(error: BaseException) -> str:
    """Why the database cannot be used now; empty when the error is about the statement itself. Never holds values."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return "the connection to the database was lost"
    state = sqlstate(error)
    if state:
        return f"the database does not answer ({state})" if state.startswith(_DOWN) else ""
    if isinstance(error, PoolTimeout):
        return "every connection to the database is in use"
    if isinstance(error, OSError):
        return f"the database cannot be reached ({error.strerror or type(error).__name__})"
    # The driver's own: closed under us, or in the middle of something else after a time-out.
    driver = error.orig.__cause__ if isinstance(error, DBAPIError) and error.orig else error
    # A value that cannot be sent is one of these too.
    is_lost = isinstance(driver, _OF_THE_DRIVER) and not isinstance(driver, ValueError)
    return "the connection to the database was lost" if is_lost else ""
