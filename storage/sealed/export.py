"""`audit export`: the log as JSON lines or CSV, a block at a time, with the newest checkpoint at its head."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, func, select, tuple_

from storage.codec import load_texts
from storage.database import Database, Unscoped
from storage.keys import CannotOpen, Keyring, place
from storage.sealed import notes
from storage.sealed.notes import Signer
from storage.sealing import row_keys
from storage.tables import audit, checkpoints
from storage.times import micros, moment

Format = Literal["jsonl", "csv"]
BLOCK = 1000
_a = audit.c
_PLAIN = ("kind", "check_id", "contact_id", "technician_id", "ticket_id", "conversation_id", "channel")
COLUMNS = ("seq", "tenant_id", "id", "at", *_PLAIN, "public", "sealed", "opened", "leaf")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines: of one tenant, or of all where it is empty; from `since`, before `until`. `opened`: also what is
    sealed, where its key still exists."""

    tenant_id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    opened: bool = False

    @property
    def scope(self) -> str | Unscoped:
        """What the reads may see: one tenant's lines are read as that tenant."""
        return self.tenant_id or Unscoped.OPERATOR

    def narrow(self, query: Select[Any]) -> Select[Any]:
        if self.tenant_id:
            query = query.where(_a.tenant_id == self.tenant_id)
        if self.since is not None:
            query = query.where(_a.at >= micros(self.since))
        return query if self.until is None else query.where(_a.at < micros(self.until))


async def count(database: Database, wanted: Wanted) -> int:
    """How many lines an export would have now."""
    query = wanted.narrow(select(func.count()).select_from(audit))
    return await database.read(wanted.scope, lambda conn: conn.scalar(query) or 0)


async def export(
    database: Database, keyring: Keyring, by: Signer | None, wanted: Wanted, how: Format
) -> AsyncIterator[str]:
    """The export in pieces. Lines in the order of the log; those that have no place yet come last, without `seq`.

    The first line of JSON is about the export; CSV has only names of columns there.
    """
    if how == "csv":
        yield _csv(dict(zip(COLUMNS, COLUMNS, strict=True)))
    else:
        note = await database.read(Unscoped.OPERATOR, lambda conn: conn.scalar(_newest_note()))
        yield json.dumps(_head(by, note, wanted), ensure_ascii=False) + "\n"
    write = _csv if how == "csv" else _json
    for placed in (True, False):
        last: tuple[Any, ...] | None = None
        while True:
            query = wanted.narrow(_lines(placed, last))
            look = partial(_opened, keyring=keyring, query=query, opened=wanted.opened)
            rows = await database.read(wanted.scope, look)
            yield "".join(write(values) for values, _ in rows)
            if len(rows) < BLOCK:
                break
            last = rows[-1][1]


def _lines(placed: bool, last: tuple[Any, ...] | None) -> Select[Any]:
    if placed:
        query = select(audit).where(_a.seq > (last[0] if last else 0)).order_by(_a.seq)
    else:
        query = select(audit).where(_a.seq.is_(None)).order_by(_a.at, _a.id)
        if last is not None:
            query = query.where(tuple_(_a.at, _a.id) > last[1:])
    return query.limit(BLOCK)


def _opened(
    conn: Connection, keyring: Keyring, query: Select[Any], opened: bool
) -> list[tuple[dict[str, Any], tuple[Any, ...]]]:
    """The values of each line, and where it stands."""
    return [
        (_values(row, _words(conn, keyring, row) if opened else None), (row.seq, row.at, row.id))
        for row in conn.execute(query).all()
    ]


def _values(row: Row[Any], opened: Mapping[str, str] | str | None) -> dict[str, Any]:
    return {
        "seq": row.seq,
        "tenant_id": row.tenant_id,
        "id": row.id,
        "at": moment(row.at).isoformat(),
        **{name: getattr(row, name) for name in _PLAIN},
        "public": json.loads(row.public),
        "sealed": row.sealed.hex() if row.sealed else "",
        "opened": opened,
        "leaf": row.leaf.hex(),
    }


def _words(conn: Connection, keyring: Keyring, row: Row[Any]) -> Mapping[str, str] | str | None:
    if not row.sealed:
        return None
    try:
        keys = row_keys(conn, keyring, row.tenant_id, row.contact_id)
        return load_texts(keys.open(row.sealed, place("audit", "sealed", row.tenant_id, row.id)))
    except CannotOpen:
        return "cannot be opened: its key has been destroyed"


def _newest_note() -> Select[Any]:
    return select(checkpoints.c.note).order_by(checkpoints.c.epoch.desc(), checkpoints.c.size.desc()).limit(1)


def _head(by: Signer | None, note: str | None, wanted: Wanted) -> dict[str, Any]:
    return {
        "format": "watchword-audit-export/1",
        "public_key": "" if by is None else notes.verifier_key(by.origin, by.public),
        "checkpoint": note or "",
        "tenant_id": wanted.tenant_id,
        "since": "" if wanted.since is None else wanted.since.isoformat(),
        "until": "" if wanted.until is None else wanted.until.isoformat(),
    }


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False) + "\n"


def _csv(values: Mapping[str, Any]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(_cell(values[name]) for name in COLUMNS)
    return text.getvalue()


def _cell(value: Any) -> Any:
    """A spreadsheet runs what begins like a formula; with an apostrophe in front it shows it instead."""
    if isinstance(value, Mapping):
        value = json.dumps(value, ensure_ascii=False, sort_keys=True)
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"}:
        return "'" + value
    return "" if value is None else value
