"""Migrations on PostgreSQL: they arrive where `storage.tables` says, keep what is there, and say what to do."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, Table, insert, select, text

from storage import tables, upkeep
from storage.migrations import migrate, pending, upgrade
from storage.postgres.advice import advice
from storage.postgres.connecting import run_once
from storage.postgres.row_security import enter, unsecured
from tests.fixtures.postgres import Cluster, Place
from tests.fixtures.servers import APP, OWNER, free_port
from tests.fixtures.world import row_id

ROOT = Path(__file__).resolve().parents[2]
T = row_id(1)


@pytest.fixture
def empty(postgres: Cluster) -> Place:
    return asyncio.run(postgres.empty())


def as_operator(place: Place, work: Callable[[Connection], Any]) -> Any:
    """With the app's role."""

    def within(connection: Connection) -> Any:
        enter(connection, "operator")
        return work(connection)

    return run_once(place.app, within)


def test_migrations_and_tables_agree(postgres: Cluster) -> None:
    def differences(connection: Connection) -> Any:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return compare_metadata(context, tables.metadata)

    assert run_once(postgres.place("watchword_migrated").owner, differences) == []


def test_defaults_conditions_and_keys_are_the_same_as_in_the_tables(postgres: Cluster, empty: Place) -> None:
    """Alembic does not compare what an index leaves out, and two of ours are the one-live-check rule."""
    run_once(empty.owner, tables.metadata.create_all)
    created = run_once(empty.owner, schema)
    assert run_once(postgres.place("watchword_migrated").owner, schema) == created
    assert any("WHERE" in line for line in created)
    assert any("FOREIGN KEY" in line for line in created)


def test_an_older_database_with_rows_in_it_is_brought_up(empty: Place) -> None:
    """From the first revision, as it was released, to the newest: rows stay, new columns have their default."""
    run_once(empty.owner, lambda connection: upgrade(connection, "0001"))
    assert pending(empty.owner)[:1] == ["0002"]

    def fill(connection: Connection) -> None:
        old = MetaData()
        for name in ("tenants", "outbox", "audit"):
            Table(name, old, autoload_with=connection)
        assert "unclear" not in old.tables["outbox"].c
        fill_old(connection, old)

    run_once(empty.owner, fill)
    migrate(empty.owner, APP)
    assert pending(empty.owner) == pending(empty.app) == []
    outbox, audit = tables.outbox.c, tables.audit.c
    kept = as_operator(empty, lambda c: c.execute(select(outbox.id, outbox.status, outbox.unclear)).all())
    assert [tuple(row) for row in kept] == [("o1", "waiting", 0)]
    lines = as_operator(empty, lambda c: c.execute(select(audit.id, audit.seq, audit.leaf)).all())
    assert [tuple(row) for row in lines] == [("a1", 1, b"\1" * 32)]
    assert run_once(empty.app, unsecured) == []


def test_migrating_again_keeps_rows_and_security(empty: Place) -> None:
    migrate(empty.owner, APP)
    mark = insert(tables.installation).values(name="mark", value="here")
    as_operator(empty, lambda connection: connection.execute(mark))
    migrate(empty.owner, APP)
    values = select(tables.installation.c.value).where(tables.installation.c.name == "mark")
    assert as_operator(empty, lambda connection: connection.scalar(values)) == "here"
    assert run_once(empty.app, lambda c: c.execute(select(tables.installation)).all()) == []


@pytest.mark.feature("SEC-37")
def test_one_role_for_everything_works_and_is_bound_by_the_policies_too(empty: Place) -> None:
    migrate(empty.owner)

    def fill(connection: Connection) -> None:
        enter(connection, "operator")
        fill_old(connection, tables.metadata)

    run_once(empty.owner, fill)
    assert run_once(empty.owner, lambda c: c.execute(select(tables.audit)).all()) == []
    with pytest.raises(Exception, match="permission denied for table audit"):
        run_once(empty.owner, lambda c: c.execute(text("DELETE FROM audit")))
    migrate(empty.owner, APP)
    assert as_operator(empty, lambda c: c.scalar(select(tables.audit.c.id))) == "a1"


def test_two_processes_that_migrate_at_once_do_so_in_turn(empty: Place) -> None:
    code = f"from storage.migrations import migrate; migrate({empty.owner!r}, {APP!r})"
    both = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for process in both:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    assert pending(empty.app) == []


def test_a_migration_that_fails_leaves_nothing_behind(empty: Place) -> None:
    """Changes of the schema are part of the transaction here."""
    with pytest.raises(upkeep.BadDatabase):
        upkeep.bring_up(empty.owner, "nobody_of_this_name")
    assert run_once(empty.owner, schema) == set()


def test_what_is_wrong_is_said_with_what_to_do(postgres: Cluster, empty: Place) -> None:
    server = postgres.server
    cases = {
        f"postgresql://watchword:hush@127.0.0.1:{free_port()}/w": "nothing answers there. Is PostgreSQL running",
        server.url("nowhere", OWNER): "CREATE DATABASE nowhere OWNER watchword_owner;",
        server.url(empty.name, "stranger:hush"): "does not let stranger in",
        "postgresql://w:hush@127.0.0.1/w?sslmode=maybe": "Check the URL",
        empty.app: "WATCHWORD_OWNER_DATABASE_URL",
    }
    for url, wanted in cases.items():
        with pytest.raises(upkeep.BadDatabase) as refused:
            upkeep.bring_up(url, APP)
        assert wanted in str(refused.value)
        assert "hush" not in str(refused.value)
    with pytest.raises(upkeep.BadDatabase, match="CREATE ROLE nobody_of_this_name LOGIN"):
        upkeep.bring_up(empty.owner, "nobody_of_this_name")


def test_a_wrong_password_is_said_without_it() -> None:
    """The tests' server asks for none."""
    refused = asyncpg.InvalidPasswordError('password authentication failed for user "w"')
    said = advice(refused, "postgresql://w:hush@db.example:5432/watchword")
    assert "does not let w in (password authentication failed" in said
    assert "hush" not in said


def test_tables_of_something_else_are_left_alone(postgres: Cluster, empty: Place) -> None:
    run_once(empty.owner, lambda c: c.execute(text("CREATE TABLE tickets (whose text)")))
    with pytest.raises(upkeep.BadDatabase, match=r"tickets.*Is it a Watchword database"):
        upkeep.bring_up(empty.owner, APP)
    assert pending(empty.owner)[0] == "0001"


def fill_old(connection: Connection, metadata: MetaData) -> None:
    """A tenant, something to send, and a line of the log, in columns that the first revision had."""
    found = metadata.tables
    connection.execute(insert(found["tenants"]).values(id=T, slug="t", name="T", key=b"k", created_at=1))
    item = {"id": "o1", "kind": "send_text", "lane": "l", "status": "waiting", "created_at": 1, "due_at": 1}
    connection.execute(insert(found["outbox"]).values(tenant_id=T, **item))
    connection.execute(insert(found["audit"]).values(tenant_id=T, id="a1", seq=1, at=1, kind="k", leaf=b"\1" * 32))


def schema(connection: Connection) -> set[str]:
    """Every column with type and default, every index and every key, one text each."""
    columns = connection.execute(
        text(
            "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default"
            " FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'"
        )
    )
    indexes = connection.execute(text("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'"))
    keys = connection.execute(
        text(
            "SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace"
        )
    )
    every = {str(tuple(row)) for found in (columns, indexes, keys) for row in found}
    return {line for line in every if "alembic_version" not in line}
