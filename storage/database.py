"""How everything but the hot path reaches the database: plain functions over a SQLAlchemy Core connection.

A function is handed a connection that is inside a transaction and scoped to one tenant; it may run on another thread
and must not keep the connection. The same functions work on every database.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class Unscoped(Enum):
    """Why a piece of work may look past the tenant. Only tables of the list it names may be touched (SEC-37)."""

    #: Finding out whose message, sign-in or number this is: `tables.BEFORE_TENANT`.
    ROUTING = "routing"
    #: The operator's command line and the tests' set-up: every table.
    OPERATOR = "operator"


class UnscopedStatement(Exception):
    """A statement touched a tenant's table without naming the tenant it is scoped to; nothing was executed."""


class Database(Protocol):
    """Reads and writes outside the turn. `scope` is the tenant's id, or the reason why there is none."""

    async def read(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        """Run `work` on a read-only connection."""
        ...

    async def write(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction of its own and commit; an exception rolls back and is raised here."""
        ...


class OpenDatabase(Database, Protocol):
    """A database that this process holds open."""

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` on the event loop after each commit that others may want to know of."""
        ...

    async def close(self) -> None:
        """Finish what waits, then close every connection."""
        ...
