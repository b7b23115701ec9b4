"""Nothing looks past its tenant: what the guard refuses, what it lets through, and that nothing slips by (SEC-37)."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    Engine,
    and_,
    bindparam,
    column,
    create_engine,
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    table,
    text,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import InvalidRequestError

from storage import tables as t
from storage.database import Unscoped, UnscopedStatement
from storage.guard import guard, scoped
from tests.fixtures.world import make_world, row_id

pytestmark = pytest.mark.feature("SEC-37")

MINE, THEIRS = make_world(1).tenant_id, make_world(2).tenant_id
C, A, N = t.contacts.c, t.addresses.c, t.numbers.c
ADA = make_world(1).people[0]


@pytest.fixture(scope="module")
def engine(template_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Two tenants that share people's numbers, addresses and ticket numbers."""
    path = shutil.copy(template_database, tmp_path_factory.mktemp("guard") / "w.db")
    # Generated statements multiply tables out on purpose.
    engine = create_engine(f"sqlite:///{path}", enable_from_linting=False)
    guard(engine)
    with engine.begin() as connection:
        for world in (make_world(1), make_world(2)):
            for i, person in enumerate(world.people):
                ticket = {"id": row_id(i), "number": 1000 + i, "client_id": person.client_id, "contact_id": person.id}
                rest = {"title": "same", "status": "open", "key": str(i), "created_at": 0, "updated_at": 0}
                scoped(connection, Unscoped.OPERATOR).execute(
                    insert(t.tickets).values(tenant_id=world.tenant_id, **ticket, **rest)
                )
    yield engine
    engine.dispose()


def run(engine: Engine, statement: Any, scope: str | Unscoped = MINE, values: Any = None) -> list[Any]:
    """Run and roll back; the rows it returned."""
    with engine.connect() as connection:
        result = scoped(connection, scope).execute(statement, values)
        return list(result.all()) if result.returns_rows else []


SECOND = t.contacts.alias("second")
CLIENT = {"id": "x", "name": "New", "created_at": 0}
ALLOWED: dict[str, Any] = {
    "one table": select(C.name).where(C.tenant_id == MINE),
    "turned around": select(C.name).where(bindparam("s", MINE) == C.tenant_id),
    "a count": select(func.count()).select_from(t.contacts).where(C.tenant_id == MINE),
    "a join by the tenant": select(C.name, A.value)
    .join_from(t.contacts, t.addresses, and_(A.tenant_id == C.tenant_id, A.contact_id == C.id))
    .where(C.tenant_id == MINE),
    "an outer join by the tenant": select(C.name, A.value)
    .select_from(t.contacts.outerjoin(t.addresses, and_(A.tenant_id == C.tenant_id, A.contact_id == C.id)))
    .where(C.tenant_id == MINE),
    "an alias": select(SECOND.c.name).where(SECOND.c.tenant_id == MINE),
    "a correlated exists": select(C.name).where(
        C.tenant_id == MINE, exists().where(A.tenant_id == C.tenant_id, A.contact_id == C.id)
    ),
    "a union": union_all(
        select(C.name).where(C.tenant_id == MINE), select(t.clients.c.name).where(t.clients.c.tenant_id == MINE)
    ),
    "the tenant itself": select(t.tenants.c.name).where(t.tenants.c.id == MINE),
    "the tenant and its numbers": select(N.address)
    .join_from(t.numbers, t.tenants, t.tenants.c.id == N.tenant_id)
    .where(t.tenants.c.id == MINE),
    "an update": update(t.contacts).where(C.tenant_id == MINE, C.id == ADA.id).values(name="New"),
    "a delete": delete(t.contacts).where(C.tenant_id == MINE),
    "an insert": insert(t.clients).values(tenant_id=MINE, **CLIENT),
    "an upsert": upsert(t.clients)
    .values(tenant_id=MINE, **CLIENT)
    .on_conflict_do_update(index_elements=["tenant_id", "id"], set_={"name": "New"}),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_statements_tied_to_the_scope_run(engine: Engine, name: str) -> None:
    run(engine, ALLOWED[name])


FREE = select(A.value).where(A.contact_id == ADA.id)
REFUSED: dict[str, Any] = {
    "no condition": select(C.name),
    "another tenant": select(C.name).where(C.tenant_id == THEIRS),
    "or": select(C.name).where(or_(C.tenant_id == MINE, C.name == "x")),
    "not": select(C.name).where(~(C.tenant_id == MINE)),
    "more than": select(C.name).where(C.tenant_id >= MINE),
    "a join without the tenant": select(C.name, A.value)
    .join_from(t.contacts, t.addresses, A.contact_id == C.id)
    .where(C.tenant_id == MINE),
    "a second table": select(C.name, A.value).where(C.tenant_id == MINE),
    "only the left of an outer join": select(C.name)
    .select_from(t.contacts.outerjoin(t.addresses, and_(A.tenant_id == MINE, C.tenant_id == MINE)))
    .where(C.name == "x"),
    "tied in a circle": select(C.name).where(C.tenant_id == A.tenant_id),
    "an alias beside its table": select(SECOND.c.name).where(C.tenant_id == MINE),
    "a free subquery in from": select(FREE.subquery()),
    "the same table free in from": select(select(C.name, C.id).subquery().c.name, C.name).where(C.tenant_id == MINE),
    "a free exists": select(C.name).where(C.tenant_id == MINE, exists().where(A.contact_id == ADA.id)),
    "a subquery that does not correlate": select(C.name).where(
        C.tenant_id == MINE, C.id.in_(select(C.id).correlate(None))
    ),
    "a grandchild": select(C.name).where(
        C.tenant_id == MINE,
        exists().where(A.tenant_id == C.tenant_id, A.id.in_(select(C.id).where(C.name == "x"))),
    ),
    "a free scalar": select(C.name, FREE.limit(1).scalar_subquery()).where(C.tenant_id == MINE),
    "half of a union": union_all(select(C.name).where(C.tenant_id == MINE), select(t.clients.c.name)),
    "a free cte": select(FREE.cte("f").c.value),
    "an update of everything": update(t.contacts).values(name="New"),
    "an update to another tenant": update(t.contacts).where(C.tenant_id == MINE).values(tenant_id=THEIRS),
    "an update from another table": update(t.contacts)
    .where(C.tenant_id == MINE, A.contact_id == C.id)
    .values(name="x"),
    "a delete of everything": delete(t.contacts),
    "an insert for another tenant": insert(t.clients).values(tenant_id=THEIRS, **CLIENT),
    "an insert for nobody": insert(t.clients).values(**CLIENT),
    "an insert of many, one for another": insert(t.clients).values(
        [{"tenant_id": MINE, **CLIENT}, {"tenant_id": THEIRS, **CLIENT}]
    ),
    "an insert from a query": insert(t.once).from_select(["tenant_id"], select(C.tenant_id).where(C.tenant_id == MINE)),
    "an upsert by a key without the tenant": upsert(t.technicians)
    .values(tenant_id=MINE, login="dana@2000.example")
    .on_conflict_do_update(index_elements=["login"], set_={"role": "admin"}),
    "an upsert that moves a row": upsert(t.clients)
    .values(tenant_id=MINE, **CLIENT)
    .on_conflict_do_update(index_elements=["tenant_id", "id"], set_={"tenant_id": THEIRS}),
    "values replaced on the way": select(C.name).where(C.tenant_id == bindparam("whose", MINE)).params(whose=THEIRS),
    "values replaced inside": select(
        select(C.name).where(C.tenant_id == bindparam("whose", MINE)).params(whose=THEIRS).subquery()
    ),
    "text": text("SELECT name FROM contacts"),
    "text inside": select(C.name).where(text("1 = 1"), C.tenant_id == MINE),
    "a literal column": select(literal_column("(SELECT max(name) FROM contacts)")),
    "a table of one's own making": select(table("contacts", column("name"), column("tenant_id")).c.name),
    "a table of all tenants": select(t.early_reports.c.status),
    "an insert into one": insert(t.early_reports).values(provider="p"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_statements_that_look_past_the_tenant_are_refused(engine: Engine, name: str) -> None:
    with pytest.raises(UnscopedStatement):
        run(engine, REFUSED[name])


def test_values_given_at_execution_are_looked_at(engine: Engine) -> None:
    by_name = select(C.name).where(C.tenant_id == bindparam("whose"))
    assert len(run(engine, by_name, values={"whose": MINE})) == 6
    for values in ({"whose": THEIRS}, {"whose": None}):
        with pytest.raises(UnscopedStatement):
            run(engine, by_name, values=values)
    # By the name that a value gets in the compiled text.
    with pytest.raises(UnscopedStatement):
        run(engine, select(C.name).where(C.tenant_id == MINE), values={"tenant_id_1": THEIRS})
    rows = [{"tenant_id": tenant, **CLIENT, "id": str(i)} for i, tenant in enumerate((MINE, THEIRS))]
    run(engine, insert(t.clients), values=rows[:1])
    with pytest.raises(UnscopedStatement):
        run(engine, insert(t.clients), values=rows)


def test_driver_sql_and_ddl_are_for_the_operator(engine: Engine) -> None:
    with engine.connect() as connection:
        mine = scoped(connection, MINE)
        with pytest.raises(UnscopedStatement):
            mine.exec_driver_sql("SELECT name FROM contacts")
        with pytest.raises(UnscopedStatement):
            t.metadata.drop_all(mine)
        operator = scoped(connection, Unscoped.OPERATOR)
        assert len(operator.exec_driver_sql("SELECT name FROM contacts").all()) == 12
        assert len(operator.execute(text("SELECT name FROM contacts")).all()) == 12


def test_without_a_scope_nothing_runs(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(UnscopedStatement):
        connection.execute(select(C.name).where(C.tenant_id == MINE))
    with engine.connect() as connection, pytest.raises(UnscopedStatement):
        scoped(connection, "")


@pytest.mark.parametrize("name", sorted(t.metadata.tables))
def test_routing_sees_the_listed_tables_and_no_other(engine: Engine, name: str) -> None:
    everything = select(t.metadata.tables[name])
    if name in t.BEFORE_TENANT:
        run(engine, everything, Unscoped.ROUTING)
    else:
        with pytest.raises(UnscopedStatement):
            run(engine, everything, Unscoped.ROUTING)


# --- nothing slips by -----------------------------------------------------------------------------------------------

TABLES = (t.contacts, t.addresses, t.tickets, t.clients, t.numbers)
KINDS = ("both", "inner", "left", "full", "exists", "in", "scalar", "from", "free", "cte")


def conditions(one: Any, two: Any) -> Any:
    """Conditions that tie, half tie, or do not tie two tables to a tenant."""
    return st.lists(
        st.sampled_from(
            [
                one.tenant_id == MINE,
                two.tenant_id == MINE,
                one.tenant_id == THEIRS,
                one.tenant_id == two.tenant_id,
                or_(one.tenant_id == MINE, two.tenant_id == MINE),
                and_(one.tenant_id == MINE, two.id != ""),
                and_(two.tenant_id == MINE, one.tenant_id == two.tenant_id),
                one.tenant_id != MINE,
                one.id != "",
                true(),
            ]
        ),
        max_size=3,
    )


def build(kind: str, one: Any, two: Any, where: list[Any], inner: list[Any]) -> Any:
    """A statement over both tables whose rows name the tenant of everything that it shows."""
    base = select(one.c.tenant_id)
    other = select(two.c.tenant_id).where(*inner)
    match kind:
        case "both":
            return select(one.c.tenant_id, two.c.tenant_id).where(*where, *inner)
        case "inner" | "left" | "full":
            on = and_(true(), *inner)
            joined = one.join(two, on, isouter=kind == "left", full=kind == "full")
            return select(one.c.tenant_id, two.c.tenant_id).select_from(joined).where(*where)
        case "exists":
            return base.where(*where, other.exists())
        case "in":
            return base.where(*where, one.c.tenant_id.in_(other))
        case "scalar":
            return select(one.c.tenant_id, other.order_by(two.c.tenant_id.desc()).limit(1).scalar_subquery()).where(
                *where
            )
        case "free":
            alone = other.correlate(None).order_by(two.c.tenant_id.desc()).limit(1).scalar_subquery()
            return select(one.c.tenant_id, alone).where(*where)
        case "from":
            sub = other.subquery()
            return select(one.c.tenant_id, sub.c.tenant_id).where(*where)
        case _:
            cte = other.cte()
            return select(cte.c.tenant_id, one.c.tenant_id).where(*where, one.c.tenant_id == cte.c.tenant_id)


def _largest(other: Any) -> Any:
    """One tenant of the subquery, the other tenant's where it can see it."""
    return other.order_by(other.selected_columns.tenant_id.desc()).limit(1).scalar_subquery()


@settings(max_examples=600)
@given(data=st.data())
def test_whatever_runs_shows_rows_of_the_scope_alone(engine: Engine, data: st.DataObject) -> None:
    one, two = data.draw(st.sampled_from(TABLES)), data.draw(st.sampled_from(TABLES))
    kind = data.draw(st.sampled_from(KINDS))
    if one is two and (kind in ("inner", "left", "full") or data.draw(st.booleans())):
        two = two.alias("other")
    statement = build(
        kind,
        one,
        two,
        data.draw(conditions(one.c, two.c)),
        data.draw(conditions(two.c, one.c)),
    )
    with engine.connect() as connection:
        try:
            rows = scoped(connection, MINE).execute(statement.limit(500)).all()
        except UnscopedStatement:
            return
        except InvalidRequestError as why:
            # SQLAlchemy's own refusal: a subquery that would be left without anything to select from.
            assert "no FROM clauses" in str(why)  # noqa: PT017
            return
        assert {value for row in rows for value in row} <= {MINE, None}
