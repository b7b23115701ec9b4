"""What the tenant guard has let through, so that it need not walk the same statement again (SEC-37).

Its answer hangs on three things: how the statement is built, which of the values in it are the tenant's, and which of
those given at execution are. The question is made of these three, whole: two statements that ask the same question get
the same answer. Only what was let through is kept; a refusal is found anew each time, with its reason.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from sqlalchemy.sql.elements import ClauseElement

from storage.remembered import Remembered

#: More than there are different questions; each takes a few kilobytes.
_ROOM = 2000
LET_THROUGH = Remembered[bool](_ROOM)


def is_tenant(value: object, scope: str) -> bool:
    """Whether a value is the tenant of this scope."""
    return isinstance(value, str) and value == scope


def question(statement: Any, scope: str, given: Sequence[Mapping[str, Any]]) -> Hashable | None:
    """What the guard is asked about a statement in a tenant's scope, without the tenant's name.

    None: the answer must not be kept, and the statement is walked. So it is with one that SQLAlchemy cannot tell from
    others, with values that are found only later or are no plain values, and with many rows at once, where looking at
    each takes longer than the walk.
    """
    if len(given) > 1 or not isinstance(statement, ClauseElement):
        return None
    key = statement._generate_cache_key()
    if key is None or key.params:
        return None
    within: list[tuple[bool, bool]] = []
    for bind in key.bindparams:
        if bind.callable is not None:
            return None
        within.append((bind.unique, is_tenant(bind.value, scope)))
    late: list[tuple[str, bool]] = []
    for name, value in given[0].items() if given else ():
        if isinstance(value, ClauseElement):
            return None
        late.append((name, is_tenant(value, scope)))
    return key.key, tuple(within), tuple(late)


def routing_question(statement: Any) -> Hashable | None:
    """The same for work before the tenant is known, where only the tables count."""
    key = statement._generate_cache_key() if isinstance(statement, ClauseElement) else None
    return None if key is None else (key.key, None)
