"""Migrations as the command line asks for them: what goes wrong comes back as one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic.util import CommandError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from storage import migrations
from storage.postgres.advice import advice
from storage.postgres.connecting import is_postgres, run_once
from storage.postgres.failures import ERRORS
from storage.postgres.row_security import NoSuchRole

#: What SQLite says when it cannot write.
_NO_ROOM = ("disk I/O error", "disk is full", "readonly", "unable to open")


class BadDatabase(Exception):
    """It is no database of ours, cannot be used now, or comes from a newer version; the message says which."""


def missing(url: str) -> list[str]:
    """Revisions that the database lacks, oldest first. Raises `BadDatabase`."""
    with _translated(url):
        return migrations.pending(url)


def bring_up(url: str, app_role: str = "", *, to: str = "") -> None:
    """Apply them. `app_role`: on PostgreSQL the role that serves, empty where it is the one in `url`. `to`: only up to
    that revision, for a restore.

    Raises `BadDatabase`.
    """
    with _translated(url):
        migrations.migrate(url, app_role, to=to)


def gather_statistics(url: str) -> None:
    """After many rows at once: PostgreSQL plans by what it knows of the tables, and would find out for itself only in
    a minute or two. `url`: of the owner. SQLite needs none. Raises `BadDatabase`."""
    if is_postgres(url):
        with _translated(url):
            run_once(url, lambda connection: connection.execute(text("ANALYZE")))


def current(url: str) -> str:
    """The revision the database is at, empty for one without tables. Raises `BadDatabase`."""
    with _translated(url):
        return migrations.current(url)


@contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except CommandError as why:
        raise BadDatabase("it comes from a newer version of Watchword. Install that version, or a backup.") from why
    except NoSuchRole as why:
        raise BadDatabase(
            f"there is no role {why}, which WATCHWORD_DATABASE_URL names. Make it as a superuser: "
            f"CREATE ROLE {why} LOGIN PASSWORD '...';"
        ) from why
    except ERRORS as why:
        if is_postgres(url):
            raise BadDatabase(advice(why, url)) from why
        if not isinstance(why, DBAPIError):
            raise
        if any(said in str(why.orig) for said in _NO_ROOM):
            raise BadDatabase(
                f"{why.orig}. Is the disk full, or its folder not writable? Nothing was changed."
            ) from why
        raise BadDatabase(f"{why.orig}. Is it a Watchword database, and is the server stopped?") from why
