"""SQLAlchemy Core to SQLite's text, once, when the program starts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, ClauseElement, ColumnElement, Table, bindparam, insert, literal_column
from sqlalchemy.dialects import sqlite

_DIALECT = sqlite.dialect()


def ready(statement: ClauseElement, *names: str, columns: tuple[str, ...] | None = None) -> str:
    """The statement as text. Its values are to be given in the order of `names`; raises AssertionError when the
    statement has them in another order."""
    compiled: Any = statement.compile(dialect=_DIALECT, column_keys=columns)
    if tuple(compiled.positiontup or ()) != names:
        raise AssertionError(f"values in another order: {compiled.positiontup}")
    return str(compiled)


def inserting(table: Table, *names: str) -> str:
    """An insert of these columns, named in the table's order."""
    return ready(insert(table), *names, columns=names)


def p(name: str) -> BindParameter[Any]:
    """A value given at execution."""
    return bindparam(name)


def word(constant: str) -> ColumnElement[Any]:
    """A constant of ours inside the statement, such as a status; never a value from outside."""
    return literal_column(f"'{constant}'")


#: `SELECT 1`, `LIMIT 1`.
ONE: ColumnElement[int] = literal_column("1")
#: `OFFSET 0`: without it the dialect binds a value of its own.
ZERO: ColumnElement[int] = literal_column("0")
