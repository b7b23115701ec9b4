"""PostgreSQL itself keeps tenants apart: what a connection sees, changes and puts in, table by table (SEC-37).

Statements here name no tenant on purpose. Which tables a reason opens is said a second time, in `may`, and not taken
from the code under test.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Boolean, Connection, Integer, LargeBinary, Select, SmallInteger, String, Table, Text, select

from storage.database import Unscoped
from storage.postgres import PostgresDatabase
from storage.postgres.connecting import connect, run_once
from storage.postgres.row_security import secure, unsecured, why_unfit
from storage.tables import metadata
from tests.fixtures.postgres import Cluster, Place
from tests.fixtures.servers import APP, OWNER
from tests.fixtures.world import row_id

pytestmark = pytest.mark.feature("SEC-37")

A, B = row_id(1), row_id(2)
TABLES = sorted(metadata.tables)
NO_TENANT_YET = {
    *("tenants", "numbers", "carrier_accounts", "technicians", "log_ins"),
    *("account_links", "known_browsers", "integration_keys", "brands", "verification_links"),
}
QUEUES = {"outbox", "timers"}
NOBODYS = {"log_in_failures", "installation", "early_reports"}
THE_OPERATORS = {"audit_tiles", "checkpoints", "fences"}
#: A reason, and the tenants that are listed with it.
SCOPES: dict[str, tuple[str, str]] = {
    "nothing": ("", ""),
    "nothing but ids": ("", f"{A},{B}"),
    "no tenant": ("tenants", ""),
    "one tenant": ("tenants", A),
    "the other": ("tenants", B),
    "both": ("tenants", f"{A},{B}"),
    "a stranger": ("tenants", row_id(3)),
    "routing": ("routing", ""),
    "queues": ("queues", ""),
    "operator": ("operator", ""),
    "no such reason": ("everything", f"{A},{B}"),
}


def may(table: str, scope: str) -> tuple[set[str], set[str]]:
    """Whose rows may be read, and whose may be changed. Rows of nobody count as both tenants'."""
    reason, listed = SCOPES[scope]
    own = {tenant for tenant in (A, B) if reason == "tenants" and tenant in listed}
    everyone = {A, B}
    if reason == "operator":
        return everyone, everyone
    if table in THE_OPERATORS:
        return set(), set()
    if table in NOBODYS:
        known = reason in ("tenants", "routing", "queues")
        return (everyone, everyone) if known else (set(), set())
    if table in QUEUES and reason == "queues":
        return everyone, everyone
    if table in NO_TENANT_YET and reason in ("routing", "queues"):
        return everyone, set()
    return own, own


def row_of(table: Table, tenant_id: str) -> dict[str, Any]:
    """A row of that tenant. Ids, and what must differ over all tenants, follow from it; everything else is shared."""
    n = int(tenant_id[-4:])
    shared = {"clients", "contacts", "addresses", "tickets", "ticket_notes", "conversations", "dialogs"}
    row: dict[str, Any] = {}
    for column in table.columns:
        match column.type:
            case Boolean():
                row[column.name] = False
            case LargeBinary():
                row[column.name] = bytes([n]) * 32
            case Text():
                row[column.name] = "{}"
            case String():
                is_id = column.name == "id" or column.name.endswith("_id")
                name = tenant_id if is_id else ("same" if table.name in shared else f"s{n}")
                row[column.name] = name[: column.type.length]
            case SmallInteger() | Integer():
                row[column.name] = n
            case _:
                row[column.name] = n
    return row


def on(table: str, statement: str, columns: str = "") -> str:
    """The statement with those names in it."""
    return statement.replace("TABLE", table).replace("COLUMNS", columns)


def inserting(table: Table, tenant_id: str) -> tuple[str, list[Any]]:
    row = row_of(table, tenant_id)
    names, places = ", ".join(f'"{name}"' for name in row), ", ".join(f"${i + 1}" for i in range(len(row)))
    return on(table.name, "INSERT INTO TABLE (COLUMNS) VALUES (PLACES)", names).replace("PLACES", places), list(
        row.values()
    )


@pytest.fixture
async def filled(postgres: Cluster) -> Place:
    """One row of each tenant in every table, with the same people's names, numbers and addresses."""
    place = await postgres.migrated()
    connection = await connect(place.admin)
    await connection.execute("DELETE FROM installation")  # marks of the migrations
    for table in metadata.sorted_tables:
        for tenant_id in (A, B):
            statement, values = inserting(table, tenant_id)
            await connection.execute(statement, *values)
    await connection.close()
    return place


@pytest.fixture
async def app(filled: Place) -> AsyncIterator[Any]:
    """The role that serves, with nothing set."""
    connection = await connect(filled.app)
    yield connection
    await connection.close()


async def entered(connection: Any, scope: str) -> None:
    await connection.execute(
        "SELECT set_config('watchword.scope', $1, true), set_config('watchword.tenants', $2, true)", *SCOPES[scope]
    )


async def outcome(connection: Any, scope: str, statement: str, *values: Any) -> str:
    """What a statement comes to in a scope: its status, or the name of the refusal. Always rolled back."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await entered(connection, scope)
        return str(await connection.execute(statement, *values))
    except asyncpg.PostgresError as why:
        return type(why).__name__
    finally:
        await transaction.rollback()


async def test_with_nothing_set_every_table_is_empty_and_takes_nothing(app: Any) -> None:
    for table in metadata.sorted_tables:
        assert await app.fetchval(on(table.name, "SELECT count(*) FROM TABLE")) == 0, table.name
        statement, values = inserting(table, A)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await app.execute(statement, *values)


async def test_the_owner_of_the_tables_sees_no_more(filled: Place) -> None:
    owner = await connect(filled.owner)
    for table in TABLES:
        assert await owner.fetchval(on(table, "SELECT count(*) FROM TABLE")) == 0, table
    await owner.close()


async def test_the_settings_end_with_their_transaction(app: Any) -> None:
    async with app.transaction():
        await entered(app, "operator")
        assert await app.fetchval("SELECT count(*) FROM contacts") == 2
    assert await app.fetchval("SELECT count(*) FROM contacts") == 0


@pytest.mark.parametrize("scope", sorted(SCOPES))
async def test_each_reason_opens_the_rows_it_is_for_and_no_other(app: Any, scope: str) -> None:
    for name in TABLES:
        table = metadata.tables[name]
        readable, writable = may(name, scope)
        assert await outcome(app, scope, on(name, "SELECT 1 FROM TABLE")) == f"SELECT {len(readable)}", name
        for tenant_id in (A, B):
            statement, values = inserting(table, tenant_id)
            # The row is there already: who may put it in hears that, and who may not is refused before.
            wanted = "UniqueViolationError" if tenant_id in writable else "InsufficientPrivilegeError"
            assert await outcome(app, scope, statement, *values) == wanted, (name, tenant_id)
        if name == "audit":
            continue
        column = f'"{table.columns.keys()[-1]}"'
        changed = await outcome(app, scope, on(name, "UPDATE TABLE SET COLUMNS = COLUMNS", column))
        assert changed == f"UPDATE {len(writable)}", name
        deleted = await outcome(app, scope, on(name, "DELETE FROM TABLE"))
        assert deleted in (f"DELETE {len(writable)}", "ForeignKeyViolationError" if writable else ""), name


@pytest.mark.parametrize("scope", ["one tenant", "queues"])
async def test_no_row_moves_to_another_tenant(app: Any, scope: str) -> None:
    for name in TABLES:
        if "tenant_id" not in metadata.tables[name].c or name == "audit":
            continue
        moved = await outcome(app, scope, on(name, "UPDATE TABLE SET tenant_id = $1"), row_id(3))
        expected = {"InsufficientPrivilegeError"} if may(name, scope)[1] else {"UPDATE 0"}
        if name in QUEUES and scope == "queues":
            continue  # it works on every tenant's rows, and its one user never changes whose they are
        assert moved in expected, name


PIECES = st.sampled_from([A, B, ",", ",,", " ", "'", '"', "{", "}", "\\", "%", "NULL", A[:35], A.upper(), "operator"])

SEARCHES = st.sampled_from(
    [
        "SELECT tenant_id FROM contacts",
        "SELECT tenant_id FROM contacts WHERE name = 'same' OR true",
        "SELECT tenant_id FROM addresses WHERE value = 'same'",
        "SELECT c.tenant_id FROM contacts c JOIN addresses a ON a.value = c.name",
        "SELECT tenant_id FROM (SELECT * FROM tickets UNION ALL SELECT * FROM tickets) t",
    ]
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(PIECES, max_size=5), search=SEARCHES)
async def test_whatever_stands_in_the_list_only_whole_ids_open_rows(app: Any, pieces: list[str], search: str) -> None:
    listed = "".join(pieces)
    async with app.transaction():
        await app.execute(
            "SELECT set_config('watchword.scope', 'tenants', true), set_config('watchword.tenants', $1, true)", listed
        )
        seen = {row["tenant_id"] for row in await app.fetch(search)}
    assert seen == {A, B} & set(listed.split(","))


def all_of(search: Select[tuple[str]], connection: Connection) -> list[str]:
    return list(connection.scalars(search))


async def test_tenants_with_the_same_people_find_their_own(filled: Place) -> None:
    """The same number, name and mail in both, through the database that Watchword uses."""
    database = PostgresDatabase(filled.app)
    addresses = metadata.tables["addresses"]
    for tenant_id in (A, B):
        search = select(addresses.c.tenant_id).where(addresses.c.tenant_id == tenant_id, addresses.c.value == "same")
        assert await database.read(tenant_id, partial(all_of, search)) == [tenant_id]
    await database.close()


async def test_lines_of_the_log_are_never_changed_or_taken_out(app: Any, filled: Place) -> None:
    """Only their place in the sequence is filled in. Not even the operator's reason allows more."""
    for statement in (
        "UPDATE audit SET kind = 'x'",
        "UPDATE audit SET at = 1",
        "UPDATE audit SET seq = 7, leaf = ''",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "ALTER TABLE audit DISABLE ROW LEVEL SECURITY",
    ):
        assert await outcome(app, "operator", statement) == "InsufficientPrivilegeError", statement
    # Both lines have their place and keep it, whoever asks.
    for scope in ("one tenant", "operator"):
        assert await outcome(app, scope, "UPDATE audit SET seq = 7") == "UPDATE 0"
    admin = await connect(filled.admin)
    await admin.execute("UPDATE audit SET seq = NULL WHERE tenant_id = $1", A)
    await admin.close()
    assert await outcome(app, "one tenant", "UPDATE audit SET seq = 7") == "UPDATE 1"


async def test_switching_row_security_off_for_oneself_shows_nothing(app: Any) -> None:
    await app.execute("SET row_security = off")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await app.fetchval("SELECT count(*) FROM contacts")


async def test_every_table_of_the_schema_is_secured(filled: Place) -> None:
    """A table that a revision adds and `storage.tables` forgets, or one without policies, is found here."""
    connection = await connect(filled.owner)
    found: Mapping[str, tuple[bool, int]] = {
        row["relname"]: (row["forced"], row["policies"])
        for row in await connection.fetch(
            "SELECT relname, relrowsecurity AND relforcerowsecurity AS forced,"
            " (SELECT count(*) FROM pg_policy WHERE polrelid = pg_class.oid) AS policies"
            " FROM pg_class WHERE relkind IN ('r', 'p', 'm', 'v') AND relnamespace = 'public'::regnamespace"
        )
    }
    await connection.close()
    assert set(found) - {"alembic_version"} == set(TABLES)
    assert [name for name in TABLES if not found[name][0] or not found[name][1]] == []


async def test_what_was_loosened_is_noticed_and_tightened_again(postgres: Cluster) -> None:
    place = await postgres.migrated()
    owner, app = PostgresDatabase(place.owner), PostgresDatabase(place.app)
    assert await app.read(Unscoped.OPERATOR, why_unfit) == ""
    await postgres.server.arun(
        "ALTER TABLE contacts DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE audit NO FORCE ROW LEVEL SECURITY",
        "CREATE POLICY open ON tickets USING (true)",
        f"GRANT DELETE ON audit TO {APP}",
        database=place.name,
    )
    assert await app.read(Unscoped.OPERATOR, unsecured) == ["audit", "contacts", "tickets"]
    assert "audit, contacts, tickets" in await app.read(Unscoped.OPERATOR, why_unfit)
    await owner.write(Unscoped.OPERATOR, lambda connection: secure(connection, APP))
    assert await app.read(Unscoped.OPERATOR, why_unfit) == ""
    connection = await connect(place.app)
    assert await outcome(connection, "operator", "DELETE FROM audit") == "InsufficientPrivilegeError"
    for closing in (owner, app, connection):
        await closing.close()


@pytest.mark.feature("SEC-54")
@pytest.mark.parametrize("right", ["UPDATE", "DELETE", "TRUNCATE"])
async def test_a_role_that_may_change_the_log_is_unfit(postgres: Cluster, place: Place, right: str) -> None:
    """As a member of the owner's role, say: then it has rights that nobody granted to it by name."""
    database, role = PostgresDatabase(place.app), f"may_{right.lower()}"
    assert await database.read(Unscoped.OPERATOR, why_unfit) == ""
    await postgres.server.arun(
        f"CREATE ROLE {role}", f"GRANT {right} ON audit TO {role}", f"GRANT {role} TO {APP}", database=place.name
    )
    try:
        assert "may change lines of the audit log" in await database.read(Unscoped.OPERATOR, why_unfit)
    finally:
        await postgres.server.arun(f"REVOKE {role} FROM {APP}", f"DROP OWNED BY {role}", database=place.name)
        await database.close()


@pytest.mark.parametrize("right", ["SUPERUSER", "BYPASSRLS"])
async def test_a_role_that_sees_everything_is_unfit(postgres: Cluster, place: Place, right: str) -> None:
    role = f"all_seeing_{right.lower()}"
    await postgres.server.arun(f"CREATE ROLE {role} LOGIN {right}")
    database = PostgresDatabase(postgres.server.url(place.name, role))
    assert f"{role} is " in await database.read(Unscoped.OPERATOR, why_unfit)
    await database.close()


async def test_securing_again_locks_no_table(place: Place) -> None:
    """Replicas migrate at their start while others serve: neither may have to wait for the other."""
    busy, owner = await connect(place.app), PostgresDatabase(place.owner, statement_timeout=5)
    async with busy.transaction():
        await busy.execute("LOCK TABLE contacts, audit, outbox IN ROW EXCLUSIVE MODE")
        await owner.write(Unscoped.OPERATOR, lambda connection: secure(connection, APP))
    await busy.close()
    await owner.close()


def test_the_fixture_serves_with_neither_the_owner_nor_a_superuser(postgres: Cluster) -> None:
    def who(connection: Any) -> tuple[Any, ...]:
        found = connection.exec_driver_sql(
            "SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        return tuple(found.one())

    place = postgres.place("watchword_migrated")
    assert run_once(place.app, who) == (APP, False, False)
    assert run_once(place.owner, who) == (OWNER, False, False)
