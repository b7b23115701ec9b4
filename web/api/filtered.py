"""Lists with a filter that storage does not know: read on until a page is full or enough was looked at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from storage.paging import BadCursor, Page
from web.api.shapes import Paged
from web.problems import bad_cursor

T = TypeVar("T")


#: How often a list is read on to fill one page.
LOOKS = 10


class Reading(Protocol[T]):
    """What storage finds behind a cursor, at most so many at once. Raises `BadCursor`."""

    def __call__(self, *, cursor: str, limit: int) -> Awaitable[Page[T]]: ...


async def filtered(read_on: Reading[T], keep: Callable[[T], bool], asked: Paged) -> Page[T]:
    """At most as many as were asked for of what `keep` lets through. A page may hold fewer and still have a next one.
    A cursor that is none of ours is refused."""
    rows: list[T] = []
    cursor: str | None = asked.after
    for _ in range(LOOKS):
        try:
            page = await read_on(cursor=cursor or "", limit=asked.limit - len(rows))
        except BadCursor:
            raise bad_cursor() from None
        rows += filter(keep, page.items)
        cursor = page.next
        if cursor is None or len(rows) >= asked.limit:
            break
    return Page(tuple(rows), cursor)
