"""The reference page of the tables, with the comments that stand beside them in `storage/tables/`."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping

from sqlalchemy import Column, Index, Table, UniqueConstraint

from storage import tables

INTRO = """# Tables

This page is generated from the files of `storage/tables/`; edit those, then run `python3 dev.py generate`.

{about}

*sealed* marks columns that hold ciphertext. *before the tenant is known* marks tables by which the tenant is found;
every other read names the one tenant it is for.
"""


def page() -> str:
    """The whole page, ending in one newline."""
    lines = [INTRO.format(about=inspect.getdoc(tables))]
    unseen = dict(tables.metadata.tables)
    for part in tables.PARTS:
        source = inspect.getsource(part)
        notes = comments(source)
        for name, node, call in _assignments(source):
            lines += _table(unseen.pop(name), notes, _lines_of(node, call))
    if unseen:
        raise LookupError(f"No file of storage/tables/ in PARTS defines {', '.join(unseen)} as NAME = Table(...)")
    return "\n".join(lines).rstrip() + "\n"


def comments(source: str) -> Mapping[int, str]:
    """The `#:` comment right above each line that has one, by the number of that line."""
    found: dict[int, str] = {}
    gathered: list[str] = []
    for number, line in enumerate(source.splitlines(), start=1):
        tidy = line.strip()
        if tidy.startswith("#:"):
            gathered.append(tidy.removeprefix("#:").strip())
            continue
        if gathered and tidy:
            found[number] = " ".join(gathered)
        gathered = []
    return found


def _table(table: Table, notes: Mapping[int, str], lines: Mapping[str, int]) -> Iterator[str]:
    early = " (before the tenant is known)" if table.name in tables.BEFORE_TENANT else ""
    yield f"## `{table.name}`{early}\n"
    if about := notes.get(lines[""]):
        yield f"{about}\n"
    yield "| column | kind | |\n|---|---|---|"
    for column in table.columns:
        marks = [
            *(["key"] if column.primary_key else []),
            *(["sealed"] if (table.name, column.name) in SEALED else []),
            *(["may be empty"] if column.nullable else []),
            *_leads_to(column),
        ]
        about = notes.get(lines.get(column.name, 0), "")
        said = "; ".join([*marks, *([about] if about else [])])
        yield f"| `{column.name}` | {str(column.type).lower()} | {said} |"
    unique = [_names(c) for c in table.constraints if isinstance(c, UniqueConstraint)]
    unique += [_names(index) for index in table.indexes if index.unique]
    if unique:
        yield f"\nUnique: {'; '.join(sorted(unique))}."
    yield ""


def _leads_to(column: Column[object]) -> list[str]:
    if column.name == "tenant_id":
        return []
    return [f"of `{key.column.table.name}`" for key in sorted(column.foreign_keys, key=lambda k: k.target_fullname)]


def _names(rule: UniqueConstraint | Index) -> str:
    where = rule.dialect_options["sqlite"].get("where") if isinstance(rule, Index) else None
    columns = ", ".join(f"`{column.name}`" for column in rule.columns)
    return columns + (f" where {where}" if where is not None else "")


def _assignments(source: str) -> Iterator[tuple[str, ast.Assign, ast.Call]]:
    """Every table's name as stored, its assignment and the call that makes it."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            call = node.value
            if isinstance(call.func, ast.Name) and call.func.id == "Table" and isinstance(call.args[0], ast.Constant):
                yield str(call.args[0].value), node, call


def _columns(call: ast.Call) -> Iterator[tuple[str, str, int]]:
    """Each column's name, the function that makes it, and its line."""
    for part in call.args[2:]:
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name):
            first = part.args[0] if part.args else None
            name = str(first.value) if isinstance(first, ast.Constant) else "id"
            yield name, part.func.id, part.lineno


def _lines_of(node: ast.Assign, call: ast.Call) -> Mapping[str, int]:
    """The line of each column, and of the table itself under the empty name."""
    columns = {column: line for column, made_by, line in _columns(call) if made_by in MAKERS}
    return {"": node.lineno, **columns}


MAKERS = frozenset({"Column", "id_column", "time_column", "sealed_column"})
#: What `sealed_column` makes.
SEALED = frozenset(
    (table, column)
    for part in tables.PARTS
    for table, _, call in _assignments(inspect.getsource(part))
    for column, made_by, _ in _columns(call)
    if made_by == "sealed_column"
)
