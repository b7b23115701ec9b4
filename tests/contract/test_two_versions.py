"""Two versions on one database, side by side and on the way back: the new tables only add, and the old code may go on.

Databases of released versions, and the statements their code sends, are frozen in `tests/fixtures/releases`.
"""

from __future__ import annotations

import ast
import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, delete, insert, inspect, select, update
from sqlalchemy.engine.reflection import Inspector

from storage import migrations
from storage.migrations import OLDEST_RUNNING, FromTheFuture, migrate, pending
from storage.postgres.connecting import run_once
from storage.postgres.row_security import Reason, enter
from storage.tables import installation, metadata
from tests.fixtures.postgres import Cluster
from tests.fixtures.releases.released import RELEASES, Released, have_sqlite_file, released
from tests.fixtures.servers import APP

VERSIONS = Path(migrations.__file__).parent / "versions"
#: What a revision may do while the version before it still serves.
ADDS = {"create_table", "add_column", "create_index", "f"}


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> Released:
    return released(request.param)


def beyond_adding(source: str) -> Iterator[str]:
    """What a revision does that the version before it could trip over."""
    made: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "op"):
            continue
        what = node.func.attr
        names = [part.value for part in node.args if isinstance(part, ast.Constant)]
        if what not in ADDS:
            yield f"op.{what}"
        elif what == "create_table":
            made.add(str(names[0]))
        elif what == "add_column":
            column = node.args[1]
            assert isinstance(column, ast.Call)
            given = {keyword.arg: keyword.value for keyword in column.keywords}
            nullable = given.get("nullable")
            if isinstance(nullable, ast.Constant) and nullable.value is False and "server_default" not in given:
                yield f"op.add_column({names[0]!r}) needs a value that the version before does not give"
        elif what == "create_index" and str(names[-1]) not in made:
            unique = next((k.value for k in node.keywords if k.arg == "unique"), None)
            if isinstance(unique, ast.Constant) and unique.value:
                yield f"op.create_index({names[0]!r}) forbids what the version before may write"


def later_revisions() -> list[Path]:
    return [file for file in sorted(VERSIONS.glob("rev_*.py")) if not file.name.startswith("rev_0001_")]


@pytest.mark.feature("REL-14")
@pytest.mark.parametrize("file", later_revisions(), ids=lambda file: file.stem)
def test_revisions_only_add(file: Path) -> None:
    assert list(beyond_adding(file.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "line",
    [
        "op.drop_column('outbox', 'lane')",
        "op.alter_column('outbox', 'lane', new_column_name='track')",
        "op.rename_table('outbox', 'sent')",
        "op.execute('UPDATE outbox SET lane = NULL')",
        "op.add_column('outbox', sa.Column('a', sa.Text(), nullable=False))",
        "op.create_index('uq', 'outbox', ['lane'], unique=True)",
    ],
)
def test_a_revision_that_does_more_is_noticed(line: str) -> None:
    assert len(list(beyond_adding(f"def upgrade():\n    {line}\n"))) == 1


@pytest.mark.feature("REL-14")
def test_the_schema_still_holds_all_of_the_release(release: Released, tmp_path: Path) -> None:
    """The same promise, looked at in the outcome: every column, key and index of then, unchanged."""
    then = create_engine(f"sqlite:///{have_sqlite_file(release.revision, tmp_path / 'then')}")
    file = have_sqlite_file(release.revision, tmp_path / "now")
    migrate(f"sqlite:///{file}")
    now = create_engine(f"sqlite:///{file}")
    before, after = inspect(then), inspect(now)
    for table in before.get_table_names():
        was, is_ = _shape(before, table), _shape(after, table)
        assert was["columns"].items() <= is_["columns"].items(), table
        assert (was["keys"], was["foreign"], was["unique"]) == (is_["keys"], is_["foreign"], is_["unique"]), table
        assert was["indexes"].items() <= is_["indexes"].items(), table
    then.dispose()
    now.dispose()


@pytest.mark.feature("REL-14")
def test_every_statement_of_the_release_still_works(release: Released, tmp_path: Path) -> None:
    """Prepared, not run: each names only tables and columns that are there, and is as valid as it was."""
    file = have_sqlite_file(release.revision, tmp_path)
    migrate(f"sqlite:///{file}")
    connection = sqlite3.connect(file)
    ours = [text for text in release.statements if "sqlite_" not in text and "alembic_version" not in text]
    for statement in ours:
        connection.execute("EXPLAIN " + statement, [None] * statement.count("?"))
    connection.close()
    assert len(ours) > 300


@pytest.mark.feature("REL-14")
async def test_rows_that_the_release_writes_are_taken(release: Released, tmp_path: Path) -> None:
    """What the version before inserts, with the columns it knows, into the tables of this version."""
    file = tmp_path / "w.db"
    await asyncio.to_thread(migrate, f"sqlite:///{file}")
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        release.fill(connection)
        counted = {name: len(connection.execute(select(metadata.tables[name])).all()) for name in release.tables}
    engine.dispose()
    assert counted == {
        name: len(rows) + (name == installation.name)  # the mark that migrating leaves
        for name, rows in release.tables.items()
    }


# --- the way back ---------------------------------------------------------------------------------------------------


def _made_newer(url: str, serves: str) -> None:
    """As a version after this one would leave the database; `serves`: the oldest revision that may go on, or none."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        connection.execute(delete(installation).where(installation.c.name == migrations.RUNS_WITH))
        if serves:
            connection.execute(insert(installation).values(name=migrations.RUNS_WITH, value=serves))
    engine.dispose()


@pytest.mark.feature("REL-14")
def test_this_version_goes_on_when_the_next_one_has_migrated(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'w.db'}"
    migrate(url)
    head = migrations.newest()
    _made_newer(url, serves=head)
    assert pending(url) == []
    migrate(url)
    engine = create_engine(url)
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "9999"
    engine.dispose()


@pytest.mark.feature("REL-14")
@pytest.mark.parametrize("serves", ["", "9998"])
def test_this_version_stays_away_from_what_only_later_ones_understand(tmp_path: Path, serves: str) -> None:
    url = f"sqlite:///{tmp_path / 'w.db'}"
    migrate(url)
    _made_newer(url, serves)
    with pytest.raises(FromTheFuture):
        pending(url)
    with pytest.raises(FromTheFuture):
        migrate(url)


async def test_the_same_on_postgresql(postgres: Cluster) -> None:
    """The role that serves reads the mark, and an older version leaves the newer one's rights alone."""
    place = await postgres.migrated()

    def newer(connection: Connection) -> None:
        enter(connection, Reason.OPERATOR.value)
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        connection.execute(
            update(installation).where(installation.c.name == migrations.RUNS_WITH).values(value=migrations.newest())
        )

    await asyncio.to_thread(run_once, place.owner, newer)
    assert await asyncio.to_thread(pending, place.app) == []
    await asyncio.to_thread(migrate, place.owner, APP)

    def only_later(connection: Connection) -> None:
        enter(connection, Reason.OPERATOR.value)
        connection.execute(update(installation).values(value="9998"))

    await asyncio.to_thread(run_once, place.owner, only_later)
    with pytest.raises(FromTheFuture):
        await asyncio.to_thread(pending, place.app)


def test_the_mark_names_a_released_revision() -> None:
    assert OLDEST_RUNNING in RELEASES


def _shape(inspector: Inspector, table: str) -> dict[str, Any]:
    return {
        "columns": {
            column["name"]: (str(column["type"]), column["nullable"], column["default"])
            for column in inspector.get_columns(table)
        },
        "keys": inspector.get_pk_constraint(table)["constrained_columns"],
        "foreign": sorted(str(sorted(key.items(), key=str)) for key in inspector.get_foreign_keys(table)),
        "unique": sorted(str(key["column_names"]) for key in inspector.get_unique_constraints(table)),
        "indexes": {index["name"]: (index["column_names"], index["unique"]) for index in inspector.get_indexes(table)},
    }
