"""Refuses statements that look past the tenant they are scoped to (SEC-37). For databases without row level security.

Every table of a tenant in a statement must be tied to the scope: by `tenant_id = <scope>` in a condition that always
holds, or by `tenant_id = other.tenant_id` to a table that is tied itself. Inserts must carry the scope. What cannot be
read (text, `OR` around the condition) is refused, so the guard errs to the safe side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Delete, Engine, Insert, Select, Table, Update, event
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, BooleanClauseList, ColumnClause, TextClause
from sqlalchemy.sql.selectable import AliasedReturnsRows, CompoundSelect, FromClause, Join, TableClause

from storage.database import Unscoped, UnscopedStatement
from storage.tables import BEFORE_TENANT, metadata, tenants
from storage.verdicts import LET_THROUGH, is_tenant, question, routing_question

_OPTION = "watchword_scope"
#: What SQLAlchemy itself writes for `count()` and `exists()`.
_HARMLESS = frozenset({"*", "1"})
Given = Sequence[Mapping[str, Any]]


def scoped(connection: Connection, scope: str | Unscoped) -> Connection:
    """The same connection for work in this scope; an empty scope is a mistake."""
    if scope == "":
        raise UnscopedStatement("the scope is empty")
    return connection.execution_options(**{_OPTION: scope})


def guard(engine: Engine) -> None:
    """Check every statement of this engine; one without a scope is refused too."""

    @event.listens_for(engine, "before_execute")
    def check(connection: Connection, statement: Any, many: Any, one: Any, options: Any) -> None:
        scope = options.get(_OPTION, connection.get_execution_options().get(_OPTION))
        if scope is Unscoped.OPERATOR:
            return
        given = [dict(row) for row in many] if many else [dict(one)] if one else []
        admit(statement, scope, given)

    @event.listens_for(engine, "before_cursor_execute")
    def refuse_text(connection: Connection, cursor: Any, text: str, values: Any, context: Any, many: bool) -> None:
        scope = connection.get_execution_options().get(_OPTION)
        if scope is not Unscoped.OPERATOR and getattr(context, "compiled", None) is None:
            raise UnscopedStatement("statements as text are for the operator alone")


def admit(statement: Any, scope: object, given: Given) -> None:
    """Let a statement through in this scope, or raise UnscopedStatement. What was let through is not walked again."""
    if scope is Unscoped.ROUTING:
        asked = routing_question(statement)
        if asked is None or not LET_THROUGH.get(asked):
            _only_routing(statement)
    elif isinstance(scope, str):
        asked = question(statement, scope, given)
        if asked is None or not LET_THROUGH.get(asked):
            Check(scope, given).statement(statement)
    else:
        raise UnscopedStatement("a statement ran without a scope")
    if asked is not None:
        LET_THROUGH[asked] = True


def _only_routing(statement: Any) -> None:
    _refuse_text(statement)
    for part in visitors.iterate(statement):
        if isinstance(part, TableClause) and part.name not in BEFORE_TENANT:
            raise UnscopedStatement(f"{part.name} may not be read before the tenant is known")


def _refuse_text(statement: Any) -> None:
    """Text, literal columns and home-made tables could name anything."""
    if not isinstance(statement, Select | CompoundSelect | Insert | Update | Delete):
        raise UnscopedStatement(f"{type(statement).__name__} is for the operator alone")
    for part in visitors.iterate(statement):
        if getattr(part, "_params", None):
            raise UnscopedStatement("values are given at execution, not by params()")
        literal = isinstance(part, ColumnClause) and part.is_literal and part.name not in _HARMLESS
        if literal or isinstance(part, TextClause):
            raise UnscopedStatement("a statement with text in it is for the operator alone")
        if isinstance(part, TableClause) and (not isinstance(part, Table) or part.metadata is not metadata):
            raise UnscopedStatement(f"{part.name} is not one of storage.tables")


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition that always holds for rows of the sources it binds."""

    clause: Any
    binds: frozenset[FromClause]


class Check:
    """One statement in one tenant's scope. `given`: the values it is executed with."""

    def __init__(self, scope: str, given: Given) -> None:
        self._scope = scope
        self._given = given

    def statement(self, statement: Any) -> None:
        """Raises UnscopedStatement."""
        _refuse_text(statement)
        self._refuse_nameless(statement)
        for part in visitors.iterate(statement):
            match part:
                case Insert():
                    self._insert(part)
                case Update() | Delete():
                    self._change(part)
                case _:
                    pass
        for select, outer in _selects(statement, frozenset()):
            self._select(select, outer)

    def _refuse_nameless(self, statement: Any) -> None:
        """A value written into the statement has a name in the compiled text, by which it could be replaced unseen."""
        names = {p.key for p in visitors.iterate(statement) if isinstance(p, BindParameter) and not p.unique}
        if isinstance(statement, Insert | Update):
            names.update(column.key for column in statement.table.c)
        for row in self._given:
            if not names.issuperset(row):
                raise UnscopedStatement(f"{', '.join(sorted(set(row) - names))}: the statement asks for no such value")

    def _select(self, select: Select[Any], outer: frozenset[FromClause]) -> None:
        sources: list[FromClause] = []
        conditions: list[Condition] = []
        for source in _own_sources(select, outer):
            leaves = _leaves(source)
            sources += leaves
            conditions += _join_conditions(source)
        everything = frozenset(sources)
        conditions += [Condition(c, everything) for where in select._where_criteria for c in _conjuncts(where)]
        self._tied(sources, conditions, outer)

    def _change(self, statement: Update | Delete) -> None:
        """The table, and every further one of an UPDATE ... FROM, must be tied by the WHERE."""
        if isinstance(statement, Update):
            key = _key_of(statement.table)
            fixed: dict[str, Any] = {
                c if isinstance(c, str) else c.name: v for c, v in (statement._values or {}).items()
            }
            for row in self._given or [{}]:
                if not self._is_scope(dict(fixed, **row).get(key, self._scope)):
                    raise UnscopedStatement(f"{statement.table} would move to another tenant")
        sources: list[FromClause] = [statement.table]
        conditions: list[Any] = []
        for where in statement._where_criteria:
            sources += [source for source in where._from_objects if source not in sources]
            conditions += _conjuncts(where)
        everything = frozenset(sources)
        self._tied(sources, [Condition(c, everything) for c in conditions], frozenset())

    def _insert(self, statement: Insert) -> None:
        table = statement.table
        if statement.select is not None:
            raise UnscopedStatement(f"insert into {table.name} from a query is for the operator alone")
        key = _key_of(table)
        if key not in table.c:
            raise UnscopedStatement(f"{table.name} has no tenant; use Unscoped.ROUTING or the operator's scope")
        for row in self._rows(statement):
            if key not in row or not self._is_scope(row[key]):
                raise UnscopedStatement(f"insert into {table.name} does not carry the tenant it is scoped to")
        conflict: Any = getattr(statement, "_post_values_clause", None)
        changes = getattr(conflict, "update_values_to_set", None)
        if changes is not None:
            for column, value in dict(changes).items():
                if getattr(column, "name", column) == key and not self._is_scope(value):
                    raise UnscopedStatement(f"upsert into {table.name} would move a row to another tenant")
            targets = {getattr(c, "name", c) for c in conflict.inferred_target_elements or ()}
            if key not in targets:
                raise UnscopedStatement(f"upsert into {table.name} could change another tenant's row")

    def _rows(self, statement: Insert) -> Iterator[Mapping[str, Any]]:
        """Every row with the values it will have, whichever way they were given."""
        several = [row for rows in statement._multi_values for row in rows]
        if several:
            for row in several:
                yield {getattr(c, "name", str(c)): value for c, value in row.items()} if isinstance(row, dict) else {}
            return
        fixed = {c.name if isinstance(c, ColumnClause) else str(c): v for c, v in (statement._values or {}).items()}
        for given in self._given or [{}]:
            yield {**fixed, **given}

    def _tied(
        self, sources: Sequence[FromClause], conditions: Sequence[Condition], outer: frozenset[FromClause]
    ) -> None:
        """Follow the conditions from the scope to every source, until nothing new is tied."""
        tied: set[FromClause] = set(outer)
        waiting = {source for source in sources if _needs_tie(source)}
        found = True
        while found:
            found = False
            for source in list(waiting):
                if any(source in c.binds and self._ties(c.clause, source, tied) for c in conditions):
                    tied.add(source)
                    waiting.discard(source)
                    found = True
        if waiting:
            names = ", ".join(sorted(_name(source) for source in waiting))
            raise UnscopedStatement(f"{names}: no condition ties it to the tenant of this scope")

    def _ties(self, clause: Any, source: FromClause, tied: set[FromClause]) -> bool:
        if not isinstance(clause, BinaryExpression) or clause.operator is not operators.eq:
            return False
        for mine, other in ((clause.left, clause.right), (clause.right, clause.left)):
            if not (_is_key(mine) and mine.table is source):
                continue
            if self._is_scope(other):
                return True
            if _is_key(other) and (
                other.table in tied or (isinstance(other.table, AliasedReturnsRows) and not _needs_tie(other.table))
            ):
                return True
        return False

    def _is_scope(self, value: Any) -> bool:
        if isinstance(value, BindParameter):
            rows = [row[value.key] for row in self._given if value.key in row]
            if rows:
                return all(is_tenant(v, self._scope) for v in rows) and len(rows) == len(self._given)
            return is_tenant(value.effective_value, self._scope)
        return is_tenant(value, self._scope)


def _selects(part: Any, around: frozenset[FromClause]) -> Iterator[tuple[Select[Any], frozenset[FromClause]]]:
    """Every select in a statement with the sources of the statement right around it that it may refer to.

    As SQLAlchemy correlates: a subquery in a condition or a column with its immediate parent, one in FROM with nothing.
    Whatever is asked for beyond that (`correlate`, unions in conditions) counts as standing alone.
    """
    inside = around
    if isinstance(part, Select):
        yield part, around
        inside = frozenset(leaf for source in _own_sources(part, around) for leaf in _leaves(source))
    elif isinstance(part, Update | Delete):
        inside = frozenset((part.table,))
    elif isinstance(part, CompoundSelect):
        inside = frozenset()
    for child in part.get_children():
        yield from _selects(child, frozenset() if isinstance(child, FromClause) else inside)


def _own_sources(select: Select[Any], around: frozenset[FromClause]) -> list[FromClause]:
    """What stands in the select's own FROM. A select with a single source keeps it, whatever is around."""
    sources = list(select.get_final_froms())
    if not select._auto_correlate or len(sources) < 2:
        return sources
    return [source for source in sources if source not in around]


def _leaves(source: FromClause) -> list[FromClause]:
    if isinstance(source, Join):
        return _leaves(source.left) + _leaves(source.right)
    return [source]


def _join_conditions(source: FromClause) -> Iterator[Condition]:
    """What an ON binds: both sides of an inner join, only the right of an outer one, nothing of a full one."""
    if not isinstance(source, Join):
        return
    yield from _join_conditions(source.left)
    yield from _join_conditions(source.right)
    if source.full or source.onclause is None:
        return
    bound = _leaves(source.right) if source.isouter else _leaves(source)
    for clause in _conjuncts(source.onclause):
        yield Condition(clause, frozenset(bound))


def _conjuncts(clause: Any) -> Iterator[Any]:
    """The parts of an AND; anything else is one part."""
    clause = getattr(clause, "element", clause) if type(clause).__name__ == "Grouping" else clause
    if isinstance(clause, BooleanClauseList) and clause.operator is operators.and_:
        for part in clause.clauses:
            yield from _conjuncts(part)
    else:
        yield clause


def _table_of(source: FromClause) -> FromClause:
    """The table behind an alias."""
    while isinstance(source, AliasedReturnsRows) and isinstance(source.element, FromClause):
        source = source.element
    return source


def _needs_tie(source: FromClause) -> bool:
    """Tables do. Subqueries and CTEs do not: the selects inside them are checked."""
    return isinstance(_table_of(source), TableClause)


def _key_of(table: Any) -> str:
    """The name of the column that holds the tenant."""
    return "id" if table is tenants else "tenant_id"


def _is_key(column: Any) -> bool:
    """Whether a column holds the tenant: `tenant_id`, or `id` of `tenants`. In a subquery, by where it comes from."""
    if not isinstance(column, ColumnClause) and not hasattr(column, "base_columns"):
        return False
    bases: Iterable[Any] = getattr(column, "base_columns", (column,))
    return any(
        isinstance(getattr(base, "table", None), Table)
        and (base.name == "tenant_id" or (base.table is tenants and base.name == "id"))
        for base in bases
    )


def _name(source: FromClause) -> str:
    return str(getattr(_table_of(source), "name", source))
