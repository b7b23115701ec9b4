"""Brings a database to the newest schema. Alembic, found by package, so that it works from anywhere.

Revisions are written out and never change once released; `storage.tables` says where they must arrive.
"""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine


def migrate(url: str) -> None:
    """Apply every revision that is missing. `url` as SQLAlchemy reads it, with a driver that is not asynchronous.

    An error in the middle leaves a database without transactional schema changes at the last whole revision.
    """
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def pending(url: str) -> list[str]:
    """Revisions that the database lacks, oldest first; empty when it is up to date."""
    engine = create_engine(url)
    try:
        return _pending(engine)
    finally:
        engine.dispose()


def _pending(engine: Engine) -> list[str]:
    script = ScriptDirectory.from_config(_config())
    with engine.connect() as connection:
        applied = set(MigrationContext.configure(connection).get_current_heads())
    missing: list[str] = []
    for revision in script.walk_revisions():
        if revision.revision in applied:
            break
        missing.append(revision.revision)
    return missing[::-1]


def _config() -> Config:
    """No ini file: everything it would say is here. The colon keeps the path inside the installed package."""
    config = Config()
    config.set_main_option("script_location", "storage:migrations")
    return config
