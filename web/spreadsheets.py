"""CSV that people open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from aiohttp import web

#: What spreadsheets take for the beginning of a formula, also behind spaces.
_FORMULA = frozenset("=+-@\t\r\n")


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[str | int | float | None]]) -> str:
    """The names of the columns, and the rows. A text that would be run as a formula gets an apostrophe in front, and is
    shown instead (SEC-52); None is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([cell(value) for value in row] for row in rows)
    return text.getvalue()


def cell(value: str | int | float | None) -> str | int | float:
    """One value as it is written."""
    if isinstance(value, str) and value.lstrip(" ")[:1] in _FORMULA and value.strip(" "):
        return "'" + value
    return "" if value is None else value


def csv_file(name: str, columns: Sequence[str], rows: Iterable[Sequence[str | int | float | None]]) -> web.Response:
    """As a file that the browser keeps. `name`: letters, digits, dots and hyphens."""
    return web.Response(
        text=csv_text(columns, rows),
        content_type="text/csv",
        charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
