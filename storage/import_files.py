"""What was read from a file of contacts, packed: rows and problems, so that nothing is parsed twice."""

from __future__ import annotations

import json
import zlib
from dataclasses import astuple, dataclass

from storage.contacts_csv import ContactRow, Problem


@dataclass(frozen=True, slots=True)
class ReadFile:
    """Rows that can be brought in, in the file's order, and every problem by line."""

    rows: tuple[ContactRow, ...]
    problems: tuple[Problem, ...]


def pack(read: ReadFile) -> bytes:
    """As JSON, compressed."""
    whole = {"rows": [astuple(row) for row in read.rows], "problems": [astuple(one) for one in read.problems]}
    return zlib.compress(json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode(), 6)


def unpack(packed: bytes) -> ReadFile:
    """Back again."""
    whole = json.loads(zlib.decompress(packed))
    return ReadFile(tuple(ContactRow(*row) for row in whole["rows"]), tuple(Problem(*one) for one in whole["problems"]))
