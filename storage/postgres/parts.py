"""Statements over many rows at once: every column is one array, and several tables share one statement.

A row costs the server little, a statement and the way there and back cost it and us much more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, SmallInteger, Table

from storage.outbox_rules import CHECK_CODE, VERIFICATION_CODE

_TYPES: tuple[tuple[type[Any], str], ...] = (
    (Boolean, "boolean"),
    (SmallInteger, "smallint"),
    (BigInteger, "bigint"),
    (Integer, "integer"),
    (LargeBinary, "bytea"),
)
_MARKS = "a# AS (SELECT array_agg(mark) FROM p#)"


@dataclass(frozen=True)
class Part:
    """One table's share of a statement. `text` has `{rows}` where the arrays are to stand as rows.

    `order`: columns to sort the rows by, so that two replicas lock rows in the same order. `claims`: it may find that
    another was faster; it returns a `mark` for each row that it could write.
    """

    name: str
    types: tuple[str, ...]
    text: str
    order: tuple[int, ...] = ()
    claims: bool = False

    def sql(self, first: int) -> str:
        """With its values numbered from `first`."""
        arrays = ", ".join(f"${first + i}::{kind}[]" for i, kind in enumerate(self.types))
        return self.text.replace("{rows}", f"unnest({arrays})")

    def columns(self, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """The rows as one tuple for each column."""
        if self.order and len(rows) > 1:
            rows.sort(key=lambda row: [row[i] for i in self.order])
        return list(zip(*rows, strict=True))


def only_codes(text: str) -> str:
    """With `{codes}` as the condition that a row `o` of the outbox may hold a code or a link of a check or a
    verification."""
    begins = (f"o.template LIKE '{prefix}%'" for prefix in (CHECK_CODE, VERIFICATION_CODE))
    return text.replace("{codes}", f"({' OR '.join(begins)})")


def type_of(column: Column[Any]) -> str:
    return next((kind for cls, kind in _TYPES if isinstance(column.type, cls)), "text")


def inserting(table: Table, *names: str, order: tuple[int, ...] = (), conflict: str = "", mark: str = "") -> Part:
    """An insert of these columns. `mark`: one row's name in SQL; rows that others have already are left out, and the
    marks of those that could be written come back."""
    what = ["INSERT INTO", table.name, f"({', '.join(names)})", "SELECT * FROM {rows}", conflict]
    if mark:
        what[-1:] = ["ON CONFLICT DO NOTHING RETURNING", mark, "AS mark"]
    types = tuple(type_of(table.c[name]) for name in names)
    return Part(table.name, types, " ".join(what), order, bool(mark))


def changing(
    table: Table, text: str, columns: Sequence[str], order: tuple[int, ...] = (), *, name: str = "", mark: str = ""
) -> Part:
    """An update or a delete. `columns`: what each array is called in `i`, with the table's column it compares or
    assigns after a colon where it has another name."""
    named = [part.partition(":") for part in columns]
    types = tuple(type_of(table.c[column or short]) for short, _, column in named)
    rows = f"{{rows}} AS i({', '.join(short for short, _, _ in named)})"
    returning = f" RETURNING {mark} AS mark" if mark else ""
    return Part(name or f"{table.name}_", types, text.replace("{i}", rows) + returning, order, bool(mark))


@lru_cache(256)
def together(parts: tuple[Part, ...]) -> str:
    """One statement of them all, in this order; its one row has the marks of each part that claims."""
    bodies, found, first = [], [], 1
    for n, part in enumerate(parts):
        bodies.append(f"p{n} AS ({part.sql(first)})")
        first += len(part.types)
        if part.claims:
            bodies.append(_MARKS.replace("#", str(n)))
            found.append(f"(TABLE a{n})")
    return " ".join(("WITH", ", ".join(bodies), "SELECT", ", ".join(found) or "1"))


def values(parts: Mapping[Part, list[tuple[Any, ...]]], order: Sequence[Part]) -> list[tuple[Any, ...]]:
    """What `together` of those in `order` is executed with."""
    return [column for part in order for column in part.columns(parts[part])]
