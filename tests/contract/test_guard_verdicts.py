"""The tenant guard walks a statement once and remembers that it let it through: never one that a walk would refuse."""

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, String, Table, bindparam, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import InvalidRequestError

from storage import tables as t
from storage.database import Unscoped, UnscopedStatement
from storage.guard import Check, admit
from storage.verdicts import LET_THROUGH, question, routing_question
from tests.contract.test_tenant_guard import ALLOWED, KINDS, MINE, REFUSED, TABLES, THEIRS, build, conditions

pytestmark = pytest.mark.feature("SEC-37")

C = t.contacts.c
Values = Mapping[str, Any]


@pytest.fixture
def nothing_remembered() -> Iterator[None]:
    LET_THROUGH.clear()
    yield
    LET_THROUGH.clear()


def walked(statement: Any, scope: str, values: Values | None = None) -> str:
    """What a walk of its own comes to."""
    return outcome(lambda given: Check(scope, given).statement(statement), values)


def admitted(statement: Any, scope: str, values: Values | None = None) -> str:
    """What the guard comes to, with all it remembers."""
    return outcome(lambda given: admit(statement, scope, given), values)


def outcome(asking: Callable[[list[Values]], None], values: Values | None) -> str:
    try:
        asking([values] if values else [])
    except UnscopedStatement:
        return "refused"
    except InvalidRequestError as why:
        return f"SQLAlchemy refuses: {why}"
    return "let through"


#: Alike but for what counts: a column, a value, a name, a table of the same name.
WHOSE = select(C.name).where(C.tenant_id == bindparam("whose"))
OTHERS_TABLE = Table("contacts", MetaData(), Column("tenant_id", String), Column("name", String))
INSERTED = upsert(t.clients).values(tenant_id=MINE, id="x", name="n", created_at=0)
PAIRS: list[tuple[Any, Values | None]] = [
    (WHOSE, {"whose": MINE}),
    (WHOSE, {"whose": THEIRS}),
    (WHOSE, None),
    (select(C.name).where(C.tenant_id == bindparam("whose", MINE)), None),
    (select(C.name).where(C.tenant_id == bindparam("whose", MINE)), {"whose": THEIRS}),
    (select(C.name).where(C.tenant_id == bindparam("whose", MINE)).params(whose=THEIRS), None),
    (select(C.name).where(C.tenant_id == bindparam("whose", callable_=lambda: MINE)), None),
    (select(C.name).where(C.tenant_id == bindparam("whose", callable_=lambda: THEIRS)), None),
    (select(C.name).where(C.name == MINE), None),
    (select(C.name).where(C.tenant_id == MINE, C.name == THEIRS), None),
    (select(C.name).where(C.tenant_id == THEIRS, C.name == MINE), None),
    (select(C.name).where(C.tenant_id == MINE), {"tenant_id_1": THEIRS}),
    (select(OTHERS_TABLE.c.name).where(OTHERS_TABLE.c.tenant_id == MINE), None),
    (select(C.name).where(C.tenant_id == MINE, C.id.in_(select(C.id))), None),
    (select(C.name).where(C.tenant_id == MINE, C.id.in_(select(C.id).correlate(None))), None),
    (update(t.contacts).where(C.tenant_id == MINE), {"name": "x"}),
    (update(t.contacts).where(C.tenant_id == MINE), {"tenant_id": THEIRS}),
    (update(t.contacts).where(C.tenant_id == MINE), {"tenant_id": MINE}),
    (update(t.contacts).where(C.tenant_id == MINE), {"name": MINE}),
    (insert(t.clients), {"tenant_id": MINE, "id": "x"}),
    (insert(t.clients), {"tenant_id": THEIRS, "id": MINE}),
    (insert(t.clients), {"id": MINE}),
    (insert(t.clients), {"tenant_id": bindparam("late", THEIRS), "id": "x"}),
    (INSERTED.on_conflict_do_update(index_elements=["tenant_id", "id"], set_={"name": "x"}), None),
    (INSERTED.on_conflict_do_update(index_elements=["id"], set_={"name": "x"}), None),
    (INSERTED.on_conflict_do_update(index_elements=["tenant_id", "id"], set_={"tenant_id": THEIRS}), None),
    (INSERTED.on_conflict_do_update(index_elements=["tenant_id", "id"], set_={"tenant_id": MINE}), None),
    (INSERTED.on_conflict_do_nothing(index_elements=["id"]), None),
]
EVERYTHING = [(statement, None) for statement in (*ALLOWED.values(), *REFUSED.values())] + PAIRS


@pytest.mark.usefixtures("nothing_remembered")
@pytest.mark.parametrize("backwards", [False, True])
def test_what_is_remembered_answers_as_a_walk_does(backwards: bool) -> None:
    asked = list(
        product(EVERYTHING[::-1] if backwards else EVERYTHING, (THEIRS, MINE) if backwards else (MINE, THEIRS))
    )
    for (statement, values), scope in asked * 2:
        assert admitted(statement, scope, values) == walked(statement, scope, values), f"{statement} {values} {scope}"
    assert len(LET_THROUGH) > 20, "hardly anything was remembered"


@settings(max_examples=400)
@given(data=st.data())
def test_nothing_that_went_before_lets_a_statement_through(data: st.DataObject) -> None:
    """Of all that was let through before, nothing is forgotten between the examples."""
    one, two = data.draw(st.sampled_from(TABLES)), data.draw(st.sampled_from(TABLES))
    two = two.alias("other") if one is two else two
    kind = data.draw(st.sampled_from(KINDS))
    statement = build(kind, one, two, data.draw(conditions(one.c, two.c)), data.draw(conditions(two.c, one.c)))
    for scope in data.draw(st.permutations([MINE, THEIRS])):
        assert admitted(statement, scope) == walked(statement, scope)


@pytest.mark.usefixtures("nothing_remembered")
def test_a_statement_is_walked_once_whoever_asks() -> None:
    for tenant in (MINE, THEIRS):
        assert admitted(select(C.name).where(C.tenant_id == tenant), tenant) == "let through"
        assert admitted(WHOSE, tenant, {"whose": tenant}) == "let through"
    assert len(LET_THROUGH) == 2


@pytest.mark.usefixtures("nothing_remembered")
def test_a_refusal_is_not_remembered() -> None:
    for statement in REFUSED.values():
        assert admitted(statement, MINE) == "refused"
    assert len(LET_THROUGH) == 0


@pytest.mark.usefixtures("nothing_remembered")
def test_before_the_tenant_is_known_nothing_counts_that_was_let_through_for_one() -> None:
    mine = select(C.name).where(C.tenant_id == MINE)
    assert admitted(mine, MINE) == "let through"
    with pytest.raises(UnscopedStatement):
        admit(mine, Unscoped.ROUTING, [])
    number = select(t.numbers.c.address)
    admit(number, Unscoped.ROUTING, [])
    asked = routing_question(number)
    assert asked is not None
    assert LET_THROUGH.get(asked)
    assert admitted(number, MINE) == "refused"


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        (insert(t.clients).values([{"tenant_id": MINE, "id": "x"}]), []),
        (insert(t.clients), [{"tenant_id": MINE, "id": "x"}, {"tenant_id": THEIRS, "id": "y"}]),
        (select(C.name).where(C.tenant_id == bindparam("w", callable_=lambda: MINE)), []),
        (select(C.name).where(C.tenant_id == bindparam("w")).params(w=MINE), []),
        (insert(t.clients), [{"tenant_id": bindparam("w", MINE)}]),
    ],
)
def test_what_cannot_be_told_apart_is_walked_each_time(statement: Any, rows: list[Values]) -> None:
    assert question(statement, MINE, rows) is None
