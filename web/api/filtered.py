"""Lists with a filter that storage does not know: read on until a page is full or enough was looked at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from storage.paging import BadCursor, Page
from web.problems import bad_cursor

T = TypeVar("T")

#: How often a list is read on to fill one page.
LOOKS = 10


async def filtered(
    read: Callable[[str, int], Awaitable[Page[T]]], keep: Callable[[T], bool], *, after: str | None, limit: int
) -> Page[T]:
    """At most `limit` of what `keep` lets through. `read`: a page behind a cursor, of at most so many. A page may hold
    fewer than asked for and still have a next one. A cursor that is none of ours is refused."""
    rows: list[T] = []
    cursor: str | None = after
    for _ in range(LOOKS):
        try:
            page = await read(cursor or "", limit - len(rows))
        except BadCursor:
            raise bad_cursor() from None
        rows += filter(keep, page.items)
        cursor = page.next
        if cursor is None or len(rows) >= limit:
            break
    return Page(tuple(rows), cursor)
