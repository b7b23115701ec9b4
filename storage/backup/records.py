"""What is inside a backup: lines of JSON. The manifest, then table by table its columns and its rows, then the end.

    {"manifest": {"tables": {"tenants": 1, ...}, "log_size": 7, "log_root": "", "epoch": 1}}
    {"table": "tenants", "columns": [["id", "text"], ["key", "bytes"], ...]}
    ["0198...", "c2VjcmV0", ...]
    {"end": 8}

Kinds of columns: text, int, bool, bytes (base64). Nothing here knows which database it is for.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO, Literal, TypeAlias

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json
from sqlalchemy import Boolean, Column, Integer, LargeBinary

from storage.backup.archive import BadArchive, Header, read_header, read_pieces

ColumnKind: TypeAlias = Literal["text", "int", "bool", "bytes"]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the snapshot holds. `tables`: rows of each, in the order in which they stand. `log_lines`: of the log,
    placed; `log_size` and `log_root` (hex) of the sealed tree over it. `epoch`: of the installation."""

    tables: Mapping[str, int]
    log_lines: int = 0
    log_size: int = 0
    log_root: str = ""
    epoch: int = 1

    @property
    def rows(self) -> int:
        return sum(self.tables.values())


@dataclass(frozen=True, slots=True)
class TableStart:
    """The rows that follow are of this table, their values in this order."""

    name: str
    columns: tuple[tuple[str, ColumnKind], ...]


@dataclass(frozen=True, slots=True)
class Contents:
    """What reading the whole file found."""

    header: Header
    manifest: Manifest
    counted: Mapping[str, int] = field(default_factory=dict)


Row: TypeAlias = list[Any]
Record: TypeAlias = Manifest | TableStart | Row

_MANIFEST: TypeAdapter[Manifest] = TypeAdapter(Manifest)


def column_kind(column: Column[Any]) -> ColumnKind:
    """How values of this column are written."""
    match column.type:
        case Boolean():
            return "bool"
        case Integer():
            return "int"
        case LargeBinary():
            return "bytes"
        case _:
            return "text"


def manifest_line(manifest: Manifest) -> bytes:
    return json.dumps({"manifest": asdict(manifest)}).encode() + b"\n"


def table_line(name: str, columns: Sequence[tuple[str, ColumnKind]]) -> bytes:
    return json.dumps({"table": name, "columns": columns}).encode() + b"\n"


def row_line(values: Sequence[Any]) -> bytes:
    return to_json(list(values), bytes_mode="base64") + b"\n"


def end_line(rows: int) -> bytes:
    return json.dumps({"end": rows}).encode() + b"\n"


def read_records(source: BinaryIO, masters: Sequence[bytes]) -> Iterator[Record]:
    """Every record but the end, which is checked. Raises `BadArchive`, `WrongKey`."""
    columns: tuple[tuple[str, ColumnKind], ...] = ()
    rows, end = 0, None
    for line in _lines(read_pieces(source, masters)):
        if end is not None:
            raise BadArchive("The backup goes on after its end. Take another one.")
        if line.startswith(b"["):
            rows += 1
            yield _row(line, columns)
            continue
        try:
            told = json.loads(line)
            if "end" in told:
                end = told["end"]
            elif "table" in told:
                columns = tuple((str(name), kind) for name, kind in told["columns"])
                yield TableStart(told["table"], columns)
            else:
                yield _MANIFEST.validate_python(told["manifest"])
        except (ValueError, KeyError, TypeError, ValidationError) as why:
            raise BadArchive("The backup holds a line that this version cannot read.") from why
    if end != rows:
        raise BadArchive(f"The backup should hold {end} rows and holds {rows}. Take another one.")


def read_contents(source: BinaryIO, masters: Sequence[bytes]) -> Contents:
    """Read the whole file and check it, keeping nothing. `source` must be seekable. Raises `BadArchive`, `WrongKey`."""
    header = read_header(source)
    source.seek(0)
    manifest, table = None, ""
    counted: dict[str, int] = {}
    for record in read_records(source, masters):
        match record:
            case Manifest():
                manifest = record
            case TableStart():
                table = record.name
                counted[table] = 0
            case _:
                counted[table] += 1
    if manifest is None or dict(manifest.tables) != counted:
        raise BadArchive("The backup does not hold what its list says. Take another one.")
    return Contents(header, manifest, counted)


def _row(line: bytes, columns: Sequence[tuple[str, ColumnKind]]) -> Row:
    values: Row = json.loads(line)
    if len(values) != len(columns):
        raise BadArchive("A row of the backup does not fit its table.")
    for place, (_, kind) in enumerate(columns):
        if kind == "bytes" and values[place] is not None:
            values[place] = base64.urlsafe_b64decode(values[place])
    return values


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
    if rest:
        raise BadArchive("The backup ends in the middle of a line. Take another one.")
