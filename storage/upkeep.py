"""Migrations as the command line asks for them: what goes wrong comes back as one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from storage import migrations


class BadDatabase(Exception):
    """The file is no database of ours, cannot be used now, or comes from a newer version; the message says which."""


def missing(url: str) -> list[str]:
    """Revisions that the database lacks, oldest first. Raises `BadDatabase`."""
    with _translated():
        return migrations.pending(url)


def bring_up(url: str) -> None:
    """Apply them. Raises `BadDatabase`."""
    with _translated():
        migrations.migrate(url)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except CommandError as why:
        raise BadDatabase("it comes from a newer version of Watchword. Install that version, or a backup.") from why
    except DBAPIError as why:
        raise BadDatabase(f"{why.orig}. Is it a Watchword database, and is the server stopped?") from why
