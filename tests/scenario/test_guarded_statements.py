"""Whatever statement the application runs: the guard's memory answers about it as a walk of its tree does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import BindParameter

from storage.database import UnscopedStatement
from storage.guard import Check, admit
from storage.verdicts import LET_THROUGH, question
from tests.fixtures.demo_house import DemoHouse
from tests.fixtures.verifying import EUV, asked, code_in
from tests.fixtures.web_house import CONTRACT

Values = Mapping[str, Any]
#: Every documented question that needs no more than its address; the stream has no end.
LISTS = [path for path, calls in CONTRACT["paths"].items() if "get" in calls and not re.search("[{]|stream", path)]
THEIRS = "01900000-0000-7000-8000-00000000beef"


@dataclass(frozen=True, slots=True)
class Ran:
    """A statement that was run for a tenant, with the values given to it."""

    statement: Any
    scope: str
    given: tuple[Values, ...]

    def admitted(self, scope: str) -> bool:
        return _passes(lambda: admit(self.statement, scope, self.given))

    def walked(self, scope: str) -> bool:
        return _passes(lambda: Check(scope, self.given).statement(self.statement))


def _passes(asking: Any) -> bool:
    try:
        asking()
    except UnscopedStatement:
        return False
    return True


@contextmanager
def noted() -> Iterator[dict[Any, Ran]]:
    """Every statement that any engine runs for a tenant, one of each kind."""
    seen: dict[Any, Ran] = {}

    def note(connection: Connection, statement: Any, many: Any, one: Any, options: Any) -> None:
        scope = connection.get_execution_options().get("watchword_scope")
        given = tuple(dict(row) for row in many) if many else (dict(one),) if one else ()
        if isinstance(scope, str):
            kind = question(statement, scope, given)
            seen.setdefault(str(statement) if kind is None else kind, Ran(statement, scope, given))

    event.listen(Engine, "before_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_execute", note)


def turned(ran: Ran) -> Iterator[Ran]:
    """The same statement with one of its values another tenant's, for each that was this tenant's."""
    places = sum(_is_theirs(bind, ran.scope) for bind in visitors.iterate(ran.statement))
    for place in range(places):
        left = [place]

        def change(bind: BindParameter[Any], left: list[int] = left) -> None:
            if bind.value == ran.scope:
                if left[0] == 0:
                    bind.value = THEIRS
                left[0] -= 1

        yield Ran(visitors.cloned_traverse(ran.statement, {}, {"bindparam": change}), ran.scope, ran.given)
    for number, row in enumerate(ran.given):
        for name in (name for name, value in row.items() if value == ran.scope):
            given = (*ran.given[:number], {**row, name: THEIRS}, *ran.given[number + 1 :])
            yield Ran(ran.statement, ran.scope, given)


def _is_theirs(part: Any, scope: str) -> bool:
    return isinstance(part, BindParameter) and part.value == scope


@pytest.mark.feature("SEC-37")
@pytest.mark.parametrize("hostile_first", [False, True])
async def test_no_statement_of_a_verification_passes_that_a_walk_would_refuse(
    demo: DemoHouse, hostile_first: bool
) -> None:
    LET_THROUGH.clear()
    with noted() as seen:
        ada = demo.contact("ada")
        id = await asked(demo, ada, ticket=ada.open_ticket)
        await demo.api("POST", f"{EUV}/{id}/check", {"code": code_in(demo.texts_to(ada)[0])})
        await demo.claim(await demo.verify(demo.contact("ben")))
        for path in (*LISTS, f"/api/v1/contacts/{ada.id}", "/api/v1/contacts?q=ada", f"{EUV}/{id}"):
            await demo.api("GET", path, who="alex")
    assert len(seen) > 40, "few statements ran"
    if hostile_first:
        LET_THROUGH.clear()
    refused = 0
    for ran in seen.values():
        hostile = [(each, ran.scope) for each in turned(ran)] + [(ran, THEIRS)]
        for each, scope in [*hostile, (ran, ran.scope), *hostile] if hostile_first else [(ran, ran.scope), *hostile]:
            passes = each.admitted(scope)
            assert passes == each.walked(scope), f"{each.statement} {each.given}"
            refused += not passes
    assert refused > len(seen), "hardly anything was hostile"
