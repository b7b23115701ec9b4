"""Lists come in pages; the cursor to the next one is the sort key of the last row, so that rows added meanwhile neither
repeat nor vanish."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from sqlalchemy import Column, Select, and_, or_

T = TypeVar("T")

PAGE = 50
MOST = 200
#: A sort key: a text or a number, and the id that tells equal ones apart.
Key: TypeAlias = "tuple[str | int, str]"


class BadCursor(ValueError):
    """The cursor is not one we gave out; start from the first page."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items, and the cursor to what follows them; None on the last page."""

    items: tuple[T, ...]
    next: str | None


def page_size(asked: int) -> int:
    """What was asked for, within bounds."""
    return min(max(asked, 1), MOST)


def newest_first(query: Select[Any], at: Column[int], id: Column[str], cursor: str, size: int) -> Select[Any]:
    """Those behind the cursor, by `at` and then by `id`, as many as `page_of` wants. Raises `BadCursor`."""
    if cursor:
        then, last = read_cursor(cursor, int)
        query = query.where(or_(at < then, and_(at == then, id < last)))
    return query.order_by(at.desc(), id.desc()).limit(size + 1)


def by_name(query: Select[Any], name: Column[str], id: Column[str], cursor: str, size: int) -> Select[Any]:
    """The same from the first name on."""
    if cursor:
        that, last = read_cursor(cursor, str)
        query = query.where(or_(name > that, and_(name == that, id > last)))
    return query.order_by(name, id).limit(size + 1)


def page_of(rows: Sequence[T], size: int, key: Callable[[T], Key]) -> Page[T]:
    """A page from up to `size + 1` rows that were read: the last one only tells that there is more."""
    shown = tuple(rows[:size])
    more = len(rows) > size
    return Page(shown, write_cursor(key(shown[-1])) if more else None)


def read_cursor(cursor: str, kind: type[str] | type[int]) -> Key:
    """The sort key in a cursor. Raises `BadCursor`."""
    try:
        at, row_id = json.loads(base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
    except (ValueError, TypeError) as cause:
        raise BadCursor("this cursor was not given out by us") from cause
    if type(at) is not kind or not isinstance(row_id, str):
        raise BadCursor("this cursor belongs to another list")
    return at, row_id


def write_cursor(key: Key) -> str:
    """The cursor to what follows the row with this sort key."""
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).rstrip(b"=").decode()
