"""Rows that the turns of a batch have decided on and no statement has written yet.

Each step of a statement lets go of the interpreter, and the writer has to queue for it again while the event loop is
busy. What no later turn of the batch reads is therefore gathered, and written by a few statements with many rows just
before the commit. Who needs to read it sooner has it written sooner: see `make_way` and `flush`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from dialogs.messages import Inbound
from storage.digests import once_key, replay_key
from storage.sqlite import write_sql as sql
from storage.sqlite.ready import many

Row = tuple[Any, ...]

#: Rows of one statement. Of each power of two below it one text is kept ready, and no statement is kept for each count.
MOST_ROWS = 64


class Conflict(Exception):
    """A version has moved or a live check stands in the way: the turn is decided anew."""


class Pending:
    """Belongs to one writing connection; used on the writer's thread, inside its transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._conversations: list[Row] = []
        self._inbound: list[Row] = []
        self._outbox: list[Row] = []
        self._audit: list[Row] = []
        self._talks: set[tuple[str, str, str]] = set()
        self._keys: set[bytes] = set()
        self._added = 0
        self._flushed = 0

    def changes(self) -> int:
        """Rows written so far or waiting here; rises whenever work has something to commit, and only then."""
        return self._connection.total_changes - self._flushed + self._added

    def keep_conversation(self, row: Row, channel: str, their_address: str, our_address: str) -> None:
        """`row` as `write_sql.SAVE_DESK` takes it."""
        self._talks.add((channel, their_address, our_address))
        self._conversations.append(row)
        self._added += 1

    def keep_inbound(self, row: Row, once: bytes, replay: bytes | None) -> None:
        """`row` as `write_sql.INSERT_INBOUND` takes it."""
        self._keys.add(once)
        if replay is not None:
            self._keys.add(replay)
        self._inbound.append(row)
        self._added += 1

    def keep_outbox(self, row: Row) -> None:
        """`row` as `write_sql.INSERT_OUTBOX` takes it."""
        self._outbox.append(row)
        self._added += 1

    def keep_audit(self, row: Row) -> None:
        """`row` as `write_sql.INSERT_AUDIT` takes it."""
        self._audit.append(row)
        self._added += 1

    def make_way(self, said: Inbound) -> None:
        """Before the facts of a text are read: write what they depend on, its conversation or the same text."""
        if self._talks or self._keys:
            talk = (said.channel, said.their_address, said.our_address)
            if talk in self._talks or once_key(said) in self._keys or replay_key(said) in self._keys:
                self.flush()

    def flush(self) -> None:
        """Write everything. Raises Conflict, or sqlite3's error when a row breaks a rule of the tables; the transaction
        is spoilt then."""
        if not (self._conversations or self._inbound or self._outbox or self._audit):
            return
        before = self._connection.total_changes
        if self._conversations:
            try:
                saved = self._write(sql.SAVE_DESK, self._conversations)
            except sqlite3.IntegrityError as why:
                raise Conflict("a conversation: these two addresses have one already") from why
            if saved != len(self._conversations):
                raise Conflict("a conversation has moved on from the version that was read")
        self._write(sql.INSERT_INBOUND, self._inbound)
        self._write(sql.INSERT_OUTBOX, self._outbox)
        self._write(sql.INSERT_AUDIT, self._audit)
        self._flushed += self._connection.total_changes - before
        self.clear()

    def clear(self) -> None:
        """Forget what waits, as after a rollback."""
        for rows in (self._conversations, self._inbound, self._outbox, self._audit):
            rows.clear()
        self._talks.clear()
        self._keys.clear()

    def _write(self, statement: str, rows: Sequence[Row]) -> int:
        """How many rows that has changed."""
        changed = done = 0
        while done < len(rows):
            size = min(MOST_ROWS, 1 << (len(rows) - done).bit_length() - 1)
            values = [value for row in rows[done : done + size] for value in row]
            changed += self._cursor.execute(many(statement, size), values).rowcount
            done += size
        return changed
