"""Is there an order of these calls, one after the other, that explains what each was answered?

Every call took effect at one moment between its beginning and its end, or the history is wrong. The search takes the
calls that may come first, tries each on the model, and goes on with the rest; a pair of what is left and the model's
state is never tried twice (Wing and Gong's search, with Lowe's memory).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)
Op = TypeVar("Op")


class _Unseen:
    def __repr__(self) -> str:
        return "(not seen)"


#: Nobody saw what came of the call; the model may say what it likes.
UNSEEN = _Unseen()


@dataclass(frozen=True, slots=True)
class Call(Generic[Op]):
    """`began`, `ended`: by one clock. `answer`: what the caller was told, or UNSEEN."""

    began: float
    ended: float
    op: Op
    answer: object = UNSEEN


def explain(calls: Sequence[Call[Op]], start: S, step: Callable[[S, Op], tuple[S, object]]) -> list[Call[Op]] | None:
    """The calls in an order that explains every answer, or None when there is none. `step`: the model, what one call
    makes of a state and what it is answered."""
    tried: set[tuple[frozenset[int], S]] = set()
    # Depth first; each entry is what is left, the state, and the way so far.
    paths: list[tuple[frozenset[int], S, tuple[int, ...]]] = [(frozenset(range(len(calls))), start, ())]
    while paths:
        left, state, way = paths.pop()
        if not left:
            return [calls[n] for n in way]
        if (left, state) in tried:
            continue
        tried.add((left, state))
        # Whoever began after another had ended comes after it.
        first_end = min(calls[n].ended for n in left)
        for n in sorted(left, reverse=True):
            if calls[n].began > first_end:
                continue
            after, answer = step(state, calls[n].op)
            if calls[n].answer is UNSEEN or calls[n].answer == answer:
                paths.append((left - {n}, after, (*way, n)))
    return None
