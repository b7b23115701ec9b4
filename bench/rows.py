"""Counting what a run has written, past the server: a fast server that writes nothing looks like a record."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from bench.load import Run
from bench.texts import Batch

COUNTED = ("inbound", "audit", "outbox", "conversations", "dialogs", "timers", "challenge_sends")


class WrongRows(Exception):
    """The run does not count: the tables have not gained what was sent."""


def count_rows(database: Path) -> dict[str, int]:
    """Rows by table, from a connection of our own that only sees what is committed."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608  names are ours
            for name in COUNTED
        }


def count_waiting(database: Path) -> int:
    """Outbox items that nobody has finished yet."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        found: int = connection.execute("SELECT count(*) FROM outbox WHERE done_at IS NULL").fetchone()[0]
        return found


def check_answers(batch: Batch, run: Run) -> None:
    """Every request was answered, each with 200. Raises WrongRows."""
    if run.statuses != {200: len(batch.requests)}:
        raise WrongRows(f"{len(batch.requests)} requests were sent and answered {dict(run.statuses)}")


def check_rows(per_text: Mapping[str, int], batch: Batch, before: Mapping[str, int], after: Mapping[str, int]) -> None:
    """The tables named in `per_text` gained so many rows for each fresh text, none for a repeat. Raises WrongRows."""
    for name, each in per_text.items():
        gained = after[name] - before[name]
        if gained != each * batch.fresh:
            raise WrongRows(
                f"{name} gained {gained} rows, not {each * batch.fresh}: {batch.fresh} fresh texts, "
                f"{batch.repeats} repeats"
            )
