"""Row level security: the server decides what a connection may see, from two settings of its transaction (SEC-37).

`watchword.scope` says why it looks: nothing, `tenants`, `routing`, `queues` or `operator`; `watchword.tenants` lists
the ids that `tenants` may see. Every table has policies, forced on its owner too; with nothing set, nothing is seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from sqlalchemy import Connection, Select, Table, func, select, text

from storage.database import Unscoped
from storage.tables import BEFORE_TENANT, OF_THE_INSTALLATION, WORK_QUEUES, audit, metadata, tenants


class NoSuchRole(Exception):
    """The role that is to serve does not exist on the server. Its text is the name."""


class Reason(Enum):
    """`watchword.scope`."""

    #: Some tenants, listed in `watchword.tenants`.
    TENANTS = "tenants"
    #: Finding out whose message, sign-in or number this is.
    ROUTING = "routing"
    #: Working through what is due, of every tenant.
    QUEUES = "queues"
    #: The operator, and what is about the whole installation.
    OPERATOR = "operator"


def entering(scope: str | Unscoped) -> tuple[str, str]:
    """The values of `watchword.scope` and `watchword.tenants` for a piece of work."""
    match scope:
        case Unscoped.ROUTING:
            return Reason.ROUTING.value, ""
        case Unscoped.OPERATOR:
            return Reason.OPERATOR.value, ""
        case _:
            return Reason.TENANTS.value, scope


def enter(connection: Connection, reason: str, tenant_ids: str = "") -> None:
    """Set both for the rest of the transaction; they end with it."""
    connection.execute(setting(reason, tenant_ids), execution_options={"watchword_scope": Unscoped.OPERATOR})


def setting(reason: str, tenant_ids: str) -> Select[tuple[str, str]]:
    return select(
        func.set_config("watchword.scope", reason, True), func.set_config("watchword.tenants", tenant_ids, True)
    )


# In a subquery of its own each setting is read once per statement, not once per row.
_SCOPE = "(SELECT current_setting('watchword.scope', true))"
_TENANTS = "(SELECT string_to_array(current_setting('watchword.tenants', true), ','))::text[]"


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may see and who may change rows of a table: SQL conditions over one row. `is_new`: which of those that may
    be written may still be changed, empty where all may."""

    read: str
    write: str
    is_new: str = ""


def rule_of(table: Table) -> Rule:
    """The rule follows from the lists in `storage.tables`; a table in none of them belongs to its tenant alone."""
    if table.name in OF_THE_INSTALLATION:
        return _same(_one_of(Reason.OPERATOR))
    key = "id" if table is tenants else "tenant_id"
    if key not in table.c:
        return _same(_one_of(*Reason) if table.name in BEFORE_TENANT | WORK_QUEUES else _one_of(Reason.OPERATOR))
    own = f"({_one_of(Reason.TENANTS)} AND {key}::text = ANY ({_TENANTS}))"
    if table.name in WORK_QUEUES:
        return _same(f"{own} OR {_one_of(Reason.QUEUES, Reason.OPERATOR)}")
    write = f"{own} OR {_one_of(Reason.OPERATOR)}"
    if table is audit:
        # A line that has its place in the log keeps it.
        return Rule(write, write, f"seq IS NULL AND ({write})")
    if table.name in BEFORE_TENANT:
        # Looking for the tenant never needs to change what it looks through.
        return Rule(f"{own} OR {_one_of(Reason.ROUTING, Reason.QUEUES, Reason.OPERATOR)}", write)
    return _same(write)


def policies_of(table: Table) -> dict[str, str]:
    """Policies by name, each as what follows `CREATE POLICY name ON table`. A changed one has another name."""
    rule = rule_of(table)
    if rule.read == rule.write and not rule.is_new:
        wanted = [("all", f"FOR ALL USING ({rule.read}) WITH CHECK ({rule.write})")]
    else:
        wanted = [
            ("read", f"FOR SELECT USING ({rule.read})"),
            ("insert", f"FOR INSERT WITH CHECK ({rule.write})"),
            ("update", f"FOR UPDATE USING ({rule.is_new or rule.write}) WITH CHECK ({rule.write})"),
            ("delete", f"FOR DELETE USING ({rule.write})"),
        ]
    return {f"watchword_{name}_{hashlib.sha256(body.encode()).hexdigest()[:12]}": body for name, body in wanted}


def secure(connection: Connection, app_role: str = "") -> None:
    """Policies on every table, and the rights of `app_role` (empty: the owner itself serves). As the tables' owner.

    May be run again at any time: a table whose policies stand already is not locked. Raises NoSuchRole.
    """
    owner = connection.execute(select(func.current_user())).scalar_one()
    role = app_role or owner
    if connection.scalar(text("SELECT count(*) FROM pg_roles WHERE rolname = :role"), {"role": role}) != 1:
        raise NoSuchRole(role)
    for table in metadata.sorted_tables:
        for statement in _securing(connection, table):
            connection.exec_driver_sql(statement)
    for statement in _granting(connection, role, is_owner=role == owner):
        connection.exec_driver_sql(statement)


def unsecured(connection: Connection) -> Sequence[str]:
    """Tables that lack a policy, or on which policies are switched off, by name."""
    return [table.name for table in metadata.sorted_tables if any(_securing(connection, table))]


def why_unfit(connection: Connection) -> str:
    """Why this connection's role must not serve, empty when it may: it would see every tenant's rows, or the tables are
    not kept apart."""
    row = connection.execute(
        text("SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
    ).one()
    if row.rolsuper or row.rolbypassrls:
        what = "a superuser" if row.rolsuper else "exempt from row level security (BYPASSRLS)"
        return (
            f"The database role {row.rolname} is {what} and would see every tenant's rows. Put a role of its own into "
            "WATCHWORD_DATABASE_URL: CREATE ROLE watchword LOGIN PASSWORD '...'"
        )
    open_ = unsecured(connection)
    if open_:
        return f"Row level security is missing on {', '.join(open_)}. Run `watchword migrate` as the tables' owner."
    if connection.scalar(text("SELECT has_table_privilege(:log, 'UPDATE, DELETE, TRUNCATE')"), {"log": audit.name}):
        return (
            f"The database role {row.rolname} may change lines of the audit log: somebody has granted it more than "
            f"`watchword migrate` does, perhaps as a member of another role. REVOKE UPDATE, DELETE, TRUNCATE ON "
            f"{audit.name} from it, or the membership."
        )
    return ""


def _same(condition: str) -> Rule:
    return Rule(condition, condition)


def _one_of(*reasons: Reason) -> str:
    listed = ", ".join(f"'{reason.value}'" for reason in reasons)
    return f"{_SCOPE} IN ({listed})"


def _securing(connection: Connection, table: Table) -> Iterator[str]:
    """The statements that are missing. Each takes the whole table for a moment, so none that is not needed."""
    switched = connection.execute(
        text(
            "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class"
            " WHERE oid = to_regclass(quote_ident(current_schema()) || '.' || quote_ident(:name))"
        ),
        {"name": table.name},
    ).scalar()
    standing = connection.execute(
        text("SELECT policyname FROM pg_policies WHERE schemaname = current_schema() AND tablename = :name"),
        {"name": table.name},
    ).scalars()
    wanted, found = policies_of(table), set(standing)
    for name in sorted(found - wanted.keys()):
        yield f"DROP POLICY {_quoted(connection, name)} ON {table.name}"
    for name in sorted(wanted.keys() - found):
        yield f"CREATE POLICY {name} ON {table.name} {wanted[name]}"
    if not switched:
        yield f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"


def _granting(connection: Connection, role: str, *, is_owner: bool) -> Iterator[str]:
    """Lines of the log are written once: of them only the sequence may be filled in later."""
    to, log = _quoted(connection, role), audit.name
    if is_owner:
        yield f"REVOKE UPDATE, DELETE, TRUNCATE ON {log} FROM {to}"
    else:
        others = ", ".join(table.name for table in metadata.sorted_tables if table is not audit)
        yield f"REVOKE ALL ON {others}, {log} FROM {to}"
        yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {others} TO {to}"
        yield f"GRANT SELECT, INSERT ON {log} TO {to}"
        # What `readyz` and `doctor` read to tell whether the schema is up to date.
        yield f"GRANT SELECT ON alembic_version TO {to}"
    yield f"GRANT UPDATE (seq) ON {log} TO {to}"


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)
