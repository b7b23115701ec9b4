"""Migrations arrive where `storage.tables` says, from any working directory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, insert, inspect, select, text
from sqlalchemy.exc import OperationalError

import storage
from storage import tables
from storage.migrations import migrate, pending


def test_migrations_and_tables_agree(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'w.db'}"
    migrate(url)
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []
    engine.dispose()


def test_defaults_and_partial_indexes_are_the_same_as_in_the_tables(tmp_path: Path) -> None:
    """Alembic does not compare what an index leaves out, and two of ours are the one-live-check rule."""
    migrated, created = tmp_path / "a.db", tmp_path / "b.db"
    migrate(f"sqlite:///{migrated}")
    engine = create_engine(f"sqlite:///{created}")
    tables.metadata.create_all(engine)
    engine.dispose()
    assert _schema(migrated) == _schema(created)
    assert any("WHERE" in line for line in _schema(created))


def test_pending_names_what_is_missing_and_then_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'w.db'}"
    assert pending(url)[0] == "0001"
    migrate(url)
    assert pending(url) == []


def test_a_migration_that_fails_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    """As when the disk is full: the tables of before it stay, and it can be run again."""
    url = f"sqlite:///{tmp_path / 'w.db'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE technicians (in_the_way TEXT)"))
    with pytest.raises(OperationalError, match="technicians already exists"):
        migrate(url)
    assert inspect(engine).get_table_names() == ["technicians"]
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE technicians"))
    migrate(url)
    assert pending(url) == []
    engine.dispose()


def test_migrating_twice_keeps_the_data(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'w.db'}"
    migrate(url)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(insert(tables.installation).values(name="mark", value="here"))
    migrate(url)
    with engine.begin() as connection:
        mark = select(tables.installation.c.value).where(tables.installation.c.name == "mark")
        assert connection.scalar(mark) == "here"
    engine.dispose()


def test_the_scripts_are_found_by_package_not_by_working_directory(tmp_path: Path) -> None:
    root = Path(storage.__file__).parents[1]
    url = f"sqlite:///{tmp_path / 'w.db'}"
    code = f"from storage.migrations import migrate, pending; migrate({url!r}); assert pending({url!r}) == []"
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=True,
    )
    assert pending(url) == []


def _schema(path: Path) -> set[str]:
    """Every column with type and default, and every index with its condition, one text each."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        found = {" ".join(row[0].split()) for row in rows}
        for table in tables.metadata.tables:
            found |= {f"{table} {row[1:]}" for row in connection.exec_driver_sql(f"PRAGMA table_info({table})")}
    engine.dispose()
    return found
