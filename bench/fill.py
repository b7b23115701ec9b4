"""Very many stored conversations, written past the house: what would take hours of texts takes a minute.

The rows are the house's own, taken as a pattern, with ids, keys and times of their own and random ciphertext. The log
stays one that can be verified: each line has its place and the hash of what stands in it. Half of the rows are the
tenant's that is measured, the others are spread over more tenants; each tenth person has once asked who is calling.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, Final, TypeAlias

from bench.stored import File, OnServer
from bench.texts import mobiles
from storage import tables as t
from storage.audit_lines import StoredLine, canonical, leaf
from storage.keys import Keyring
from storage.times import id_from

Rows: TypeAlias = list[tuple[Any, ...]]
#: Conversations to a transaction.
BATCH: Final = 20_000
TABLES: Final = ("tenants", "conversations", "inbound", "audit", "outbox", "dialogs", "challenge_sends")
#: Tenants beside the one that is measured.
OTHERS: Final = 20
_ASKED: Final = 10
_DAYS_US: Final = 20 * 24 * 3600 * 1_000_000
_COLUMNS: Final = {name: tuple(t.metadata.tables[name].c.keys()) for name in TABLES}


class Pattern:
    """One row of each table, and where in it stands what differs from row to row."""

    def __init__(self, rows: Mapping[str, Sequence[Any]], keyring: Keyring, first_seq: int, first_number: int) -> None:
        self._rows = {name: list(row) for name, row in rows.items()}
        self._keyring = keyring
        self._tenants = [_id(0) for _ in range(OTHERS)]
        self._own = rows["inbound"][_COLUMNS["inbound"].index("tenant_id")]
        self._seq = first_seq
        self._numbers = mobiles(first_number)
        self._newest = rows["inbound"][_COLUMNS["inbound"].index("at")]

    def batch(self, first: int, many: int, of: int) -> dict[str, Rows]:
        """The rows of conversations number `first` and on, of `of` in all, in the order of time."""
        made: dict[str, Rows] = {name: [] for name in TABLES}
        if first == 0:
            made["tenants"] = [
                self._row("tenants", id=id_, slug=id_, key=self._keyring.new_tenant_key(id_)) for id_ in self._tenants
            ]
        for n in range(first, first + many):
            at = self._newest - _DAYS_US + _DAYS_US * n // of
            for table, row in self._one(n, at):
                made[table].append(row)
        return made

    def _one(self, n: int, at: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """What one text of a stranger, answered, has left behind."""
        conversation_id, sender = _id(at), next(self._numbers)
        tenant_id = self._tenants[n // 2 % OTHERS] if n % 2 else self._own
        about = {"tenant_id": tenant_id, "contact_id": "", "conversation_id": conversation_id}
        yield (
            "conversations",
            self._row(
                "conversations",
                tenant_id=tenant_id,
                id=conversation_id,
                their_address=sender,
                contact_id="",
                created_at=at,
                updated_at=at,
            ),
        )
        keys = {"once_key": os.urandom(32), "replay_key": os.urandom(32)}
        yield "inbound", self._row("inbound", id=_id(at), body=os.urandom(90), at=at, **about, **keys)
        self._seq += 1
        audit = dict(zip(_COLUMNS["audit"], self._row("audit", id=_id(at), at=at, **about), strict=True))
        audit["sealed"] = os.urandom(120) if audit["sealed"] else None
        audit["leaf"] = leaf(canonical(StoredLine(**{name: audit[name] for name in StoredLine.__dataclass_fields__})))
        audit["seq"] = self._seq
        yield "audit", tuple(audit.values())
        sent = {"status": "sent", "provider": "twilio", "provider_id": "SM" + os.urandom(16).hex(), "attempt": 1}
        times = {"created_at": at, "due_at": at, "first_attempt_at": at, "done_at": at + 5000}
        yield (
            "outbox",
            self._row(
                "outbox", id=_id(at), lane=conversation_id, payload=os.urandom(200), fence=1, **about, **sent, **times
            ),
        )

        # Two in a row, so that they are not all one tenant's.
        if n % (2 * _ASKED) < 2:
            check = {"id": _id(at), "their_address": sender, "is_live": False, "state": "expired"}
            times = {"created_at": at, "updated_at": at, "expires_at": at}
            yield "dialogs", self._row("dialogs", **check, **times, **about)
            sent = {"tenant_id": tenant_id, "check_id": check["id"], "destination": sender, "prefix": sender[:-4]}
            yield "challenge_sends", self._row("challenge_sends", id=_id(at), at=at, **sent)

    def _row(self, table: str, **changed: Any) -> tuple[Any, ...]:
        columns, row = _COLUMNS[table], self._rows[table].copy()
        for name, value in changed.items():
            row[columns.index(name)] = value
        return tuple(row)


def _id(at: int) -> str:
    return id_from(at, os.urandom(10))


async def fill(stored: File | OnServer, keyring: Keyring, many: int, first_number: int) -> None:
    """Add so many conversations of people from number `first_number` on. The house is not running, every line of its
    log has its place, and there are a text and a `#verify` to go by. `keyring`: the house's."""
    if isinstance(stored, File):
        await asyncio.to_thread(_fill_file, stored, keyring, many, first_number)
    else:
        await _fill_server(stored, keyring, many, first_number)


def _fill_file(stored: File, keyring: Keyring, many: int, first_number: int) -> None:
    with closing(sqlite3.connect(stored.path)) as connection:
        connection.execute("PRAGMA cache_size=-1000000")
        rows = {name: connection.execute(_pattern(name)).fetchone() for name in TABLES}
        (last,) = connection.execute("SELECT max(seq) FROM audit").fetchone()
        pattern = Pattern(rows, keyring, last, first_number)
        for first, size in _batches(many):
            for name, made in pattern.batch(first, size, many).items():
                places = ", ".join("?" * len(_COLUMNS[name]))
                text = f"INSERT INTO {name} ({', '.join(_COLUMNS[name])}) VALUES ({places})"  # noqa: S608  our names
                connection.executemany(text, made)
            connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def _fill_server(stored: OnServer, keyring: Keyring, many: int, first_number: int) -> None:
    connection = await stored.connection()
    rows = {name: tuple(await connection.fetchrow(_pattern(name))) for name in TABLES}
    pattern = Pattern(rows, keyring, await connection.fetchval("SELECT max(seq) FROM audit"), first_number)
    for first, size in _batches(many):
        for name, made in (await asyncio.to_thread(pattern.batch, first, size, many)).items():
            if made:
                await connection.copy_records_to_table(name, records=made, columns=_COLUMNS[name])
    # The server's own housekeeping would do this within minutes of so many rows.
    await connection.execute("VACUUM (ANALYZE)")
    await connection.execute("CHECKPOINT")


def _pattern(name: str) -> str:
    order = "seq" if name == "audit" else "id"
    return f"SELECT {', '.join(_COLUMNS[name])} FROM {name} ORDER BY {order} DESC LIMIT 1"  # noqa: S608  our names


def _batches(many: int) -> Iterator[tuple[int, int]]:
    for first in range(0, many, BATCH):
        yield first, min(BATCH, many - first)
